//! Posts what was raised, again and again until it is received or too old.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    config,
    store::{
        Store, StoreError, UserId, findings,
        notifications::{self, Attempt, Notification, NotificationKind},
    },
    upstream::{SetupError, Webhook, WebhookError},
};

use super::{
    message,
    signature::{Signer, timestamp},
};

/// How often to look whether something is due: no process tells the others.
const POLL: Duration = Duration::from_secs(5);

/// For how long whoever took a notification has it. Longer than a post may take.
const LEASE: Duration = Duration::from_secs(60);

/// How long to wait after the first attempt that failed; doubled each time, …
const FIRST_RETRY: Duration = Duration::from_secs(10);

/// … up to this.
const LONGEST_RETRY: Duration = Duration::from_hours(1);

/// What could not be delivered for so long is not delivered any more; nor is what is so old when a webhook is configured.
const GIVE_UP_AFTER: Duration = Duration::from_hours(3 * 24);

const ID: HeaderName = HeaderName::from_static("x-scim-bridge-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-scim-bridge-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("x-scim-bridge-signature");

/// Delivers notifications.
#[derive(Debug)]
pub struct Delivery {
    webhook: Webhook,
    signer: Option<Signer>,
    clock: Arc<dyn Clock>,
}

impl Delivery {
    /// To the webhook that is configured.
    ///
    /// # Errors
    /// When no client for it can be made.
    pub fn new(notify: &config::Notify, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let webhook = Webhook::new(notify.url.clone())?;
        Ok(Self { webhook, signer: notify.secret.as_ref().map(Signer::new), clock })
    }

    /// Delivers what is in `store`, and what comes, until `stopping`.
    pub async fn run(self, store: Store, stopping: CancellationToken) {
        // A database that fails, fails every few seconds.
        let mut had_failed = false;
        loop {
            // What is being posted is posted to its end, and recorded: cut off, it would come twice.
            match self.deliver_due(&store, &stopping).await {
                Err(error) if !had_failed => {
                    tracing::warn!(%error, "notifications cannot be read; it is tried again");
                    had_failed = true;
                }
                Err(_) => {}
                Ok(()) => had_failed = false,
            }
            tokio::select! {
                () = stopping.cancelled() => return,
                () = self.clock.sleep_until(self.clock.now() + POLL) => {}
            }
        }
    }

    /// Posts a test. It is recorded nowhere.
    ///
    /// # Errors
    /// When it is not received.
    pub async fn test(&self) -> Result<(), WebhookError> {
        let now = self.clock.now();
        let id = UserId::new(now);
        self.post(id.as_str(), message::test(id.as_str(), now)).await
    }

    /// Who is called, as it may be shown.
    pub fn host(&self) -> &str {
        self.webhook.host()
    }

    /// Tries everything that is due once, the oldest first, and begins no more after `stopping`.
    async fn deliver_due(&self, store: &Store, stopping: &CancellationToken) -> Result<(), StoreError> {
        while !stopping.is_cancelled()
            && let Some(notification) = self.claim(store).await?
        {
            let attempt = self.attempt(store, &notification).await?;
            tell(&notification, &attempt);
            let id = notification.id.clone();
            let is_recorded = store.write(move |transaction| {
                Box::pin(async move { notifications::record(transaction, &notification, &attempt).await })
            });
            if !is_recorded.await? {
                tracing::warn!(
                    notification.id = id,
                    "it took so long to deliver a notification that another process has taken it, and posts it as well"
                );
            }
        }
        Ok(())
    }

    async fn claim(&self, store: &Store) -> Result<Option<Notification>, StoreError> {
        let now = self.clock.now();
        // Mostly there is nothing, and to read is cheaper than to write.
        if !notifications::is_due(store, now).await? {
            return Ok(None);
        }
        store
            .write(move |transaction| {
                Box::pin(async move { notifications::claim(transaction, now, now + LEASE).await })
            })
            .await
    }

    async fn attempt(&self, store: &Store, notification: &Notification) -> Result<Attempt, StoreError> {
        let end = notification.raised_at + GIVE_UP_AFTER;
        if self.clock.now() > end {
            let reason = notification.failure.clone();
            return Ok(Attempt::GivenUp {
                reason: reason.unwrap_or_else(|| "nobody was there to be told".into()),
            });
        }
        let found = match notification.kind {
            NotificationKind::DriftFound => {
                let until = notification.first_try_at.unwrap_or(notification.raised_at);
                findings::count_found(store, &notification.app, notification.raised_at, until).await?
            }
            _ => Vec::new(),
        };
        Ok(match self.post(&notification.id, message::body(notification, &found)).await {
            Ok(()) => Attempt::Delivered { at: self.clock.now() },
            Err(error) => {
                let (reason, due_at) = (error.to_string(), self.clock.now() + wait(notification.attempts));
                if due_at > end { Attempt::GivenUp { reason } } else { Attempt::Failed { reason, due_at } }
            }
        })
    }

    async fn post(&self, id: &str, body: String) -> Result<(), WebhookError> {
        let timestamp = timestamp(self.clock.now());
        let mut headers = HeaderMap::new();
        let mut set = |name: HeaderName, value: &str| {
            let value = HeaderValue::from_str(value).expect("digits, letters and signs of ours");
            headers.insert(name, value);
        };
        set(ID, id);
        set(TIMESTAMP, &timestamp);
        if let Some(signer) = &self.signer {
            set(SIGNATURE, &signer.sign(&timestamp, &body));
        }
        self.webhook.post(headers, body).await
    }
}

/// How long to wait after that many attempts.
fn wait(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    (FIRST_RETRY * 2_u32.pow(doublings)).min(LONGEST_RETRY)
}

fn tell(notification: &Notification, attempt: &Attempt) {
    let Notification { id, app, kind, attempts, .. } = notification;
    let kind = kind.as_str();
    match attempt {
        Attempt::Delivered { at } => {
            let age_s = at.since(notification.raised_at).as_secs();
            tracing::info!(
                app,
                notification.id = id,
                notification.kind = kind,
                attempts,
                age_s,
                "a notification was delivered"
            );
        }
        Attempt::Failed { reason, due_at } => tracing::warn!(
            app, notification.id = id, notification.kind = kind, attempts, reason, next_attempt_at = %due_at,
            "a notification could not be delivered"
        ),
        Attempt::GivenUp { reason } => tracing::error!(
            app,
            notification.id = id,
            notification.kind = kind,
            attempts,
            reason,
            "a notification is given up; see whether [notify] url is right, with scim-bridge notify test"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour() {
        let waits: Vec<_> = (1..=11).map(|attempts| wait(attempts).as_secs()).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]);
        assert_eq!(wait(u32::MAX), LONGEST_RETRY);
    }
}
