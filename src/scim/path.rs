//! The `path` of a PATCH operation (RFC 7644 §3.5.2): text -> syntax -> resolved, with the names and filters of
//! [`filter`](super::filter).

use std::{fmt, sync::Arc};

use super::{
    attribute::{Attribute, Kind},
    error::{Error, ScimType},
    filter::{
        ElementFilter,
        ast::Located,
        name,
        parse::{Brackets, Parser, Problem, quoted},
    },
    resource_type::{AttributeRef, Named, ResourceType},
    schema::Schema,
};

/// What a PATCH operation is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Path {
    /// All attributes of an extension: the path is its URN (RFC-111).
    Extension(Arc<Schema>),
    /// An attribute or a sub-attribute: `emails`, `name.givenName`. A sub-attribute of a multi-valued attribute is that
    /// of all its elements.
    Attribute(AttributeRef),
    /// Elements of a multi-valued complex attribute: `emails[type eq "work"]`, `emails[type eq "work"].value`.
    Elements {
        /// The attribute; it names no sub-attribute.
        attribute: AttributeRef,
        /// Which of its elements.
        filter: ElementFilter,
        /// Which part of them; `None` for the whole elements.
        sub_attribute: Option<Arc<Attribute>>,
    },
}

impl Path {
    /// Reads a path on resources of that type. `None` if it is well formed but names an attribute, a sub-attribute or a
    /// URN that is not defined: what is to become of such an operation is not decided here (Q-64, C-13).
    ///
    /// # Errors
    /// `invalidPath` for malformed text and for brackets after what has no elements, `invalidFilter` for what is wrong
    /// inside the brackets; with what is wrong at which character.
    pub fn parse(text: &str, resource_type: &ResourceType) -> Result<Option<Self>, Error> {
        read(text)
            .and_then(|written| resolve(written, resource_type))
            .map_err(|Fault { scim_type, problem }| problem.into_error(scim_type, "path", text))
    }
}

/// The canonical form, which reads back as the same path.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extension(schema) => f.write_str(&schema.id),
            Self::Attribute(attribute) => f.write_str(&name::canonical(attribute)),
            Self::Elements { attribute, filter, sub_attribute } => {
                write!(f, "{}[{filter}]", name::canonical(attribute))?;
                match sub_attribute {
                    Some(sub_attribute) => write!(f, ".{}", sub_attribute.name),
                    None => Ok(()),
                }
            }
        }
    }
}

/// A path as it is written: `name[filter].part`.
struct Written<'t> {
    name: Located<&'t str>,
    filter: Option<Brackets<'t>>,
    part: Option<Located<&'t str>>,
}

/// What is wrong, and whether with the path or with the filter in it.
struct Fault {
    scim_type: ScimType,
    problem: Problem,
}

/// Whatever is not said to be the filter's fault is the path's.
impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self { scim_type: ScimType::InvalidPath, problem }
    }
}

impl Fault {
    fn of_filter(problem: Problem) -> Self {
        Self { scim_type: ScimType::InvalidFilter, problem }
    }
}

fn read(text: &str) -> Result<Written<'_>, Fault> {
    let mut parser = Parser::new(text)?;
    if parser.at_end() {
        return Err(Problem::new(0, "it is empty; a path reads like `name.givenName`").into());
    }
    let name = parser.name()?;
    let filter = if parser.skip('[') { Some(read_brackets(&mut parser)?) } else { None };
    let part = if filter.is_some() && parser.skip('.') { Some(parser.sub_attribute_name()?) } else { None };
    parser.end("the end of the path")?;
    Ok(Written { name, filter, part })
}

/// Reads on after the opening bracket.
fn read_brackets<'t>(parser: &mut Parser<'t>) -> Result<Brackets<'t>, Fault> {
    // `emails[0]`: who writes this means a place in the array, so it is the path that is wrong (RFC-108).
    if parser.peek().is_none_or(|next| next == ']' || next.is_ascii_digit()) {
        return Err(parser.unexpected("a filter such as `type eq \"work\"`").into());
    }
    let filter = parser.bracketed().map_err(Fault::of_filter)?;
    if parser.at_end() {
        return Err(parser.unexpected("`]`").into());
    }
    if !parser.skip(']') {
        return Err(Fault::of_filter(parser.unexpected("`and`, `or` or `]`")));
    }
    Ok(filter)
}

fn resolve(written: Written<'_>, resource_type: &ResourceType) -> Result<Option<Path>, Fault> {
    let Written { name, filter, part } = written;
    let (attribute, filter) = match (name::find(resource_type, name.item), filter) {
        (None, _) => return Ok(None),
        (Some(Named::Extension(schema)), None) => return Ok(Some(Path::Extension(schema))),
        (Some(Named::Attribute(attribute)), None) => return Ok(Some(Path::Attribute(attribute))),
        (Some(Named::Attribute(attribute)), Some(filter)) if has_elements(attribute.leaf()) => {
            (attribute, filter)
        }
        (Some(_), Some(_)) => {
            let message = format!("{} has no elements to choose from", quoted(name.item));
            return Err(Problem::new(name.offset, message).into());
        }
    };
    let filter = ElementFilter::resolve(filter, &attribute.attribute).map_err(Fault::of_filter)?;
    let Some(part) = part else {
        return Ok(Some(Path::Elements { attribute, filter, sub_attribute: None }));
    };
    let sub_attribute = attribute.attribute.sub_attribute(part.item).cloned();
    Ok(sub_attribute.map(|sub_attribute| Path::Elements {
        attribute,
        filter,
        sub_attribute: Some(sub_attribute),
    }))
}

fn has_elements(attribute: &Attribute) -> bool {
    attribute.multi_valued && attribute.kind == Kind::Complex
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::scim::{
        fixture::{BADGE, user_type},
        urn::{ENTERPRISE_USER, USER},
    };

    fn path(text: &str) -> Option<Path> {
        Path::parse(text, &user_type()).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// The URN spelled out for `ENT` and `CORE`, to keep the tables readable.
    fn spelled_out(text: &str) -> String {
        text.replace("ENT", ENTERPRISE_USER).replace("CORE", USER).replace("BADGE", BADGE)
    }

    #[rstest]
    #[case::an_attribute("userName", "userName")]
    #[case::names_ignore_case_rfc_109_q_37("DisplayName", "displayName")]
    #[case::a_part("NAME.GIVENNAME", "name.givenName")]
    #[case::a_part_of_all_elements("emails.value", "emails.value")]
    #[case::core_urn_q_40("CORE:name.givenName", "name.givenName")]
    #[case::extension_attribute_q_39("ENT:department", "ENT:department")]
    #[case::extension_part_ent_22("ENT:manager.value", "ENT:manager.value")]
    #[case::extension_attribute_without_urn_ent_23("manager", "ENT:manager")]
    #[case::a_whole_extension_rfc_111("ENT", "ENT")]
    #[case::elements("emails[type eq \"work\"]", "emails[type eq \"work\"]")]
    #[case::part_of_elements_ent_13("Emails[Type eq \"work\"].Value", "emails[type eq \"work\"].value")]
    #[case::qualified_elements("CORE:emails[type eq work]", "emails[type eq \"work\"]")]
    #[case::string_for_a_boolean_ent_28("roles[primary eq \"True\"].value", "roles[primary eq true].value")]
    #[case::several_tests(
        "emails[type eq \"work\" and not (value pr)]",
        "emails[type eq \"work\" and not (value pr)]"
    )]
    #[case::brackets_in_text("emails[value eq \"a]b\"].type", "emails[value eq \"a]b\"].type")]
    #[case::spaces_around(" emails[ type pr ] ", "emails[type pr]")]
    #[case::password_may_be_written("password", "password")]
    fn a_path_is_read_whatever_its_spelling(#[case] text: &str, #[case] canonical: &str) {
        let path = path(&spelled_out(text));
        assert_eq!(path.as_ref().map(Path::to_string), Some(spelled_out(canonical)));
        assert_eq!(super::Path::parse(&spelled_out(canonical), &user_type()), Ok(path));
    }

    #[rstest]
    #[case::attribute("favouriteColour")]
    #[case::attribute_with_brackets("pets[type eq \"cat\"].name")]
    #[case::part("name.nickname")]
    #[case::part_of_elements("emails[type eq \"work\"].verified")]
    #[case::part_of_text("userName.value")]
    #[case::urn("urn:ietf:params:scim:schemas:extension:acme:2.0:User:shoeSize")]
    #[case::uri("http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group:displayName")]
    #[case::extension_attribute("ENT:shoeSize")]
    #[case::attribute_of_two_extensions("costCenter")]
    fn what_is_not_defined_is_told_apart_from_what_is_malformed_c_13_q_64(#[case] text: &str) {
        assert_eq!(path(&spelled_out(text)), None);
    }

    #[rstest]
    #[case::empty("", 1, "it is empty")]
    #[case::an_index_rfc_108("emails[0]", 8, "expected a filter such as `type eq \"work\"`, found `0`")]
    #[case::nothing_in_brackets("emails[]", 8, "found `]`")]
    #[case::nothing_after_bracket("emails[", 8, "found the end")]
    #[case::no_closing_bracket("emails[type eq \"work\"", 22, "expected `]`, found the end")]
    #[case::text_after_brackets("emails[type pr]value", 16, "expected the end of the path, found `value`")]
    #[case::two_brackets("emails[type pr][type pr]", 16, "expected the end of the path, found `[`")]
    #[case::too_many_dots("name.given.name", 1, "expected the name of an attribute")]
    #[case::too_many_dots_after_brackets("emails[type pr].a.b", 17, "expected the name of a sub-attribute")]
    #[case::nothing_after_the_dot(
        "emails[type pr].",
        17,
        "expected the name of a sub-attribute, found the end"
    )]
    #[case::json_pointer("/emails/0/value", 1, "expected the name of an attribute")]
    #[case::a_filter_alone("type eq \"work\"", 6, "expected the end of the path, found `eq`")]
    #[case::brackets_after_text("userName[value eq \"x\"]", 1, "`userName` has no elements")]
    #[case::brackets_after_a_single_value("name[givenName eq \"x\"]", 1, "`name` has no elements")]
    #[case::brackets_after_a_part("emails.value[type pr]", 1, "`emails.value` has no elements")]
    #[case::brackets_after_an_extension("BADGE[number pr]", 1, "has no elements")]
    fn a_malformed_path_is_invalid_path_rfc_107(
        #[case] text: &str,
        #[case] character: usize,
        #[case] message: &str,
    ) {
        let error = Path::parse(&spelled_out(text), &user_type()).unwrap_err();
        assert_eq!(error.scim_type, ScimType::InvalidPath, "{error}");
        assert!(
            error.detail.starts_with(&format!("The path is wrong at character {character}: ")),
            "{error}"
        );
        assert!(error.detail.contains(message), "{error}");
    }

    #[rstest]
    #[case::operator("emails[type is \"work\"]", 13, "`is` is not an operator")]
    #[case::text_after_the_test("emails[type pr foo]", 16, "expected `and`, `or` or `]`, found `foo`")]
    #[case::unknown_part("emails[kind eq \"work\"].value", 8, "`kind` is not a sub-attribute of `emails`")]
    #[case::unreadable_part("keys[secret eq \"x\"]", 6, "`secret` is never returned")]
    #[case::type_of_value("emails[primary eq \"maybe\"]", 19, "`maybe` is not")]
    #[case::depth("emails[(((((((((((((((((((((((((((((((((type pr", 40, "more than 32 deep")]
    fn a_wrong_filter_in_a_path_is_invalid_filter_rfc_107(
        #[case] text: &str,
        #[case] character: usize,
        #[case] message: &str,
    ) {
        let error = Path::parse(text, &user_type()).unwrap_err();
        assert_eq!(error.scim_type, ScimType::InvalidFilter, "{error}");
        assert!(
            error.detail.starts_with(&format!("The path is wrong at character {character}: ")),
            "{error}"
        );
        assert!(error.detail.contains(message), "{error}");
    }

    #[rstest]
    #[case::one("emails[type eq \"work\"].value", Some(json!({ "type": "work" })))]
    #[case::several("emails[type eq work and primary eq \"True\"]", Some(json!({ "type": "work", "primary": true })))]
    #[case::the_same_twice("emails[type eq work and type eq work]", Some(json!({ "type": "work" })))]
    #[case::contradiction("emails[type eq work and type eq home]", None)]
    #[case::or("emails[type eq work or type eq home]", None)]
    #[case::not("emails[not (type eq work)]", None)]
    #[case::another_operator("emails[type eq work and value co x]", None)]
    #[case::presence("emails[type pr]", None)]
    #[case::null("emails[type eq null]", None)]
    fn an_element_can_be_created_if_the_filter_describes_it_q_41_c_3(
        #[case] text: &str,
        #[case] expected: Option<Value>,
    ) {
        let Some(Path::Elements { filter, .. }) = path(text) else { panic!("{text} has no filter") };
        let element = filter.element().map(|parts| {
            parts.into_iter().map(|(part, value)| (part.name.clone(), value)).collect::<Value>()
        });
        assert_eq!(element, expected);
        if let Some(element) = element {
            assert!(filter.matches(&element));
        }
    }

    #[test]
    fn a_filter_chooses_elements() {
        let Some(Path::Elements { filter, .. }) = path("emails[type eq \"work\"].value") else { panic!() };
        assert!(filter.matches(&json!({ "type": "WORK" })));
        assert!(!filter.matches(&json!({ "type": "home" })));
        assert!(!filter.matches(&json!({})));
        assert!(!filter.matches(&Value::Null));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-zA-Z0-9 .:$\\[\\]()\"\\\\]{0,40}|\\PC{0,20}|emails\\[\\PC{0,20}\\].\\PC{0,8}") {
            if let Ok(Some(path)) = Path::parse(&text, &user_type()) {
                prop_assert_eq!(Path::parse(&path.to_string(), &user_type()), Ok(Some(path)));
            }
        }
    }
}
