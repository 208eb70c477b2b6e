//! Schemas that an app defines for itself, in the form of RFC 7643 §7: read from JSON and checked, all
//! problems at once.

use std::collections::HashSet;

use super::{
    attribute::{Attribute, Kind, Mutability, Returned, Uniqueness},
    schema::Schema,
    urn,
};

/// What is wrong with a schema definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is not JSON, or not of the form of a schema.
    #[error("not a schema in the form of RFC 7643 section 7: {reason}")]
    Form {
        /// What the JSON reader said, with line and column.
        reason: String,
    },
    /// Its `id` is not a URN.
    #[error(
        "the schema id `{schema}` must be a URN, such as urn:example:scim:schemas:extension:acme:2.0:User"
    )]
    NotUrn {
        /// The `id`.
        schema: String,
    },
    /// Another schema has the same `id`.
    #[error("the schema id `{schema}` is taken by another schema")]
    UrnTaken {
        /// The `id`.
        schema: String,
    },
    /// It defines nothing.
    #[error("the schema `{schema}` must define at least one attribute")]
    NoAttributes {
        /// The schema's `id`.
        schema: String,
    },
    /// A name does not have the form of RFC 7643 §2.1.
    #[error(
        "`{path}` in the schema `{schema}`: a name starts with a letter and goes on with letters, digits, `-`, `_` and `$`"
    )]
    Name {
        /// The schema's `id`.
        schema: String,
        /// The attribute, `name` or `name.subName`.
        path: String,
    },
    /// A name is defined twice; names compare without case.
    #[error("`{path}` is defined more than once in the schema `{schema}`; case makes no difference")]
    Duplicate {
        /// The schema's `id`.
        schema: String,
        /// The attribute, `name` or `name.subName`.
        path: String,
    },
    /// A complex attribute has no sub-attributes.
    #[error("`{path}` in the schema `{schema}` is complex and so needs subAttributes")]
    NoSubAttributes {
        /// The schema's `id`.
        schema: String,
        /// The attribute.
        path: String,
    },
    /// An attribute that is not complex has sub-attributes.
    #[error("`{path}` in the schema `{schema}` has subAttributes and so must have the type complex")]
    StraySubAttributes {
        /// The schema's `id`.
        schema: String,
        /// The attribute.
        path: String,
    },
    /// An attribute is to be unique, which nothing looks after.
    #[error(
        "`{path}` in the schema `{schema}` cannot be unique: the uniqueness of an extension's attributes must be none"
    )]
    Unique {
        /// The schema's `id`.
        schema: String,
        /// The attribute.
        path: String,
    },
    /// What is write-only is kept nowhere, so no answer can hold it.
    #[error("`{path}` in the schema `{schema}` is writeOnly and so its returned must be never")]
    WriteOnlyReturned {
        /// The schema's `id`.
        schema: String,
        /// The attribute.
        path: String,
    },
    /// A sub-attribute is complex, which RFC 7643 §2.3.8 does not allow.
    #[error("`{path}` in the schema `{schema}` is a sub-attribute and so cannot be complex")]
    NestedComplex {
        /// The schema's `id`.
        schema: String,
        /// The attribute, `name.subName`.
        path: String,
    },
}

/// Reads a schema definition.
///
/// # Errors
///
/// All problems that it has.
pub fn parse(text: &str) -> Result<Schema, Vec<Problem>> {
    let schema =
        serde_json::from_str(text).map_err(|error| vec![Problem::Form { reason: error.to_string() }])?;
    let problems = problems(&schema);
    if problems.is_empty() { Ok(schema) } else { Err(problems) }
}

/// What is wrong with a schema; empty if nothing is.
pub fn problems(schema: &Schema) -> Vec<Problem> {
    let mut check = Check { schema: &schema.id, problems: Vec::new() };
    let namespace_and_name = schema.id.get(4..).and_then(|rest| rest.split_once(':'));
    let is_whole =
        namespace_and_name.is_some_and(|(namespace, name)| !namespace.is_empty() && !name.is_empty());
    if !urn::is_urn(&schema.id) || !is_whole || schema.id.contains(char::is_whitespace) {
        check.problems.push(Problem::NotUrn { schema: schema.id.clone() });
    }
    if schema.attributes.is_empty() {
        check.problems.push(Problem::NoAttributes { schema: schema.id.clone() });
    }
    check.names(schema.attributes.iter().map(|attribute| attribute.name.clone()));
    for attribute in &schema.attributes {
        check.attribute(attribute);
    }
    check.problems
}

struct Check<'s> {
    schema: &'s str,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn attribute(&mut self, attribute: &Attribute) {
        let path = || attribute.name.clone();
        let schema = self.schema.to_owned();
        match (attribute.kind == Kind::Complex, attribute.sub_attributes.is_empty()) {
            (true, true) => self.problems.push(Problem::NoSubAttributes { schema, path: path() }),
            (false, false) => self.problems.push(Problem::StraySubAttributes { schema, path: path() }),
            (true, false) | (false, true) => {}
        }
        self.promises(attribute, &attribute.name);
        for sub in &attribute.sub_attributes {
            self.promises(sub, &format!("{}.{}", attribute.name, sub.name));
        }
        self.names(attribute.sub_attributes.iter().map(|sub| format!("{}.{}", attribute.name, sub.name)));
        for sub in attribute.sub_attributes.iter().filter(|sub| sub.kind == Kind::Complex) {
            let path = format!("{}.{}", attribute.name, sub.name);
            self.problems.push(Problem::NestedComplex { schema: self.schema.to_owned(), path });
        }
    }

    /// Refuses what the server would not keep to (`RFC-041`).
    fn promises(&mut self, attribute: &Attribute, path: &str) {
        let (schema, path) = (self.schema.to_owned(), path.to_owned());
        if attribute.uniqueness != Uniqueness::None {
            self.problems.push(Problem::Unique { schema: schema.clone(), path: path.clone() });
        }
        if attribute.mutability == Mutability::WriteOnly && attribute.returned != Returned::Never {
            self.problems.push(Problem::WriteOnlyReturned { schema, path });
        }
    }

    /// Checks the names that stand beside each other, given as paths.
    fn names(&mut self, paths: impl Iterator<Item = String>) {
        let mut seen = HashSet::new();
        for path in paths {
            let name = path.rsplit('.').next().unwrap_or_default();
            // `$ref` is the one name of RFC 7643 that breaks the RFC's own rule.
            if !is_name(name) && name != "$ref" {
                self.problems.push(Problem::Name { schema: self.schema.to_owned(), path: path.clone() });
            }
            if !seen.insert(path.to_ascii_lowercase()) {
                self.problems.push(Problem::Duplicate { schema: self.schema.to_owned(), path });
            }
        }
    }
}

/// `ATTRNAME` of RFC 7643 §2.1.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|next| next.is_ascii_alphanumeric() || matches!(next, '-' | '_' | '$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_of_a_schema_are_reported_at_once() {
        let text = r#"{"id":"acme","name":"Acme","attributes":[
            {"name":"badge","type":"string","subAttributes":[{"name":"value","type":"string"}]},
            {"name":"Badge","type":"complex"},
            {"name":"1st","type":"string"},
            {"name":"seat","type":"complex","subAttributes":[
                {"name":"$ref","type":"reference"},{"name":"row","type":"complex"},{"name":"ROW","type":"string"}]}]}"#;
        let schema = "acme".to_owned();
        let path = |path: &str| path.to_owned();
        assert_eq!(
            parse(text).unwrap_err(),
            [
                Problem::NotUrn { schema: schema.clone() },
                Problem::Duplicate { schema: schema.clone(), path: path("Badge") },
                Problem::Name { schema: schema.clone(), path: path("1st") },
                Problem::StraySubAttributes { schema: schema.clone(), path: path("badge") },
                Problem::NoSubAttributes { schema: schema.clone(), path: path("Badge") },
                Problem::Duplicate { schema: schema.clone(), path: path("seat.ROW") },
                Problem::NestedComplex { schema, path: path("seat.row") },
            ]
        );
    }

    #[test]
    fn what_the_server_would_not_keep_to_is_refused_rfc_041() {
        let text = r#"{"id":"urn:example:x","name":"X","attributes":[
            {"name":"badge","type":"string","uniqueness":"server"},
            {"name":"door","type":"complex","subAttributes":[{"name":"pin","type":"string","mutability":"writeOnly"}]}]}"#;
        let (schema, path) = ("urn:example:x".to_owned(), "badge".to_owned());
        let unique = Problem::Unique { schema: schema.clone(), path };
        let returned = Problem::WriteOnlyReturned { schema, path: "door.pin".to_owned() };
        assert_eq!(parse(text).unwrap_err(), [unique, returned]);
    }

    #[test]
    fn text_that_is_no_schema_is_told_with_its_place() {
        let problems =
            parse(r#"{"id":"urn:example:x","name":"X","attributes":[{"name":"a","type":"text"}]}"#)
                .unwrap_err();
        assert!(problems[0].to_string().contains("unknown variant `text`"), "{}", problems[0]);
        assert!(problems[0].to_string().contains("line 1 column"), "{}", problems[0]);
    }

    #[test]
    fn a_schema_without_attributes_defines_nothing() {
        let problems = parse(r#"{"id":"urn:example:x","name":"X","attributes":[]}"#).unwrap_err();
        assert_eq!(problems, [Problem::NoAttributes { schema: "urn:example:x".into() }]);
    }
}
