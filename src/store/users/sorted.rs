//! Live users in the orders that an index gives.

use crate::store::{
    Store, StoreError, Stored,
    sorted::{SortedBy, SortedRange, sorted_statements},
};

use super::read::shown;

macro_rules! statements {
    ($column:literal) => {
        sorted_statements!(shown!(), "users WHERE app = $1 AND deleted_at IS NULL", $column)
    };
}

/// The live users of a part of a sorted list.
///
/// # Errors
/// When the database fails.
pub async fn page_sorted(
    store: &Store,
    app: &str,
    range: SortedRange<'_>,
) -> Result<Vec<Stored>, StoreError> {
    let statements = match range.by {
        SortedBy::Id => statements!("id"),
        SortedBy::Name => statements!("user_name_key"),
        SortedBy::ExternalId => statements!("external_id_key"),
        SortedBy::ModifiedAt => statements!("modified_at"),
    };
    statements.page(store, app, range).await
}

/// Where the user stands in the order, as a [`Place`](crate::store::sorted::Place) says it.
///
/// # Errors
/// When the stored text is no JSON.
pub fn sort_key(by: SortedBy, user: &Stored) -> Result<String, StoreError> {
    by.key(user, "userName")
}
