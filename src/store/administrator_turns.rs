//! The `administrator_turns` table: whose turn it is to be disabled or demoted among an app's administrators, over all processes.

use super::{StoreError, Transaction, UserId};

/// Takes the turn for a user who is worked on under the lease of `owner`. Whether it was free: it is another's as long as that
/// one's lease stands in its row, which ends in the transaction that records what was done.
///
/// # Errors
/// When the database fails.
pub async fn take(
    transaction: &mut Transaction,
    app: &str,
    id: &UserId,
    owner: &str,
) -> Result<bool, StoreError> {
    let taken = sqlx::query(
        "INSERT INTO administrator_turns (app, user_id, lease_owner) VALUES ($1, $2, $3) ON CONFLICT (app) DO UPDATE \
         SET user_id = excluded.user_id, lease_owner = excluded.lease_owner \
         WHERE (administrator_turns.user_id = $2 AND administrator_turns.lease_owner = $3) \
         OR NOT EXISTS (SELECT 1 FROM users WHERE users.id = administrator_turns.user_id \
         AND users.lease_owner = administrator_turns.lease_owner)",
    )
    .bind(app)
    .bind(id.as_str())
    .bind(owner)
    .execute(transaction)
    .await?;
    Ok(taken.rows_affected() > 0)
}
