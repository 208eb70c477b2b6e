//! Lists in an order that a client asks for (RFC 7644 §3.4.2.3) and the database does not have.
//!
//! All matches are seen, but only the places of the first ones are held, so many as lead to the end of the page; the rows
//! of the page are then read again by their ids.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, HashMap},
};

use crate::{
    provision::ProvisionError,
    scim::{
        query::Paging,
        sort::{Key, Order},
    },
    store::Stored,
};

use super::{
    Found,
    cursor::{Position, Ticket},
    source::Source,
};

/// A resource's place in the list, as it compares: by key, then by type and id, so that no two are the same (`Q-13`).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ranked {
    order: Order,
    position: Position,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, other) = (&self.position, &other.position);
        self.order
            .compare(one.key.as_ref(), other.key.as_ref())
            .then_with(|| (one.source, &one.id).cmp(&(other.source, &other.id)))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The first places behind one, and how many there are in all.
struct First {
    /// Only places behind this one are held.
    behind: Option<Ranked>,
    /// How many are held at the most.
    limit: usize,
    /// The last of them on top.
    held: BinaryHeap<Ranked>,
    total: u64,
}

impl First {
    fn take(&mut self, ranked: Ranked) {
        self.total += 1;
        let is_behind = self.behind.as_ref().is_none_or(|behind| ranked > *behind);
        let is_among_first =
            || self.held.len() < self.limit || self.held.peek().is_some_and(|last| ranked < *last);
        if is_behind && is_among_first() {
            self.held.push(ranked);
            if self.held.len() > self.limit {
                self.held.pop();
            }
        }
    }
}

/// The page.
pub(super) async fn find(
    sources: &[Source<'_>],
    order: Order,
    paging: &Paging,
    ticket: Option<&Ticket>,
) -> Result<Found, ProvisionError> {
    let (offset, count) = match paging {
        Paging::Index(page) => (page.offset(), page.count),
        Paging::Cursor { count, .. } => (0, *count),
    };
    // One more than the page holds tells whether there is another page.
    let limit = if count == 0 { 0 } else { offset.saturating_add(count).saturating_add(1) };
    let mut first = First {
        behind: ticket.map(|ticket| Ranked { order, position: ticket.position.clone() }),
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
        held: BinaryHeap::new(),
        total: 0,
    };
    for (index, source) in sources.iter().enumerate() {
        let key = |resource: &_| -> Option<Key> { source.part.sort_by.as_ref()?.key(resource) };
        source
            .visit(|row, resource| {
                let position = Position { key: key(resource), source: index, id: row.id };
                first.take(Ranked { order, position });
            })
            .await?;
    }
    let total = first.total;
    let on_page = usize::try_from(count).unwrap_or(usize::MAX);
    let behind_offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let mut places: Vec<Position> =
        first.held.into_sorted_vec().into_iter().skip(behind_offset).map(|ranked| ranked.position).collect();
    let has_more = places.len() > on_page;
    places.truncate(on_page);
    let rows = read(sources, &places).await?;
    Ok(Found { total, rows, next: if has_more { places.pop() } else { None } })
}

/// The rows of these places; of one that was deleted by now there is none.
async fn read(sources: &[Source<'_>], places: &[Position]) -> Result<Vec<(usize, Stored)>, ProvisionError> {
    let mut rows: HashMap<(usize, String), Stored> = HashMap::with_capacity(places.len());
    for (index, source) in sources.iter().enumerate() {
        let of_source = places.iter().filter(|place| place.source == index);
        let ids: Vec<&str> = of_source.map(|place| place.id.as_str()).collect();
        rows.extend(source.rows_of(&ids).await?.into_iter().map(|row| ((index, row.id.clone()), row)));
    }
    let in_order = places.iter().filter_map(|place| {
        let row = rows.remove(&(place.source, place.id.clone()))?;
        Some((place.source, row))
    });
    Ok(in_order.collect())
}
