//! Lists in an order that the database gives: that of ids, which is the one when none is asked for, or another one of a single
//! type.

use std::ops::ControlFlow;

use crate::{provision::ProvisionError, scim::query::Paging, store::Stored};

use super::{
    Found,
    cursor::{Position, Ticket},
    source::{Source, Window},
};

/// The page, from all sources one after the other.
pub(super) async fn find(
    sources: &[Source<'_>],
    paging: &Paging,
    ticket: Option<&Ticket>,
) -> Result<Found, ProvisionError> {
    match (paging, ticket) {
        (Paging::Index(page), _) => from_start(sources, page.offset(), page.count).await,
        (Paging::Cursor { count, .. }, None) => {
            // One more than the page holds tells whether there is another page.
            let wanted = if *count == 0 { 0 } else { count + 1 };
            cut(sources, from_start(sources, 0, wanted).await?, *count)
        }
        (Paging::Cursor { count, .. }, Some(ticket)) => {
            cut(sources, behind(sources, ticket, count + 1).await?, *count)
        }
    }
}

/// The first `limit` matches after `offset` of them.
async fn from_start(sources: &[Source<'_>], offset: u64, limit: u64) -> Result<Found, ProvisionError> {
    let mut found = Found { total: 0, rows: Vec::new(), next: None };
    for (index, source) in sources.iter().enumerate() {
        let window = Window {
            behind: None,
            offset: offset.saturating_sub(found.total),
            limit: limit - found.rows.len() as u64,
        };
        let (total, rows) =
            if source.is_exact() { read(source, window).await? } else { try_all(source, window).await? };
        found.total += total;
        found.rows.extend(rows.into_iter().map(|row| (index, row)));
    }
    Ok(found)
}

/// What the database finds, and how many rows there are in all.
async fn read(source: &Source<'_>, window: Window<'_>) -> Result<(u64, Vec<Stored>), ProvisionError> {
    let rows = if window.limit == 0 { Vec::new() } else { source.rows(window).await? };
    let read = rows.len() as u64;
    // A page that is not full is the last one, unless it stands behind the end.
    let is_last = read < window.limit && (read > 0 || window.offset == 0);
    let total = if is_last { window.offset + read } else { source.total().await? };
    Ok((total, rows))
}

/// The same where every row is to be tried.
async fn try_all(source: &Source<'_>, window: Window<'_>) -> Result<(u64, Vec<Stored>), ProvisionError> {
    let (mut total, mut rows) = (0, Vec::new());
    source
        .visit(None, |row, _| {
            total += 1;
            if total > window.offset && (rows.len() as u64) < window.limit {
                rows.push(row);
            }
            ControlFlow::Continue(())
        })
        .await?;
    Ok((total, rows))
}

/// The first `limit` matches behind where a page ended.
async fn behind(sources: &[Source<'_>], ticket: &Ticket, limit: u64) -> Result<Found, ProvisionError> {
    let position = &ticket.position;
    let mut found = Found { total: 0, rows: Vec::new(), next: None };
    for (index, source) in sources.iter().enumerate().skip(position.source) {
        let behind = (index == position.source).then_some(position);
        let limit = limit - found.rows.len() as u64;
        let rows = if limit == 0 {
            Vec::new()
        } else if source.is_exact() {
            source.rows(Window { behind, offset: 0, limit }).await?
        } else {
            try_behind(source, behind, limit).await?
        };
        found.rows.extend(rows.into_iter().map(|row| (index, row)));
    }
    for source in sources {
        found.total += source.total().await?;
    }
    Ok(found)
}

async fn try_behind(
    source: &Source<'_>,
    behind: Option<&Position>,
    limit: u64,
) -> Result<Vec<Stored>, ProvisionError> {
    let mut rows = Vec::new();
    source
        .visit(behind, |row, _| {
            rows.push(row);
            if (rows.len() as u64) < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .await?;
    Ok(rows)
}

/// The page of `count` resources, which knows where it ended if more were found.
fn cut(sources: &[Source<'_>], mut found: Found, count: u64) -> Result<Found, ProvisionError> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if found.rows.len() > count {
        found.rows.truncate(count);
        let last = found.rows.last();
        found.next = last.map(|(source, row)| sources[*source].position(row)).transpose()?;
    }
    Ok(found)
}
