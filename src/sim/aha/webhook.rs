//! The webhook that tells of changes: as the vendor's own code sends it (aha-services, `audit_webhook` and `security_webhook`).
//!
//! One POST of JSON, without a signature, a secret or a header of its own; no answer within five seconds is a failure, and nothing
//! is sent again. Aha! refuses addresses of private networks; this one is there to call them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{SimulatedAha, switches::WebhookKind, user::User, wire};
use crate::clock::Time;

/// How long the receiver may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What was done to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Changed.
    Update,
    /// Deleted for good.
    Destroy,
}

impl SimulatedAha {
    /// Tells the webhook, if there is one, that somebody did this to `user`. The change does not wait for it.
    ///
    /// # Panics
    /// Where there is a webhook, and no runtime to send it from.
    pub(super) fn tell(&self, user: &User, action: Action) {
        let Some(webhook) = self.lock().switches.webhook.clone() else { return };
        let payload = payload(webhook.kind, user, action, self.clock.now());
        let aha = self.clone();
        tokio::spawn(async move {
            let answer = send(&webhook.url, payload).await;
            aha.lock().webhook_answers.push(answer);
        });
    }

    /// How each webhook so far was answered, as far as they were: the status, or `None` for no answer in time.
    pub fn webhook_answers(&self) -> Vec<Option<u16>> {
        self.lock().webhook_answers.clone()
    }
}

async fn send(url: &str, payload: Value) -> Option<u16> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).build().ok()?;
    let request = client.post(url).header("content-type", "application/json").body(payload.to_string());
    Some(request.send().await.ok()?.status().as_u16())
}

/// Who changed it is left out, which the vendor's examples allow. What a security webhook tells is not documented.
fn payload(kind: WebhookKind, user: &User, action: Action, now: Time) -> Value {
    let (action, verb) = match action {
        Action::Update => ("update", "updated"),
        Action::Destroy => ("destroy", "deleted"),
    };
    let told = json!({
        "id": now.as_micros().to_string(),
        "audit_action": action,
        "created_at": now.to_string(),
        "interesting": true,
        "user": null,
        "auditable_type": "user",
        "auditable_id": user.id.to_string(),
        "description": format!("{verb} user {}", user.name()),
        "auditable_url": format!("https://{}.aha.io/settings/account/users", wire::DOMAIN),
        "changes": [],
    });
    match kind {
        WebhookKind::Activity => json!({ "event": "audit", "audit": told }),
        WebhookKind::Security => json!({ "event": "security", "security": told }),
    }
}
