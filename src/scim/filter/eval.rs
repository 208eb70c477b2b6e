//! Resolved -> evaluated: whether a resource, or an element, passes. Both are JSON in canonical form: attributes by their
//! canonical names, an extension's attributes below the key that is its URN.

use std::{cmp::Ordering, convert::Infallible};

use serde_json::{Number, Value};

use super::{
    ast::{Expression, Operator},
    resolve::timestamp,
    resolved::{Condition, ElementFilter, ElementTest, Filter, Operand, Test},
};
use crate::scim::{
    attribute::{Attribute, Kind},
    fold::fold,
    resource_type::{AttributeRef, ResourceType},
};

impl Filter {
    /// Whether the resource is one of those meant.
    pub fn matches(&self, resource: &Value) -> bool {
        self.root.holds(&|test| test.succeeds(resource))
    }

    /// The filter as it is for resources of that type alone: what it asks of `meta.resourceType` is answered (RFC-063).
    #[must_use]
    pub fn specialised(self, resource_type: &ResourceType) -> Self {
        let name = Value::from(resource_type.name);
        let answered = self.root.try_replace(&|test| {
            Ok::<_, Infallible>(match &test {
                Test::Attribute(attribute, condition) if is_resource_type(attribute) => {
                    if condition.holds(Some(&name)) { Expression::always() } else { Expression::never() }
                }
                _ => Expression::Test(test),
            })
        });
        match answered {
            Ok(root) => Self { root },
        }
    }
}

fn is_resource_type(attribute: &AttributeRef) -> bool {
    attribute.extension.is_none()
        && attribute.attribute.name == "meta"
        && attribute.sub_attribute.as_ref().is_some_and(|sub_attribute| sub_attribute.name == "resourceType")
}

impl ElementFilter {
    /// Whether the element is one of those meant.
    pub fn matches(&self, element: &Value) -> bool {
        self.root.holds(&|test| test.succeeds(Some(element)))
    }
}

impl Test {
    fn succeeds(&self, resource: &Value) -> bool {
        match self {
            Self::Attribute(attribute, condition) => {
                any_value(find_value(attribute, resource), |value| match &attribute.sub_attribute {
                    Some(sub_attribute) => condition.holds_for_part(sub_attribute, value),
                    None => condition.holds(value),
                })
            }
            // Unlike above, where there is no element nothing passes, whatever is asked: `emails[type ne "home"]` wants
            // an e-mail that is not for home.
            Self::Element(attribute, filter) => any_value(find_value(attribute, resource), |element| {
                element.is_some_and(|element| filter.matches(element))
            }),
        }
    }
}

impl ElementTest {
    fn succeeds(&self, element: Option<&Value>) -> bool {
        self.condition.holds_for_part(&self.sub_attribute, element)
    }
}

impl Condition {
    /// Whether it holds for that part of a complex value.
    fn holds_for_part(&self, sub_attribute: &Attribute, complex: Option<&Value>) -> bool {
        let part = complex.and_then(|complex| complex.get(&sub_attribute.name));
        let part = match (self, part) {
            // An element that does not say that it is the primary one is not (RFC-018); but it still does not say so.
            (Self::Compare(..), None | Some(Value::Null))
                if complex.is_some() && is_primary(sub_attribute) =>
            {
                Some(&NOT_PRIMARY)
            }
            (_, part) => part,
        };
        any_value(part, |value| self.holds(value))
    }

    /// Whether it holds for one value, or for none.
    fn holds(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Present => value.is_some_and(is_assigned),
            Self::Compare(Operator::NotEqual, operand) => {
                !value.is_some_and(|value| operand.compares(Operator::Equal, value))
            }
            Self::Compare(operator, operand) => value.is_some_and(|value| operand.compares(*operator, value)),
        }
    }
}

impl Operand {
    /// Whether `value` stands to the operand as `operator` says; a value of another type never does.
    fn compares(&self, operator: Operator, value: &Value) -> bool {
        let ordering = match (self, value) {
            (Self::Text { folded: Some(folded), .. }, Value::String(value)) => {
                return text_compares(operator, &fold(value), folded);
            }
            (Self::Text { text, .. }, Value::String(value)) => return text_compares(operator, value, text),
            (Self::Boolean(boolean), Value::Bool(value)) => Some(value.cmp(boolean)),
            (Self::Number(number), Value::Number(value)) => compare_numbers(value, number),
            (Self::Time { timestamp: time, .. }, Value::String(value)) => {
                timestamp(value).map(|value| value.cmp(time))
            }
            _ => None,
        };
        ordering.is_some_and(|ordering| order_fits(operator, ordering))
    }
}

static NOT_PRIMARY: Value = Value::Bool(false);

fn is_primary(sub_attribute: &Attribute) -> bool {
    sub_attribute.kind == Kind::Boolean && sub_attribute.name == "primary"
}

/// The value of the attribute itself, all its elements if it has several.
fn find_value<'v>(attribute: &AttributeRef, resource: &'v Value) -> Option<&'v Value> {
    let holder = match &attribute.extension {
        Some(urn) => resource.get(&**urn)?,
        None => resource,
    };
    holder.get(&attribute.attribute.name)
}

/// Whether any one of the values succeeds; if there are none, whether none does.
fn any_value(value: Option<&Value>, succeeds: impl Fn(Option<&Value>) -> bool) -> bool {
    match value {
        Some(Value::Array(values)) if !values.is_empty() => values.iter().any(|value| succeeds(Some(value))),
        None | Some(Value::Null | Value::Array(_)) => succeeds(None),
        Some(single) => succeeds(Some(single)),
    }
}

/// Whether there is a value: null, an empty array and an object without a value are none (RFC-007, RFC-073), empty
/// text is one (RFC-008).
fn is_assigned(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(values) => values.iter().any(is_assigned),
        Value::Object(members) => members.values().any(is_assigned),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

fn text_compares(operator: Operator, value: &str, operand: &str) -> bool {
    match operator {
        Operator::Contains => value.contains(operand),
        Operator::StartsWith => value.starts_with(operand),
        Operator::EndsWith => value.ends_with(operand),
        _ => order_fits(operator, value.cmp(operand)),
    }
}

fn order_fits(operator: Operator, ordering: Ordering) -> bool {
    match operator {
        Operator::Equal => ordering.is_eq(),
        Operator::NotEqual => ordering.is_ne(),
        Operator::Greater => ordering.is_gt(),
        Operator::GreaterOrEqual => ordering.is_ge(),
        Operator::Less => ordering.is_lt(),
        Operator::LessOrEqual => ordering.is_le(),
        // Only text contains something, and text is compared before it comes here.
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => false,
    }
}

/// By value, whole numbers exactly.
fn compare_numbers(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}
