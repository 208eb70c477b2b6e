//! What is posted: JSON that Slack and those that are like it understand (`text`), with the same in fields for programs.

use serde_json::{Map, Value, json};

use crate::{
    clock::Time,
    store::{
        findings::FindingKind,
        notifications::{Notification, NotificationKind},
    },
};

/// The body for a notification. `findings` are what was found while it waited, for one about drift.
pub(super) fn body(notification: &Notification, findings: &[(FindingKind, u64)]) -> String {
    let Notification { id, app, kind, text, raised_at, attempts, .. } = notification;
    // What is no app's is about the bridge itself.
    let of = if app.is_empty() { String::new() } else { format!(", app {app}") };
    let mut body = json!({
        "text": shown(&format!("scim-bridge{of}: {text}{}", counted(findings))),
        "id": id,
        "app": app,
        "kind": kind.as_str(),
        "raised_at": raised_at.to_string(),
        "attempt": attempts,
    });
    if *kind == NotificationKind::DriftFound {
        let counts: Map<_, _> =
            findings.iter().map(|(kind, count)| (kind.as_str().to_owned(), Value::from(*count))).collect();
        body["findings"] = counts.into();
    }
    body.to_string()
}

/// The body that tries whether notifications arrive.
pub(super) fn test(id: &str, now: Time) -> String {
    let text = "scim-bridge: this is a test; notifications arrive here.";
    json!({ "text": text, "id": id, "kind": "test", "raised_at": now.to_string() }).to_string()
}

fn counted(findings: &[(FindingKind, u64)]) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let counts: Vec<_> = findings.iter().map(|(kind, count)| format!("{} {count}", kind.as_str())).collect();
    format!(" Found: {}.", counts.join(", "))
}

/// Slack reads these three as the beginnings of links, mentions and entities.
fn shown(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notification(kind: NotificationKind, text: &str) -> Notification {
        Notification {
            id: "n-1".into(),
            app: "aha".into(),
            kind,
            text: text.into(),
            raised_at: Time::from_micros(1_700_000_000_000_000),
            first_try_at: None,
            attempts: 2,
            due_at: None,
            delivered_at: None,
            failure: None,
        }
    }

    #[test]
    fn a_body_says_the_same_to_people_and_to_programs() {
        let drift = notification(NotificationKind::DriftFound, "accounts were changed.");
        let findings = [(FindingKind::Disabled, 2), (FindingKind::RoleChanged, 1)];
        let body: Value = serde_json::from_str(&body(&drift, &findings)).unwrap();
        assert_eq!(
            body,
            json!({
                "text": "scim-bridge, app aha: accounts were changed. Found: disabled 2, role_changed 1.",
                "id": "n-1",
                "app": "aha",
                "kind": "drift_found",
                "raised_at": "2023-11-14T22:13:20.000Z",
                "attempt": 2,
                "findings": { "disabled": 2, "role_changed": 1 },
            })
        );
    }

    #[test]
    fn nobody_is_called_by_what_stands_in_the_name_of_a_token() {
        let token = notification(NotificationKind::TokenExpiring, "the token <!channel> & co expires");
        let body: Value = serde_json::from_str(&body(&token, &[])).unwrap();
        assert_eq!(body["text"], "scim-bridge, app aha: the token &lt;!channel&gt; &amp; co expires");
        assert_eq!(body.get("findings"), None);
    }
}
