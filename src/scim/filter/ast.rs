//! The shape of a filter, and its syntax tree: what was written and where, before any name is looked up.

/// Tests joined by `and`, `or` and `not`. The syntax tree and the resolved tree have this shape in common; they differ
/// in what a test is.
///
/// Built with [`all`](Expression::all) and [`any`](Expression::any), an `And` never directly holds an `And`, nor an `Or`
/// an `Or`. So the order in which a client grouped them makes no difference, and the depth of the tree is that of the
/// parentheses, however long a chain of `and` is. Nor does either hold a part whose outcome is known: an `And` of nothing,
/// which always holds, and an `Or` of nothing, which never does, stand only where they are the whole expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression<T> {
    /// All of these hold.
    And(Vec<Expression<T>>),
    /// At least one of these holds.
    Or(Vec<Expression<T>>),
    /// This does not hold.
    Not(Box<Expression<T>>),
    /// This test succeeds.
    Test(T),
}

impl<T> Expression<T> {
    /// `and` between the parts; a single part is itself.
    pub fn all(parts: Vec<Self>) -> Self {
        let mut joined = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::And(inner) => joined.extend(inner),
                never if never.is_never() => return never,
                other => joined.push(other),
            }
        }
        match <[Self; 1]>::try_from(joined) {
            Ok([only]) => only,
            Err(joined) => Self::And(joined),
        }
    }

    /// `or` between the parts; a single part is itself.
    pub fn any(parts: Vec<Self>) -> Self {
        let mut joined = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::Or(inner) => joined.extend(inner),
                always if always.is_always() => return always,
                other => joined.push(other),
            }
        }
        match <[Self; 1]>::try_from(joined) {
            Ok([only]) => only,
            Err(joined) => Self::Or(joined),
        }
    }

    /// `not` before it.
    pub fn negated(self) -> Self {
        match self {
            always if always.is_always() => Self::never(),
            never if never.is_never() => Self::always(),
            other => Self::Not(Box::new(other)),
        }
    }

    /// What holds whatever is asked about.
    pub fn always() -> Self {
        Self::And(Vec::new())
    }

    /// What never holds.
    pub fn never() -> Self {
        Self::Or(Vec::new())
    }

    /// Whether it is known to hold.
    pub fn is_always(&self) -> bool {
        matches!(self, Self::And(parts) if parts.is_empty())
    }

    /// Whether it is known not to hold.
    pub fn is_never(&self) -> bool {
        matches!(self, Self::Or(parts) if parts.is_empty())
    }

    /// Whether the expression holds, given which tests succeed.
    pub fn holds(&self, succeeds: &impl Fn(&T) -> bool) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.holds(succeeds)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(succeeds)),
            Self::Not(part) => !part.holds(succeeds),
            Self::Test(test) => succeeds(test),
        }
    }

    /// The tests that must all succeed wherever the expression holds. Those below `or` and `not` are none.
    pub fn required(&self) -> impl Iterator<Item = &T> {
        let parts = match self {
            Self::And(parts) => parts.as_slice(),
            other => std::slice::from_ref(other),
        };
        parts.iter().filter_map(|part| match part {
            Self::Test(test) => Some(test),
            _ => None,
        })
    }

    /// All tests, wherever they stand.
    pub fn tests(&self) -> Vec<&T> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::tests).collect(),
            Self::Not(part) => part.tests(),
            Self::Test(test) => vec![test],
        }
    }

    /// Puts an expression in the place of every test.
    ///
    /// # Errors
    /// The first that `replace` gives.
    pub fn try_replace<U, E>(
        self,
        replace: &impl Fn(T) -> Result<Expression<U>, E>,
    ) -> Result<Expression<U>, E> {
        let replace_all = |parts: Vec<Self>| {
            parts.into_iter().map(|part| part.try_replace(replace)).collect::<Result<_, E>>()
        };
        Ok(match self {
            Self::And(parts) => Expression::all(replace_all(parts)?),
            Self::Or(parts) => Expression::any(replace_all(parts)?),
            Self::Not(part) => part.try_replace(replace)?.negated(),
            Self::Test(test) => replace(test)?,
        })
    }
}

/// The operators that compare (RFC 7644 §3.4.2.2, table 3); `pr` compares nothing and is none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `eq`: equal.
    Equal,
    /// `ne`: not equal, or not assigned.
    NotEqual,
    /// `co`: contains.
    Contains,
    /// `sw`: starts with.
    StartsWith,
    /// `ew`: ends with.
    EndsWith,
    /// `gt`: greater than, later than.
    Greater,
    /// `ge`: greater than or equal to.
    GreaterOrEqual,
    /// `lt`: less than, earlier than.
    Less,
    /// `le`: less than or equal to.
    LessOrEqual,
}

impl Operator {
    /// All of them, in the order of the RFC's table.
    pub const ALL: [Self; 9] = [
        Self::Equal,
        Self::NotEqual,
        Self::Contains,
        Self::StartsWith,
        Self::EndsWith,
        Self::Greater,
        Self::GreaterOrEqual,
        Self::Less,
        Self::LessOrEqual,
    ];

    /// The keyword.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "eq",
            Self::NotEqual => "ne",
            Self::Contains => "co",
            Self::StartsWith => "sw",
            Self::EndsWith => "ew",
            Self::Greater => "gt",
            Self::GreaterOrEqual => "ge",
            Self::Less => "lt",
            Self::LessOrEqual => "le",
        }
    }

    /// The operator of that keyword, compared without case (RFC-064).
    pub fn find(keyword: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.as_str().eq_ignore_ascii_case(keyword))
    }
}

/// A piece of the text, and the byte offset where it starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Located<T> {
    /// The piece.
    pub item: T,
    /// Where it starts, in bytes.
    pub offset: usize,
}

/// A test as it is written at the top level of a filter.
#[derive(Clone, Debug, PartialEq)]
pub enum WrittenTest<'t> {
    /// `userName eq "x"`, `title pr`.
    Attribute(WrittenElementTest<'t>),
    /// `emails[type eq "work"]`, and Entra's `emails[type eq "work"].value eq "x"`.
    Element {
        /// The attribute before the bracket.
        name: Located<&'t str>,
        /// What is in the brackets.
        filter: Expression<WrittenElementTest<'t>>,
        /// What follows the dot after the brackets.
        then: Option<WrittenElementTest<'t>>,
    },
}

/// A test as it is written inside brackets: a name and what is asked of it.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenElementTest<'t> {
    /// The attribute, with URN and sub-attribute as written.
    pub name: Located<&'t str>,
    /// What is asked of it.
    pub condition: WrittenCondition<'t>,
}

/// What is asked of an attribute, as it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum WrittenCondition<'t> {
    /// `pr`
    Present,
    /// An operator and a value.
    Compare(Located<Operator>, Located<WrittenValue<'t>>),
}

/// A value as it is written. Only the attribute that it is compared with tells what a bare word means.
#[derive(Clone, Debug, PartialEq)]
pub enum WrittenValue<'t> {
    /// A JSON string, with its escapes decoded.
    Quoted(String),
    /// `true`, `null`, a number, or any other word.
    Bare(&'t str),
}
