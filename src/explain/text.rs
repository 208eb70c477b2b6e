//! An explanation for people.

use std::fmt;

use crate::store::users::Ownership;

use super::{Explanation, Known, Seen, SeenState};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user {
            Some(user) => known(f, user, self)?,
            None => writeln!(
                f,
                "{}: there is no such user in app {}, and there was none",
                self.asked_for, self.app
            )?,
        }
        writeln!(f)?;
        if self.has_earlier_events {
            writeln!(f, "What happened lately (all of it: --all):")?;
        } else {
            writeln!(f, "What happened:")?;
        }
        for event in &self.events {
            writeln!(f, "  {}  {}", event.at, event.text)?;
        }
        if self.events.is_empty() {
            writeln!(f, "  nothing that is still known")?;
        }
        writeln!(f)?;
        writeln!(f, "Verdict: {}", self.verdict)
    }
}

fn known(f: &mut fmt::Formatter<'_>, user: &Known, all: &Explanation) -> fmt::Result {
    let target = &all.target;
    let deleted = user.deleted_at.as_ref().map(|at| format!(", deleted at {at}")).unwrap_or_default();
    writeln!(f, "{} in app {}{deleted}", user.user_name, all.app)?;
    writeln!(f, "  id            {}", user.id)?;
    if let Some(external_id) = &user.external_id {
        writeln!(f, "  externalId    {external_id}")?;
    }
    let wanted = &user.wanted;
    let access = if wanted.enabled { "access" } else { "no access" };
    let name = wanted.name.as_ref().map(|name| format!(", {name}")).unwrap_or_default();
    if user.ownership == Ownership::Unmanaged {
        writeln!(f, "  wanted        nothing: no identity provider has written to this user")?;
    } else {
        let (email, version, since) = (&wanted.email, wanted.version, &wanted.since);
        writeln!(f, "  wanted        {access}, {email}{name} (version {version}, since {since})")?;
    }
    writeln!(f, "  at {target:<10} {}", seen(&user.seen))?;
    writeln!(f, "  the account   {}", ownership(user.ownership, target))?;
    let groups = if user.groups.is_empty() { "none".to_owned() } else { user.groups.join(", ") };
    writeln!(f, "  groups        {groups}")
}

fn seen(seen: &Seen) -> String {
    let at = seen.at.as_ref().map(|at| format!(" (seen at {at})")).unwrap_or_default();
    let Some(account) = &seen.account else {
        return match seen.state {
            SeenState::Unknown => "nobody has looked yet".to_owned(),
            _ => format!("no account{at}"),
        };
    };
    let enabled = if account.enabled { "enabled" } else { "disabled" };
    let administrator = if account.administrator { ", administrator" } else { "" };
    let uncertain = match seen.state {
        SeenState::Uncertain => "; a change was sent since, and its answer did not come",
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
