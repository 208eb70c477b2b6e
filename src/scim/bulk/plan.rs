//! In which order operations can be done that refer to each other.

/// Operations that are done together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// One that refers only to what is done before it.
    One(usize),
    /// Some that refer to each other in a circle (RFC-120), or one that refers to itself. The fewer of them refer to those
    /// that come later, the less has to be added afterwards; they come innermost first, so that in a plain circle it is one.
    Circle(Vec<usize>),
}

/// The operations, by their places in the request, so that each comes after those that it refers to, which `references`
/// lists for each. What does not refer forward stays where it is: what is created later is pulled in front of who needs it,
/// and nothing is put off, since the path of a change may be the path of others (RFC-119).
///
/// This is Tarjan's algorithm for strongly connected components, with a stack of its own: a client decides how deep it goes.
pub fn order(references: &[Vec<usize>]) -> Vec<Unit> {
    let mut search = Search {
        references,
        visits: vec![None; references.len()],
        visited: 0,
        open: Vec::new(),
        units: Vec::new(),
    };
    for operation in 0..references.len() {
        search.visit(operation);
    }
    search.units
}

struct Search<'r> {
    references: &'r [Vec<usize>],
    visits: Vec<Option<Visit>>,
    visited: usize,
    /// Those whose unit is not complete yet, in the order of their visits.
    open: Vec<usize>,
    units: Vec<Unit>,
}

#[derive(Clone, Copy)]
struct Visit {
    /// Counts the visits.
    number: usize,
    /// The number of the earliest open one that is known to lead back here.
    earliest: usize,
    is_open: bool,
}

impl Search<'_> {
    fn visit(&mut self, root: usize) {
        // Where we are: operations, each with how many of its references have been followed.
        let mut path = Vec::new();
        self.enter(root, &mut path);
        while let Some((operation, followed)) = path.last_mut() {
            let operation = *operation;
            if let Some(&target) = self.references[operation].get(*followed) {
                *followed += 1;
                match self.visits[target] {
                    None => self.enter(target, &mut path),
                    Some(visit) if visit.is_open => self.leads_to(operation, visit.number),
                    Some(_) => {}
                }
            } else {
                path.pop();
                self.leave(operation, path.last().map(|(parent, _)| *parent));
            }
        }
    }

    fn enter(&mut self, operation: usize, path: &mut Vec<(usize, usize)>) {
        if self.visits[operation].is_none() {
            let number = self.visited;
            self.visits[operation] = Some(Visit { number, earliest: number, is_open: true });
            self.visited += 1;
            self.open.push(operation);
            path.push((operation, 0));
        }
    }

    fn leads_to(&mut self, operation: usize, number: usize) {
        if let Some(visit) = &mut self.visits[operation] {
            visit.earliest = visit.earliest.min(number);
        }
    }

    fn leave(&mut self, operation: usize, parent: Option<usize>) {
        let Some(visit) = self.visits[operation] else { return };
        if let Some(parent) = parent {
            self.leads_to(parent, visit.earliest);
        }
        if visit.earliest < visit.number {
            return;
        }
        let mut members = Vec::new();
        while let Some(member) = self.open.pop() {
            if let Some(visit) = &mut self.visits[member] {
                visit.is_open = false;
            }
            members.push(member);
            if member == operation {
                break;
            }
        }
        let is_circle = members.len() > 1 || self.references[operation].contains(&operation);
        self.units.push(if is_circle { Unit::Circle(members) } else { Unit::One(operation) });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_forward_references_the_order_is_that_of_the_request() {
        let units = order(&[vec![], vec![0], vec![], vec![1, 0], vec![2]]);
        assert_eq!(units, [0, 1, 2, 3, 4].map(Unit::One));
        assert_eq!(order(&[]), []);
    }

    #[test]
    fn what_is_referred_to_is_pulled_forward_rfc_119() {
        // A group before its members, and an unrelated operation in between.
        assert_eq!(order(&[vec![2, 3], vec![], vec![], vec![]]), [2, 3, 0, 1].map(Unit::One));
    }

    #[test]
    fn circles_stay_together_rfc_120() {
        assert_eq!(order(&[vec![1], vec![0]]), [Unit::Circle(vec![1, 0])]);
        assert_eq!(order(&[vec![0], vec![]]), [Unit::Circle(vec![0]), Unit::One(1)]);
        // 3 is in no circle, and needed by one; 0 needs one, and is in none.
        let units = order(&[vec![1], vec![2, 3], vec![1], vec![]]);
        assert_eq!(units, [Unit::One(3), Unit::Circle(vec![2, 1]), Unit::One(0)]);
    }

    #[test]
    fn a_long_chain_and_a_long_circle_need_no_deep_stack() {
        let chain: Vec<_> =
            (1..=100_000).map(|next| if next < 100_000 { vec![next] } else { vec![] }).collect();
        let reversed: Vec<_> = (0..100_000).rev().map(Unit::One).collect();
        assert_eq!(order(&chain), reversed);
        let circle: Vec<_> = (1..=100_000).map(|next| vec![next % 100_000]).collect();
        assert_eq!(order(&circle), [Unit::Circle((0..100_000).rev().collect())]);
    }

    proptest! {
        #[test]
        fn every_operation_has_one_place_after_those_that_it_refers_to(
            references in (1..12_usize).prop_flat_map(|count| {
                prop::collection::vec(prop::collection::vec(0..count, 0..4), count)
            }),
        ) {
            let units: Vec<_> = order(&references)
                .into_iter()
                .map(|unit| match unit {
                    Unit::One(operation) => vec![operation],
                    Unit::Circle(members) => members,
                })
                .collect();
            let mut all: Vec<_> = units.concat();
            let place = |operation: usize| units.iter().position(|unit| unit.contains(&operation)).unwrap();
            for (operation, targets) in references.iter().enumerate() {
                prop_assert!(targets.iter().all(|target| place(*target) <= place(operation)));
            }
            // Who shares a unit can be reached from each other.
            for unit in &units {
                for start in unit {
                    let mut reached = vec![*start];
                    let mut next = 0;
                    while let Some(operation) = reached.get(next).copied() {
                        let new = references[operation].iter().filter(|target| !reached.contains(target));
                        let new: Vec<_> = new.copied().collect();
                        reached.extend(new);
                        next += 1;
                    }
                    prop_assert!(unit.iter().all(|member| reached.contains(member)));
                }
            }
            all.sort_unstable();
            prop_assert_eq!(all, (0..references.len()).collect::<Vec<_>>());
        }
    }
}
