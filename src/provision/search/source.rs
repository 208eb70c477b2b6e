//! The resources of one type that a query asks for.

use serde_json::Value;

use crate::{
    provision::{
        BridgedApp, ProvisionError,
        present::{Kind, Related},
    },
    scim::{
        document::Document,
        filter::{Filter, Interest},
        query::Part,
        sort::{Key, Order, SortBy},
    },
    store::{
        StoreError, Stored, groups,
        listing::Range,
        sorted::{Place, SortedBy, SortedRange},
        users,
    },
};

use super::{
    cursor::Position,
    narrow::{self, Plan},
};

/// How many rows are read at a time while something is tried on all of them.
const CHUNK: u64 = 500;

/// The resources of one type, with what is asked of them.
pub(super) struct Source<'a> {
    app: &'a BridgedApp,
    kind: Kind,
    /// Its place among the sources of a list.
    index: usize,
    pub(super) part: &'a Part,
    narrowing: Option<Narrowing>,
    rest: Option<Filter>,
    walk: Walk,
}

#[derive(Clone, Debug, PartialEq)]
enum Narrowing {
    Users(users::Narrowing),
    Groups(groups::Narrowing),
}

/// The order in which the rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Walk {
    ById,
    Sorted(SortedBy, Order),
}

/// A part of what the database finds, in the order of the source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window<'p> {
    /// It starts behind this place of the source, or at the start.
    pub(super) behind: Option<&'p Position>,
    /// How many more to pass over.
    pub(super) offset: u64,
    /// How many to read at the most.
    pub(super) limit: u64,
}

impl<'a> Source<'a> {
    pub(super) fn new(app: &'a BridgedApp, kind: Kind, index: usize, part: &'a Part) -> Self {
        let filter = part.filter.as_ref();
        let (narrowing, rest) = match kind {
            Kind::User => {
                let Plan { narrowing, rest } = narrow::users(filter);
                (narrowing.map(Narrowing::Users), rest)
            }
            Kind::Group => {
                let Plan { narrowing, rest } = narrow::groups(filter);
                (narrowing.map(Narrowing::Groups), rest)
            }
        };
        Self { app, kind, index, part, narrowing, rest, walk: Walk::ById }
    }

    /// Reads the rows in that order, if an index has it and nothing is asked of the resources. What one index narrows is not in
    /// the order of another; and what is tried on each resource is read in several steps, between which one that changes can
    /// take another place in an order, and be found twice or not at all, but never another id.
    pub(super) fn sort(&mut self, order: Order) -> bool {
        let finds_all = matches!(
            self.narrowing,
            Some(Narrowing::Users(users::Narrowing::All) | Narrowing::Groups(groups::Narrowing::All))
        );
        let by = self.part.sort_by.as_ref().and_then(|sort_by| narrow::order(self.kind, sort_by));
        self.walk = match by {
            Some(SortedBy::Id) if order == Order::Ascending => Walk::ById,
            Some(by) if finds_all && self.is_exact() => Walk::Sorted(by, order),
            _ => return false,
        };
        true
    }

    /// Whether the database alone finds what matches.
    pub(super) fn is_exact(&self) -> bool {
        self.rest.is_none()
    }

    /// How many rows the database finds.
    pub(super) async fn count(&self) -> Result<u64, StoreError> {
        let (store, app) = (&self.app.target.store, self.app.name());
        match &self.narrowing {
            None => Ok(0),
            Some(Narrowing::Users(narrowing)) => users::count_matching(store, app, narrowing).await,
            Some(Narrowing::Groups(narrowing)) => groups::count_matching(store, app, narrowing).await,
        }
    }

    /// The rows that the database finds, in the order of the source.
    pub(super) async fn rows(&self, window: Window<'_>) -> Result<Vec<Stored>, StoreError> {
        let (store, app) = (&self.app.target.store, self.app.name());
        let Window { behind, offset, limit } = window;
        let Some(narrowing) = &self.narrowing else { return Ok(Vec::new()) };
        if let Walk::Sorted(by, order) = self.walk {
            let behind = behind.map(|position| Place {
                key: position.key.as_ref().map_or("", Key::as_str),
                id: &position.id,
            });
            let range = SortedRange { by, order, behind, offset, limit };
            return match self.kind {
                Kind::User => users::page_sorted(store, app, range).await,
                Kind::Group => groups::page_sorted(store, app, range).await,
            };
        }
        let range = Range { after: behind.map_or("", |position| &position.id), offset, limit };
        match narrowing {
            Narrowing::Users(narrowing) => users::page(store, app, narrowing, range).await,
            Narrowing::Groups(narrowing) => groups::page(store, app, narrowing, range).await,
        }
    }

    /// The place of a row in the source, when its rows are read in order.
    pub(super) fn position(&self, row: &Stored) -> Result<Position, StoreError> {
        let key = match (self.walk, self.kind) {
            (Walk::ById, _) => None,
            (Walk::Sorted(by, _), Kind::User) => Some(users::sort_key(by, row)?.into()),
            (Walk::Sorted(by, _), Kind::Group) => Some(groups::sort_key(by, row)?.into()),
        };
        Ok(Position { key, source: self.index, id: row.id.clone() })
    }

    /// The rows of these ids, in any order.
    pub(super) async fn rows_of(&self, ids: &[&str]) -> Result<Vec<Stored>, StoreError> {
        let (store, app) = (&self.app.target.store, self.app.name());
        match self.kind {
            Kind::User => users::find_all(store, app, ids).await,
            Kind::Group => groups::find_all(store, app, ids).await,
        }
    }

    /// Visits all that match, in the order of the source. Of each resource it sees what the filter and the order look at.
    pub(super) async fn visit(&self, mut visit: impl FnMut(Stored, &Value)) -> Result<(), ProvisionError> {
        let members = self.members();
        let mut behind = None;
        loop {
            let rows = self.rows(Window { behind: behind.as_ref(), offset: 0, limit: CHUNK }).await?;
            let is_last = (rows.len() as u64) < CHUNK;
            if let Some(last) = rows.last() {
                behind = Some(self.position(last)?);
            }
            let related = self.related(&rows.iter().collect::<Vec<_>>(), &self.interest_in_related()).await?;
            for row in rows {
                let resource = self.app.excerpt(self.kind, &row, &related, &members).map_err(corrupt)?;
                if self.rest.as_ref().is_none_or(|rest| rest.matches(&resource)) {
                    visit(row, &resource);
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// The rows as an answer holds them.
    pub(super) async fn show(&self, rows: &[&Stored]) -> Result<Vec<Document>, ProvisionError> {
        let is_shown = self.part.projection.keeps(self.kind.related_attribute());
        let interest = if is_shown { Interest::All } else { Interest::None };
        let related = self.related(rows, &interest).await?;
        let shown = rows.iter().map(|row| {
            let resource = self.app.document(self.kind, row, &related);
            Ok(self.part.projection.reduce(resource).map_err(corrupt)?)
        });
        shown.collect()
    }

    /// The members of a resource that the filter and the order look at.
    fn members(&self) -> Vec<&str> {
        let of_filter = self.rest.iter().flat_map(Filter::members);
        let mut members: Vec<_> = of_filter.chain(self.part.sort_by.as_ref().map(SortBy::member)).collect();
        members.sort_unstable();
        members.dedup();
        members
    }

    /// What a filter or an order must see of what follows from other resources: the rest is not read for all rows.
    fn interest_in_related(&self) -> Interest<'_> {
        let name = self.kind.related_attribute();
        if self.part.sort_by.as_ref().is_some_and(|sort_by| sort_by.is_by(name)) {
            return Interest::All;
        }
        self.rest.as_ref().map_or(Interest::None, |rest| rest.interest_in(name))
    }

    async fn related(&self, rows: &[&Stored], interest: &Interest<'_>) -> Result<Related, StoreError> {
        self.app.related(self.kind, rows, interest).await
    }
}

fn corrupt(error: serde_json::Error) -> StoreError {
    StoreError::Corrupt { column: "fragment", reason: error.to_string() }
}
