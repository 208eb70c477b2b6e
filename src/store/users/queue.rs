//! The worker's side: the queue is the rows that are due.

use std::sync::LazyLock;

use sqlx::{Row, any::AnyRow};

use crate::{
    clock::Time,
    connector::Lane,
    store::{
        Store, StoreError, Transaction, UserId,
        batch::Batch,
        dialect::{Dialect, Locking, serialize},
    },
};

use super::{
    Lease, User,
    record::{columns, read},
};

/// Whether a value of `uncertain` says that a lease outlived its holder: such a time is negative. The next save makes it what
/// is known of the account.
const fn is_outlived(uncertain: i64) -> bool {
    uncertain < 0
}

/// What a worker asks for.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The app.
    pub app: String,
    /// The lease that claimed users get.
    pub lease: Lease,
    /// Now: what is due later, or leased beyond it, is left.
    pub now: Time,
    /// From the most urgent …
    pub most_urgent: Lane,
    /// … to the least urgent lane to take from.
    pub least_urgent: Lane,
    /// How many users to take at the most.
    pub limit: u32,
}

/// A user that was claimed.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// The user, under the lease.
    pub user: User,
    /// Whether somebody had it whose work did not end: a call may have been sent.
    pub taken_over: bool,
}

/// Who may be claimed. The parameters are the app, now, and the most and the least urgent lane.
macro_rules! candidates {
    () => {
        "FROM users AS candidate \
         WHERE candidate.app = $1 AND candidate.due_at <= $2 AND candidate.lane BETWEEN $3 AND $4 AND candidate.held_at IS NULL \
         AND (candidate.lease_until IS NULL OR candidate.lease_until <= $2) \
         AND NOT EXISTS (SELECT 1 FROM users AS other WHERE other.app = candidate.app \
         AND other.account_key = candidate.account_key AND other.id <> candidate.id AND other.lease_until > $2) \
         AND NOT EXISTS (SELECT 1 FROM users AS other WHERE other.app = candidate.app \
         AND other.account_id = candidate.account_id AND other.id <> candidate.id AND other.lease_until > $2)"
    };
}

/// The statement of a claim, for users that also fulfil a condition, in the two forms of [`Locking`]. A row that somebody else has
/// locked is left for later, as long as a group of thousands is written perhaps: who claims must not wait, since all others who claim
/// wait for that.
macro_rules! claim {
    ($condition:literal) => {
        Locking { plain: claim!($condition, ""), locked: claim!($condition, " FOR UPDATE OF candidate SKIP LOCKED") }
    };
    ($condition:literal, $lock:literal) => {
        concat!(
            // Chosen once: a subquery with a limit may be asked again for each row.
            "WITH chosen AS MATERIALIZED (SELECT candidate.id ",
            candidates!(),
            $condition,
            " ORDER BY candidate.lane, candidate.due_at LIMIT $5",
            $lock,
            ") UPDATE users SET lease_owner = $6, lease_until = $7, \
             uncertain = CASE WHEN lease_owner IS NULL THEN uncertain WHEN account_id IS NOT NULL THEN -$7 \
             WHEN uncertain > 0 THEN -uncertain WHEN uncertain = 0 THEN -1 ELSE uncertain END \
             WHERE id IN (SELECT id FROM chosen)",
            // Once more, of the row itself: it may have changed since it was chosen.
            " AND (lease_until IS NULL OR lease_until <= $2) RETURNING ",
            columns!()
        )
    };
}

/// Takes the most urgent due users under a lease: by lane, then by age. Among those who lose something, people whose access
/// or account is to be changed come before those who lose a right: a group of thousands that is deleted holds up no leaver. A
/// user whose account another user is being worked on for (one that was deleted and made again) waits until that is done. Who
/// takes over a lease that ran out knows that a call may have been sent under it, and may take effect while the new lease lasts.
///
/// # Errors
/// When the database fails.
pub async fn claim(transaction: &mut Transaction, claim: &Claim) -> Result<Vec<Claimed>, StoreError> {
    // Two who claim at a time would not see each other's leases.
    serialize(transaction, &format!("claim {}", claim.app)).await?;
    let mut claimed = Vec::new();
    if claim.most_urgent == Lane::Revoke {
        const NEW_VERSIONS: Locking = claim!(" AND candidate.version > candidate.applied_version");
        claimed = take(transaction, claim, NEW_VERSIONS, (Lane::Revoke, claim.limit)).await?;
    }
    let left = claim.limit.saturating_sub(u32::try_from(claimed.len()).unwrap_or(u32::MAX));
    if left > 0 {
        const ALL: Locking = claim!("");
        claimed.extend(take(transaction, claim, ALL, (claim.least_urgent, left)).await?);
    }
    Ok(claimed)
}

/// Whether a claim that took fewer than it might have left somebody since others had the row locked. Not so in SQLite.
///
/// # Errors
/// When the database fails.
pub async fn has_left_some(transaction: &mut Transaction, claim: &Claim) -> Result<bool, StoreError> {
    if Dialect::of_transaction(transaction) == Dialect::Sqlite {
        return Ok(false);
    }
    const LEFT: &str = concat!("SELECT COUNT(*) FROM (SELECT 1 ", candidates!(), " LIMIT 1) AS left_over");
    let left: i64 = sqlx::query_scalar(LEFT)
        .bind(claim.app.clone())
        .bind(claim.now.as_micros())
        .bind(claim.most_urgent.as_number())
        .bind(claim.least_urgent.as_number())
        .fetch_one(transaction)
        .await?;
    Ok(left > 0)
}

/// Takes those whom `statement` finds, down to a lane, and so many at the most.
async fn take(
    transaction: &mut Transaction,
    claim: &Claim,
    statement: Locking,
    (least_urgent, limit): (Lane, u32),
) -> Result<Vec<Claimed>, StoreError> {
    let rows = sqlx::query(statement.within(transaction))
        .bind(claim.app.clone())
        .bind(claim.now.as_micros())
        .bind(claim.most_urgent.as_number())
        .bind(least_urgent.as_number())
        .bind(i64::from(limit))
        .bind(claim.lease.owner.clone())
        .bind(claim.lease.until.as_micros())
        .fetch_all(transaction)
        .await?;
    let claimed = |row| {
        let taken_over = is_outlived(AnyRow::try_get(row, "uncertain")?);
        Ok::<_, StoreError>(Claimed { user: read(row)?, taken_over })
    };
    let mut users = rows.iter().map(claimed).collect::<Result<Vec<_>, _>>()?;
    users.sort_by_key(|claimed| (claimed.user.lane, claimed.user.due_at));
    Ok(users)
}

/// Ends at `now` the leases of processes that are not there any more, in all apps. They are taken over as any lease that ran out.
/// A row that somebody else has locked is left for the next time: who asks is saying that it is there itself, and must not wait.
///
/// # Errors
/// When the database fails.
pub async fn end_leases_of_the_gone(transaction: &mut Transaction, now: Time) -> Result<u64, StoreError> {
    macro_rules! end {
        ($lock:literal) => {
            concat!(
                "WITH gone AS MATERIALIZED (SELECT held.id FROM users AS held WHERE held.lease_until > $1 \
                 AND NOT EXISTS (SELECT 1 FROM replicas WHERE held.lease_owner LIKE replicas.id || '/%')",
                $lock,
                ") UPDATE users SET lease_until = $1 WHERE id IN (SELECT id FROM gone)"
            )
        };
    }
    const END: Locking = Locking { plain: end!(""), locked: end!(" FOR UPDATE OF held SKIP LOCKED") };
    let ended = sqlx::query(END.within(transaction)).bind(now.as_micros()).execute(transaction).await?;
    Ok(ended.rows_affected())
}

/// Ends at `now` the leases of `owner` in an app. They are taken over as any lease that ran out.
///
/// # Errors
/// When the database fails.
pub async fn end_leases_of(
    transaction: &mut Transaction,
    app: &str,
    owner: &str,
    now: Time,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE users SET lease_until = $1 WHERE app = $2 AND lease_until > $1 AND lease_owner = $3")
        .bind(now.as_micros())
        .bind(app)
        .bind(owner)
        .execute(transaction)
        .await?;
    Ok(())
}

/// What is wanted of a user, as numbers that change with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The version of the user itself.
    pub version: i64,
    /// Counts what changes the rights that its groups ask for.
    pub touched: i64,
}

/// What is wanted of each of these users, as far as they are there.
///
/// # Errors
/// When the database fails.
pub async fn wanted(store: &Store, ids: &[UserId]) -> Result<Vec<(UserId, Wanted)>, StoreError> {
    static WANTED: LazyLock<Batch> =
        LazyLock::new(|| Batch::ids_in("SELECT id, version, touched FROM users WHERE id IN ", 1, ""));
    let ids: Vec<_> = ids.iter().map(UserId::as_str).collect();
    let mut wanted = Vec::new();
    for query in WANTED.queries(&[], &ids) {
        for row in query.fetch_all(store.reader()).await? {
            let id = UserId::from(row.try_get::<String, _>("id")?);
            wanted.push((id, Wanted { version: row.try_get("version")?, touched: row.try_get("touched")? }));
        }
    }
    Ok(wanted)
}

/// Makes a lease that its owner still has last until another time.
///
/// # Errors
/// When the database fails.
pub async fn renew(transaction: &mut Transaction, id: &UserId, lease: &Lease) -> Result<(), StoreError> {
    sqlx::query("UPDATE users SET lease_until = $1 WHERE id = $2 AND lease_owner = $3")
        .bind(lease.until.as_micros())
        .bind(id.as_str())
        .bind(lease.owner.clone())
        .execute(transaction)
        .await?;
    Ok(())
}

/// Makes all revocations that wait for a later attempt due at `now`.
///
/// # Errors
/// When the database fails.
pub async fn hasten_revocations(
    transaction: &mut Transaction,
    app: &str,
    now: Time,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE users SET due_at = $1 WHERE app = $2 AND lane = 0 AND due_at > $1 AND held_at IS NULL",
    )
    .bind(now.as_micros())
    .bind(app)
    .execute(transaction)
    .await?;
    Ok(())
}

/// What is worked on before a grant that comes now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// How many users.
    pub users: u64,
    /// How many of them have no account yet, and are to get one.
    pub invitations: u64,
}

/// What is worked on before a grant that comes now, as far as it is due by `until`. No more than `most` users are counted.
/// Read from an index alone.
///
/// # Errors
/// When the database fails.
pub async fn ahead(
    transaction: &mut Transaction,
    app: &str,
    until: Time,
    most: u64,
) -> Result<Ahead, StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS users, COUNT(CASE WHEN lane = 2 AND account_id IS NULL THEN 1 END) AS invitations \
         FROM (SELECT lane, account_id FROM users \
         WHERE app = $1 AND lane BETWEEN 0 AND 2 AND due_at <= $2 AND held_at IS NULL LIMIT $3) AS queue",
    )
    .bind(app)
    .bind(until.as_micros())
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_one(transaction)
    .await?;
    Ok(Ahead {
        users: u64::try_from(row.try_get::<i64, _>("users")?).unwrap_or(0),
        invitations: u64::try_from(row.try_get::<i64, _>("invitations")?).unwrap_or(0),
    })
}

/// What there is to claim, now and next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// By lane: whether somebody is due whom nobody works on. It may be that another user must be done first.
    due: [bool; 3],
    /// When the next user becomes due, or a lease ends, after now.
    pub next: Option<Time>,
}

impl Outlook {
    /// Nobody is due, and it is worth asking again at that time.
    pub fn nothing_until(time: Time) -> Self {
        Self { due: [false; 3], next: Some(time) }
    }

    /// Whether somebody in these lanes may be claimed.
    pub fn is_due(&self, most_urgent: Lane, least_urgent: Lane) -> bool {
        let lanes = most_urgent.as_number()..=least_urgent.as_number();
        (0..).zip(self.due).any(|(lane, is_due)| is_due && lanes.contains(&lane))
    }
}

/// What there is to claim at `now`, and when to ask again. It locks nothing, and looks at an index once for each answer, however
/// long the queue is: claims, which write, are for when there is something to claim.
///
/// # Errors
/// When the database fails.
pub async fn look(store: &Store, app: &str, now: Time) -> Result<Outlook, StoreError> {
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM (SELECT id FROM users WHERE app = $1 AND lane = 0 AND due_at <= $2 AND held_at IS NULL \
         AND (lease_until IS NULL OR lease_until <= $2) LIMIT 1) AS revocations) AS due_0, \
         (SELECT COUNT(*) FROM (SELECT id FROM users WHERE app = $1 AND lane = 1 AND due_at <= $2 AND held_at IS NULL \
         AND (lease_until IS NULL OR lease_until <= $2) LIMIT 1) AS changes) AS due_1, \
         (SELECT COUNT(*) FROM (SELECT id FROM users WHERE app = $1 AND lane = 2 AND due_at <= $2 AND held_at IS NULL \
         AND (lease_until IS NULL OR lease_until <= $2) LIMIT 1) AS grants) AS due_2, \
         (SELECT MIN(next) FROM (\
         SELECT MIN(due_at) AS next FROM users WHERE app = $1 AND lane = 0 AND due_at > $2 AND held_at IS NULL UNION ALL \
         SELECT MIN(due_at) AS next FROM users WHERE app = $1 AND lane = 1 AND due_at > $2 AND held_at IS NULL UNION ALL \
         SELECT MIN(due_at) AS next FROM users WHERE app = $1 AND lane = 2 AND due_at > $2 AND held_at IS NULL UNION ALL \
         SELECT MIN(lease_until) AS next FROM users WHERE app = $1 AND lease_until > $2) AS nexts) AS next",
    )
    .bind(app)
    .bind(now.as_micros())
    .fetch_one(store.reader())
    .await?;
    let is_due = |column: &str| Ok::<_, StoreError>(row.try_get::<i64, _>(column)? > 0);
    Ok(Outlook {
        due: [is_due("due_0")?, is_due("due_1")?, is_due("due_2")?],
        next: row.try_get::<Option<i64>, _>("next")?.map(Time::from_micros),
    })
}

/// Ends all leases of the app, for a database that belongs to this process alone: whoever held them is gone, perhaps with a
/// call under way, which may take effect until `calls_seen_at`. That a create was under way stands in the row.
///
/// # Errors
/// When the database fails.
pub async fn release_all(
    transaction: &mut Transaction,
    app: &str,
    calls_seen_at: Time,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE users SET lease_owner = NULL, lease_until = NULL, \
         uncertain = CASE WHEN account_id IS NOT NULL THEN -$2 WHEN uncertain > 0 THEN -uncertain \
         WHEN uncertain = 0 AND due_at IS NOT NULL THEN -1 ELSE uncertain END \
         WHERE app = $1 AND lease_owner IS NOT NULL",
    )
    .bind(app)
    .bind(calls_seen_at.as_micros())
    .execute(transaction)
    .await?;
    Ok(())
}

/// Brings times back that lie too far ahead, as they do where the clock was set back since they were stored: what is due later
/// than `latest_due` is due `now`, nothing was seen later than now, and no doubt lasts longer than until `calls_seen_at`.
///
/// # Errors
/// When the database fails.
pub async fn bring_back(
    transaction: &mut Transaction,
    app: &str,
    now: Time,
    latest_due: Time,
    calls_seen_at: Time,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE users SET asked_at = $2 WHERE app = $1 AND due_at IS NOT NULL AND asked_at > $3")
        .bind(app)
        .bind(now.as_micros())
        .bind(latest_due.as_micros())
        .execute(&mut *transaction)
        .await?;
    sqlx::query("UPDATE users SET due_at = $2 WHERE app = $1 AND due_at > $3")
        .bind(app)
        .bind(now.as_micros())
        .bind(latest_due.as_micros())
        .execute(&mut *transaction)
        .await?;
    sqlx::query("UPDATE users SET observed_at = $2 WHERE app = $1 AND observed_at > $2")
        .bind(app)
        .bind(now.as_micros())
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "UPDATE users SET uncertain = CASE WHEN uncertain > 0 THEN $2 ELSE -$2 END \
         WHERE app = $1 AND (uncertain > $2 OR uncertain < -$2)",
    )
    .bind(app)
    .bind(calls_seen_at.as_micros())
    .execute(transaction)
    .await?;
    Ok(())
}

/// How much is waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueDepth {
    /// The lane.
    pub lane: Lane,
    /// How many users are to be worked on.
    pub users: u64,
    /// When the first of them became or becomes due.
    pub oldest_due_at: Time,
    /// Since when the first of them waits in this lane: attempts that fail make work due later, and no younger.
    pub oldest_asked_at: Time,
    /// How many of them failed at least once.
    pub failing: u64,
}

/// The queue by lane; lanes with nothing in them are left out, and so is what is held.
///
/// # Errors
/// When the database fails.
pub async fn depth(store: &Store, app: &str) -> Result<Vec<QueueDepth>, StoreError> {
    let rows = sqlx::query(
        "SELECT lane, COUNT(*) AS users, MIN(due_at) AS oldest, \
         MIN(COALESCE(asked_at, due_at)) AS asked, \
         COUNT(CASE WHEN attempts > 0 THEN 1 END) AS failing FROM users \
         WHERE app = $1 AND due_at IS NOT NULL AND held_at IS NULL GROUP BY lane ORDER BY lane",
    )
    .bind(app)
    .fetch_all(store.reader())
    .await?;
    rows.iter()
        .map(|row| {
            let lane = row.try_get::<i64, _>("lane")?;
            Ok(QueueDepth {
                lane: Lane::from_number(lane).ok_or_else(|| StoreError::Corrupt {
                    column: "lane",
                    reason: format!("{lane} is no lane"),
                })?,
                users: u64::try_from(row.try_get::<i64, _>("users")?).unwrap_or(0),
                oldest_due_at: Time::from_micros(row.try_get("oldest")?),
                oldest_asked_at: Time::from_micros(row.try_get("asked")?),
                failing: u64::try_from(row.try_get::<i64, _>("failing")?).unwrap_or(0),
            })
        })
        .collect()
}
