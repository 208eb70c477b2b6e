//! Properties of filters in general. The oracle evaluates a filter in its own naive way, straight from the RFC's words,
//! on its own tree, which is spelled out as text for the filter under test.

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use super::Filter;
use crate::scim::fixture::user_type;

/// A filter, for the oracle.
#[derive(Clone, Debug)]
pub(super) enum Oracle {
    And(Box<Oracle>, Box<Oracle>),
    Or(Box<Oracle>, Box<Oracle>),
    Not(Box<Oracle>),
    /// A single-valued attribute.
    Attribute(&'static str, Asked),
    /// Any value of a part of `emails`.
    Part(&'static str, Asked),
    /// One e-mail with both.
    Brackets(&'static str, Asked, &'static str, Asked),
    /// The same in Entra's form.
    Entra(&'static str, Asked, &'static str, Asked),
}

/// What is asked of a value.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Present,
    Compare(&'static str, Value),
}

impl Oracle {
    pub(super) fn text(&self) -> String {
        match self {
            Self::And(a, b) => format!("({}) and ({})", a.text(), b.text()),
            Self::Or(a, b) => format!("({}) OR ({})", a.text(), b.text()),
            Self::Not(a) => format!("not ({})", a.text()),
            Self::Attribute(name, asked) => format!("{name} {}", asked.text()),
            Self::Part(part, asked) => format!("emails.{part} {}", asked.text()),
            Self::Brackets(a, asked_a, b, asked_b) => {
                format!("emails[{a} {} and {b} {}]", asked_a.text(), asked_b.text())
            }
            Self::Entra(a, asked_a, b, asked_b) => {
                format!("emails[{a} {}].{b} {}", asked_a.text(), asked_b.text())
            }
        }
    }

    fn matches(&self, user: &Value) -> bool {
        let emails = || user["emails"].as_array().into_iter().flatten();
        match self {
            Self::And(a, b) => a.matches(user) && b.matches(user),
            Self::Or(a, b) => a.matches(user) || b.matches(user),
            Self::Not(a) => !a.matches(user),
            Self::Attribute(name, asked) => asked.met_by(&user[*name]),
            Self::Part(_, asked) if emails().next().is_none() => asked.met_by(&Value::Null),
            // `eq null` is "not present", and one value is enough to be present.
            Self::Part(part, Asked::Compare("eq", Value::Null)) => {
                !emails().any(|email| Asked::Present.met_by(&email[*part]))
            }
            Self::Part(part, asked) => emails().any(|email| asked.met_by(&email[*part])),
            Self::Brackets(a, asked_a, b, asked_b) | Self::Entra(a, asked_a, b, asked_b) => {
                emails().any(|email| asked_a.met_by(&email[*a]) && asked_b.met_by(&email[*b]))
            }
        }
    }
}

impl Asked {
    fn text(&self) -> String {
        match self {
            Self::Present => "pr".into(),
            Self::Compare(operator, operand) => format!("{operator} {operand}"),
        }
    }

    fn met_by(&self, value: &Value) -> bool {
        match self {
            Self::Present => !value.is_null(),
            Self::Compare("ne", operand) => !Self::Compare("eq", operand.clone()).met_by(value),
            Self::Compare("eq", Value::Null) => value.is_null(),
            Self::Compare(operator, Value::String(operand)) => {
                let Some(value) = value.as_str() else { return false };
                let (value, operand) = (value.to_ascii_lowercase(), operand.to_ascii_lowercase());
                match *operator {
                    "eq" => value == operand,
                    "co" => value.contains(&operand),
                    "sw" => value.starts_with(&operand),
                    "ew" => value.ends_with(&operand),
                    "gt" => value > operand,
                    "ge" => value >= operand,
                    "lt" => value < operand,
                    _ => value <= operand,
                }
            }
            Self::Compare(operator, Value::Number(operand)) => {
                let (Some(value), Some(operand)) = (value.as_i64(), operand.as_i64()) else { return false };
                match *operator {
                    "eq" => value == operand,
                    "gt" => value > operand,
                    "ge" => value >= operand,
                    "lt" => value < operand,
                    _ => value <= operand,
                }
            }
            Self::Compare(_, operand) => value == operand,
        }
    }
}

/// Few and short texts, so that they often are equal or contain each other.
fn text() -> impl Strategy<Value = Value> {
    "[aAb\"\\\\ ]{0,3}".prop_map(Value::from)
}

fn asked_of_text() -> impl Strategy<Value = Asked> {
    let operators = select(vec!["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]);
    prop_oneof![
        1 => Just(Asked::Present),
        1 => select(vec!["eq", "ne"]).prop_map(|operator| Asked::Compare(operator, Value::Null)),
        6 => (operators, text()).prop_map(|(operator, text)| Asked::Compare(operator, text)),
    ]
}

fn asked_of_number() -> impl Strategy<Value = Asked> {
    let operators = select(vec!["eq", "ne", "gt", "ge", "lt", "le"]);
    (operators, -2_i64..3).prop_map(|(operator, number)| Asked::Compare(operator, number.into()))
}

fn asked_of_boolean() -> impl Strategy<Value = Asked> {
    (select(vec!["eq", "ne"]), any::<bool>())
        .prop_map(|(operator, boolean)| Asked::Compare(operator, boolean.into()))
}

fn part() -> impl Strategy<Value = &'static str> {
    select(vec!["value", "type"])
}

pub(super) fn oracle() -> impl Strategy<Value = Oracle> {
    let test = prop_oneof![
        (select(vec!["userName", "title"]), asked_of_text())
            .prop_map(|(name, asked)| Oracle::Attribute(name, asked)),
        asked_of_number().prop_map(|asked| Oracle::Attribute("seats", asked)),
        asked_of_boolean().prop_map(|asked| Oracle::Attribute("active", asked)),
        (part(), asked_of_text()).prop_map(|(part, asked)| Oracle::Part(part, asked)),
        (part(), asked_of_text(), part(), asked_of_text())
            .prop_map(|(a, asked_a, b, asked_b)| Oracle::Brackets(a, asked_a, b, asked_b)),
        (part(), asked_of_text(), part(), asked_of_text())
            .prop_map(|(a, asked_a, b, asked_b)| Oracle::Entra(a, asked_a, b, asked_b)),
    ];
    test.prop_recursive(4, 24, 2, |inner| {
        let pair = (inner.clone().prop_map(Box::new), inner.clone().prop_map(Box::new));
        prop_oneof![
            pair.clone().prop_map(|(a, b)| Oracle::And(a, b)),
            pair.prop_map(|(a, b)| Oracle::Or(a, b)),
            inner.prop_map(|a| Oracle::Not(Box::new(a))),
        ]
    })
}

fn nullable(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop_oneof![1 => Just(Value::Null), 4 => value]
}

fn user() -> impl Strategy<Value = Value> {
    let email = (nullable(text()), nullable(text()))
        .prop_map(|(value, of_type)| json!({ "value": value, "type": of_type }));
    (text(), nullable(text()), nullable((-2_i64..3).prop_map(Value::from)), any::<bool>(), vec(email, 0..3)).prop_map(
        |(user_name, title, seats, active, emails)| {
            json!({ "userName": user_name, "title": title, "seats": seats, "active": active, "emails": emails })
        },
    )
}

/// Text made of the pieces that filters are made of, in any order.
fn filter_like_text() -> impl Strategy<Value = String> {
    let pieces = vec![
        "userName",
        "emails",
        "type",
        ".value",
        "manager",
        "active",
        "seats",
        "hiredAt",
        "meta.created",
        "urn:",
        ":",
        " ",
        "(",
        ")",
        "[",
        "]",
        "\"",
        "\\",
        "\\u12",
        "'",
        "eq",
        "pr",
        "co",
        "gt",
        "and",
        "or",
        "not",
        "null",
        "true",
        "1e9",
        "2024-01-01T00:00:00Z",
        "ü",
        "\u{0}",
        ",",
    ];
    vec((select(pieces), any::<bool>()), 0..20).prop_map(|pieces| {
        pieces
            .into_iter()
            .map(|(piece, space)| if space { format!("{piece} ") } else { piece.to_owned() })
            .collect()
    })
}

proptest! {
    #[test]
    fn a_filter_matches_what_the_oracle_says((oracle, users) in (oracle(), vec(user(), 1..8))) {
        let text = oracle.text();
        let filter = Filter::parse(&text, &user_type()).unwrap();
        for user in users {
            prop_assert_eq!(filter.matches(&user), oracle.matches(&user), "{} of {}", text, user);
        }
    }

    #[test]
    fn a_printed_filter_reads_back_as_the_same_tree(oracle in oracle()) {
        let filter = Filter::parse(&oracle.text(), &user_type()).unwrap();
        prop_assert_eq!(&Filter::parse(&filter.to_string(), &user_type()).unwrap(), &filter);
    }

    #[test]
    fn a_printed_text_or_number_reads_back_exactly(text in any::<String>(), number in any::<f64>(), whole in any::<i64>()) {
        prop_assume!(number.is_finite());
        let text = Value::from(text);
        let written = format!("title eq {text} or score lt {number:e} or seats ge {whole}");
        let filter = Filter::parse(&written, &user_type()).unwrap();
        prop_assert_eq!(&Filter::parse(&filter.to_string(), &user_type()).unwrap(), &filter);
    }

    #[test]
    fn whatever_is_required_holds_for_every_match((oracle, user) in (oracle(), user())) {
        let filter = Filter::parse(&oracle.text(), &user_type()).unwrap();
        if filter.matches(&user) {
            for required in filter.requirements() {
                let alone = format!("{} {}", super::name::canonical(&required.attribute), required.condition);
                prop_assert!(Filter::parse(&alone, &user_type()).unwrap().matches(&user), "{}", alone);
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in prop_oneof![any::<String>(), filter_like_text()], user in user()) {
        if let Ok(filter) = Filter::parse(&text, &user_type()) {
            filter.matches(&user);
            filter.matches(&Value::Null);
            prop_assert_eq!(&Filter::parse(&filter.to_string(), &user_type()).unwrap(), &filter);
        }
    }
}
