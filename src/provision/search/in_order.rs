//! Lists in an order that the database gives: that of ids, which is the one when none is asked for, or another one of a single
//! type.

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
    match paging {
        Paging::Index(page) => walk(sources, None, page.offset(), page.count).await,
        Paging::Cursor { count, .. } => {
            // One more than the page holds tells whether there is another page.
            let wanted = if *count == 0 { 0 } else { count + 1 };
            cut(sources, walk(sources, ticket.map(|ticket| &ticket.position), 0, wanted).await?, *count)
        }
    }
}

/// The first `limit` matches behind a place, or the start, and `offset` more of them.
async fn walk(
    sources: &[Source<'_>],
    behind: Option<&Position>,
    offset: u64,
    limit: u64,
) -> Result<Found, ProvisionError> {
    let mut found = Found { total: 0, rows: Vec::new(), next: None };
    for (index, source) in sources.iter().enumerate() {
        let is_passed = behind.is_some_and(|position| index < position.source);
        let window = Window {
            behind: behind.filter(|position| index == position.source),
            offset: offset.saturating_sub(found.total),
            limit: if is_passed { 0 } else { limit - found.rows.len() as u64 },
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
    let is_last = read < window.limit && window.behind.is_none() && (read > 0 || window.offset == 0);
    let total = if is_last { window.offset + read } else { source.count().await? };
    Ok((total, rows))
}

/// The same where every row is to be tried, which is done in the order of ids.
async fn try_all(source: &Source<'_>, window: Window<'_>) -> Result<(u64, Vec<Stored>), ProvisionError> {
    let (mut total, mut offset, mut rows) = (0, window.offset, Vec::new());
    source
        .visit(|row, _| {
            total += 1;
            if window.behind.is_some_and(|position| row.id <= position.id) {
                return;
            }
            if offset > 0 {
                offset -= 1;
            } else if (rows.len() as u64) < window.limit {
                rows.push(row);
            }
        })
        .await?;
    Ok((total, rows))
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
