//! What changes of groups do to the users in them: they are to be looked at again, whatever their own versions are.

use std::sync::LazyLock;

use crate::{
    cause::Cause,
    clock::Time,
    connector::Lane,
    store::{GroupId, StoreError, Transaction, batch::Batch},
};

/// What is said of each of them. Work that waits already keeps its place if it is more urgent. What failed is tried anew, and what
/// is held stays held. Who has no account has nothing to lose, and what the groups give comes with the account: a joiner keeps the
/// place, and nobody is invited because a group changed.
macro_rules! touched {
    () => {
        "UPDATE users SET touched = touched + 1, \
         lane = CASE WHEN account_id IS NULL OR due_at IS NOT NULL AND lane < CAST(CAST($2 AS TEXT) AS BIGINT) THEN lane ELSE CAST(CAST($2 AS TEXT) AS BIGINT) END, \
         due_at = CASE WHEN account_id IS NULL OR due_at < CAST(CAST($3 AS TEXT) AS BIGINT) THEN due_at ELSE CAST(CAST($3 AS TEXT) AS BIGINT) END, \
         asked_at = CASE WHEN account_id IS NULL OR due_at IS NOT NULL AND lane <= CAST(CAST($2 AS TEXT) AS BIGINT) THEN asked_at ELSE CAST(CAST($3 AS TEXT) AS BIGINT) END, \
         ownership = CASE WHEN ownership = 'unmanaged' THEN 'adopted' ELSE ownership END, \
         request_id = NULLIF(CAST($4 AS TEXT), ''), trace_parent = NULLIF(CAST($5 AS TEXT), '') \
         WHERE app = $1 AND deleted_at IS NULL AND id IN "
    };
}

/// What a change of groups wants of users.
#[derive(Clone, Copy, Debug)]
pub struct Touch<'a> {
    /// Of which app.
    pub app: &'a str,
    /// How urgent it is to look at them.
    pub lane: Lane,
    /// Since when.
    pub now: Time,
    /// What for.
    pub cause: Option<&'a Cause>,
}

impl Touch<'_> {
    /// The parameters in front of the ids, behind the app.
    fn texts(&self) -> [String; 4] {
        let request_id = self.cause.map(|cause| cause.request_id.to_string());
        let trace_parent = self.cause.and_then(|cause| cause.trace_parent).map(|parent| parent.to_string());
        [
            self.lane.as_number().to_string(),
            self.now.as_micros().to_string(),
            request_id.unwrap_or_default(),
            trace_parent.unwrap_or_default(),
        ]
    }
}

/// Makes those of the `ids` that are live users due, as `touch` says. An IdP that puts an unmanaged user into a group, or
/// takes it out, manages it from now on. Costs as much as there are ids, however large their groups are.
///
/// # Errors
/// When the database fails.
pub async fn touch(transaction: &mut Transaction, touch: Touch<'_>, ids: &[&str]) -> Result<(), StoreError> {
    static TOUCH: LazyLock<Batch> = LazyLock::new(|| Batch::ids_in(touched!(), 6, ""));
    let [lane, now, request_id, trace_parent] = touch.texts();
    for query in TOUCH.queries(&[touch.app, &lane, &now, &request_id, &trace_parent], ids) {
        query.execute(&mut *transaction).await?;
    }
    Ok(())
}

/// An IdP that puts unmanaged users of `app` into a group manages them from now on, also where the group gives nothing: it may mean
/// something later. Nothing becomes due.
///
/// # Errors
/// When the database fails.
pub async fn adopt(transaction: &mut Transaction, app: &str, ids: &[&str]) -> Result<(), StoreError> {
    static ADOPT: LazyLock<Batch> = LazyLock::new(|| {
        Batch::ids_in(
            "UPDATE users SET ownership = 'adopted' \
             WHERE app = $1 AND deleted_at IS NULL AND ownership = 'unmanaged' AND id IN ",
            2,
            "",
        )
    });
    for query in ADOPT.queries(&[app], ids) {
        query.execute(&mut *transaction).await?;
    }
    Ok(())
}

/// Makes all members of a group due, as [`touch`] does, in one statement.
///
/// # Errors
/// When the database fails.
pub async fn touch_members(
    transaction: &mut Transaction,
    touch: Touch<'_>,
    group_id: &GroupId,
) -> Result<(), StoreError> {
    let [lane, now, request_id, trace_parent] = touch.texts();
    sqlx::query(concat!(
        touched!(),
        "(SELECT member_id FROM group_members WHERE group_id = $6 AND kind = 'User')"
    ))
    .bind(touch.app)
    .bind(lane)
    .bind(now)
    .bind(request_id)
    .bind(trace_parent)
    .bind(group_id.as_str())
    .execute(transaction)
    .await?;
    Ok(())
}
