//! Resources as lists hold them: enough to show one, without reading what it is made of.

use sqlx::{Any, Row, any::AnyRow, query::Query};

use crate::clock::Time;

use super::{Store, StoreError};

/// A user or group to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The SCIM id.
    pub id: String,
    /// What [`fragment`](crate::scim::meta::fragment) made of it when it was written.
    pub fragment: String,
    /// Counts the changes.
    pub version: i64,
    /// When it was made here.
    pub created_at: Time,
    /// When it last really changed.
    pub modified_at: Time,
    /// Whether it is a member of a group. Of groups it is not asked.
    pub is_member: bool,
}

/// A part of a list in the order of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range<'a> {
    /// The part starts behind this id; the empty one stands before all.
    pub after: &'a str,
    /// How many more to pass over.
    pub offset: u64,
    /// How many to read at the most.
    pub limit: u64,
}

/// The two statements that read a list. In both, `$1` is the app and the values follow; in `page`, the id behind which the
/// list starts, the limit and the offset come last.
pub(super) struct Statements {
    pub(super) page: &'static str,
    pub(super) count: &'static str,
    pub(super) values: Vec<Parameter>,
}

/// What is bound to a statement.
#[derive(Clone, Debug)]
pub(super) enum Parameter {
    Text(String),
    Number(i64),
}

/// How many ids one statement asks for at the most.
pub(super) const IDS: usize = 50;

/// `$2` to `$51`, for [`IDS`] ids.
macro_rules! ids {
    () => {
        "$2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, \
         $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, \
         $48, $49, $50, $51"
    };
}
pub(super) use ids;

impl Statements {
    pub(super) async fn page(
        self,
        store: &Store,
        app: &str,
        range: Range<'_>,
    ) -> Result<Vec<Stored>, StoreError> {
        let query = self.values.into_iter().fold(sqlx::query(self.page).bind(app), bind);
        let query = query
            .bind(range.after)
            .bind(i64::try_from(range.limit).unwrap_or(i64::MAX))
            .bind(i64::try_from(range.offset).unwrap_or(i64::MAX));
        query.fetch_all(store.reader()).await?.iter().map(read).collect()
    }

    pub(super) async fn count(self, store: &Store, app: &str) -> Result<u64, StoreError> {
        let query = self.values.into_iter().fold(sqlx::query(self.count).bind(app), bind);
        let row = query.fetch_one(store.reader()).await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0))
    }
}

/// Reads rows by `statement`, which asks for the [`ids!`] of the app `$1`.
pub(super) async fn rows_of(
    store: &Store,
    statement: &'static str,
    app: &str,
    ids: &[&str],
) -> Result<Vec<AnyRow>, StoreError> {
    let mut rows = Vec::with_capacity(ids.len());
    for ids in ids.chunks(IDS) {
        // The last places are filled with the last id again.
        let padding = std::iter::repeat_n(ids.last(), IDS - ids.len()).flatten();
        let query =
            ids.iter().chain(padding).fold(sqlx::query(statement).bind(app), |query, id| query.bind(*id));
        rows.extend(query.fetch_all(store.reader()).await?);
    }
    Ok(rows)
}

fn bind<'q>(
    query: Query<'q, Any, sqlx::any::AnyArguments>,
    parameter: Parameter,
) -> Query<'q, Any, sqlx::any::AnyArguments> {
    match parameter {
        Parameter::Text(text) => query.bind(text),
        Parameter::Number(number) => query.bind(number),
    }
}

/// The one column that a [`Stored`] is read from: its parts, separated by spaces, the fragment last. One text instead of six
/// values makes a list half as expensive to read, since the driver copies and describes each value by itself.
macro_rules! shown_column {
    ($is_member:literal) => {
        concat!(
            "id || ' ' || version || ' ' || created_at || ' ' || modified_at || ' ' || ",
            $is_member,
            " || ' ' || fragment"
        )
    };
}
pub(super) use shown_column;

/// Reads a row of a [`shown_column!`].
pub(super) fn read(row: &AnyRow) -> Result<Stored, StoreError> {
    parse(row.try_get(0)?).ok_or_else(|| StoreError::Corrupt {
        column: "fragment",
        reason: "a row does not have the parts that make it up".to_owned(),
    })
}

fn parse(text: &str) -> Option<Stored> {
    let mut parts = text.splitn(6, ' ');
    let number = |part: Option<&str>| part?.parse::<i64>().ok();
    Some(Stored {
        id: parts.next()?.to_owned(),
        version: number(parts.next())?,
        created_at: Time::from_micros(number(parts.next())?),
        modified_at: Time::from_micros(number(parts.next())?),
        is_member: number(parts.next())? != 0,
        fragment: parts.next()?.to_owned(),
    })
}
