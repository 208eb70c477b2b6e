//! Resolved -> text: the canonical form of a filter. It reads back as the same tree, as long as the full names that it
//! uses do not make it too long to be read.

use std::fmt::{Display, Formatter, Result};

use super::{
    ast::Expression,
    name,
    resolved::{Condition, ElementFilter, ElementTest, Filter, Operand, Test},
};

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.root.fmt(f)
    }
}

impl Display for ElementFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.root.fmt(f)
    }
}

impl<T: Display> Display for Expression<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            // These two are never written by a client: they are what is left of a test whose outcome is known.
            always if always.is_always() => f.write_str("true"),
            never if never.is_never() => f.write_str("false"),
            Self::And(parts) => join(f, parts, " and "),
            Self::Or(parts) => join(f, parts, " or "),
            Self::Not(part) => write!(f, "not ({part})"),
            Self::Test(test) => test.fmt(f),
        }
    }
}

fn join<T: Display>(f: &mut Formatter<'_>, parts: &[Expression<T>], operator: &str) -> Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(operator)?;
        }
        match part {
            // Within `and` these are needed; within `or` there is no `or`.
            Expression::Or(_) => write!(f, "({part})")?,
            _ => part.fmt(f)?,
        }
    }
    Ok(())
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Attribute(attribute, condition) => write!(f, "{} {condition}", name::canonical(attribute)),
            Self::Element(attribute, filter) => write!(f, "{}[{filter}]", name::canonical(attribute)),
        }
    }
}

impl Display for ElementTest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} {}", self.sub_attribute.name, self.condition)
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Present => f.write_str("pr"),
            Self::Compare(operator, operand) => write!(f, "{} {operand}", operator.as_str()),
        }
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.to_value().fmt(f)
    }
}
