//! Lists: GET and POST `/.search` of users, of groups, or of both (RFC 7644 §3.4.2, §3.4.3; RFC 9865).
//!
//! ```text
//! Parameters -> Query -> a Source for each type: what the database finds by an index, what is left to try
//!   in order   each source in the order of ids: by the database alone, or chunk by chunk if something is left to try; or a
//!              whole source in the order of an index
//!   sorted     all matches are seen, and the first of them kept, so many as lead to the end of the page
//! -> the rows of the page -> documents -> projected -> ListResponse
//! ```
//!
//! The order of a list is total: the sort key if there is one, then users before groups, then ids, which is the order of
//! creation (`Q-13`). A page behind a cursor starts behind the place of the last resource of the page before, whether that
//! is there still or not: who comes and goes in the meantime shifts nothing, and the last page costs what the first did.

mod cursor;
mod in_order;
mod narrow;
mod sorted;
mod source;

use crate::{
    clock::Time,
    scim::{
        list::{ListResponse, PageSize, Place},
        query::{Paging, Parameters, Query},
        resource_type::ResourceType,
    },
    store::Stored,
};

pub use self::cursor::{CURSOR_TIMEOUT, Cursors};
use self::{
    cursor::{Position, Ticket},
    source::Source,
};
use super::{BridgedApp, ProvisionError, accounts_known, present::Kind};

/// How many resources a page has.
pub const PAGE_SIZE: PageSize = PageSize { default: 100, max: 1000 };

/// Which resources are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `/Users`
    Users,
    /// `/Groups`
    Groups,
    /// The root: users, then groups.
    All,
}

impl Scope {
    fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Users => &[Kind::User],
            Self::Groups => &[Kind::Group],
            Self::All => &[Kind::User, Kind::Group],
        }
    }
}

/// What was found for a page.
struct Found {
    /// How many resources match, on all pages.
    total: u64,
    /// Those of the page, each with its place among the sources.
    rows: Vec<(usize, Stored)>,
    /// The place of the last of them, if there are more.
    next: Option<Position>,
}

/// A page of the resources that fit. `totalResults` is exact, also behind a cursor, where RFC 9865 §2 would let it be left out:
/// clients of RFC 7644 expect it. So where the filter has to be tried on each resource, each page tries it on all of them.
///
/// # Errors
/// When the parameters make no sense, when users are asked for and the target's accounts are not known yet, or when the
/// database fails.
pub async fn search(
    app: &BridgedApp,
    scope: Scope,
    parameters: &Parameters,
) -> Result<ListResponse, ProvisionError> {
    // 1. What is asked.
    let types: Vec<&ResourceType> =
        scope.kinds().iter().map(|kind| kind.resource_type(&app.registry)).collect();
    let query = Query::new(parameters, &types, PAGE_SIZE)?;
    let binding = format!("{scope:?}\n{}", query.identity());
    let now = app.target.clock.now();
    let ticket = match &query.paging {
        Paging::Cursor { cursor, count } if !cursor.is_empty() => {
            Some(app.cursors.open(cursor, &binding, *count, now)?)
        }
        _ => None,
    };
    // 2. Whether it can be answered.
    if scope.kinds().contains(&Kind::User) {
        accounts_known(app)?;
    }
    // 3. Find it.
    let parts = scope.kinds().iter().zip(&query.parts).enumerate();
    let mut sources: Vec<Source<'_>> =
        parts.map(|(index, (kind, part))| Source::new(app, *kind, index, part)).collect();
    let in_order = match (query.order, sources.as_mut_slice()) {
        (None, _) => true,
        (Some(order), [only]) => only.sort(order),
        (Some(_), _) => false,
    };
    let found = match query.order {
        Some(order) if !in_order => sorted::find(&sources, order, &query.paging, ticket.as_ref()).await?,
        _ => in_order::find(&sources, &query.paging, ticket.as_ref()).await?,
    };
    // 4. Show it.
    let total_results = found.total;
    let place = match &query.paging {
        Paging::Index(page) => Place::Index(page.start_index),
        Paging::Cursor { count, .. } => {
            let next = found.next.map(|position| Ticket { position, count: *count });
            Place::Cursor(next.map(|ticket| app.cursors.seal(&ticket, &binding, expiry(now))))
        }
    };
    let mut resources = Vec::with_capacity(found.rows.len());
    for (index, source) in sources.iter().enumerate() {
        let of_source = |(place, _): &&(usize, Stored)| *place == index;
        let rows: Vec<&Stored> = found.rows.iter().filter(of_source).map(|(_, row)| row).collect();
        resources.push(source.show(&rows).await?.into_iter());
    }
    let resources = found.rows.iter().filter_map(|(source, _)| resources[*source].next()).collect();
    Ok(ListResponse { total_results, place, resources })
}

fn expiry(now: Time) -> Time {
    now + CURSOR_TIMEOUT
}
