//! The structure of JSON: which keys, which types, whatever the values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The structure of one value, or of several in the same place: the elements of an array have one shape together, so
/// that a key which only some of them have is known to be optional.
#[derive(Debug, Default)]
pub struct Shape {
    kinds: BTreeSet<&'static str>,
    /// How many objects were seen here.
    objects: usize,
    keys: BTreeMap<String, Key>,
    /// The elements of the arrays that were seen here; `None` when all were empty.
    items: Option<Box<Shape>>,
}

#[derive(Debug, Default)]
struct Key {
    /// In how many objects it was seen.
    seen: usize,
    shape: Shape,
}

impl Shape {
    /// The structure of `value`.
    pub fn of(value: &Value) -> Self {
        let mut shape = Self::default();
        shape.absorb(value);
        shape
    }

    fn absorb(&mut self, value: &Value) {
        self.kinds.insert(kind(value));
        match value {
            Value::Object(object) => {
                self.objects += 1;
                for (name, value) in object {
                    let key = self.keys.entry(name.clone()).or_default();
                    key.seen += 1;
                    key.shape.absorb(value);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.items.get_or_insert_default().absorb(item);
                }
            }
            _ => {}
        }
    }

    /// Where `answer` is not as this example is: place (`users[].id`) and what is wrong there.
    pub fn differences(&self, answer: &Shape) -> Vec<(String, String)> {
        let mut found = Vec::new();
        self.compare(answer, "", &mut found);
        found
    }

    fn compare(&self, answer: &Shape, place: &str, found: &mut Vec<(String, String)>) {
        for kind in answer.kinds.difference(&self.kinds) {
            found.push((place.to_owned(), format!("is {kind}, in the example {:?}", self.kinds)));
        }
        for (name, expected) in &self.keys {
            let place = below(place, name);
            let is_required = expected.seen == self.objects;
            match answer.keys.get(name) {
                None => found.push((place, "is lacking".to_owned())),
                Some(key) if is_required && key.seen < answer.objects => {
                    found.push((place, "is lacking in some places".to_owned()));
                }
                Some(key) => expected.shape.compare(&key.shape, &place, found),
            }
        }
        for name in answer.keys.keys().filter(|name| !self.keys.contains_key(*name)) {
            found.push((below(place, name), "is not in the example".to_owned()));
        }
        let items = format!("{place}[]");
        match (&self.items, &answer.items) {
            (Some(expected), Some(answer)) => expected.compare(answer, &items, found),
            (Some(_), None) => found.push((items, "has no element to compare".to_owned())),
            (None, Some(_)) => found.push((items, "has elements, in the example none".to_owned())),
            (None, None) => {}
        }
    }
}

fn below(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::same(json!({"id": "1", "roles": [{"role": 1}]}), &[])]
    #[case::other_type(json!({"id": 1, "roles": [{"role": 1}]}), &["id is an integer, in the example {\"a string\"}"])]
    #[case::lacking(json!({"roles": [{"role": 1}]}), &["id is lacking"])]
    #[case::more(json!({"id": "1", "roles": [{"role": 1}], "x": 1}), &["x is not in the example"])]
    #[case::empty(json!({"id": "1", "roles": []}), &["roles[] has no element to compare"])]
    #[case::deep(json!({"id": "1", "roles": [{"role": 1}, {}]}), &["roles[].role is lacking in some places"])]
    #[case::optional(json!({"id": "1", "roles": [{"role": 1, "name": null}]}), &[])]
    fn a_difference_is_named_with_its_place(#[case] answer: Value, #[case] expected: &[&str]) {
        let example = Shape::of(&json!({"id": "7", "roles": [{"role": 1, "name": null}, {"role": 2}]}));
        let found = example.differences(&Shape::of(&answer)).into_iter();
        let found: Vec<_> = found
            .filter(|(place, _)| place != "roles[].name")
            .map(|(p, what)| format!("{p} {what}"))
            .collect();
        assert_eq!(found, expected);
    }
}
