//! Statements about many ids at a time, since one at a time a group of ten thousand members would hold up all other
//! writes for seconds.

use std::iter::repeat_n;

use sqlx::{Any, any::AnyArguments, query::Query};

/// How many places the texts of a statement have: one resource, a few, a usual page, more. A list is cut into pieces that
/// fit; the last piece is filled up by repeating its last id, so statements must not mind an id that stands there twice.
const SIZES: [usize; 4] = [1, 16, 100, 500];

/// A statement with a place for each of some ids: a few texts that differ in the number of places, made once, so that the
/// database prepares no others.
#[derive(Debug)]
pub(super) struct Batch([String; SIZES.len()]);

impl Batch {
    /// The statement that starts with `before` and ends with `after`. Between them stands, for each id, what `place` makes
    /// of the number of its parameter; these start at `first`.
    pub(super) fn new(before: &str, first: usize, place: fn(usize) -> String, after: &str) -> Self {
        Self(SIZES.map(|size| {
            let places: Vec<_> = (first..first + size).map(place).collect();
            format!("{before}{}{after}", places.join(", "))
        }))
    }

    /// `… IN ($first, …)`.
    pub(super) fn ids_in(before: &str, first: usize, after: &str) -> Self {
        Self::new(&format!("{before}("), first, |parameter| format!("${parameter}"), &format!("){after}"))
    }

    /// What to execute, one after the other, with everything bound: `before` to the parameters in front of the ids.
    pub(super) fn queries<'q>(
        &'static self,
        before: &[&'q str],
        ids: &[&'q str],
    ) -> Vec<Query<'q, Any, AnyArguments>> {
        let bound = |(sql, ids): (&'static str, Vec<&'q str>)| {
            before.iter().copied().chain(ids).fold(sqlx::query(sql), Query::bind)
        };
        self.pieces(ids).into_iter().map(bound).collect()
    }

    /// The texts, each with its ids.
    fn pieces<'i>(&self, ids: &[&'i str]) -> Vec<(&str, Vec<&'i str>)> {
        let mut pieces = Vec::new();
        let mut rest = ids;
        while let Some(last) = rest.last() {
            let index = SIZES.iter().position(|size| *size >= rest.len()).unwrap_or(SIZES.len() - 1);
            let (piece, behind) = rest.split_at(SIZES[index].min(rest.len()));
            let missing = SIZES[index] - piece.len();
            pieces.push((
                self.0[index].as_str(),
                piece.iter().copied().chain(repeat_n(*last, missing)).collect(),
            ));
            rest = behind;
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_into_pieces_that_fit_and_the_last_one_is_filled_up() {
        let batch = Batch::ids_in("DELETE FROM t WHERE g = $1 AND id IN ", 2, " RETURNING id");
        assert_eq!(batch.pieces(&[]), []);
        assert_eq!(
            batch.pieces(&["a"]),
            [("DELETE FROM t WHERE g = $1 AND id IN ($2) RETURNING id", vec!["a"])]
        );

        let ids: Vec<String> = (0..517).map(|id| id.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let pieces = batch.pieces(&ids);
        let sizes: Vec<_> = pieces.iter().map(|(_, ids)| ids.len()).collect();
        assert_eq!(sizes, [500, 100]);
        assert_eq!(pieces[0].1, ids[..500]);
        assert_eq!(pieces[1].1[..17], ids[500..]);
        assert!(pieces[1].1[17..].iter().all(|id| *id == "516"));
        assert!(pieces[1].0.contains("$101) RETURNING"), "{}", pieces[1].0);
    }
}
