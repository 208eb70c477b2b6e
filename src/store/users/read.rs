//! Reads that answer the IdP: live users only.

use std::sync::LazyLock;

use crate::store::{
    Store, StoreError, UserId,
    batch::Batch,
    listing::{self, Stored, page_end, page_start},
    marks::{self, List},
};

use super::{
    User,
    record::{columns, read},
};

/// What [`Stored`] is read from.
macro_rules! shown {
    () => {
        crate::store::listing::shown_column!(
            "CASE WHEN EXISTS (SELECT 1 FROM group_members WHERE group_members.app = $1 \
             AND group_members.member_id = users.id) THEN 1 ELSE 0 END"
        )
    };
}
pub(super) use shown;

/// The live users of these ids, in any order; those that there are none of are left out.
///
/// # Errors
/// When the database fails.
pub async fn find_all(store: &Store, app: &str, ids: &[&str]) -> Result<Vec<Stored>, StoreError> {
    static FIND_ALL: LazyLock<Batch> = LazyLock::new(|| {
        let before = concat!(
            page_start!(),
            "SELECT ",
            shown!(),
            " FROM users WHERE app = $1 AND deleted_at IS NULL AND id IN "
        );
        Batch::ids_in(before, 2, page_end!())
    });
    listing::find_all(store, &FIND_ALL, app, ids).await
}

/// The live user of that id, to be shown.
///
/// # Errors
/// When the database fails.
pub async fn find_shown(store: &Store, app: &str, id: &UserId) -> Result<Option<Stored>, StoreError> {
    const STATEMENT: &str =
        concat!("SELECT ", shown!(), " FROM users WHERE app = $1 AND deleted_at IS NULL AND id = $2");
    let row = sqlx::query(STATEMENT).bind(app).bind(id.as_str()).fetch_optional(store.reader()).await?;
    row.map(|row| listing::read(&row)).transpose()
}

/// The user of that id, deleted or not.
///
/// # Errors
/// When the database fails.
pub async fn find_any(store: &Store, app: &str, id: &UserId) -> Result<Option<User>, StoreError> {
    sqlx::query(concat!("SELECT ", columns!(), " FROM users WHERE id = $1 AND app = $2"))
        .bind(id.as_str())
        .bind(app)
        .fetch_optional(store.reader())
        .await?
        .map(|row| read(&row))
        .transpose()
}

/// How many live users the app has.
///
/// # Errors
/// When the database fails.
pub async fn count(store: &Store, app: &str) -> Result<u64, StoreError> {
    marks::count(store, app, List::Users).await
}
