//! Lists in the orders that an index gives, other than that of ids.

use sqlx::{Any, any::AnyArguments, query::Query};

use crate::scim::{fold::fold, sort::Order};

use super::{
    Store, StoreError,
    key::{key, key_or_missing},
    listing::{Stored, read_page},
};

/// What the resources of one type are sorted by. Equal ones are in the order of their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortedBy {
    /// The id, which is also the order of their creation.
    Id,
    /// `userName` or `displayName`, without case.
    Name,
    /// `externalId`. Resources without one are behind the others.
    ExternalId,
    /// `meta.lastModified`.
    ModifiedAt,
}

/// Where a resource stands in such an order, also one that is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// Its key.
    pub key: &'a str,
    /// Its id.
    pub id: &'a str,
}

/// A part of a sorted list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortedRange<'a> {
    /// What the list is sorted by.
    pub by: SortedBy,
    /// The direction; equal resources are in the order of their ids in both.
    pub order: Order,
    /// The part starts behind this place, or at the start.
    pub behind: Option<Place<'a>>,
    /// How many more to pass over.
    pub offset: u64,
    /// How many to read at the most.
    pub limit: u64,
}

impl SortedBy {
    /// What the index holds of a resource, as text. `name` is the attribute that [`SortedBy::Name`] means.
    ///
    /// # Errors
    /// When the stored text is no JSON.
    pub(super) fn key(self, stored: &Stored, name: &str) -> Result<String, StoreError> {
        Ok(match self {
            Self::Id => stored.id.clone(),
            Self::Name => key(&fold(&stored.text(name)?.unwrap_or_default())),
            Self::ExternalId => key_or_missing(stored.text("externalId")?.as_deref()),
            Self::ModifiedAt => stored.modified_at.as_micros().to_string(),
        })
    }
}

/// The statements that read a sorted list, ascending and descending. `$1` is the app; those that start behind a place have
/// its key as `$2` and its id as `$3`; the limit and the offset come last.
pub(super) struct Statements {
    pub(super) start: [&'static str; 2],
    pub(super) behind: [&'static str; 2],
}

/// The [`Statements`] for a column that stands behind the app, and in front of the id, in an index of `$listed`.
macro_rules! sorted_statements {
    ($shown:expr, $listed:literal, $column:literal) => {{
        use crate::store::{listing::shown_page, sorted::Statements};
        Statements {
            start: [
                shown_page!(
                    "SELECT ",
                    $shown,
                    " FROM ",
                    $listed,
                    " ORDER BY ",
                    $column,
                    ", id LIMIT $2 OFFSET $3"
                ),
                shown_page!(
                    "SELECT ",
                    $shown,
                    " FROM ",
                    $listed,
                    " ORDER BY ",
                    $column,
                    " DESC, id LIMIT $2 OFFSET $3"
                ),
            ],
            // The first condition finds the place in the index.
            behind: [
                shown_page!(
                    "SELECT ",
                    $shown,
                    " FROM ",
                    $listed,
                    " AND ",
                    $column,
                    " >= $2 AND (",
                    $column,
                    " > $2 OR id > $3)\
                     ORDER BY ",
                    $column,
                    ", id LIMIT $4 OFFSET $5"
                ),
                shown_page!(
                    "SELECT ",
                    $shown,
                    " FROM ",
                    $listed,
                    " AND ",
                    $column,
                    " <= $2 AND (",
                    $column,
                    " < $2 OR id > $3)\
                     ORDER BY ",
                    $column,
                    " DESC, id LIMIT $4 OFFSET $5"
                ),
            ],
        }
    }};
}
pub(super) use sorted_statements;

impl Statements {
    pub(super) async fn page(
        self,
        store: &Store,
        app: &str,
        range: SortedRange<'_>,
    ) -> Result<Vec<Stored>, StoreError> {
        let direction = match range.order {
            Order::Ascending => 0,
            Order::Descending => 1,
        };
        let query = match range.behind {
            None => sqlx::query(self.start[direction]).bind(app),
            Some(place) => {
                let query = sqlx::query(self.behind[direction]).bind(app);
                bind_key(query, range.by, place.key).bind(place.id)
            }
        };
        let query = query
            .bind(i64::try_from(range.limit).unwrap_or(i64::MAX))
            .bind(i64::try_from(range.offset).unwrap_or(i64::MAX));
        read_page(&query.fetch_one(store.reader()).await?)
    }
}

fn bind_key<'q>(
    query: Query<'q, Any, AnyArguments>,
    by: SortedBy,
    key: &'q str,
) -> Query<'q, Any, AnyArguments> {
    match by {
        SortedBy::Id | SortedBy::Name | SortedBy::ExternalId => query.bind(key),
        SortedBy::ModifiedAt => query.bind(key.parse::<i64>().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::*;
    use crate::store::fixture::Database;

    /// How SQLite goes about a statement.
    async fn plan(store: &Store, statement: &str) -> String {
        let explained = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let rows = sqlx::query(explained).fetch_all(store.reader()).await.unwrap();
        rows.iter().map(|row| row.try_get::<String, _>("detail").unwrap() + "\n").collect()
    }

    #[tokio::test]
    async fn a_sorted_list_is_read_from_an_index_and_never_sorted_as_a_whole() {
        macro_rules! users {
            ($column:literal) => {
                sorted_statements!(
                    "fragment AS shown",
                    "users WHERE app = $1 AND deleted_at IS NULL",
                    $column
                )
            };
        }
        macro_rules! groups {
            ($column:literal) => {
                sorted_statements!("fragment AS shown", "user_groups WHERE app = $1", $column)
            };
        }
        let database = Database::file();
        let store = database.open().await;
        for (statements, index) in [
            (users!("id"), "users_in_order"),
            (users!("user_name_key"), "users_by_user_name"),
            (users!("external_id_key"), "users_by_external_id"),
            (users!("modified_at"), "users_by_modification"),
            (groups!("id"), "user_groups_in_order"),
            (groups!("display_name_key"), "user_groups_by_display_name"),
            (groups!("external_id_key"), "user_groups_by_external_id"),
            (groups!("modified_at"), "user_groups_by_modification"),
        ] {
            for statement in statements.start.into_iter().chain(statements.behind) {
                let plan = plan(&store, statement).await;
                assert!(plan.contains(&format!("USING INDEX {index} ")), "{statement}\n{plan}");
                assert!(!plan.contains("TEMP B-TREE FOR ORDER BY"), "{statement}\n{plan}");
            }
        }
        store.close().await;
    }
}
