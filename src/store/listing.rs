//! Resources as lists hold them: enough to show one, without reading what it is made of.

use serde_json::Value;
use sqlx::{
    Any, Row,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use crate::{clock::Time, scim::meta};

use super::{Store, StoreError, batch::Batch, marks::Mark};

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

impl Stored {
    /// The text of the attribute of that name; `None` if it has none.
    ///
    /// # Errors
    /// When the stored text is no JSON.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, StoreError> {
        let document = meta::document_without_meta(&self.fragment, None);
        let excerpt = document
            .excerpt(|member| member == name)
            .map_err(|error| StoreError::Corrupt { column: "fragment", reason: error.to_string() })?;
        Ok(excerpt.get(name).and_then(Value::as_str).map(str::to_owned))
    }
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

impl<'a> Range<'a> {
    /// The same part, told from a mark that stands before it.
    pub(super) fn from<'m>(self, mark: &'m Mark) -> Range<'m>
    where
        'a: 'm,
    {
        Range { after: &mark.behind, offset: self.offset - mark.passed, limit: self.limit }
    }
}

/// The two statements that read a list. In both, `$1` is the app and the values follow; in `page`, which is a
/// [`shown_page!`], the id behind which the list starts, the limit and the offset come last.
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
        read_page(&query.fetch_one(store.reader()).await?)
    }

    pub(super) async fn count(self, store: &Store, app: &str) -> Result<u64, StoreError> {
        let query = self.values.into_iter().fold(sqlx::query(self.count).bind(app), bind);
        let row = query.fetch_one(store.reader()).await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0))
    }
}

fn bind(query: Query<'_, Any, AnyArguments>, parameter: Parameter) -> Query<'_, Any, AnyArguments> {
    match parameter {
        Parameter::Text(text) => query.bind(text),
        Parameter::Number(number) => query.bind(number),
    }
}

/// The resources of these ids, in no order, by a statement that makes a [`shown_page!`] of those of the app `$1`.
pub(super) async fn find_all(
    store: &Store,
    statement: &'static Batch,
    app: &str,
    ids: &[&str],
) -> Result<Vec<Stored>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for query in statement.queries(&[app], ids) {
        found.extend(read_page(&query.fetch_one(store.reader()).await?)?);
    }
    Ok(found)
}

/// The one column that a [`Stored`] is read from: its parts, separated by spaces, the fragment last. One text instead of six
/// values makes a list half as expensive to read, since the driver copies and describes each value by itself.
macro_rules! shown_column {
    ($is_member:literal) => {
        concat!(
            "id || ' ' || version || ' ' || created_at || ' ' || modified_at || ' ' || ",
            $is_member,
            " || ' ' || fragment AS shown"
        )
    };
}
pub(super) use shown_column;

/// The statement that makes one text of all lines that `$selected` selects, a [`shown_column!`] each, for the same reason;
/// NULL if there are none. Databases put them together in the order in which they are selected. JSON text has no line feeds.
macro_rules! shown_page {
    ($($selected:expr),+ $(,)?) => {
        concat!(crate::store::listing::page_start!(), $($selected,)+ crate::store::listing::page_end!())
    };
}
pub(super) use shown_page;

macro_rules! page_start {
    () => {
        "SELECT string_agg(shown, '\n') FROM ("
    };
}
pub(super) use page_start;

macro_rules! page_end {
    () => {
        ") AS page"
    };
}
pub(super) use page_end;

/// Reads a row of a [`shown_column!`].
pub(super) fn read(row: &AnyRow) -> Result<Stored, StoreError> {
    parse(row.try_get(0)?)
}

/// Reads the row of a [`shown_page!`].
pub(super) fn read_page(row: &AnyRow) -> Result<Vec<Stored>, StoreError> {
    let page: Option<&str> = row.try_get(0)?;
    page.map_or_else(|| Ok(Vec::new()), |page| page.split('\n').map(parse).collect())
}

fn parse(line: &str) -> Result<Stored, StoreError> {
    parts(line).ok_or_else(|| StoreError::Corrupt {
        column: "fragment",
        reason: "a row does not have the parts that make it up".to_owned(),
    })
}

fn parts(line: &str) -> Option<Stored> {
    let mut parts = line.splitn(6, ' ');
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
