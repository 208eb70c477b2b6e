//! The resolved tree: attributes instead of names, typed operands instead of text. It cannot be wrong, only made by
//! [`resolve`](super::resolve).

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Number, Value};

use super::ast::{Expression, Operator};
use crate::scim::{attribute::Attribute, resource_type::AttributeRef};

/// Which resources of one type are meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    pub(super) root: Expression<Test>,
}

/// Which elements of one multi-valued complex attribute are meant: what stands in the brackets of
/// `emails[type eq "work"]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ElementFilter {
    pub(super) root: Expression<ElementTest>,
}

/// What is asked of a resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Whether an attribute, or any one of its values, meets a condition.
    Attribute(AttributeRef, Condition),
    /// Whether any one element of an attribute passes a filter. The reference names no sub-attribute.
    Element(AttributeRef, ElementFilter),
}

/// What is asked of one element.
#[derive(Clone, Debug, PartialEq)]
pub struct ElementTest {
    /// Of which part of it.
    pub sub_attribute: Arc<Attribute>,
    /// What is asked.
    pub condition: Condition,
}

/// What is asked of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// `pr`: it is there, and not empty.
    Present,
    /// It compares so with the operand. Operator, operand and attribute go together.
    Compare(Operator, Operand),
}

/// What a value is compared with, in the type of its attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// Text, for strings, references and binaries.
    Text {
        /// As the client wrote it.
        text: String,
        /// The form to compare, if case does not matter.
        folded: Option<String>,
    },
    /// `true` or `false`.
    Boolean(bool),
    /// A number, for integers and decimals.
    Number(Number),
    /// A point in time, for a dateTime.
    Time {
        /// As the client wrote it.
        text: String,
        /// The time that it means.
        timestamp: Timestamp,
    },
}

/// What is true of every resource that a filter matches.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement<'f> {
    /// The attribute; of one with several values, one meets the condition.
    pub attribute: AttributeRef,
    /// The condition.
    pub condition: &'f Condition,
}

/// What a filter must see of a multi-valued attribute to decide.
#[derive(Clone, Debug, PartialEq)]
pub enum Interest<'f> {
    /// Nothing: it does not ask about the attribute.
    None,
    /// Whether there are elements with these texts as their `value`. Elements with another one make no difference.
    Values(Vec<&'f str>),
    /// Everything.
    All,
}

impl Filter {
    /// The tree, for who can answer parts of it in another way than by asking each resource.
    pub fn root(&self) -> &Expression<Test> {
        &self.root
    }

    /// The conditions that hold for every match, so that an index can narrow the search: those joined by `and` at the
    /// top, also inside brackets. `emails[type eq "work"].value eq "x"` requires `emails.type` to equal `work` and
    /// `emails.value` to equal `x`; that both are of one element is left to [`matches`](Filter::matches).
    pub fn requirements(&self) -> Vec<Requirement<'_>> {
        let mut requirements = Vec::new();
        for test in self.root.required() {
            match test {
                Test::Attribute(attribute, condition) => {
                    requirements.push(Requirement { attribute: attribute.clone(), condition });
                }
                Test::Element(attribute, filter) => {
                    requirements.extend(filter.root.required().map(|test| {
                        let sub_attribute = Some(test.sub_attribute.clone());
                        let attribute = AttributeRef { sub_attribute, ..attribute.clone() };
                        Requirement { attribute, condition: &test.condition }
                    }));
                }
            }
        }
        requirements
    }

    /// Whether the filter is one condition on one attribute: its only [requirement](Self::requirements) is then all of it.
    pub fn is_single_condition(&self) -> bool {
        matches!(self.root, Expression::Test(Test::Attribute(..)))
    }

    /// The [members](AttributeRef::member) of a resource that the filter looks at.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.root.tests().into_iter().map(|(Test::Attribute(at, _) | Test::Element(at, _))| at.member())
    }

    /// What must be known of the core attribute of that canonical name: the ten thousand members of a group need not be
    /// loaded to find out whether one person is among them (`ENT-12`).
    pub fn interest_in(&self, name: &str) -> Interest<'_> {
        let is_value = |sub: &Attribute| sub.name == "value";
        let mut values = Vec::new();
        for test in self.root.tests() {
            let (Test::Attribute(at, _) | Test::Element(at, _)) = test;
            if at.extension.is_some() || at.attribute.name != name {
                continue;
            }
            let value = match test {
                Test::Attribute(AttributeRef { sub_attribute: Some(sub), .. }, condition)
                    if is_value(sub) =>
                {
                    condition.equal_text()
                }
                Test::Element(_, ElementFilter { root: Expression::Test(test) })
                    if is_value(&test.sub_attribute) =>
                {
                    test.condition.equal_text()
                }
                _ => None,
            };
            match value {
                // No value holds it, and not every database takes it.
                Some(value) if value.contains('\0') => {}
                Some(value) => values.push(value),
                None => return Interest::All,
            }
        }
        if values.is_empty() { Interest::None } else { Interest::Values(values) }
    }
}

impl ElementFilter {
    /// The tree.
    pub fn root(&self) -> &Expression<ElementTest> {
        &self.root
    }

    /// The sub-attributes and values that describe a matching element completely enough to create it: when the filter
    /// is one `eq`, or several joined by `and` that do not contradict each other (Q-41, C-3). `None` for every other
    /// filter.
    pub fn element(&self) -> Option<Vec<(Arc<Attribute>, Value)>> {
        let tests = match &self.root {
            Expression::And(parts) => parts.as_slice(),
            other => std::slice::from_ref(other),
        };
        let mut element: Vec<(Arc<Attribute>, Value)> = Vec::with_capacity(tests.len());
        for test in tests {
            let Expression::Test(ElementTest {
                sub_attribute,
                condition: Condition::Compare(Operator::Equal, operand),
            }) = test
            else {
                return None;
            };
            let value = operand.to_value();
            match element.iter().find(|(known, _)| known.name == sub_attribute.name) {
                Some((_, known)) if *known != value => return None,
                Some(_) => {}
                None => element.push((sub_attribute.clone(), value)),
            }
        }
        Some(element)
    }
}

impl Condition {
    /// The text that a value must equal, if that is the condition; whether case matters is the attribute's `caseExact`.
    pub fn equal_text(&self) -> Option<&str> {
        match self {
            Self::Compare(Operator::Equal, Operand::Text { text, .. }) => Some(text),
            _ => None,
        }
    }
}

impl Operand {
    /// As JSON, in the form in which a resource holds it.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Text { text, .. } | Self::Time { text, .. } => text.as_str().into(),
            Self::Boolean(boolean) => (*boolean).into(),
            Self::Number(number) => number.clone().into(),
        }
    }
}
