//! Filters (RFC 7644 §3.4.2.2): text -> syntax -> resolved -> evaluated.
//!
//! [`parse`] reads the text into a syntax tree ([`ast`]) that knows nothing of schemas. [`resolve`] looks its names up
//! in a resource type and gives its values the types of the attributes they are compared with; whatever does not go
//! together is an `invalidFilter` here, so that the resolved tree ([`Filter`]) cannot be wrong. [`eval`] asks it about
//! a resource; it cannot fail. [`mod@print`] writes it as canonical text, which reads back as the same tree.
//!
//! What the RFC leaves open, or clients do differently:
//!
//! - `emails[type eq "work"].value eq "x"` is not in the RFC's grammar, but Entra sends it (ENT-08). It means that one
//!   element passes both: `emails[type eq "work" and value eq "x"]`, and that is how it is resolved.
//! - A bare word is a value: `userName eq bob` (RFC-081). Its type is that of the attribute, so `active eq true` is
//!   the Boolean and `employeeNumber eq 7` the text. Booleans may be quoted, in any case (`"True"`, Q-29).
//! - A bare complex attribute means its `value` (`members eq "id"`, Q-09), except before `pr` and `null`.
//! - An extension's attribute may be named without the URN when no other extension has that name (ENT-11).
//! - `ne` is true where `eq` is false, so also of an attribute that is not assigned (RFC-068). Of several values, one that
//!   differs is enough, as for every operator.
//! - `eq null` is `not (… pr)`, `ne null` is `pr` (RFC-074).
//! - An element's omitted `primary` is `false` (RFC-018), but not present.
//! - Case is ignored by comparing [folded](super::fold::fold) forms, which are normalised, too (RFC-028). An attribute that is
//!   `caseExact` is compared as it is encoded.
//! - A `dateTime` without a zone is in UTC.
//! - Where resources of several types are asked for at once, an attribute that one of them does not define has no value
//!   there (RFC-068): `eq` and `pr` are false, `ne` is true. On an endpoint of one type it is an error instead.

pub mod ast;
pub mod eval;
pub mod name;
pub mod parse;
pub mod print;
pub mod resolve;
pub mod resolved;

#[cfg(test)]
mod judged;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use ast::{Expression, Operator};
pub use resolved::{Condition, ElementFilter, ElementTest, Filter, Interest, Operand, Requirement, Test};
