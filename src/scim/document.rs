//! A resource as JSON text.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

/// A resource as an answer holds it: JSON text that is ready to be sent. It is made of stored text where that is possible,
/// and becomes a tree only where somebody asks about its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document(String);

impl Document {
    /// Text that is a JSON object.
    pub(super) fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }

    /// The tree.
    ///
    /// # Errors
    /// When the text is no JSON, which means that the database holds what this program never wrote.
    pub fn to_value(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_str(&self.0)
    }

    /// The tree of the members whose names `keeps` wants. The others are only passed over, which costs a fraction of what
    /// reading them does: a filter looks at one attribute of thousands of resources.
    ///
    /// # Errors
    /// As [`to_value`](Self::to_value).
    pub fn excerpt(&self, keeps: impl Fn(&str) -> bool) -> Result<Value, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(&self.0);
        let members = Excerpt(keeps).deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(Value::Object(members))
    }
}

/// Reads the members that it keeps.
struct Excerpt<F>(F);

impl<'de, F: Fn(&str) -> bool> DeserializeSeed<'de> for Excerpt<F> {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: Fn(&str) -> bool> Visitor<'de> for Excerpt<F> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Map::new();
        while let Some(Name(name)) = access.next_key()? {
            if (self.0)(&name) {
                members.insert(name.into_owned(), access.next_value()?);
            } else {
                access.next_value::<IgnoredAny>()?;
            }
        }
        Ok(members)
    }
}

/// A member's name, which is copied only if it is written with escapes.
#[derive(serde::Deserialize)]
struct Name<'n>(#[serde(borrow)] Cow<'n, str>);

impl From<&Value> for Document {
    fn from(resource: &Value) -> Self {
        Self(resource.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_excerpt_is_the_tree_without_the_rest() {
        let document = Document::from_text(r#"{"a":{"b":[1,"]}"]},"\u0063":"x","d":null,"a":2}"#.to_owned());
        let excerpt = |names: &[&str]| document.excerpt(|name| names.contains(&name)).unwrap();
        assert_eq!(excerpt(&["c", "d", "none"]), json!({ "c": "x", "d": null }));
        assert_eq!(excerpt(&["a", "c", "d"]), document.to_value().unwrap());
        assert_eq!(excerpt(&[]), json!({}));
        for damaged in ["", "[]", "{\"a\":1", "{\"a\":1}x", "{\"a\":tru}"] {
            assert!(Document::from_text(damaged.to_owned()).excerpt(|_| false).is_err(), "{damaged}");
        }
    }
}
