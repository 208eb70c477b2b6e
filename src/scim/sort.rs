//! The order of a list (RFC 7644 §3.4.2.3).
//!
//! What a client asks for with `sortBy` becomes a [`Key`] for each resource: text that sorts, byte by byte, as the values
//! do. Text keys make an order that can be written into a cursor and taken up again.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::{
    attribute::{Attribute, Kind, Returned},
    element,
    error::{Error, ScimType},
    filter::{name, resolve::timestamp},
    fold::fold,
    resource_type::{AttributeRef, Named, ResourceType},
};

/// How many characters of a text count for its place. It bounds cursors, and what is held while a list is sorted.
const MAX_CHARACTERS: usize = 256;

/// The direction (`sortOrder`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Small values first, resources without a value last.
    #[default]
    Ascending,
    /// The reverse: resources without a value first.
    Descending,
}

/// The attribute whose values order the resources of one type.
#[derive(Clone, Debug, PartialEq)]
pub struct SortBy(AttributeRef);

/// A value's place among those of the same attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

impl Key {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Order {
    /// Reads `sortOrder`; without one the order is ascending.
    ///
    /// # Errors
    /// `invalidValue` if it is neither of the two words, compared without case.
    pub fn parse(text: Option<&str>) -> Result<Self, Error> {
        match text.map(str::trim) {
            None | Some("") => Ok(Self::Ascending),
            Some(text) if text.eq_ignore_ascii_case("ascending") => Ok(Self::Ascending),
            Some(text) if text.eq_ignore_ascii_case("descending") => Ok(Self::Descending),
            Some(text) => {
                let shown: String = text.chars().take(20).collect();
                let detail = format!("`sortOrder` must be `ascending` or `descending`, and is `{shown}`.");
                Err(Error::new(ScimType::InvalidValue, detail))
            }
        }
    }

    /// How the places of two resources compare, `None` being that of one without a value.
    pub fn compare(self, one: Option<&Key>, other: Option<&Key>) -> Ordering {
        let ascending = match (one, other) {
            (Some(one), Some(other)) => one.cmp(other),
            (one, other) => one.is_none().cmp(&other.is_none()),
        };
        match self {
            Self::Ascending => ascending,
            Self::Descending => ascending.reverse(),
        }
    }
}

impl SortBy {
    /// Reads `sortBy`. `None` if the type defines no attribute of that name. A complex attribute stands for its `value`,
    /// as in filters.
    ///
    /// # Errors
    /// `invalidValue` for what has no order: a complex attribute without a `value`, or what is never returned.
    pub fn parse(text: &str, resource_type: &ResourceType) -> Result<Option<Self>, Error> {
        let Some(Named::Attribute(found)) = name::find(resource_type, text.trim()) else { return Ok(None) };
        let refused = |why: &str| {
            Error::new(ScimType::InvalidValue, format!("`sortBy` is `{}`, {why}.", name::canonical(&found)))
        };
        if found.attribute.returned == Returned::Never || found.leaf().returned == Returned::Never {
            return Err(refused("which is never returned"));
        }
        if found.leaf().kind != Kind::Complex {
            return Ok(Some(Self(found)));
        }
        match found.leaf().sub_attribute("value").cloned() {
            Some(value) if value.returned != Returned::Never => {
                Ok(Some(Self(AttributeRef { sub_attribute: Some(value), ..found })))
            }
            _ => Err(refused("which is complex; name one of its parts")),
        }
    }

    /// Whether the order is that of the core attribute of that canonical name, or of a part of it.
    pub fn is_by(&self, name: &str) -> bool {
        self.0.extension.is_none() && self.0.attribute.name == name
    }

    /// The canonical names of a core attribute and its part; `None` for one of an extension.
    pub fn core_names(&self) -> Option<(&str, Option<&str>)> {
        self.0.core_names()
    }

    /// The [member](AttributeRef::member) of a resource that the order looks at.
    pub fn member(&self) -> &str {
        self.0.member()
    }

    /// The canonical name of the attribute.
    pub fn name(&self) -> String {
        name::canonical(&self.0)
    }

    /// The place of a resource, in canonical form; of several values the primary one counts, else the first. `None` if it
    /// has no value.
    pub fn key(&self, resource: &Value) -> Option<Key> {
        let holder = match &self.0.extension {
            Some(urn) => resource.get(&**urn)?,
            None => resource,
        };
        let value = match holder.get(&self.0.attribute.name)? {
            Value::Array(values) => {
                values.iter().find(|value| element::is_primary(value)).or(values.first())?
            }
            single => single,
        };
        let value = match &self.0.sub_attribute {
            Some(sub_attribute) => value.get(&sub_attribute.name)?,
            None => value,
        };
        key(self.0.leaf(), value).map(Key)
    }
}

fn key(attribute: &Attribute, value: &Value) -> Option<String> {
    match (attribute.kind, value) {
        (Kind::Boolean, Value::Bool(value)) => Some(u8::from(*value).to_string()),
        (Kind::Integer | Kind::Decimal, Value::Number(number)) => number_key(number),
        (Kind::DateTime, Value::String(text)) => {
            let nanoseconds = timestamp(text)?.as_nanosecond();
            Some(format!("{:032x}", raised(nanoseconds)))
        }
        (Kind::String | Kind::Reference | Kind::Binary, Value::String(text)) => {
            let ignores_case = !attribute.case_exact && attribute.kind != Kind::Binary;
            let text = if ignores_case { fold(text) } else { text.into() };
            Some(text.chars().take(MAX_CHARACTERS).collect())
        }
        _ => None,
    }
}

/// By value; whole numbers exactly, also those that a floating-point number cannot tell apart.
fn number_key(number: &Number) -> Option<String> {
    let approximate = number.as_f64()?;
    let bits = approximate.to_bits();
    // The bits of positive numbers sort as the numbers do, those of negative ones the other way round.
    let bits = if approximate.is_sign_negative() && approximate != 0.0 { !bits } else { bits | (1 << 63) };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast from a float saturates, and only ties come here"
    )]
    let whole = number.as_i128().unwrap_or(approximate as i128);
    Some(format!("{bits:016x}{:032x}", raised(whole)))
}

/// Numbers below zero come before those above.
fn raised(number: i128) -> u128 {
    number.cast_unsigned() ^ (1 << 127)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::scim::fixture::user_type;

    fn sort_by(text: &str) -> SortBy {
        SortBy::parse(text, &user_type()).unwrap().unwrap()
    }

    #[rstest]
    #[case::text_without_case_rfc_061("title", json!([null, "apple", "Banana", "cherry", "Éclair"]))]
    #[case::text_with_case("externalId", json!([null, "Banana", "apple"]))]
    #[case::whole_numbers("seats", json!([null, i64::MIN, -10, -9, 0, 2, 10, 9_007_199_254_740_992_i64, 9_007_199_254_740_993_i64]))]
    #[case::fractions("score", json!([null, -1e300, -2.5, -2, -0.5, 0, 0.5, 1, 1.5, 1e300]))]
    #[case::booleans("active", json!([null, false, true]))]
    #[case::times_chronologically(
        "hiredAt",
        json!([null, "1969-12-31T23:59:59Z", "2024-01-01T02:00:00+02:00", "2024-01-01T00:00:00.000000001Z", "2024-01-01T00:00:01"])
    )]
    fn values_are_in_the_order_of_their_type_and_none_is_last_ascending_rfc_061(
        #[case] attribute: &str,
        #[case] none_then_ascending: Value,
    ) {
        let values = none_then_ascending.as_array().unwrap();
        let sort_by = sort_by(attribute);
        let keys: Vec<_> = values.iter().map(|value| sort_by.key(&json!({ attribute: value }))).collect();
        assert_eq!(keys[0], None);
        for pair in keys[1..].windows(2) {
            assert_eq!(
                Order::Ascending.compare(pair[0].as_ref(), pair[1].as_ref()),
                Ordering::Less,
                "{pair:?}"
            );
            assert_eq!(Order::Descending.compare(pair[0].as_ref(), pair[1].as_ref()), Ordering::Greater);
        }
        assert_eq!(Order::Ascending.compare(keys[1].as_ref(), None), Ordering::Less);
        assert_eq!(Order::Descending.compare(keys[1].as_ref(), None), Ordering::Greater);
    }

    #[test]
    fn of_several_values_the_primary_one_counts_else_the_first_rfc_061() {
        let key = |emails: Value| sort_by("emails").key(&json!({ "emails": emails }));
        let value = |text: &str| Some(Key(text.to_owned()));
        assert_eq!(key(json!([{ "value": "B" }, { "value": "A", "primary": true }])), value("a"));
        assert_eq!(key(json!([{ "value": "B" }, { "value": "A", "primary": false }])), value("b"));
        assert_eq!(key(json!([])), None);
        assert_eq!(key(json!([{ "type": "work" }])), None);
    }

    #[rstest]
    #[case("name", "`sortBy` is `name`, which is complex; name one of its parts.")]
    #[case("PASSWORD", "`sortBy` is `password`, which is never returned.")]
    fn what_has_no_order_is_refused(#[case] text: &str, #[case] detail: &str) {
        let error = SortBy::parse(text, &user_type()).unwrap_err();
        assert_eq!(error, Error::new(ScimType::InvalidValue, detail));
    }

    #[test]
    fn a_name_is_read_as_elsewhere_and_an_undefined_one_leads_nowhere() {
        assert_eq!(sort_by("NAME.givenname").name(), "name.givenName");
        assert_eq!(SortBy::parse("nothing", &user_type()), Ok(None));
    }

    #[rstest]
    #[case(None, Order::Ascending)]
    #[case(Some(""), Order::Ascending)]
    #[case(Some("Ascending"), Order::Ascending)]
    #[case(Some("DESCENDING"), Order::Descending)]
    fn the_direction_is_ascending_unless_it_is_said_rfc_061(
        #[case] text: Option<&str>,
        #[case] order: Order,
    ) {
        assert_eq!(Order::parse(text), Ok(order));
        assert!(Order::parse(Some("down")).unwrap_err().detail.contains("`down`"));
    }

    proptest! {
        #[test]
        fn number_keys_sort_as_numbers_do(one: f64, other: f64, whole: i64, other_whole: i64) {
            let key = |number: f64| Number::from_f64(number).and_then(|number| number_key(&number));
            if let (Some(a), Some(b)) = (key(one), key(other)) {
                prop_assert_eq!(one.partial_cmp(&other).unwrap(), a.cmp(&b));
            }
            prop_assert_eq!(
                whole.cmp(&other_whole),
                number_key(&whole.into()).cmp(&number_key(&other_whole.into()))
            );
        }
    }
}
