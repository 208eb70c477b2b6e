//! Which attributes differ between two states of a resource: names, never values.

use serde_json::{Map, Value};

use super::{canonical::same, resource::Resource, urn};

/// The names of what differs, in no order that means anything. A part of a complex attribute is named as `name.givenName`, one
/// of an extension with the extension's URN; a multi-valued attribute by its own name alone.
pub fn names(before: &Resource, after: &Resource) -> Vec<String> {
    let mut names = Vec::new();
    for (name, value) in after.shown() {
        match (before.find(name), value) {
            (Some(Value::Object(before)), Value::Object(after)) => parts(name, before, after, &mut names),
            (None, Value::Object(after)) => parts(name, &Map::new(), after, &mut names),
            (Some(before), after) if same(before, after) => {}
            _ => names.push(name.to_owned()),
        }
    }
    for (name, value) in before.shown().filter(|(name, _)| after.find(name).is_none()) {
        match value {
            Value::Object(before) => parts(name, before, &Map::new(), &mut names),
            _ => names.push(name.to_owned()),
        }
    }
    names
}

fn parts(name: &str, before: &Map<String, Value>, after: &Map<String, Value>, names: &mut Vec<String>) {
    let separator = if urn::is_urn(name) { ':' } else { '.' };
    let changed =
        after.iter().filter(|(part, value)| !before.get(*part).is_some_and(|before| same(before, value)));
    let removed = before.iter().filter(|(part, _)| !after.contains_key(*part));
    names.extend(changed.chain(removed).map(|(part, _)| format!("{name}{separator}{part}")));
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::nothing(json!({ "userName": "b", "emails": [{ "value": "a" }, { "value": "b" }] }),
        json!({ "emails": [{ "value": "b" }, { "value": "a" }], "userName": "b" }), &[])]
    #[case::all_of_a_new_one(json!({}), json!({ "userName": "b", "name": { "givenName": "x" } }), &["userName", "name.givenName"])]
    #[case::one_part(json!({ "name": { "givenName": "x", "familyName": "y" } }),
        json!({ "name": { "givenName": "x", "familyName": "z" } }), &["name.familyName"])]
    #[case::what_is_gone(json!({ "title": "x", "name": { "givenName": "x" } }), json!({}), &["title", "name.givenName"])]
    #[case::an_extension(json!({ "urn:x": { "a": 1 } }), json!({ "urn:x": { "a": 2, "b": 1 } }), &["urn:x:a", "urn:x:b"])]
    #[case::elements(json!({ "emails": [{ "value": "a" }] }), json!({ "emails": [{ "value": "b" }] }), &["emails"])]
    #[case::what_is_remembered_is_not_shown(json!({ "active": true }), json!({ "$active": true }), &["active"])]
    fn what_differs_is_named_without_its_values(
        #[case] before: Value,
        #[case] after: Value,
        #[case] expected: &[&str],
    ) {
        let resource = |value| serde_json::from_value::<Resource>(value).unwrap();
        assert_eq!(names(&resource(before), &resource(after)), expected);
    }
}
