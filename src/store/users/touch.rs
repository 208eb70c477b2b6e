//! What changes of groups do to the users in them: they are to be looked at again, whatever their own versions are.

use std::sync::LazyLock;

use crate::{
    clock::Time,
    connector::Lane,
    store::{GroupId, StoreError, Transaction, batch::Batch},
};

/// What is said of each of them. Work that waits already keeps its place if it is more urgent. What failed is tried anew, and what is held stays held.
macro_rules! touched {
    () => {
        "UPDATE users SET touched = touched + 1, \
         lane = CASE WHEN due_at IS NOT NULL AND lane < CAST(CAST($2 AS TEXT) AS BIGINT) THEN lane ELSE CAST(CAST($2 AS TEXT) AS BIGINT) END, \
         due_at = CASE WHEN due_at < CAST(CAST($3 AS TEXT) AS BIGINT) THEN due_at ELSE CAST(CAST($3 AS TEXT) AS BIGINT) END, \
         ownership = CASE WHEN ownership = 'unmanaged' THEN 'adopted' ELSE ownership END \
         WHERE app = $1 AND deleted_at IS NULL AND id IN "
    };
}

/// Makes those of the `ids` that are live users due at `now`, in `lane`. An IdP that puts an unmanaged user into a group, or
/// takes it out, manages it from now on. Costs as much as there are ids, however large their groups are.
///
/// # Errors
/// When the database fails.
pub async fn touch(
    transaction: &mut Transaction,
    app: &str,
    ids: &[&str],
    lane: Lane,
    now: Time,
) -> Result<(), StoreError> {
    static TOUCH: LazyLock<Batch> = LazyLock::new(|| Batch::ids_in(touched!(), 4, ""));
    let (lane, now) = (lane.as_number().to_string(), now.as_micros().to_string());
    for query in TOUCH.queries(&[app, &lane, &now], ids) {
        query.execute(&mut *transaction).await?;
    }
    Ok(())
}

/// The same for all members of a group, in one statement.
///
/// # Errors
/// When the database fails.
pub async fn touch_members(
    transaction: &mut Transaction,
    app: &str,
    group_id: &GroupId,
    lane: Lane,
    now: Time,
) -> Result<(), StoreError> {
    sqlx::query(concat!(
        touched!(),
        "(SELECT member_id FROM group_members WHERE group_id = $4 AND kind = 'User')"
    ))
    .bind(app)
    .bind(lane.as_number().to_string())
    .bind(now.as_micros().to_string())
    .bind(group_id.as_str())
    .execute(transaction)
    .await?;
    Ok(())
}
