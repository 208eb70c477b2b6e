//! The `events` table: the append-only record of who asked for what, what was decided and what the target said.
//!
//! What leaves no event, so that a record of years stays small: a write that changes nothing, however often an IdP repeats
//! it; and an attempt that ends as the one before it did, until there are twice as many of them (`converge::settle`).

use std::{borrow::Cow, sync::LazyLock, time::Duration};

use sqlx::{Any, Row, any::AnyRow, query::Query};

use crate::{clock::Time, scim::fold::fold};

use super::{
    GroupId, Store, StoreError, Transaction, UserId,
    id::{first_in_order, next_in_order},
};

/// How long the same refusal of the same thing is not recorded again: an IdP may repeat it without end.
const SAME_REFUSAL: Duration = Duration::from_secs(60 * 60);

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    app: &'a str,
    subject: Subject<'a>,
    at: Time,
    kind: EventKind,
    actor: &'a str,
    version: Option<i64>,
    related: Option<Cow<'a, str>>,
    detail: Cow<'a, str>,
}

/// Whom or what an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A user, by its SCIM id.
    User(&'a UserId),
    /// A group, by its SCIM id.
    Group(&'a GroupId),
    /// Whoever is asked for by this `userName`, because there is no user: a create was refused.
    Name(&'a str),
}

impl Subject<'_> {
    /// As it is stored. No id begins like a name.
    pub fn key(self) -> String {
        match self {
            Self::User(id) => id.as_str().to_owned(),
            Self::Group(id) => id.as_str().to_owned(),
            Self::Name(name) => format!("name:{}", fold(name)),
        }
    }
}

/// Defines what can happen, each with the text that is stored for it. A new kind is a line here, and its words in
/// `explain::story`.
macro_rules! event_kinds {
    ($($(#[$doc:meta])* $kind:ident = $text:literal,)+) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $kind,)+
        }

        impl EventKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            /// As it is stored.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $text,)+
                }
            }
        }
    };
}

event_kinds! {
    /// The IdP created the user or group.
    Created = "created",
    /// The IdP took over an account that was at the target already.
    Adopted = "adopted",
    /// The IdP changed the user or group.
    Changed = "changed",
    /// The IdP deleted the user or group.
    Deleted = "deleted",
    /// A write of the IdP was refused, and nothing was changed. The detail is what it asked for, a colon, and the reason.
    Refused = "refused",
    /// The IdP was told that a write is accepted, although the target does not agree yet.
    Promised = "promised",
    /// The target was called.
    Called = "called",
    /// The target agrees with the desired state.
    Applied = "applied",
    /// The target said no.
    Rejected = "rejected",
    /// The desired state before a write was put back.
    PutBack = "put back",
    /// An attempt failed and will be repeated.
    Failed = "failed",
    /// The target does not accept the bridge's credentials; the work waits for a person.
    Blocked = "blocked",
    /// The work was taken over from a worker that ended in the middle of it.
    TakenOver = "taken over",
    /// What happened under another id, the related one, is told here from now on: it is the same person, or the same name.
    Continued = "continued",
    /// The user became a member of a group.
    Joined = "joined",
    /// The user is no member of a group any more.
    Left = "left",
    /// A group got members.
    MembersAdded = "members added",
    /// A group lost members.
    MembersRemoved = "members removed",
    /// An account was found at the target.
    Found = "found",
    /// An account is not at the target any more.
    Vanished = "vanished",
    /// The brake stopped a revocation.
    Held = "held",
    /// A person let a revocation through that was held.
    Released = "released",
    /// A person decided against a revocation that was held.
    Dropped = "dropped",
    /// Something at the target is not as the IdP asserted it.
    FindingOpened = "finding opened",
    /// It is so again, or a person accepted it.
    FindingResolved = "finding resolved",
    /// The account is to be changed back to what the IdP asserts.
    Enforced = "enforced",
    /// A person took the user from the IdP's hands.
    HandedBack = "handed back",
    /// A write of an app that is passed through: what was asked, and what the target answered.
    PassedThrough = "passed through",
}

impl EventKind {
    /// The kind that is stored as this text, if this version of the program knows it.
    pub fn find(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

impl<'a> Event<'a> {
    /// Something that happened to `subject`. `actor` is the name of the token that asked, or the part of the bridge that acted.
    pub fn new(app: &'a str, subject: Subject<'a>, at: Time, kind: EventKind, actor: &'a str) -> Self {
        Self { app, subject, at, kind, actor, version: None, related: None, detail: Cow::Borrowed("") }
    }

    /// It is about this version of the subject.
    #[must_use]
    pub fn version(self, version: i64) -> Self {
        Self { version: Some(version), ..self }
    }

    /// Another subject has to do with it, by its [key](Subject::key).
    #[must_use]
    pub fn related(self, related: impl Into<Cow<'a, str>>) -> Self {
        Self { related: Some(related.into()), ..self }
    }

    /// More about it: a fragment for people. Names of attributes, never their values; never a secret.
    #[must_use]
    pub fn detail(self, detail: impl Into<Cow<'a, str>>) -> Self {
        Self { detail: detail.into(), ..self }
    }
}

/// An event as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its id; ids sort as the events were recorded.
    pub id: String,
    /// When it happened.
    pub at: Time,
    /// What happened; `None` if only another version of the program knows.
    pub kind: Option<EventKind>,
    /// Who asked, or acted.
    pub actor: String,
    /// The version that it is about.
    pub version: Option<i64>,
    /// The [key](Subject::key) of another subject that has to do with it.
    pub related: Option<String>,
    /// More about it; may be empty.
    pub detail: String,
}

/// Appends an event.
///
/// # Errors
/// When the database fails.
pub async fn append(transaction: &mut Transaction, event: Event<'_>) -> Result<(), StoreError> {
    append_all(transaction, &[event]).await
}

/// How many events one statement appends; the largest that fits goes first.
const SIZES: [usize; 5] = [32, 8, 4, 2, 1];

/// Appends events in this order.
///
/// # Errors
/// When the database fails.
pub async fn append_all(transaction: &mut Transaction, events: &[Event<'_>]) -> Result<(), StoreError> {
    static INSERTS: LazyLock<[String; SIZES.len()]> = LazyLock::new(|| SIZES.map(insert));
    let mut rest = events;
    while !rest.is_empty() {
        let index = SIZES.iter().position(|size| *size <= rest.len()).expect("one row is the smallest size");
        let (piece, behind) = rest.split_at(SIZES[index]);
        piece.iter().fold(sqlx::query(INSERTS[index].as_str()), bind).execute(&mut *transaction).await?;
        rest = behind;
    }
    Ok(())
}

const COLUMNS: usize = 9;

/// The statement that inserts so many rows.
fn insert(rows: usize) -> String {
    let row = |row: usize| {
        let places = (1..=COLUMNS).map(|column| format!("${}", row * COLUMNS + column));
        format!("({})", places.collect::<Vec<_>>().join(", "))
    };
    let rows = (0..rows).map(row).collect::<Vec<_>>().join(", ");
    format!("INSERT INTO events (id, app, subject, at, kind, actor, version, related, detail) VALUES {rows}")
}

/// Appends a refusal, unless the same was recorded within the hour.
///
/// # Errors
/// When the database fails.
pub async fn append_refusal(transaction: &mut Transaction, event: Event<'_>) -> Result<(), StoreError> {
    let query = sqlx::query(
        "INSERT INTO events (id, app, subject, at, kind, actor, version, related, detail) \
         SELECT $1, $2, $3, CAST($4 AS BIGINT), $5, $6, CAST($7 AS BIGINT), $8, $9 WHERE NOT EXISTS \
         (SELECT 1 FROM events WHERE app = $2 AND subject = $3 AND id >= $10 AND kind = $5 AND actor = $6 \
         AND detail = $9)",
    );
    bind(query, &event).bind(first_in_order(event.at - SAME_REFUSAL)).execute(transaction).await?;
    Ok(())
}

fn bind<'q>(
    query: Query<'q, Any, sqlx::any::AnyArguments>,
    event: &Event<'_>,
) -> Query<'q, Any, sqlx::any::AnyArguments> {
    query
        .bind(next_in_order(event.at))
        .bind(event.app.to_owned())
        .bind(event.subject.key())
        .bind(event.at.as_micros())
        .bind(event.kind.as_str())
        .bind(event.actor.to_owned())
        .bind(event.version)
        .bind(event.related.as_ref().map(|related| related.clone().into_owned()))
        .bind(event.detail.clone().into_owned())
}

/// The newest events of a subject, which is named by its [key](Subject::key): at most `limit`, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(store: &Store, app: &str, subject: &str, limit: u32) -> Result<Vec<Recorded>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, at, kind, actor, version, related, detail FROM events WHERE app = $1 AND subject = $2 \
         ORDER BY id DESC LIMIT $3",
    )
    .bind(app)
    .bind(subject)
    .bind(i64::from(limit))
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(read).collect()
}

/// The events of an app among the newest `among` of all apps, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn list_newest(store: &Store, app: &str, among: u32) -> Result<Vec<Recorded>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, at, kind, actor, version, related, detail FROM \
         (SELECT id, app, at, kind, actor, version, related, detail FROM events ORDER BY id DESC LIMIT $2) AS newest \
         WHERE app = $1 ORDER BY id DESC",
    )
    .bind(app)
    .bind(i64::from(among))
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(read).collect()
}

/// Who last asked for a change of the user: the name of the token.
///
/// # Errors
/// When the database fails.
pub async fn find_asker(store: &Store, app: &str, id: &UserId) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT actor FROM events WHERE app = $1 AND subject = $2 \
         AND kind IN ('created', 'adopted', 'changed', 'deleted') ORDER BY id DESC LIMIT 1",
    )
    .bind(app)
    .bind(id.as_str())
    .fetch_optional(store.reader())
    .await?)
}

/// The newest events of an app and kind: at most `limit`, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn list_of_kind(
    store: &Store,
    app: &str,
    kind: EventKind,
    limit: u32,
) -> Result<Vec<Recorded>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, at, kind, actor, version, related, detail FROM events WHERE app = $1 AND kind = $2 \
         ORDER BY id DESC LIMIT $3",
    )
    .bind(app)
    .bind(kind.as_str())
    .bind(i64::from(limit))
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(read).collect()
}

/// Forgets at most `limit` events that happened before `before`, the oldest first, and says how many. Those of users whose
/// work is not done are kept: they say what it is for.
///
/// # Errors
/// When the database fails.
pub async fn forget(transaction: &mut Transaction, before: Time, limit: u32) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM events WHERE id IN (SELECT event.id FROM events AS event WHERE event.id < $1 \
         AND NOT EXISTS (SELECT 1 FROM users WHERE users.id = event.subject AND users.due_at IS NOT NULL) \
         ORDER BY event.id LIMIT $2)",
    )
    .bind(first_in_order(before))
    .bind(i64::from(limit))
    .execute(transaction)
    .await?;
    Ok(done.rows_affected())
}

fn read(row: &AnyRow) -> Result<Recorded, StoreError> {
    Ok(Recorded {
        id: row.try_get("id")?,
        at: Time::from_micros(row.try_get("at")?),
        kind: EventKind::find(&row.try_get::<String, _>("kind")?),
        actor: row.try_get("actor")?,
        version: row.try_get("version")?,
        related: row.try_get("related")?,
        detail: row.try_get("detail")?,
    })
}
