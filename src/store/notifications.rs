//! The `notifications` table: what people are told, an outbox and its record. A row is written in the transaction of what it is
//! about; who delivers it takes it until some time, so that of several processes one does.

use std::time::Duration;

use sqlx::{Row, any::AnyRow};

use crate::clock::Time;

use super::{
    Store, StoreError, Transaction,
    id::{first_in_order, next_in_order},
};

/// What people are told about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotificationKind {
    /// The brake holds revocations.
    Held,
    /// A target does not accept the bridge's credentials.
    CredentialsRefused,
    /// Somebody who is to lose access still has it, after some time.
    RevocationsOverdue,
    /// Something at a target was changed there.
    DriftFound,
    /// A token is near its end, or has reached it.
    TokenExpiring,
}

impl NotificationKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Held,
        Self::CredentialsRefused,
        Self::RevocationsOverdue,
        Self::DriftFound,
        Self::TokenExpiring,
    ];

    /// As it is stored, and named where programs read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::CredentialsRefused => "credentials_refused",
            Self::RevocationsOverdue => "revocations_overdue",
            Self::DriftFound => "drift_found",
            Self::TokenExpiring => "token_expiring",
        }
    }

    fn read(text: &str) -> Result<Self, StoreError> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| StoreError::Corrupt {
            column: "kind",
            reason: format!("{text:?} is no notification"),
        })
    }
}

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice<'a> {
    /// The app that it is about.
    pub app: &'a str,
    /// What it is about.
    pub kind: NotificationKind,
    /// What exactly: the same is not told again until it [ended](end). `None`: each is told.
    pub occurrence: Option<&'a str>,
    /// For how long after another notice of this app and kind it is not told.
    pub quiet: Duration,
    /// For people. No secret, and no more about anybody than an event holds.
    pub text: String,
    /// When it happened.
    pub at: Time,
    /// When it may be delivered.
    pub due_at: Time,
}

/// A notification as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Its id, which is the same for each attempt.
    pub id: String,
    /// The app that it is about.
    pub app: String,
    /// What it is about.
    pub kind: NotificationKind,
    /// For people.
    pub text: String,
    /// When it was raised.
    pub raised_at: Time,
    /// When it was tried first.
    pub first_try_at: Option<Time>,
    /// How often it was tried, and is being tried.
    pub attempts: u32,
    /// When it is tried again; `None`: it was delivered, or given up.
    pub due_at: Option<Time>,
    /// When it was delivered.
    pub delivered_at: Option<Time>,
    /// Why the latest attempt failed.
    pub failure: Option<String>,
}

macro_rules! columns {
    () => {
        "id, app, kind, text, raised_at, first_try_at, attempts, due_at, delivered_at, failure"
    };
}

/// Raises a notice, unless it was told already. Whether it was not.
///
/// # Errors
/// When the database fails.
pub async fn raise(transaction: &mut Transaction, notice: Notice<'_>) -> Result<bool, StoreError> {
    let raised = sqlx::query(
        "INSERT INTO notifications (id, app, kind, occurrence, text, raised_at, attempts, due_at) \
         SELECT $1, $2, $3, $4, $5, CAST($6 AS BIGINT), 0, CAST($7 AS BIGINT) WHERE NOT EXISTS \
         (SELECT 1 FROM notifications WHERE app = $2 AND kind = $3 AND raised_at > $8) \
         ON CONFLICT (app, kind, occurrence) DO NOTHING",
    )
    .bind(next_in_order(notice.at))
    .bind(notice.app)
    .bind(notice.kind.as_str())
    .bind(notice.occurrence)
    .bind(notice.text)
    .bind(notice.at.as_micros())
    .bind(notice.due_at.as_micros())
    .bind((notice.at - notice.quiet).as_micros())
    .execute(transaction)
    .await?;
    Ok(raised.rows_affected() > 0)
}

/// What was told is over as far as it was raised before `since`: when it comes again, it is told again. Of several processes one may
/// know only how it was before another one raised it.
///
/// # Errors
/// When the database fails.
pub async fn end(
    transaction: &mut Transaction,
    app: &str,
    kind: NotificationKind,
    occurrence: &str,
    since: Time,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE notifications SET occurrence = NULL WHERE app = $1 AND kind = $2 AND occurrence = $3 AND raised_at < $4",
    )
    .bind(app)
    .bind(kind.as_str())
    .bind(occurrence)
    .bind(since.as_micros())
    .execute(transaction)
    .await?;
    Ok(())
}

/// Brings times back that lie ahead of `now`, as they do where the clock was set back since they were stored: until then nothing
/// else of the kind would be told, and nothing be tried again.
///
/// # Errors
/// When the database fails.
pub async fn bring_back(transaction: &mut Transaction, app: &str, now: Time) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE notifications SET raised_at = $2, due_at = CASE WHEN due_at > $2 THEN $2 ELSE due_at END \
         WHERE app = $1 AND raised_at > $2",
    )
    .bind(app)
    .bind(now.as_micros())
    .execute(transaction)
    .await?;
    Ok(())
}

/// Whether this was told and is not over.
///
/// # Errors
/// When the database fails.
pub async fn stands(
    store: &Store,
    app: &str,
    kind: NotificationKind,
    occurrence: &str,
) -> Result<bool, StoreError> {
    let found = sqlx::query("SELECT id FROM notifications WHERE app = $1 AND kind = $2 AND occurrence = $3")
        .bind(app)
        .bind(kind.as_str())
        .bind(occurrence)
        .fetch_optional(store.reader())
        .await?;
    Ok(found.is_some())
}

/// Whether a notification is due.
///
/// # Errors
/// When the database fails.
pub async fn is_due(store: &Store, now: Time) -> Result<bool, StoreError> {
    let due = sqlx::query("SELECT id FROM notifications WHERE due_at <= $1 LIMIT 1")
        .bind(now.as_micros())
        .fetch_optional(store.reader())
        .await?;
    Ok(due.is_some())
}

/// Takes the oldest notification that is due, for nobody else until `until`. Drift that is found from now on is told anew.
///
/// # Errors
/// When the database fails.
pub async fn claim(
    transaction: &mut Transaction,
    now: Time,
    until: Time,
) -> Result<Option<Notification>, StoreError> {
    // The condition on due_at stands twice for databases in which two may look at the same row, one after the other.
    let row = sqlx::query(concat!(
        "UPDATE notifications SET due_at = $2, attempts = attempts + 1, first_try_at = COALESCE(first_try_at, $1), \
         occurrence = CASE WHEN kind = $3 THEN NULL ELSE occurrence END \
         WHERE due_at <= $1 AND id = (SELECT id FROM notifications WHERE due_at <= $1 ORDER BY id LIMIT 1) RETURNING ",
        columns!()
    ))
    .bind(now.as_micros())
    .bind(until.as_micros())
    .bind(NotificationKind::DriftFound.as_str())
    .fetch_optional(transaction)
    .await?;
    row.as_ref().map(read).transpose()
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It was received.
    Delivered {
        /// When.
        at: Time,
    },
    /// It was not, and is tried again.
    Failed {
        /// Why.
        reason: String,
        /// When it is tried again.
        due_at: Time,
    },
    /// It was not, and is not tried again.
    GivenUp {
        /// Why.
        reason: String,
    },
}

/// Records what an attempt to deliver a notification came to, as it was when it was [claimed](claim). Whether the claim still stood:
/// somebody else may have it by now, and records what comes of that.
///
/// # Errors
/// When the database fails.
pub async fn record(
    transaction: &mut Transaction,
    claimed: &Notification,
    attempt: &Attempt,
) -> Result<bool, StoreError> {
    let (delivered_at, due_at, failure) = match attempt {
        Attempt::Delivered { at } => (Some(*at), None, None),
        Attempt::Failed { reason, due_at } => (None, Some(*due_at), Some(reason.as_str())),
        Attempt::GivenUp { reason } => (None, None, Some(reason.as_str())),
    };
    let recorded = sqlx::query(
        "UPDATE notifications SET delivered_at = $2, due_at = $3, failure = $4 WHERE id = $1 AND due_at = $5",
    )
    .bind(claimed.id.as_str())
    .bind(delivered_at.map(Time::as_micros))
    .bind(due_at.map(Time::as_micros))
    .bind(failure)
    .bind(claimed.due_at.map(Time::as_micros))
    .execute(transaction)
    .await?;
    Ok(recorded.rows_affected() > 0)
}

/// The newest notifications: at most `limit`, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(store: &Store, limit: u32) -> Result<Vec<Notification>, StoreError> {
    let rows = sqlx::query(concat!("SELECT ", columns!(), " FROM notifications ORDER BY id DESC LIMIT $1"))
        .bind(i64::from(limit))
        .fetch_all(store.reader())
        .await?;
    rows.iter().map(read).collect()
}

/// Forgets what was raised before `time`.
///
/// # Errors
/// When the database fails.
pub async fn forget(transaction: &mut Transaction, time: Time) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM notifications WHERE id < $1")
        .bind(first_in_order(time))
        .execute(transaction)
        .await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<Notification, StoreError> {
    let time = |column| Ok::<_, StoreError>(row.try_get::<Option<i64>, _>(column)?.map(Time::from_micros));
    Ok(Notification {
        id: row.try_get("id")?,
        app: row.try_get("app")?,
        kind: NotificationKind::read(&row.try_get::<String, _>("kind")?)?,
        text: row.try_get("text")?,
        raised_at: Time::from_micros(row.try_get("raised_at")?),
        first_try_at: time("first_try_at")?,
        attempts: u32::try_from(row.try_get::<i64, _>("attempts")?).unwrap_or(u32::MAX),
        due_at: time("due_at")?,
        delivered_at: time("delivered_at")?,
        failure: row.try_get("failure")?,
    })
}
