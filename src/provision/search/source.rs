//! The resources of one type that a query asks for.

use std::ops::ControlFlow;

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
        sort::SortBy,
    },
    store::{StoreError, Stored, groups, listing::Range, users},
};

use super::narrow::{self, Plan};

/// How many rows are read at a time while something is tried on all of them.
const CHUNK: u64 = 500;

/// The resources of one type, with what is asked of them.
pub(super) struct Source<'a> {
    app: &'a BridgedApp,
    kind: Kind,
    pub(super) part: &'a Part,
    narrowing: Option<Narrowing>,
    rest: Option<Filter>,
}

#[derive(Clone, Debug)]
enum Narrowing {
    Users(users::Narrowing),
    Groups(groups::Narrowing),
}

impl<'a> Source<'a> {
    pub(super) fn new(app: &'a BridgedApp, kind: Kind, part: &'a Part) -> Self {
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
        Self { app, kind, part, narrowing, rest }
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

    /// The rows that the database finds, in the order of their ids.
    pub(super) async fn rows(&self, range: Range<'_>) -> Result<Vec<Stored>, StoreError> {
        let (store, app) = (&self.app.target.store, self.app.name());
        match &self.narrowing {
            None => Ok(Vec::new()),
            Some(Narrowing::Users(narrowing)) => users::page(store, app, narrowing, range).await,
            Some(Narrowing::Groups(narrowing)) => groups::page(store, app, narrowing, range).await,
        }
    }

    /// The rows of these ids, in any order.
    pub(super) async fn rows_of(&self, ids: &[&str]) -> Result<Vec<Stored>, StoreError> {
        let (store, app) = (&self.app.target.store, self.app.name());
        match self.kind {
            Kind::User => users::find_all(store, app, ids).await,
            Kind::Group => groups::find_all(store, app, ids).await,
        }
    }

    /// Visits what matches behind the id `after`, in the order of ids, until `visit` breaks. Of each resource it sees what
    /// the filter and the order look at.
    pub(super) async fn visit(
        &self,
        after: &str,
        mut visit: impl FnMut(Stored, &Value) -> ControlFlow<()>,
    ) -> Result<(), ProvisionError> {
        let mut after = after.to_owned();
        let members = self.members();
        loop {
            let rows = self.rows(Range { after: &after, offset: 0, limit: CHUNK }).await?;
            let is_last = (rows.len() as u64) < CHUNK;
            if let Some(last) = rows.last() {
                after.clone_from(&last.id);
            }
            let related = self.related(&rows.iter().collect::<Vec<_>>(), &self.interest_in_related()).await?;
            for row in rows {
                let resource = self.app.excerpt(self.kind, &row, &related, &members).map_err(corrupt)?;
                let matches = self.rest.as_ref().is_none_or(|rest| rest.matches(&resource));
                if matches && visit(row, &resource).is_break() {
                    return Ok(());
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
