//! What transactions do to single users.

use sqlx::Row;

use crate::{
    clock::Time,
    store::{
        StoreError, Transaction, UserId,
        dialect::{locking, serialize},
        events::{self, Event, EventKind, Subject},
        marks::{self, List},
        members,
    },
};

use super::{
    User, emails,
    record::{bind, columns, derived_columns, read},
    user_name_key,
};

/// Who removes rows, in events.
const ACTOR: &str = "bridge";

/// The user of that id, deleted or not, locked until the transaction ends. The idle assignment takes the row's lock on
/// databases that have row locks.
///
/// # Errors
/// When the database fails.
pub async fn get(transaction: &mut Transaction, app: &str, id: &UserId) -> Result<Option<User>, StoreError> {
    sqlx::query(concat!("UPDATE users SET id = id WHERE id = $1 AND app = $2 RETURNING ", columns!()))
        .bind(id.as_str())
        .bind(app)
        .fetch_optional(transaction)
        .await?
        .map(|row| read(&row))
        .transpose()
}

/// The live user of that `userName`, compared without case.
///
/// # Errors
/// When the database fails.
pub async fn find_live_by_user_name(
    transaction: &mut Transaction,
    app: &str,
    user_name: &str,
) -> Result<Option<User>, StoreError> {
    sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM users WHERE app = $1 AND user_name_key = $2 AND deleted_at IS NULL"
    ))
    .bind(app)
    .bind(user_name_key(user_name))
    .fetch_optional(transaction)
    .await?
    .map(|row| read(&row))
    .transpose()
}

/// All users, live and deleted, that are this account at the target: by its id, or by what the connector compares. They are
/// locked until the transaction ends, and until then nobody else finds out that there are no others. Newest first.
///
/// # Errors
/// When the database fails.
pub async fn find_by_account(
    transaction: &mut Transaction,
    app: &str,
    account_id: Option<&str>,
    account_key: Option<&str>,
) -> Result<Vec<User>, StoreError> {
    for (what, value) in [("id", account_id), ("key", account_key)] {
        if let Some(value) = value {
            serialize(transaction, &format!("account {what} {app} {value}")).await?;
        }
    }
    if account_id.is_none() && account_key.is_none() {
        return Ok(Vec::new());
    }
    let statement = locking!(
        "SELECT ",
        columns!(),
        " FROM users WHERE id IN (SELECT id FROM users WHERE app = $1 AND account_id = $2 \
         UNION SELECT id FROM users WHERE app = $1 AND account_key = $3) \
         AND (account_id = $2 OR account_key = $3) ORDER BY id DESC"
    );
    let rows = sqlx::query(statement.within(transaction))
        .bind(app)
        .bind(account_id)
        .bind(account_key)
        .fetch_all(transaction)
        .await?;
    rows.iter().map(read).collect()
}

/// Adds a user.
///
/// # Errors
/// When the database fails, also when the `userName` is taken: callers look first.
pub async fn insert(transaction: &mut Transaction, user: &User) -> Result<(), StoreError> {
    let query = sqlx::query(concat!(
        "INSERT INTO users (",
        columns!(),
        ", ",
        derived_columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, \
         $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $20)"
    ));
    bind(query, user)?.execute(&mut *transaction).await?;
    if user.is_live() {
        marks::add(transaction, &user.app, List::Users, user.id.as_str()).await?;
    }
    emails::insert(transaction, user).await
}

/// Replaces the row of `user`.
///
/// # Errors
/// When the database fails, also when the `userName` is taken: callers look first.
pub async fn save(transaction: &mut Transaction, user: &User) -> Result<(), StoreError> {
    let was_live: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM users WHERE id = $1 AND deleted_at IS NULL")
            .bind(user.id.as_str())
            .fetch_optional(&mut *transaction)
            .await?;
    // Work gets its age when it first becomes due in a lane, and anew when a person releases it; not with each attempt. What is done
    // and is only to be said again later, for an earlier call in doubt, is not late before that.
    // Names that are the same to this version, but were not to the one that stored them, keep their keys.
    let query = sqlx::query(
        "UPDATE users SET app = $2, user_name_key = CASE WHEN EXISTS (SELECT 1 FROM users AS other WHERE other.app = $2 \
         AND other.user_name_key = $3 AND other.deleted_at IS NULL AND other.id <> $1) THEN user_name_key ELSE $3 END, \
         external_id_key = $4, account_key = $5, resource = $6, ownership = $7, \
         version = $8, applied_version = $9, created_at = $10, modified_at = $11, deleted_at = $12, account_id = $13, \
         observed = $14, observed_at = $15, enabled_administrator = $16, answered = $17, fallback = $18, lane = $19, \
         due_at = $20, attempts = $21, failure = $22, lease_owner = $23, lease_until = $24, display = $25, \
         uncertain = $26, held_at = $27, touched = $28, request_id = $29, trace_parent = $30, fragment = $31, shown_active = $32, account_enabled = $33, \
         asked_at = CASE WHEN CAST($20 AS BIGINT) IS NULL OR due_at IS NULL OR lane <> $19 OR held_at IS NOT NULL \
         OR $22 IS NULL AND $8 = $9 AND $26 <> 0 THEN $20 \
         ELSE COALESCE(asked_at, due_at) END WHERE id = $1",
    );
    bind(query, user)?.execute(&mut *transaction).await?;
    match (was_live.is_some(), user.is_live()) {
        (true, false) => marks::remove(transaction, &user.app, List::Users, user.id.as_str()).await?,
        (false, true) => marks::add(transaction, &user.app, List::Users, user.id.as_str()).await?,
        (true, true) | (false, false) => {}
    }
    emails::save(transaction, user).await
}

/// Whether the stored `user` is found by its `userName`. If not, another one is, whose name was not the same to the version
/// that stored them.
///
/// # Errors
/// When the database fails.
pub async fn has_own_name(transaction: &mut Transaction, user: &User) -> Result<bool, StoreError> {
    let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM users WHERE id = $1 AND user_name_key = $2")
        .bind(user.id.as_str())
        .bind(user_name_key(user.resource.user_name().unwrap_or_default()))
        .fetch_optional(transaction)
        .await?;
    Ok(found.is_some())
}

/// Removes the row of `user`, and the user from its groups, which get a new version: of an unmanaged user whose account is
/// gone, or of a create that the target rejected. Its story is found under its `userName` from then on.
///
/// # Errors
/// When the database fails.
pub async fn delete_row(transaction: &mut Transaction, user: &User, now: Time) -> Result<(), StoreError> {
    members::leave_all(transaction, &user.app, user.id.as_str(), now).await?;
    emails::delete(transaction, &user.id).await?;
    let name = Subject::Name(user.resource.user_name().unwrap_or_default());
    let event = Event::new(&user.app, name, now, EventKind::Continued, ACTOR).related(user.id.as_str());
    events::append(transaction, event).await?;
    let was_live: Option<i64> = sqlx::query_scalar(
        "DELETE FROM users WHERE id = $1 RETURNING CASE WHEN deleted_at IS NULL THEN 1 ELSE 0 END",
    )
    .bind(user.id.as_str())
    .fetch_optional(&mut *transaction)
    .await?;
    match was_live {
        Some(1) => marks::remove(transaction, &user.app, List::Users, user.id.as_str()).await,
        _ => Ok(()),
    }
}

/// The ids of all live users that have an account, with the ids of the accounts. Those that were looked at longest ago come
/// first, so that none is always left for later.
///
/// # Errors
/// When the database fails.
pub async fn list_accounts(
    transaction: &mut Transaction,
    app: &str,
) -> Result<Vec<(UserId, String)>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, account_id FROM users WHERE app = $1 AND deleted_at IS NULL AND account_id IS NOT NULL \
         ORDER BY observed_at NULLS FIRST, id",
    )
    .bind(app)
    .fetch_all(transaction)
    .await?;
    rows.iter()
        .map(|row| {
            Ok((UserId::from(row.try_get::<String, _>("id")?), row.try_get::<String, _>("account_id")?))
        })
        .collect()
}

/// Users whose derived columns were never written, locked until the transaction ends: at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn list_incomplete(transaction: &mut Transaction, limit: i64) -> Result<Vec<User>, StoreError> {
    let statement = locking!("SELECT ", columns!(), " FROM users WHERE fragment = '' LIMIT $1");
    let rows = sqlx::query(statement.within(transaction)).bind(limit).fetch_all(transaction).await?;
    rows.iter().map(read).collect()
}
