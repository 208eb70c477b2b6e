//! Syntax -> resolved: names are looked up, values get the types of their attributes, and what does not go together is
//! refused.

use jiff::{Timestamp, civil, tz::TimeZone};
use serde_json::Number;

use super::{
    ast::{Expression, Located, Operator, WrittenCondition, WrittenElementTest, WrittenTest, WrittenValue},
    name,
    parse::{self, Brackets, Problem, quoted},
    resolved::{Condition, ElementFilter, ElementTest, Filter, Operand, Test},
};
use crate::scim::{
    attribute::{Attribute, Kind, Returned},
    error::{Error, ScimType},
    fold::fold,
    resource_type::{AttributeRef, Named, ResourceType},
};

impl Filter {
    /// Reads a filter on resources of that type.
    ///
    /// # Errors
    /// `invalidFilter`, with what is wrong at which character: the syntax, an attribute that is not defined or must not
    /// be asked for (`password`), or a comparison that does not fit the attribute's type.
    pub fn parse(text: &str, resource_type: &ResourceType) -> Result<Self, Error> {
        Self::read(text, |test| resolve_test(test, resource_type))
    }

    /// Reads a filter that is asked of resources of several types, for those of this type. An attribute that the type does
    /// not define has no value (RFC 7644 §3.4.2.1, RFC-068).
    ///
    /// # Errors
    /// As [`Filter::parse`], save that no attribute needs to be defined.
    pub fn parse_mixed(text: &str, resource_type: &ResourceType) -> Result<Self, Error> {
        Self::read(text, |test| match &test {
            WrittenTest::Attribute(written) if name::find(resource_type, written.name.item).is_none() => {
                Ok(resolve_without_value(&written.condition))
            }
            WrittenTest::Element { name, .. } if name::find(resource_type, name.item).is_none() => {
                Ok(Expression::never())
            }
            _ => resolve_test(test, resource_type),
        })
    }

    fn read<'t>(
        text: &'t str,
        resolve: impl Fn(WrittenTest<'t>) -> Result<Expression<Test>, Problem>,
    ) -> Result<Self, Error> {
        parse::filter(text)
            .and_then(|written| written.try_replace(&resolve))
            .map(|root| Self { root })
            .map_err(|problem| problem.into_error(ScimType::InvalidFilter, "filter", text))
    }
}

/// What a condition comes to where there is never a value.
fn resolve_without_value(condition: &WrittenCondition<'_>) -> Expression<Test> {
    let holds = match condition {
        WrittenCondition::Present => false,
        WrittenCondition::Compare(operator, _) if asks_for_presence(condition) => {
            operator.item == Operator::Equal
        }
        WrittenCondition::Compare(operator, _) => operator.item == Operator::NotEqual,
    };
    if holds { Expression::always() } else { Expression::never() }
}

impl ElementFilter {
    /// Resolves what stands in the brackets after `attribute`.
    ///
    /// # Errors
    /// The same as those of [`Filter::parse`].
    pub(in crate::scim) fn resolve(written: Brackets<'_>, attribute: &Attribute) -> Result<Self, Problem> {
        let root = written.try_replace(&|test| resolve_element_test(test, attribute))?;
        Ok(Self { root })
    }
}

fn resolve_test(written: WrittenTest<'_>, resource_type: &ResourceType) -> Result<Expression<Test>, Problem> {
    match written {
        WrittenTest::Attribute(written) => {
            let attribute = get_attribute(written.name, resource_type)?;
            let attribute = if asks_for_presence(&written.condition) {
                attribute
            } else {
                with_default_sub_attribute(attribute, written.name)?
            };
            let condition = resolve_condition(written.condition, attribute.leaf())?;
            condition
                .try_replace(&|condition| Ok(Expression::Test(Test::Attribute(attribute.clone(), condition))))
        }
        WrittenTest::Element { name, filter, then } => {
            let attribute = get_attribute(name, resource_type)?;
            if attribute.leaf().kind != Kind::Complex {
                let message = format!("{} has no sub-attributes to filter by", quoted(name.item));
                return Err(Problem::new(name.offset, message));
            }
            // Entra's form: the element that passes the filter must also pass what follows the brackets (ENT-08).
            let written = std::iter::once(filter).chain(then.map(Expression::Test)).collect();
            let filter = ElementFilter::resolve(Expression::all(written), &attribute.attribute)?;
            Ok(Expression::Test(Test::Element(attribute, filter)))
        }
    }
}

fn resolve_element_test(
    written: WrittenElementTest<'_>,
    attribute: &Attribute,
) -> Result<Expression<ElementTest>, Problem> {
    let WrittenElementTest { name, condition } = written;
    let sub_attribute = attribute.sub_attribute(name.item).ok_or_else(|| {
        let message = format!("{} is not a sub-attribute of `{}`", quoted(name.item), attribute.name);
        Problem::new(name.offset, message)
    })?;
    refuse_unreadable(sub_attribute, name)?;
    let condition = resolve_condition(condition, sub_attribute)?;
    condition.try_replace(&|condition| {
        Ok(Expression::Test(ElementTest { sub_attribute: sub_attribute.clone(), condition }))
    })
}

/// The attribute of that name; one that is not defined must not match everything or nothing unnoticed (Q-08, RFC-068).
fn get_attribute(name: Located<&str>, resource_type: &ResourceType) -> Result<AttributeRef, Problem> {
    let attribute = match name::find(resource_type, name.item) {
        Some(Named::Attribute(attribute)) => attribute,
        Some(Named::Extension(schema)) => {
            let message = format!(
                "{} is a whole extension; name one of its attributes, or ask for `schemas eq \"{}\"`",
                quoted(name.item),
                schema.id
            );
            return Err(Problem::new(name.offset, message));
        }
        None => {
            let message = format!("{} is not an attribute of {}", quoted(name.item), resource_type.name);
            return Err(Problem::new(name.offset, message));
        }
    };
    refuse_unreadable(&attribute.attribute, name)?;
    refuse_unreadable(attribute.leaf(), name)?;
    Ok(attribute)
}

/// What is never returned cannot be found out by asking for it either (RFC-021).
fn refuse_unreadable(attribute: &Attribute, name: Located<&str>) -> Result<(), Problem> {
    match attribute.returned {
        Returned::Never => {
            let message = format!("{} is never returned and cannot be asked for", quoted(name.item));
            Err(Problem::new(name.offset, message))
        }
        _ => Ok(()),
    }
}

/// `emails` stands for `emails.value` where a value is compared (RFC-076, Q-09).
fn with_default_sub_attribute(attribute: AttributeRef, name: Located<&str>) -> Result<AttributeRef, Problem> {
    if attribute.leaf().kind != Kind::Complex {
        return Ok(attribute);
    }
    match attribute.leaf().sub_attribute("value").cloned() {
        Some(value) => {
            refuse_unreadable(&value, name)?;
            Ok(AttributeRef { sub_attribute: Some(value), ..attribute })
        }
        None => {
            let subs =
                attribute.leaf().sub_attributes.iter().map(|sub| sub.name.as_str()).collect::<Vec<_>>();
            let message =
                format!("{} is complex; compare one of its parts: {}", quoted(name.item), subs.join(", "));
            Err(Problem::new(name.offset, message))
        }
    }
}

/// Whether only presence is asked for, which `eq null` and `ne null` do too (RFC-074).
fn asks_for_presence(condition: &WrittenCondition<'_>) -> bool {
    match condition {
        WrittenCondition::Present => true,
        WrittenCondition::Compare(_, value) => value.item == WrittenValue::Bare("null"),
    }
}

fn resolve_condition(
    written: WrittenCondition<'_>,
    attribute: &Attribute,
) -> Result<Expression<Condition>, Problem> {
    let presence_only = asks_for_presence(&written);
    let WrittenCondition::Compare(operator, value) = written else {
        return Ok(Expression::Test(Condition::Present));
    };
    let refused = |why: &str| {
        let message = format!("`{}` cannot be used with {why}", operator.item.as_str());
        Problem::new(operator.offset, message)
    };
    if presence_only {
        return match operator.item {
            Operator::Equal => Ok(Expression::Test(Condition::Present).negated()),
            Operator::NotEqual => Ok(Expression::Test(Condition::Present)),
            _ => Err(refused("null; only `eq` and `ne` can")),
        };
    }
    if !applies(operator.item, attribute.kind) {
        return Err(refused(&format!("`{}`, which is {}", attribute.name, describe(attribute.kind))));
    }
    let operand = resolve_value(value.item, attribute).map_err(|written| {
        let message =
            format!("`{}` is {}, and {} is not", attribute.name, describe(attribute.kind), quoted(&written));
        Problem::new(value.offset, message)
    })?;
    Ok(Expression::Test(Condition::Compare(operator.item, operand)))
}

/// Which operators go with which type (RFC-070, RFC-071).
fn applies(operator: Operator, kind: Kind) -> bool {
    match operator {
        Operator::Equal | Operator::NotEqual => true,
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => {
            matches!(kind, Kind::String | Kind::Reference)
        }
        Operator::Greater | Operator::GreaterOrEqual | Operator::Less | Operator::LessOrEqual => {
            matches!(kind, Kind::String | Kind::Reference | Kind::Decimal | Kind::Integer | Kind::DateTime)
        }
    }
}

/// What values of a type are, for a person.
fn describe(kind: Kind) -> &'static str {
    match kind {
        Kind::String => "text",
        Kind::Boolean => "`true` or `false`",
        Kind::Decimal | Kind::Integer => "a number",
        Kind::DateTime => "a date and time such as `2026-01-31T12:00:00Z`",
        Kind::Binary => "binary data",
        Kind::Reference => "a reference",
        Kind::Complex => "complex",
    }
}

/// The value in the type of the attribute; what was written, if it is not one.
fn resolve_value(written: WrittenValue<'_>, attribute: &Attribute) -> Result<Operand, String> {
    let (text, is_quoted) = match written {
        WrittenValue::Quoted(text) => (text, true),
        WrittenValue::Bare(word) => (word.to_owned(), false),
    };
    match attribute.kind {
        Kind::String | Kind::Reference | Kind::Binary => {
            let folded = ignores_case(attribute).then(|| fold(&text).into_owned());
            Ok(Operand::Text { text, folded })
        }
        // Entra quotes Booleans: `roles[primary eq "True"].value` (ENT-28, Q-29).
        Kind::Boolean if text.eq_ignore_ascii_case("true") => Ok(Operand::Boolean(true)),
        Kind::Boolean if text.eq_ignore_ascii_case("false") => Ok(Operand::Boolean(false)),
        Kind::Decimal | Kind::Integer if !is_quoted => number(&text).map(Operand::Number).ok_or(text),
        Kind::DateTime => match timestamp(&text) {
            Some(timestamp) => Ok(Operand::Time { text, timestamp }),
            None => Err(text),
        },
        Kind::Boolean | Kind::Decimal | Kind::Integer | Kind::Complex => Err(text),
    }
}

/// Whether case is ignored when values are compared. `caseExact` says so, with two exceptions: base64 in another
/// case is other data (RFC 7643 §2.3.6), and the URNs in `schemas` compare without case (RFC-013).
fn ignores_case(attribute: &Attribute) -> bool {
    match attribute.kind {
        Kind::Binary => false,
        Kind::Reference if attribute.name == "schemas" => true,
        _ => !attribute.case_exact,
    }
}

/// A number as JSON writes it. The standard library's conversion is used for fractions because it is exact to the last
/// bit, which a number that is printed and read again needs.
fn number(text: &str) -> Option<Number> {
    serde_json::from_str::<Number>(text).ok()?;
    let integer = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
    integer.ok().or_else(|| Number::from_f64(text.parse().ok()?))
}

/// The time that an xsd:dateTime means (RFC 7643 §2.3.5).
pub(in crate::scim) fn timestamp(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| TimeZone::UTC.to_timestamp(text.parse::<civil::DateTime>().ok()?).ok())
}
