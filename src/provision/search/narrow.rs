//! What of a filter the database can find by an index, and what is left to try on each resource; which orders an index has.

use crate::{
    clock::Time,
    provision::present::Kind,
    scim::{
        filter::{Condition, Filter, Operand, Operator, Requirement},
        fold::fold,
        sort::SortBy,
    },
    store::{groups, sorted::SortedBy, users},
};

/// How a list of users is found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan<N> {
    /// What the database looks for; `None` if nothing can match.
    pub(super) narrowing: Option<N>,
    /// What each row must still pass; `None` if the narrowing is all that is asked.
    pub(super) rest: Option<Filter>,
}

impl<N> Plan<N> {
    /// `find` gives the narrowing of a requirement, if there is one, and how much it is worth: less is better.
    fn new(filter: Option<&Filter>, all: N, find: impl Fn(&Requirement<'_>) -> Option<(u8, N)>) -> Self {
        let Some(filter) = filter.filter(|filter| !filter.root().is_always()) else {
            return Self { narrowing: Some(all), rest: None };
        };
        let requirements = filter.requirements();
        if filter.root().is_never() || requirements.iter().any(is_impossible) {
            return Self { narrowing: None, rest: None };
        }
        let best = requirements.iter().filter_map(find).min_by_key(|(worth, _)| *worth);
        match best {
            Some((_, narrowing)) => {
                // Each narrowing says exactly what its requirement does.
                let rest = (!filter.is_single_condition()).then(|| filter.clone());
                Self { narrowing: Some(narrowing), rest }
            }
            None => Self { narrowing: Some(all), rest: Some(filter.clone()) },
        }
    }
}

/// Whether a text is required that no value can hold: U+0000 is refused in all of them, and not every database takes it.
fn is_impossible(required: &Requirement<'_>) -> bool {
    match required.condition {
        Condition::Compare(
            Operator::Equal | Operator::StartsWith | Operator::EndsWith | Operator::Contains,
            Operand::Text { text, .. },
        ) => text.contains('\0'),
        _ => false,
    }
}

/// How users are found. One index is used, that which leaves the fewest rows.
pub(super) fn users(filter: Option<&Filter>) -> Plan<users::Narrowing> {
    use users::Narrowing;
    Plan::new(filter, Narrowing::All, |required| {
        let equal = || required.condition.equal_text();
        Some(match required.attribute.core_names()? {
            ("id", None) => (0, Narrowing::Id(equal()?.to_owned())),
            ("userName", None) => match required.condition {
                Condition::Compare(Operator::StartsWith, Operand::Text { text, .. }) => {
                    (4, Narrowing::of_start(&fold(text))?)
                }
                _ => (1, Narrowing::UserName(fold(equal()?).into_owned())),
            },
            ("externalId", None) => (2, Narrowing::ExternalId(equal()?.to_owned())),
            ("emails", Some("value")) => (3, Narrowing::Email(fold(equal()?).into_owned())),
            ("meta", Some("lastModified")) => modified(required.condition)?,
            ("active", None) => match required.condition {
                Condition::Compare(Operator::Equal, Operand::Boolean(active)) => {
                    (6, Narrowing::Active(*active))
                }
                _ => return None,
            },
            _ => return None,
        })
    })
}

/// How groups are found.
pub(super) fn groups(filter: Option<&Filter>) -> Plan<groups::Narrowing> {
    use groups::Narrowing;
    Plan::new(filter, Narrowing::All, |required| {
        let equal = required.condition.equal_text()?;
        Some(match required.attribute.core_names()? {
            ("id", None) => (0, Narrowing::Id(equal.to_owned())),
            ("displayName", None) => (1, Narrowing::DisplayName(fold(equal).into_owned())),
            ("externalId", None) => (2, Narrowing::ExternalId(equal.to_owned())),
            ("members", Some("value")) => (3, Narrowing::Member(equal.to_owned())),
            _ => return None,
        })
    })
}

/// Which index has the order that is asked for, if one does. The order of creation is that of ids.
pub(super) fn order(kind: Kind, sort_by: &SortBy) -> Option<SortedBy> {
    Some(match (kind, sort_by.core_names()?) {
        (_, ("id", None) | ("meta", Some("created"))) => SortedBy::Id,
        (Kind::User, ("userName", None)) | (Kind::Group, ("displayName", None)) => SortedBy::Name,
        (_, ("externalId", None)) => SortedBy::ExternalId,
        (_, ("meta", Some("lastModified"))) => SortedBy::ModifiedAt,
        _ => return None,
    })
}

/// `meta.lastModified` shows whole milliseconds of a time that is stored with microseconds, so the bound is moved to where
/// the shown time changes.
fn modified(condition: &Condition) -> Option<(u8, users::Narrowing)> {
    const MILLISECOND: i128 = 1_000_000;
    let Condition::Compare(operator, Operand::Time { timestamp, .. }) = condition else { return None };
    let nanoseconds = timestamp.as_nanosecond();
    let at = nanoseconds.div_euclid(MILLISECOND);
    let at_or_after = if nanoseconds.rem_euclid(MILLISECOND) == 0 { at } else { at + 1 };
    let time = |millisecond: i128| i64::try_from(millisecond * 1000).ok().map(Time::from_micros);
    Some(match operator {
        Operator::Greater => (5, users::Narrowing::ModifiedSince(time(at + 1)?)),
        Operator::GreaterOrEqual => (5, users::Narrowing::ModifiedSince(time(at_or_after)?)),
        Operator::Less => (7, users::Narrowing::ModifiedBefore(time(at_or_after)?)),
        Operator::LessOrEqual => (7, users::Narrowing::ModifiedBefore(time(at + 1)?)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::scim::registry::Registry;

    fn of_users(text: &str) -> Plan<users::Narrowing> {
        users(Some(&Filter::parse(text, Registry::default().user()).unwrap()))
    }

    #[rstest]
    #[case(r#"userName eq "BOB""#, users::Narrowing::UserName("bob".into()))]
    #[case(r#"USERNAME sw "BO""#, users::Narrowing::UserNamePrefix("bo".into()))]
    #[case(r#"externalId eq "E""#, users::Narrowing::ExternalId("E".into()))]
    #[case(r#"id eq "I""#, users::Narrowing::Id("I".into()))]
    #[case(r#"emails eq "A@x""#, users::Narrowing::Email("a@x".into()))]
    #[case("active eq true", users::Narrowing::Active(true))]
    #[case(
        r#"meta.lastModified gt "1970-01-01T00:00:01Z""#,
        users::Narrowing::ModifiedSince(Time::from_micros(1_001_000))
    )]
    #[case(
        r#"meta.lastModified ge "1970-01-01T00:00:01Z""#,
        users::Narrowing::ModifiedSince(Time::from_micros(1_000_000))
    )]
    #[case(
        r#"meta.lastModified ge "1970-01-01T00:00:01.0000001Z""#,
        users::Narrowing::ModifiedSince(Time::from_micros(1_001_000))
    )]
    #[case(
        r#"meta.lastModified lt "1969-12-31T23:59:59.9999Z""#,
        users::Narrowing::ModifiedBefore(Time::from_micros(0))
    )]
    #[case(
        r#"meta.lastModified le "1970-01-01T00:00:00Z""#,
        users::Narrowing::ModifiedBefore(Time::from_micros(1_000))
    )]
    fn a_single_condition_that_is_indexed_is_found_by_the_database_alone(
        #[case] filter: &str,
        #[case] narrowing: users::Narrowing,
    ) {
        assert_eq!(of_users(filter), Plan { narrowing: Some(narrowing), rest: None });
    }

    #[rstest]
    #[case::the_best_index_is_used(r#"active eq true and userName eq "b""#, users::Narrowing::UserName("b".into()))]
    #[case::entra_ent_08(r#"emails[type eq "work"].value eq "a@x""#, users::Narrowing::Email("a@x".into()))]
    #[case::either(r#"userName eq "a" or userName eq "b""#, users::Narrowing::All)]
    #[case::not_indexed("title pr", users::Narrowing::All)]
    #[case::difference("active ne true", users::Narrowing::All)]
    #[case::negation(r#"not (userName eq "a")"#, users::Narrowing::All)]
    fn what_is_left_is_tried_on_each(#[case] filter: &str, #[case] narrowing: users::Narrowing) {
        let plan = of_users(filter);
        assert_eq!(plan.narrowing, Some(narrowing));
        assert_eq!(plan.rest, Some(Filter::parse(filter, Registry::default().user()).unwrap()));
    }

    #[test]
    fn what_cannot_match_is_not_looked_for() {
        let registry = Registry::default();
        let filter = Filter::parse_mixed(r#"userName eq "bob""#, registry.group()).unwrap();
        assert_eq!(groups(Some(&filter)), Plan { narrowing: None, rest: None });
        for filter in ["userName eq \"a\\u0000\"", "active eq true and emails[value sw \"\\u0000\"]"] {
            assert_eq!(of_users(filter), Plan { narrowing: None, rest: None }, "{filter}");
        }
        let filter = Filter::parse_mixed("meta.resourceType eq Group", registry.group()).unwrap();
        let plan = groups(Some(&filter.specialised(registry.group())));
        assert_eq!(plan, Plan { narrowing: Some(groups::Narrowing::All), rest: None });
    }

    #[test]
    fn groups_are_found_by_their_members() {
        let registry = Registry::default();
        let filter = Filter::parse(r#"id eq "g" and members eq "u""#, registry.group()).unwrap();
        assert_eq!(groups(Some(&filter)).narrowing, Some(groups::Narrowing::Id("g".into())));
        let filter = Filter::parse(r#"members.value eq "u""#, registry.group()).unwrap();
        assert_eq!(
            groups(Some(&filter)),
            Plan { narrowing: Some(groups::Narrowing::Member("u".into())), rest: None }
        );
    }
}
