//! Completes rows that an earlier version of the program wrote, with what follows from them. Done once, when the database is
//! opened, in steps, each a transaction, so that it goes on where it was when it is interrupted.

use sqlx::{AnyPool, Connection};

use super::{StoreError, groups, users};

/// How many rows are completed in one transaction.
const STEP: i64 = 500;

/// Completes all rows that need it.
///
/// # Errors
/// When the database fails.
pub(super) async fn rows(pool: &AnyPool) -> Result<(), StoreError> {
    loop {
        let mut connection = pool.acquire().await?;
        let mut transaction = connection.begin().await?;
        let users = users::list_incomplete(&mut transaction, STEP).await?;
        for user in &users {
            users::save(&mut transaction, user).await?;
        }
        let groups = groups::list_incomplete(&mut transaction, STEP).await?;
        for group in &groups {
            groups::save(&mut transaction, group).await?;
        }
        transaction.commit().await?;
        if users.is_empty() && groups.is_empty() {
            return Ok(());
        }
        tracing::info!(
            users = users.len(),
            groups = groups.len(),
            "rows of an earlier version were completed"
        );
    }
}
