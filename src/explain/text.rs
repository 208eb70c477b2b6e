//! An explanation for people.

use std::{
    borrow::Cow,
    fmt::{self, Display},
};

use crate::store::users::Ownership;

use super::{Explanation, Known, Seen, SeenState, Wanted};

/// `text` on one line and without a word to the terminal: names come from identity providers, and reasons from targets.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        Cow::Owned(text.replace(char::is_control, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

impl Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user {
            Some(user) => known(f, user, self)?,
            None => {
                let name = printable(&self.asked_for);
                writeln!(f, "{name}: there is no such user in app {}", self.app)?;
            }
        }
        writeln!(f)?;
        if self.has_earlier_events {
            writeln!(f, "What happened lately (all of it: --all):")?;
        } else {
            writeln!(f, "What happened:")?;
        }
        for event in &self.events {
            writeln!(f, "  {}  {}", event.at, printable(&event.text))?;
        }
        if self.events.is_empty() {
            writeln!(f, "  nothing that is still known")?;
        }
        writeln!(f)?;
        writeln!(f, "Verdict: {}", printable(&self.verdict.to_string()))
    }
}

fn known(f: &mut fmt::Formatter<'_>, user: &Known, all: &Explanation) -> fmt::Result {
    let target = &all.target;
    let deleted = user.deleted_at.as_ref().map(|at| format!(", deleted at {at}")).unwrap_or_default();
    writeln!(f, "{} in app {}{deleted}", printable(&user.user_name), all.app)?;
    fact(f, "id", &user.id)?;
    if let Some(external_id) = &user.external_id {
        fact(f, "externalId", external_id)?;
    }
    fact(f, "wanted", &wanted(user))?;
    fact(f, &format!("at {target}"), &seen(&user.seen))?;
    fact(f, "the account", &ownership(user.ownership, target))?;
    let groups = if user.groups.is_empty() { "none".to_owned() } else { user.groups.join(", ") };
    fact(f, "groups", &groups)
}

fn fact(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "  {name:<13} {}", printable(value))
}

fn wanted(user: &Known) -> String {
    if user.ownership == Ownership::Unmanaged && user.deleted_at.is_some() {
        return "nothing: its create was undone".to_owned();
    }
    if user.ownership == Ownership::Unmanaged {
        return "nothing: no identity provider has written to this user".to_owned();
    }
    let Wanted { version, since, enabled, email, name } = &user.wanted;
    let access = if *enabled { "access" } else { "no access" };
    let name = name.as_ref().map(|name| format!(", {name}")).unwrap_or_default();
    format!("{access}, {email}{name} (version {version}, since {since})")
}

fn seen(seen: &Seen) -> String {
    let at = seen.at.as_ref().map(|at| format!(" (seen at {at})")).unwrap_or_default();
    let Some(account) = &seen.account else {
        return match seen.state {
            SeenState::Unknown => "nobody has looked yet".to_owned(),
            SeenState::Suspected => format!("no account{at}, but one may have been made since"),
            _ => format!("no account{at}"),
        };
    };
    let enabled = if account.enabled { "enabled" } else { "disabled" };
    let administrator = if account.administrator { ", administrator" } else { "" };
    let uncertain = match seen.state {
        SeenState::Uncertain => "; a change was sent since, and what became of it is not known",
        _ => "",
    };
    format!(
        "account {}, {enabled}, {}, {}{administrator}{at}{uncertain}",
        account.id, account.email, account.name
    )
}

fn ownership(ownership: Ownership, target: &str) -> String {
    match ownership {
        Ownership::Created => "created: the bridge makes it, and manages it".to_owned(),
        Ownership::Adopted => {
            format!("adopted: it was at {target} before; the identity provider manages it now")
        }
        Ownership::Unmanaged => {
            format!("unmanaged: it was found at {target}, and the bridge changes nothing about it")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_named_stays_on_its_line_and_gives_the_terminal_no_orders() {
        assert_eq!(printable("Zoë\nVerdict: in sync\u{1b}[2J"), "Zoë\u{fffd}Verdict: in sync\u{fffd}[2J");
        assert_eq!(printable("as it is"), "as it is");
    }
}
