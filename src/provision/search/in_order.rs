//! Lists in the order of ids, which is the one when none is asked for.

use std::ops::ControlFlow;

use crate::{
    provision::ProvisionError,
    scim::query::Paging,
    store::{Stored, listing::Range},
};

use super::{
    Found,
    cursor::{Position, Ticket},
    source::Source,
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
            Ok(cut(from_start(sources, 0, wanted).await?, *count))
        }
        (Paging::Cursor { count, .. }, Some(ticket)) => {
            Ok(cut(behind(sources, ticket, count + 1).await?, *count))
        }
    }
}

/// The first `limit` matches after `offset` of them.
async fn from_start(sources: &[Source<'_>], offset: u64, limit: u64) -> Result<Found, ProvisionError> {
    let mut found = Found { total: 0, rows: Vec::new(), next: None };
    for (index, source) in sources.iter().enumerate() {
        let range = Range {
            after: "",
            offset: offset.saturating_sub(found.total),
            limit: limit - found.rows.len() as u64,
        };
        let (total, rows) =
            if source.is_exact() { read(source, range).await? } else { try_all(source, range).await? };
        found.total += total;
        found.rows.extend(rows.into_iter().map(|row| (index, row)));
    }
    Ok(found)
}

/// What the database finds, and how many rows there are in all.
async fn read(source: &Source<'_>, range: Range<'_>) -> Result<(u64, Vec<Stored>), ProvisionError> {
    let rows = if range.limit == 0 { Vec::new() } else { source.rows(range).await? };
    let read = rows.len() as u64;
    // A page that is not full is the last one, unless it stands behind the end.
    let is_last = read < range.limit && (read > 0 || range.offset == 0);
    let total = if is_last { range.offset + read } else { source.count().await? };
    Ok((total, rows))
}

/// The same where every row is to be tried.
async fn try_all(source: &Source<'_>, range: Range<'_>) -> Result<(u64, Vec<Stored>), ProvisionError> {
    let (mut total, mut rows) = (0, Vec::new());
    source
        .visit("", |row, _| {
            total += 1;
            if total > range.offset && (rows.len() as u64) < range.limit {
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
        let after = if index == position.source { position.id.as_str() } else { "" };
        let limit = limit - found.rows.len() as u64;
        let rows = if limit == 0 {
            Vec::new()
        } else if source.is_exact() {
            source.rows(Range { after, offset: 0, limit }).await?
        } else {
            try_behind(source, after, limit).await?
        };
        found.rows.extend(rows.into_iter().map(|row| (index, row)));
    }
    // To count what has to be tried would cost each page as much as the whole list.
    found.total = ticket.total;
    if sources.iter().all(Source::is_exact) {
        found.total = 0;
        for source in sources {
            found.total += source.count().await?;
        }
    }
    Ok(found)
}

async fn try_behind(source: &Source<'_>, after: &str, limit: u64) -> Result<Vec<Stored>, ProvisionError> {
    let mut rows = Vec::new();
    source
        .visit(after, |row, _| {
            rows.push(row);
            if (rows.len() as u64) < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .await?;
    Ok(rows)
}

/// The page of `count` resources, which knows where it ended if more were found.
fn cut(mut found: Found, count: u64) -> Found {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if found.rows.len() > count {
        found.rows.truncate(count);
        let last = found.rows.last();
        found.next = last.map(|(source, row)| Position { key: None, source: *source, id: row.id.clone() });
    }
    found
}
