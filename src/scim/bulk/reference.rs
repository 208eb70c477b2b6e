//! `bulkId:qwerty`: what operations say of resources that the same request creates (RFC 7644 §3.7.2).
//!
//! A value that is such a reference is one wherever it stands, also in extensions. In a `$ref`, and in the `path` of a
//! PATCH operation, it may be part of the text: `../Users/bulkId:qwerty`, `members[value eq "bulkId:qwerty"]`. Elsewhere a
//! text that mentions one in passing is just a text.

use std::ops::Range;

use serde_json::{Map, Value, json};

use super::{Action, Change, Endpoint};
use crate::scim::{precondition::Precondition, urn};

const PREFIX: &str = "bulkId:";

/// What ends a reference inside a text.
const ENDS: [char; 8] = ['"', '\'', '/', '?', '#', ']', ')', ' '];

/// A reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mention<'v> {
    /// The value is the reference to this `bulkId`: it must be resolved.
    Value(&'v str),
    /// A text holds it: if there is no such `bulkId`, the text may mean something else.
    Part(&'v str),
}

impl<'v> Mention<'v> {
    /// The `bulkId`.
    pub fn bulk_id(self) -> &'v str {
        match self {
            Self::Value(bulk_id) | Self::Part(bulk_id) => bulk_id,
        }
    }
}

impl Action {
    /// All references in its path and its data.
    pub fn mentions(&self) -> Vec<Mention<'_>> {
        let mut found: Vec<_> = self.id().and_then(referenced).map(Mention::Value).into_iter().collect();
        if let Some(data) = self.data() {
            collect("", data, &mut found);
        }
        found
    }

    /// Puts ids in the place of references. Those that `id_of` does not know stay.
    pub fn resolve<'i>(&mut self, id_of: &impl Fn(&str) -> Option<&'i str>) {
        match self {
            Self::Create { data, .. } => replace("", data, id_of),
            Self::Change { id, change, .. } => {
                if let Some(known) = referenced(id).and_then(id_of) {
                    known.clone_into(id);
                }
                match change {
                    Change::Replace(data) | Change::Update(data) => replace("", data, id_of),
                    Change::Delete => {}
                }
            }
        }
    }

    /// Takes out of a new resource what refers to something that is not there yet: elements of lists, such as members, and
    /// whole attributes, such as a manager. `None` if there is no such thing.
    pub fn leave_out(&mut self, is_missing: &impl Fn(&str) -> bool) -> Option<LeftOut> {
        let Self::Create { data: Value::Object(data), .. } = self else { return None };
        let left_out = take(data, is_missing);
        (!left_out.is_empty()).then_some(LeftOut(left_out))
    }
}

/// The `bulkId` that a whole text, such as the id in a path, refers to.
pub fn referenced(text: &str) -> Option<&str> {
    text.strip_prefix(PREFIX)
}

fn collect<'v>(key: &str, value: &'v Value, found: &mut Vec<Mention<'v>>) {
    match value {
        Value::String(text) => found.extend(find(key, text).map(|(_, mention)| mention)),
        Value::Array(elements) => elements.iter().for_each(|element| collect(key, element, found)),
        Value::Object(members) => members.iter().for_each(|(name, member)| collect(name, member, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The first reference in a text that is the value of `key`. One is all that makes sense.
fn find<'t>(key: &str, text: &'t str) -> Option<(Range<usize>, Mention<'t>)> {
    let holds_parts = key.eq_ignore_ascii_case("$ref") || key.eq_ignore_ascii_case("path");
    if let Some(bulk_id) = referenced(text) {
        return Some((0..text.len(), Mention::Value(bulk_id)));
    }
    let start = if holds_parts { text.find(PREFIX)? } else { return None };
    let rest = &text[start + PREFIX.len()..];
    let bulk_id = &rest[..rest.find(ENDS).unwrap_or(rest.len())];
    Some((start..start + PREFIX.len() + bulk_id.len(), Mention::Part(bulk_id)))
}

fn replace<'i>(key: &str, value: &mut Value, id_of: &impl Fn(&str) -> Option<&'i str>) {
    match value {
        Value::String(text) => {
            let found = find(key, text).and_then(|(place, mention)| Some((place, id_of(mention.bulk_id())?)));
            if let Some((place, id)) = found {
                text.replace_range(place, id);
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| replace(key, element, id_of)),
        Value::Object(members) => members.iter_mut().for_each(|(name, member)| replace(name, member, id_of)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The attributes of a resource that it has to be created without for now.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut(Map<String, Value>);

impl LeftOut {
    /// All references in them.
    pub fn mentions(&self) -> Vec<Mention<'_>> {
        let mut found = Vec::new();
        self.0.iter().for_each(|(name, value)| collect(name, value, &mut found));
        found
    }

    /// The PATCH that adds them to the resource of that id.
    pub fn into_action(self, endpoint: Endpoint, id: &str) -> Action {
        let patch = json!({ "schemas": [urn::PATCH_OP], "Operations": [{ "op": "add", "value": self.0 }] });
        let change = Change::Update(patch);
        Action::Change { endpoint, id: id.to_owned(), precondition: Precondition::none(), change }
    }
}

fn take(object: &mut Map<String, Value>, is_missing: &impl Fn(&str) -> bool) -> Map<String, Value> {
    let mut left_out = Map::new();
    let refers = |name: &str, value: &Value| {
        let mut found = Vec::new();
        collect(name, value, &mut found);
        found.iter().any(|mention| is_missing(mention.bulk_id()))
    };
    let names: Vec<_> =
        object.iter().filter(|(name, value)| refers(name, value)).map(|(name, _)| name.clone()).collect();
    for name in names {
        let taken = match object.get_mut(&name) {
            Some(Value::Array(elements)) => {
                elements.extract_if(.., |element| refers(&name, element)).collect::<Vec<_>>().into()
            }
            // An extension holds attributes, of which the others stay.
            Some(Value::Object(extension)) if urn::is_urn(&name) => take(extension, is_missing).into(),
            _ => object.shift_remove(&name).unwrap_or_default(),
        };
        left_out.insert(name, taken);
    }
    left_out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn create(data: Value) -> Action {
        Action::Create { endpoint: Endpoint::Groups, data }
    }

    fn change(id: &str, change: Change) -> Action {
        let precondition = Precondition::none();
        Action::Change { endpoint: Endpoint::Groups, id: id.to_owned(), precondition, change }
    }

    #[rstest]
    #[case::a_member(json!({ "members": [{ "type": "User", "value": "bulkId:a" }] }), &[Mention::Value("a")])]
    #[case::a_manager(json!({ "urn:x": { "manager": { "value": "bulkId:a b/c" } } }), &[Mention::Value("a b/c")])]
    #[case::bare_values(json!({ "members": ["bulkId:a", "bulkId:b"] }), &[Mention::Value("a"), Mention::Value("b")])]
    #[case::a_url(json!({ "$ref": "https://x/Users/bulkId:a?x" }), &[Mention::Part("a")])]
    #[case::a_path(json!({ "path": "members[value eq \"bulkId:a\"].display" }), &[Mention::Part("a")])]
    #[case::nothing_named(json!({ "value": "bulkId:" }), &[Mention::Value("")])]
    #[case::in_passing(json!({ "displayName": "how bulkId:a works", "bulkId:a": true }), &[])]
    #[case::another_case(json!({ "value": "bulkid:a" }), &[])]
    fn references_are_found_wherever_they_stand_rfc_119(
        #[case] data: Value,
        #[case] expected: &[Mention<'_>],
    ) {
        assert_eq!(create(data.clone()).mentions(), expected);
        assert_eq!(change("0198", Change::Replace(data)).mentions(), expected);
    }

    #[test]
    fn a_path_may_be_a_reference_rfc_119() {
        let mut delete = change("bulkId:a", Change::Delete);
        assert_eq!(delete.mentions(), [Mention::Value("a")]);
        delete.resolve(&|_| Some("0198"));
        assert_eq!(delete, change("0198", Change::Delete));
        assert_eq!(delete.mentions(), []);
    }

    #[test]
    fn ids_take_the_place_of_references_rfc_119() {
        let mut update = change(
            "bulkId:g",
            Change::Update(json!({
                "displayName": "see bulkId:a", "n": 1,
                "members": [{ "value": "bulkId:a", "$ref": "../Users/bulkId:a" }, "bulkId:unknown"],
                "Operations": [{ "op": "remove", "path": "members[value eq \"bulkId:a\"]" }],
            })),
        );
        update.resolve(&|bulk_id| (bulk_id == "a").then_some("0198"));
        assert_eq!(
            update,
            change(
                "bulkId:g",
                Change::Update(json!({
                    "displayName": "see bulkId:a", "n": 1,
                    "members": [{ "value": "0198", "$ref": "../Users/0198" }, "bulkId:unknown"],
                    "Operations": [{ "op": "remove", "path": "members[value eq \"0198\"]" }],
                }))
            )
        );
    }

    #[test]
    fn what_is_not_there_yet_is_left_out_and_added_later_rfc_120() {
        let mut group = create(json!({
            "displayName": "G",
            "members": [{ "value": "bulkId:a" }, { "value": "bulkId:b" }, { "value": "0198" }],
            "owner": { "value": "bulkId:b", "display": "B" },
            "urn:x": { "department": "Ops", "manager": { "value": "bulkId:b" } },
        }));
        let left_out = group.leave_out(&|bulk_id| bulk_id == "b").unwrap();
        assert_eq!(
            group,
            create(json!({
                "displayName": "G",
                "members": [{ "value": "bulkId:a" }, { "value": "0198" }],
                "urn:x": { "department": "Ops" },
            }))
        );
        assert_eq!(left_out.mentions(), [Mention::Value("b"); 3]);
        assert_eq!(
            left_out.into_action(Endpoint::Groups, "0199"),
            change(
                "0199",
                Change::Update(json!({
                    "schemas": [urn::PATCH_OP],
                    "Operations": [{ "op": "add", "value": {
                        "members": [{ "value": "bulkId:b" }],
                        "owner": { "value": "bulkId:b", "display": "B" },
                        "urn:x": { "manager": { "value": "bulkId:b" } },
                    } }],
                }))
            )
        );
        assert_eq!(group.leave_out(&|bulk_id| bulk_id == "b"), None);
        assert_eq!(create(json!(["bulkId:b"])).leave_out(&|_| true), None);
        assert_eq!(change("bulkId:b", Change::Delete).leave_out(&|_| true), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(key in "\\$ref|path|value", text in "(bulkId:|[a-é\"/ ]){0,8}") {
            let mut action = create(json!({ key: text }));
            let _ = action.mentions();
            action.resolve(&|_| Some("0198"));
            let _ = action.leave_out(&|_| true);
        }
    }
}
