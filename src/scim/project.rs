//! Which attributes an answer holds: `attributes`, `excludedAttributes` and the characteristic `returned` (RFC 7644
//! §3.4.2.5, §3.9; RFC 7643 §7).

mod sent;

use std::sync::Arc;

use serde_json::Value;

use super::{
    attribute::{Attribute, Mutability, Returned},
    document::Document,
    error::{Error, ScimType},
    filter::name,
    resource_type::{Named, ResourceType},
    schema::Schema,
    urn,
};

/// The longest list of names that is read, in bytes.
pub const MAX_LENGTH: usize = 8 * 1024;

/// What an answer leaves out of resources of one type.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    is_default: bool,
    /// Whether a resource as it is stored holds nothing that an answer must not.
    keeps_all: bool,
    members: Members,
}

impl Projection {
    /// Reads the two query parameters: names, separated by commas. Names that are not defined are ignored (RFC-060); a
    /// parameter without any text counts as not given.
    ///
    /// # Errors
    /// `invalidValue` if both are given, as they exclude each other (RFC-056), or if one is longer than [`MAX_LENGTH`].
    pub fn parse(
        attributes: Option<&str>,
        excluded_attributes: Option<&str>,
        resource_type: &ResourceType,
    ) -> Result<Self, Error> {
        let given = |text: &&str| !text.trim().is_empty();
        match (attributes.filter(given), excluded_attributes.filter(given)) {
            (None, None) => Ok(Self::default_of(resource_type)),
            (Some(names), None) => {
                let mentioned = Mentioned::read("attributes", names, resource_type)?;
                let members = of_resource(resource_type, Choice::Only(&mentioned), &NOTHING);
                Ok(Self { is_default: false, keeps_all: false, members })
            }
            (None, Some(names)) => {
                let mentioned = Mentioned::read("excludedAttributes", names, resource_type)?;
                let members = of_resource(resource_type, Choice::Without(&mentioned), &NOTHING);
                Ok(Self { is_default: false, keeps_all: false, members })
            }
            (Some(_), Some(_)) => Err(Error::new(
                ScimType::InvalidValue,
                "`attributes` and `excludedAttributes` exclude each other; send one of them.",
            )),
        }
    }

    /// What an answer holds when the client does not say: all but what is returned never or on request only.
    pub fn default_of(resource_type: &ResourceType) -> Self {
        let extensions = resource_type.extensions.iter().flat_map(|schema| &schema.attributes);
        let keeps_all =
            resource_type.top_level().chain(extensions).all(|attribute| is_shown_if_stored(attribute));
        Self { is_default: true, keeps_all, members: of_resource(resource_type, Choice::Default, &NOTHING) }
    }

    /// As [`parse`](Self::parse), for the answer to a write: it also holds what is returned on request only and stands in
    /// the request's `body`, unless the client chose `attributes` (RFC 7643 §7, RFC-027).
    ///
    /// # Errors
    /// As for [`parse`](Self::parse).
    pub fn parse_for_write(
        attributes: Option<&str>,
        excluded_attributes: Option<&str>,
        body: &Value,
        resource_type: &ResourceType,
    ) -> Result<Self, Error> {
        let projection = Self::parse(attributes, excluded_attributes, resource_type)?;
        if !has_requested(resource_type) || attributes.is_some_and(|names| !names.trim().is_empty()) {
            return Ok(projection);
        }
        let mut sent = Mentioned::default();
        for name in sent::names(body, resource_type) {
            if let Some(named) = name::find(resource_type, &name) {
                sent.add(&named);
            }
        }
        let excluded =
            Mentioned::read("excludedAttributes", excluded_attributes.unwrap_or_default(), resource_type)?;
        Ok(Self { members: of_resource(resource_type, Choice::Without(&excluded), &sent), ..projection })
    }

    /// Whether the client left the choice to the server.
    pub fn is_default(&self) -> bool {
        self.is_default
    }

    /// Whether an answer can hold the attribute of that canonical name, or the extension of that URN, or a part of it:
    /// if not, it need not be loaded.
    pub fn keeps(&self, name: &str) -> bool {
        *self.members.fate(name) != Fate::LeftOut
    }

    /// The part of the resource that the answer holds. By default that is all of it, for which its text need not be read.
    ///
    /// # Errors
    /// When the document is no JSON.
    pub fn reduce(&self, resource: Document) -> Result<Document, serde_json::Error> {
        if self.keeps_all {
            return Ok(resource);
        }
        Ok(Document::from(&self.apply(resource.excerpt(|name| self.keeps(name))?)))
    }

    /// Takes out of the resource what the answer must not hold. The resource is in canonical form.
    pub fn apply(&self, mut resource: Value) -> Value {
        self.members.apply(&mut resource);
        resource
    }
}

/// Whether a value that is stored is shown by default. What clients may write only, such as `password`, is never stored.
fn is_shown_if_stored(attribute: &Attribute) -> bool {
    attribute.mutability == Mutability::WriteOnly
        || (matches!(attribute.returned, Returned::Always | Returned::Default)
            && attribute.sub_attributes.iter().all(|sub_attribute| is_shown_if_stored(sub_attribute)))
}

/// What becomes of the members of an object. It is worked out once for a request, however many resources it answers.
#[derive(Clone, Debug, PartialEq)]
struct Members {
    /// By name; those that are not listed share one fate.
    listed: Vec<(String, Fate)>,
    others: Fate,
}

#[derive(Clone, Debug, PartialEq)]
enum Fate {
    Kept,
    LeftOut,
    /// Kept, but not with all that is in it.
    Reduced(Box<Members>),
}

impl Members {
    /// Reduces the object, or all objects of the array. Tells whether to keep the value: one that has become empty by
    /// this is left out, but one that was empty before stays, because Okta wants to see `members: []`.
    fn apply(&self, value: &mut Value) -> bool {
        match value {
            Value::Object(object) => {
                let was_empty = object.is_empty();
                object.retain(|name, value| match self.fate(name) {
                    Fate::Kept => true,
                    Fate::LeftOut => false,
                    Fate::Reduced(members) => members.apply(value),
                });
                was_empty || !object.is_empty()
            }
            Value::Array(elements) => {
                let was_empty = elements.is_empty();
                elements.retain_mut(|element| self.apply(element));
                was_empty || !elements.is_empty()
            }
            _ => true,
        }
    }

    fn fate(&self, name: &str) -> &Fate {
        let listed = self.listed.iter().find(|(listed, _)| listed.eq_ignore_ascii_case(name));
        listed.map_or(&self.others, |(_, fate)| fate)
    }

    /// The fate of the object that has these members.
    fn into_fate(self) -> Fate {
        if self.listed.is_empty() { self.others } else { Fate::Reduced(Box::new(self)) }
    }
}

/// What is to be kept of an object.
#[derive(Clone, Copy)]
enum Choice<'m> {
    /// What is returned unless the client says otherwise.
    Default,
    /// What is mentioned, and what is always returned.
    Only(&'m Mentioned),
    /// The default without what is mentioned.
    Without(&'m Mentioned),
}

/// The names that a client listed, as a tree: what it mentions of an object.
#[derive(Debug, Default)]
struct Mentioned {
    /// The object itself was named, not only parts of it.
    whole: bool,
    parts: Vec<(String, Mentioned)>,
}

static NOTHING: Mentioned = Mentioned { whole: false, parts: Vec::new() };

impl Mentioned {
    fn read(parameter: &str, names: &str, resource_type: &ResourceType) -> Result<Self, Error> {
        if names.len() > MAX_LENGTH {
            let detail = format!("`{parameter}` is longer than {MAX_LENGTH} bytes.");
            return Err(Error::new(ScimType::InvalidValue, detail));
        }
        let mut mentioned = Self::default();
        for name in names.split(',').map(str::trim) {
            if urn::same(name, &resource_type.schema.id) {
                mentioned.add_all(&resource_type.schema);
            } else if let Some(named) = name::find(resource_type, name) {
                mentioned.add(&named);
            }
        }
        Ok(mentioned)
    }

    /// The core schema was named by its URN.
    fn add_all(&mut self, schema: &Schema) {
        for attribute in schema.attributes.iter().filter(|attribute| attribute.returned != Returned::Request)
        {
            self.part(&attribute.name).whole = true;
        }
    }

    fn add(&mut self, named: &Named) {
        let place = match named {
            Named::Extension(schema) => self.part(&schema.id),
            Named::Attribute(attribute) => {
                let holder = match &attribute.extension {
                    Some(urn) => self.part(urn),
                    None => self,
                };
                let place = holder.part(&attribute.attribute.name);
                match &attribute.sub_attribute {
                    Some(sub_attribute) => place.part(&sub_attribute.name),
                    None => place,
                }
            }
        };
        place.whole = true;
    }

    /// The part of that canonical name, which is mentioned now.
    fn part(&mut self, name: &str) -> &mut Self {
        let index = self.parts.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.parts.push((name.to_owned(), Self::default()));
            self.parts.len() - 1
        });
        &mut self.parts[index].1
    }

    fn find(&self, name: &str) -> Option<&Self> {
        self.parts.iter().find(|(known, _)| known == name).map(|(_, part)| part)
    }
}

/// Whether anything of the type is returned on request only.
fn has_requested(resource_type: &ResourceType) -> bool {
    fn is_requested(attribute: &Arc<Attribute>) -> bool {
        attribute.returned == Returned::Request || attribute.sub_attributes.iter().any(is_requested)
    }
    let extensions = resource_type.extensions.iter().flat_map(|schema| &schema.attributes);
    resource_type.top_level().chain(extensions).any(is_requested)
}

/// `sent` is what stood in the request.
fn of_resource(resource_type: &ResourceType, choice: Choice<'_>, sent: &Mentioned) -> Members {
    let mut members = of_attributes(resource_type.top_level(), choice, sent);
    let extensions = resource_type.extensions.iter();
    members.listed.extend(extensions.map(|extension| {
        let choice = of_extension(&extension.id, choice);
        let sent = sent.find(&extension.id).unwrap_or(&NOTHING);
        (extension.id.clone(), of_attributes(&extension.attributes, choice, sent).into_fate())
    }));
    members
}

/// An extension is no attribute: what it holds that is always returned stays, even if the whole of it is excluded.
fn of_extension<'m>(urn: &str, choice: Choice<'m>) -> Choice<'m> {
    match choice {
        Choice::Default => Choice::Default,
        Choice::Only(mentioned) => match mentioned.find(urn) {
            None => Choice::Only(&NOTHING),
            Some(extension) if extension.whole => Choice::Default,
            Some(extension) => Choice::Only(extension),
        },
        Choice::Without(mentioned) => match mentioned.find(urn) {
            None => Choice::Default,
            Some(extension) if extension.whole => Choice::Only(&NOTHING),
            Some(extension) => Choice::Without(extension),
        },
    }
}

fn of_attributes<'a>(
    attributes: impl IntoIterator<Item = &'a Arc<Attribute>>,
    choice: Choice<'_>,
    sent: &Mentioned,
) -> Members {
    let others = match choice {
        Choice::Default | Choice::Without(_) => Fate::Kept,
        Choice::Only(_) => Fate::LeftOut,
    };
    let listed = attributes
        .into_iter()
        .map(|attribute| (attribute.name.clone(), of_attribute(attribute, choice, sent)))
        .filter(|(_, fate)| *fate != others)
        .collect();
    Members { listed, others }
}

fn of_attribute(attribute: &Attribute, choice: Choice<'_>, sent: &Mentioned) -> Fate {
    let sent = sent.find(&attribute.name);
    let returned = match attribute.returned {
        Returned::Request if sent.is_some() => Returned::Default,
        returned => returned,
    };
    let inner = match (returned, choice) {
        (Returned::Never, _) => return Fate::LeftOut,
        (Returned::Always, _) | (Returned::Default, Choice::Default) => Choice::Default,
        (_, Choice::Only(mentioned)) => match mentioned.find(&attribute.name) {
            None => return Fate::LeftOut,
            Some(attribute) if attribute.whole => Choice::Default,
            Some(attribute) => Choice::Only(attribute),
        },
        (Returned::Request, _) => return Fate::LeftOut,
        (Returned::Default, Choice::Without(mentioned)) => match mentioned.find(&attribute.name) {
            None => Choice::Default,
            Some(attribute) if attribute.whole => return Fate::LeftOut,
            Some(attribute) => Choice::Without(attribute),
        },
    };
    of_attributes(&attribute.sub_attributes, inner, sent.unwrap_or(&NOTHING)).into_fate()
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::subsequence};
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::scim::{
        fixture::{BADGE, user, user_type},
        urn::{ENTERPRISE_USER, USER},
    };

    /// A user that has also what must not be seen.
    fn full_user() -> Value {
        let mut user = user();
        user["password"] = json!("secret");
        user["recoveryHint"] = json!("hint");
        user["keys"] = json!([{ "label": "a", "algorithm": "rsa", "secret": "secret" }]);
        user[BADGE] = json!({ "number": "12", "costCenter": "7", "pin": "secret" });
        user
    }

    fn projected(attributes: Option<&str>, excluded_attributes: Option<&str>) -> Value {
        let spelled_out =
            |text: &str| text.replace("ENT", ENTERPRISE_USER).replace("CORE", USER).replace("BADGE", BADGE);
        let (attributes, excluded_attributes) =
            (attributes.map(spelled_out), excluded_attributes.map(spelled_out));
        Projection::parse(attributes.as_deref(), excluded_attributes.as_deref(), &user_type())
            .unwrap()
            .apply(full_user())
    }

    /// What every answer holds, and the given members.
    fn always_and(members: Value) -> Value {
        let mut user = json!({ "schemas": full_user()["schemas"], "id": "2819c223" });
        let Value::Object(members) = members else { panic!("members are an object") };
        user.as_object_mut().unwrap().extend(members);
        // Both are always returned, so that they show what is kept beside what was asked for.
        if user.get(BADGE).is_none() {
            user[BADGE] = json!({ "number": "12" });
        }
        user
    }

    #[rstest]
    #[case::nothing_given(None, None)]
    #[case::empty_parameters(Some(""), Some(" "))]
    fn by_default_all_is_returned_but_what_is_returned_never_or_on_request_rfc_021_rfc_027(
        #[case] attributes: Option<&str>,
        #[case] excluded_attributes: Option<&str>,
    ) {
        let mut expected = user();
        expected["keys"] = json!([{ "label": "a", "algorithm": "rsa" }]);
        expected[BADGE] = json!({ "number": "12", "costCenter": "7" });
        assert_eq!(projected(attributes, excluded_attributes), expected);
        let projection = Projection::parse(attributes, excluded_attributes, &user_type()).unwrap();
        assert!(projection.is_default());
        assert_eq!(projection, Projection::default_of(&user_type()));
    }

    #[rstest]
    #[case::sent(json!({ "recoveryHint": "new" }), None, None, Some("hint"))]
    #[case::sent_by_patch(json!({ "Operations": [{ "op": "replace", "path": "recoveryhint", "value": "new" }] }), None, None, Some("hint"))]
    #[case::not_sent(json!({ "userName": "x" }), None, None, None)]
    #[case::sent_and_excluded(json!({ "recoveryHint": "new" }), None, Some("recoveryHint"), None)]
    #[case::sent_and_something_else_excluded(json!({ "recoveryHint": "new" }), None, Some("userName"), Some("hint"))]
    #[case::sent_and_something_else_chosen(json!({ "recoveryHint": "new" }), Some("userName"), None, None)]
    fn what_is_returned_on_request_is_returned_to_who_wrote_it_rfc_027(
        #[case] body: Value,
        #[case] attributes: Option<&str>,
        #[case] excluded_attributes: Option<&str>,
        #[case] expected: Option<&str>,
    ) {
        let projection =
            Projection::parse_for_write(attributes, excluded_attributes, &body, &user_type()).unwrap();
        let shown = projection.apply(full_user());
        assert_eq!(shown.get("recoveryHint").and_then(Value::as_str), expected);
        assert_eq!(shown.get("password"), None);
        assert_eq!(projection.is_default(), attributes.is_none() && excluded_attributes.is_none());
    }

    #[test]
    fn the_urn_of_the_core_schema_stands_for_its_attributes_rfc_058() {
        let all = projected(None, None);
        let (mut only, mut without) = (all.clone(), all.clone());
        for (name, value) in all.as_object().unwrap() {
            if user_type().schema.attribute(name).is_some() {
                without.as_object_mut().unwrap().shift_remove(name);
            } else if name == BADGE {
                only[BADGE] = json!({ "number": value["number"] });
            } else if !["schemas", "id"].contains(&name.as_str()) {
                only.as_object_mut().unwrap().shift_remove(name);
            }
        }
        assert_eq!(projected(Some(&USER.replace("urn", "URN")), None), only);
        assert_eq!(projected(None, Some(USER)), without);
    }

    #[rstest]
    #[case::one_rfc_055("userName", json!({ "userName": "Bob@Example.com" }))]
    #[case::several_with_spaces_and_cases(" USERNAME , active,,", json!({ "userName": "Bob@Example.com", "active": true }))]
    #[case::id_alone_ent_11("id", json!({}))]
    #[case::a_part_rfc_058("name.givenName", json!({ "name": { "givenName": "Bob" } }))]
    #[case::a_part_of_elements_rfc_058(
        "emails.value",
        json!({ "emails": [{ "value": "bob@work.example" }, { "value": "bob@home.example" }] })
    )]
    #[case::a_part_and_the_whole("name.givenName,name", json!({ "name": { "givenName": "Bob", "familyName": "O'Malley" } }))]
    #[case::a_part_that_some_elements_have("emails.primary", json!({ "emails": [{ "primary": true }] }))]
    #[case::a_part_that_nothing_has("emails.display,name.formatted", json!({}))]
    #[case::a_list_that_is_empty("roles,roles.value", json!({ "roles": [] }))]
    #[case::what_is_returned_on_request_rfc_027("recoveryHint", json!({ "recoveryHint": "hint" }))]
    #[case::what_is_never_returned_rfc_021("password,keys.secret,BADGE:pin", json!({ "keys": [{ "label": "a" }] }))]
    #[case::with_what_its_elements_always_have("keys.algorithm", json!({ "keys": [{ "label": "a", "algorithm": "rsa" }] }))]
    #[case::core_urn("CORE:userName", json!({ "userName": "Bob@Example.com" }))]
    #[case::an_extension_rfc_058("ENT", json!({ ENTERPRISE_USER: { "department": "R&D", "manager": { "value": "M1" } } }))]
    #[case::an_extension_part_rfc_058("ENT:manager.value", json!({ ENTERPRISE_USER: { "manager": { "value": "M1" } } }))]
    #[case::an_extension_attribute_without_urn("manager", json!({ ENTERPRISE_USER: { "manager": { "value": "M1" } } }))]
    #[case::another_extension("BADGE:costCenter", json!({ BADGE: { "number": "12", "costCenter": "7" } }))]
    #[case::unknown_names_rfc_060("shoeSize,name.nickname,urn:x:y:z,*,😀", json!({}))]
    #[case::meta("meta.resourceType", json!({ "meta": { "resourceType": "User" } }))]
    fn attributes_are_all_that_is_returned_beside_what_always_is(
        #[case] names: &str,
        #[case] members: Value,
    ) {
        assert_eq!(projected(Some(names), None), always_and(members));
    }

    #[rstest]
    #[case::an_attribute_ent_32("emails", &["/emails"])]
    #[case::an_empty_one_rfc_057("roles", &["/roles"])]
    #[case::id_has_no_effect_rfc_057("id,schemas", &[])]
    #[case::parts("name.familyName,emails.type", &["/name/familyName", "/emails/0/type", "/emails/1/type"])]
    #[case::part_and_whole("name.familyName,name", &["/name"])]
    #[case::an_extension("ENT", &["/ENT"])]
    #[case::an_extension_with_what_is_always_returned("BADGE", &["/BADGE/costCenter"])]
    #[case::an_extension_attribute("ENT:department,manager.value", &["/ENT"])]
    #[case::always_in_elements("keys.label,keys.algorithm", &["/keys/0/algorithm"])]
    #[case::unknown_names("shoeSize,costCenter,,password", &[])]
    fn excluded_attributes_are_missing(#[case] names: &str, #[case] pointers: &[&str]) {
        let mut expected = projected(None, None);
        for pointer in pointers {
            let pointer = pointer.replace("ENT", ENTERPRISE_USER).replace("BADGE", BADGE);
            let (holder, name) = pointer.rsplit_once('/').unwrap();
            expected.pointer_mut(holder).unwrap().as_object_mut().unwrap().remove(name).unwrap();
        }
        assert_eq!(projected(None, Some(names)), expected);
    }

    #[test]
    fn both_together_are_refused_rfc_056() {
        let error = Projection::parse(Some("id"), Some("name"), &user_type()).unwrap_err();
        assert_eq!(error.scim_type, ScimType::InvalidValue);
        assert!(Projection::parse(Some("id"), Some(""), &user_type()).is_ok());
    }

    #[test]
    fn the_length_is_bounded() {
        let error = Projection::parse(Some(&"a,".repeat(MAX_LENGTH)), None, &user_type()).unwrap_err();
        assert_eq!(error.scim_type, ScimType::InvalidValue);
    }

    #[test]
    fn what_need_not_be_loaded_is_known_before() {
        let without = Projection::parse(None, Some("emails,name.givenName"), &user_type()).unwrap();
        assert!(!without.keeps("emails") && without.keeps("name") && without.keeps("roles"));
        let only = Projection::parse(Some("id,emails.value"), None, &user_type()).unwrap();
        assert!(
            only.keeps("emails") && only.keeps("id") && !only.keeps("name") && !only.keeps(ENTERPRISE_USER)
        );
        assert!(!only.is_default() && !without.is_default());
    }

    #[test]
    fn text_is_sent_as_it_is_only_if_nothing_stored_is_hidden() {
        let registry = crate::scim::registry::Registry::default();
        for resource_type in registry.resource_types() {
            let document = Document::from(&json!({ "id": "a", "unheardOf": [] }));
            assert!(Projection::default_of(resource_type).keeps_all, "{}", resource_type.name);
            assert_eq!(Projection::default_of(resource_type).reduce(document.clone()).unwrap(), document);
        }
        // This type has attributes that are returned on request, or never.
        let reduced = Projection::default_of(&user_type()).reduce(Document::from(&full_user())).unwrap();
        assert_eq!(reduced.to_value().unwrap(), projected(None, None));
        let reduced =
            Projection::parse(Some("id"), None, &user_type()).unwrap().reduce(Document::from(&full_user()));
        assert_eq!(reduced.unwrap().to_value().unwrap(), projected(Some("id"), None));
    }

    proptest! {
        #[test]
        fn nothing_secret_is_ever_returned_and_id_always_is(
            names in subsequence(
                vec!["password", "keys", "keys.secret", "keys.label", "id", "schemas", "userName", "recoveryHint", BADGE,
                    "pin", "urn:example:params:scim:schemas:badge:1.0:pin"],
                0..=11,
            ),
            excluded: bool,
        ) {
            let names = names.join(",");
            let (attributes, excluded_attributes) =
                if excluded { (None, Some(names.as_str())) } else { (Some(names.as_str()), None) };
            let user = projected(attributes, excluded_attributes);
            prop_assert!(!user.to_string().contains("secret"), "{}", user);
            prop_assert_eq!(&user["id"], "2819c223");
            prop_assert!(user["schemas"].is_array());
        }

        #[test]
        fn no_text_makes_it_panic(names: String) {
            projected(Some(&names), None);
        }
    }
}
