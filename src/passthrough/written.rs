//! JSON as it was written: an object keeps all of its members, also those whose name stands there twice. Which of them a target
//! goes by is not known.

use std::{cell::Cell, collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How many values a text may have. Each takes many times the memory of the two bytes that it may be written in.
const MOST_VALUES: usize = 256 * 1024;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Written {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Written {
    /// Reads the text of a body; `None` if it cannot be read, or has more than [`MOST_VALUES`]. A byte order mark before it is
    /// skipped.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let left = Cell::new(MOST_VALUES);
        let read = Reader { left: &left }.deserialize(&mut deserializer).ok()?;
        deserializer.end().ok()?;
        Some(read)
    }

    /// All members of that name, which compares without case; none if this is no object.
    pub(super) fn all<'w>(&'w self, name: &'w str) -> impl Iterator<Item = &'w Self> + Clone {
        self.members().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All members; none if this is no object.
    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &Self)> + Clone {
        let members = if let Self::Object(members) = self { members.as_slice() } else { &[] };
        members.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The elements; none if this is no array.
    pub(super) fn elements(&self) -> impl Iterator<Item = &Self> + Clone {
        let elements = if let Self::Array(elements) = self { elements.as_slice() } else { &[] };
        elements.iter()
    }

    /// Whether an object in it has two members of the same name.
    pub(super) fn has_doubles(&self) -> bool {
        let mut names = HashSet::new();
        self.members().any(|(name, value)| !names.insert(name) || value.has_doubles())
            || self.elements().any(Self::has_doubles)
    }

    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// Reads one value, of those that are left.
#[derive(Clone, Copy)]
struct Reader<'c> {
    left: &'c Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Written;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Written, D::Error> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| D::Error::custom("too many values"))?;
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Written, E> {
        Ok(Written::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Written, E> {
        Ok(Written::Bool(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "nothing is asked of a number but whether it is zero")]
    fn visit_u64<E: Error>(self, value: u64) -> Result<Written, E> {
        Ok(Written::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "nothing is asked of a number but whether it is zero")]
    fn visit_i64<E: Error>(self, value: i64) -> Result<Written, E> {
        Ok(Written::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Written, E> {
        Ok(Written::Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Written, E> {
        Ok(Written::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Written, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element_seed(self)? {
            elements.push(element);
        }
        Ok(Written::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Written, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key()? {
            members.push((name, map.next_value_seed(self)?));
        }
        Ok(Written::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_too_many_values_is_not_read() {
        let values = |count: usize| format!("[{}0]", "0,".repeat(count - 2));
        assert!(Written::read(values(MOST_VALUES).as_bytes()).is_some());
        assert!(Written::read(values(MOST_VALUES + 1).as_bytes()).is_none());
        assert!(Written::read(b"{} {}").is_none());
    }
}
