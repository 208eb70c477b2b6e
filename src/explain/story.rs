//! Events in plain words, one sentence each.

use serde::Serialize;

use crate::store::events::{EventKind, Recorded};

use super::request::refused;

/// An event, told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Happening {
    /// When.
    pub at: String,
    /// What happened, as it is recorded; `None` if only another version of the program knows.
    pub kind: Option<&'static str>,
    /// Who asked, or acted.
    pub actor: String,
    /// The version that it is about.
    pub version: Option<i64>,
    /// What happened, in words.
    pub text: String,
}

/// Tells `event`. `target` is what the target is called.
pub fn tell(event: &Recorded, target: &str) -> Happening {
    Happening {
        at: event.at.to_string(),
        kind: event.kind.map(EventKind::as_str),
        actor: event.actor.clone(),
        version: event.version,
        text: sentence(event, target),
    }
}

fn sentence(event: &Recorded, target: &str) -> String {
    let Recorded { actor, detail, .. } = event;
    let version = event.version.map(|version| format!(" (version {version})")).unwrap_or_default();
    let Some(kind) = event.kind else { return detail.clone() };
    match kind {
        EventKind::Created => with(format!("{actor} asked to create the user{version}"), detail),
        EventKind::Adopted => with(format!("{actor} took over the account that was there{version}"), detail),
        EventKind::Changed => with(format!("{actor} asked to change it{version}"), detail),
        EventKind::Deleted => with(format!("{actor} asked to delete it{version}"), detail),
        EventKind::Refused => {
            let (asked, reason) = refused(detail);
            format!("{actor} asked to {asked}, and was refused: {reason}")
        }
        EventKind::Promised => {
            let told = format!(
                "{target} did not confirm{version} in time, so the identity provider was told that it is accepted"
            );
            with(told, detail)
        }
        EventKind::Called => format!("{target} was asked to {detail}"),
        EventKind::Applied => with(format!("{target} agrees{version}"), detail),
        EventKind::Rejected => with(format!("the change was rejected{version}"), detail),
        EventKind::PutBack => with(format!("the change was taken back{version}"), detail),
        EventKind::Failed => with(format!("the attempt failed{version}"), detail),
        EventKind::Blocked => with(format!("the work stands still{version}"), detail),
        EventKind::TakenOver => {
            let ended = "the bridge had ended in the middle of the work; what it may have sent is found out";
            with(format!("{ended}{version}"), detail)
        }
        EventKind::Continued => {
            let before = event.related.as_deref().unwrap_or_default();
            with(format!("what is told of the id {before} belongs here"), detail)
        }
        EventKind::Joined => format!("{actor} made it a member of the group {detail}"),
        EventKind::Left => format!("{actor} ended its membership in the group {detail}"),
        EventKind::MembersAdded => with(format!("{actor} added members{version}"), detail),
        EventKind::MembersRemoved => with(format!("{actor} removed members{version}"), detail),
        EventKind::Found => {
            with(format!("an account was found at {target} that no identity provider has written to"), detail)
        }
        EventKind::Vanished => with(format!("the account is not at {target} any more"), detail),
        EventKind::PassedThrough => with(format!("{actor} wrote to {target} through the bridge"), detail),
        EventKind::Held => with(format!("the brake held the revocation back{version}"), detail),
        EventKind::Released => {
            with(format!("a person let the revocation through that was held{version}"), detail)
        }
        EventKind::Dropped => {
            with(format!("a person decided against the revocation that was held{version}"), detail)
        }
        EventKind::FindingOpened => with(format!("a listing of {target} found a difference"), detail),
        EventKind::FindingResolved => {
            with(format!("a difference that was found at {target} is settled"), detail)
        }
        EventKind::Enforced => {
            with("the account is to be changed back to what the identity provider asserts".to_owned(), detail)
        }
        EventKind::HandedBack => {
            with("the bridge let go of it, and left the account as it is".to_owned(), detail)
        }
    }
}

fn with(said: String, detail: &str) -> String {
    if detail.is_empty() { said } else { format!("{said}: {detail}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;

    #[test]
    fn every_kind_has_words_of_its_own_that_hold_the_detail_and_end_without_a_gap() {
        let mut told = std::collections::BTreeSet::new();
        for kind in EventKind::ALL {
            for detail in ["", "the detail"] {
                let event = Recorded {
                    id: "1".into(),
                    at: Time::from_micros(0),
                    kind: Some(*kind),
                    actor: "okta".into(),
                    version: Some(3),
                    related: Some("0198".into()),
                    detail: detail.into(),
                };
                let text = tell(&event, "Aha!").text;
                assert!(text.contains(detail), "{text}");
                assert!(!text.contains("  ") && !text.ends_with([':', '(']), "{text}");
                assert!(told.insert(text.clone()), "two kinds are told alike: {text}");
            }
        }
    }

    #[test]
    fn what_only_a_later_version_knows_is_told_by_its_detail() {
        let event = Recorded {
            id: "1".into(),
            at: Time::from_micros(0),
            kind: None,
            actor: "okta".into(),
            version: None,
            related: None,
            detail: "the moon was full".into(),
        };
        assert_eq!(tell(&event, "Aha!").text, "the moon was full");
    }
}
