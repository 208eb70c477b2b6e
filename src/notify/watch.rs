//! Looks now and then for what is so without an event: a key that is refused, leavers who wait, tokens, logins and keys near their end.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    auth::{Credential, Credentials, Kind, Nearing, nearing_end},
    clock::{Clock, Time},
    converge::{Target, health::Health},
    passthrough::PassedThrough,
    store::{
        Store, StoreError,
        notifications::{self, Notice, NotificationKind},
        users,
    },
};

/// How often to look.
const EVERY: Duration = Duration::from_secs(30);

/// How long somebody who is to lose access may have it before people are told.
const OVERDUE_AFTER: Duration = Duration::from_mins(5);

/// What comes and goes is told once in that time: of several processes, each may find something else.
const QUIET: Duration = Duration::from_hours(1);

/// The one thing that a kind of notification is about, where there is but one an app.
const STANDING: &str = "standing";

/// How long notifications are kept.
const KEEP: Duration = Duration::from_hours(400 * 24);

/// Who looks, and at what.
#[derive(Debug)]
pub struct Watch {
    /// The targets of the apps that are bridged.
    pub targets: Vec<Arc<Target>>,
    /// The apps that are passed through.
    pub passed_through: Vec<Arc<PassedThrough>>,
    /// The tokens of the apps.
    pub credentials: Vec<Arc<Credentials>>,
    /// The tokens of whoever reads `/metrics`.
    pub metrics_readers: Arc<Credentials>,
    /// Where notices go.
    pub store: Store,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Watch {
    /// Looks at once and then now and then, until `stopping`.
    pub async fn run(self, stopping: CancellationToken) {
        let mut had_failed = false;
        loop {
            match self.look().await {
                Err(error) if !had_failed => {
                    tracing::warn!(%error, "it cannot be seen whether somebody is to be notified; it is tried again");
                    had_failed = true;
                }
                Err(_) => {}
                Ok(()) => had_failed = false,
            }
            tokio::select! {
                () = stopping.cancelled() => return,
                () = self.clock.sleep_until(self.clock.now() + EVERY) => {}
            }
        }
    }

    async fn look(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        for target in &self.targets {
            self.look_at_credentials(target, now).await?;
            self.look_at_revocations(target, now).await?;
            self.look_at_login(target, now).await?;
        }
        for app in &self.passed_through {
            self.look_at_token_of_target(app, now).await?;
            self.look_at_key(app, now).await?;
        }
        for credentials in &self.credentials {
            for credential in credentials.list().iter() {
                let ending = Ending::of(credential, "and give it to the identity provider");
                self.look_at_end(credentials.app(), ending, now).await?;
            }
        }
        for credential in self.metrics_readers.list().iter() {
            self.look_at_end("", Ending::of(credential, "and give it to whoever reads /metrics"), now)
                .await?;
        }
        let before = now - KEEP;
        self.store
            .write(move |transaction| {
                Box::pin(async move { notifications::forget(transaction, before).await })
            })
            .await
    }

    async fn look_at_credentials(&self, target: &Target, now: Time) -> Result<(), StoreError> {
        let (app, kind) = (&target.app, NotificationKind::CredentialsRefused);
        match target.health.current() {
            Health::CredentialsRefused { since, reason } => {
                let text = format!(
                    "{} does not accept the bridge's credentials since {since}, and nothing is sent there. {reason}",
                    target.connector.target()
                );
                self.raise(app, kind, STANDING, QUIET, text, now).await
            }
            Health::Working => self.end(app, kind, target.health.accepted_at()).await,
            // Nobody knows.
            Health::Unknown | Health::Failing { .. } | Health::Down { .. } | Health::Recovering => Ok(()),
        }
    }

    async fn look_at_revocations(&self, target: &Target, now: Time) -> Result<(), StoreError> {
        if !target.is_carried_out() {
            return Ok(());
        }
        let (app, kind) = (&target.app, NotificationKind::RevocationsOverdue);
        let Some(overdue) = users::find_overdue(&self.store, app, now - OVERDUE_AFTER).await? else {
            return self.end(app, kind, Some(now)).await;
        };
        let text = format!(
            "people who are to lose access still have it: {}, the first since {}. /status says how {} is; `scim-bridge explain` \
             says it of each person",
            overdue.users,
            overdue.since,
            target.connector.target()
        );
        self.raise(app, kind, STANDING, QUIET, text, now).await
    }

    async fn look_at_token_of_target(&self, app: &PassedThrough, now: Time) -> Result<(), StoreError> {
        let (name, kind) = (app.name(), NotificationKind::CredentialsRefused);
        let Some(since) = app.credentials_refused_since() else {
            return self.end(name, kind, app.credentials_accepted_at()).await;
        };
        let text = format!(
            "{} does not accept the bridge's token since {since} (401), and so none of the identity provider's requests. Have another \
             one made there, set it as token, and restart",
            app.target()
        );
        self.raise(name, kind, STANDING, QUIET, text, now).await
    }

    async fn look_at_login(&self, target: &Target, now: Time) -> Result<(), StoreError> {
        let ends_at = target.credentials.as_ref().and_then(|credentials| credentials.ends_at());
        let ending = Ending {
            id: "login".into(),
            what: format!("the login at {}", target.connector.target()),
            expires_at: ends_at,
            to_do: format!("log in again: scim-bridge login --config FILE --app {}", target.app),
            afterwards: "nothing is sent there",
        };
        self.look_at_end(&target.app, ending, now).await
    }

    async fn look_at_key(&self, app: &PassedThrough, now: Time) -> Result<(), StoreError> {
        let ending = Ending {
            id: "api_key".into(),
            what: "the API key of the target".into(),
            expires_at: app.key_usage().and_then(|usage| usage.ends_at),
            to_do: "make another one there, and set it as api_key".into(),
            afterwards: "what is used of it is not known",
        };
        self.look_at_end(app.name(), ending, now).await
    }

    async fn look_at_end(&self, app: &str, ending: Ending, now: Time) -> Result<(), StoreError> {
        let Ending { id, what, expires_at, to_do, afterwards } = ending;
        let Some(Nearing { expires_at, stage, days_left }) = expires_at.and_then(|end| nearing_end(end, now))
        else {
            return Ok(());
        };
        let text = match days_left {
            Some(1) => format!("{what} expires within a day, at {expires_at}; {to_do}"),
            Some(days) => format!("{what} expires in {days} days, at {expires_at}; {to_do}"),
            None => format!("{what} has expired, at {expires_at}: {afterwards}"),
        };
        let occurrence = format!("{id}/{}/{stage}", expires_at.as_micros());
        self.raise(app, NotificationKind::TokenExpiring, &occurrence, Duration::ZERO, text, now).await
    }

    async fn raise(
        &self,
        app: &str,
        kind: NotificationKind,
        occurrence: &str,
        quiet: Duration,
        text: String,
        now: Time,
    ) -> Result<(), StoreError> {
        // What was told is mostly still so, and to read is cheaper than to write.
        if notifications::stands(&self.store, app, kind, occurrence).await? {
            return Ok(());
        }
        let (app, occurrence) = (app.to_owned(), occurrence.to_owned());
        self.store
            .write(move |transaction| {
                Box::pin(async move {
                    let occurrence = Some(occurrence.as_str());
                    let notice = Notice { app: &app, kind, occurrence, quiet, text, at: now, due_at: now };
                    notifications::raise(transaction, notice).await.map(drop)
                })
            })
            .await
    }

    /// It is over, as far as this process saw so at `seen_at`; `None`: it saw nothing.
    async fn end(&self, app: &str, kind: NotificationKind, seen_at: Option<Time>) -> Result<(), StoreError> {
        let Some(seen_at) = seen_at else { return Ok(()) };
        if !notifications::stands(&self.store, app, kind, STANDING).await? {
            return Ok(());
        }
        let app = app.to_owned();
        self.store
            .write(move |transaction| {
                Box::pin(async move { notifications::end(transaction, &app, kind, STANDING, seen_at).await })
            })
            .await
    }
}

/// Something that is good until some time.
struct Ending {
    /// The same as long as it is the same.
    id: String,
    /// What it is, for people.
    what: String,
    /// Until when, if that is known.
    expires_at: Option<Time>,
    /// What to do before that.
    to_do: String,
    /// How it is after that.
    afterwards: &'static str,
}

impl Ending {
    /// That of a token or secret, and what to do with the next one.
    fn of(credential: &Credential, next: &str) -> Self {
        let what = match &credential.kind {
            Kind::BearerToken => format!("the token {}", credential.name),
            Kind::ClientSecret { client } => format!("the secret {} of the client {client}", credential.name),
        };
        Self {
            id: credential.id.clone(),
            what,
            expires_at: credential.expires_at,
            to_do: format!("make another one, {next}"),
            afterwards: "whoever sends it is refused",
        }
    }
}
