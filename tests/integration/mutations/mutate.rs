//! Alterations of texts: of their bytes, and of the structure of JSON.

use serde_json::{Map, Value, json};

/// A small generator of numbers (xorshift64*), so that a seed says everything about a run.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() >> 11) as usize % end
    }

    pub fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

/// What stands at decisive places of filters and of JSON.
const PIECES: &[&str] = &[
    "\"",
    "\\",
    "\\u",
    "\\ud800",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ".",
    ":",
    ",",
    " ",
    "\t",
    "\n",
    "\u{0}",
    "\u{feff}",
    "'",
    "$",
    "/",
    "-",
    "+",
    "eq",
    "ne",
    "co",
    "pr",
    "gt",
    " and ",
    " or ",
    "not (",
    "true",
    "false",
    "null",
    "0",
    "-1",
    "1e999",
    "1e-7",
    "18446744073709551616",
    "0.1",
    "value",
    "type",
    "primary",
    "emails",
    "members",
    "id",
    "meta",
    "schemas",
    "active",
    "password",
    "userName",
    "Operations",
    "op",
    "path",
    "add",
    "remove",
    "replace",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:",
    "2026-01-31T09:00:00Z",
    "ß",
    "İ",
    "é",
    "e\u{301}",
    "\u{1F600}",
    "\u{202e}",
    "((((((((((((((((",
    "[[[[[[[[[[[[[[[[",
    "{\"a\":{\"a\":{\"a\":",
];

/// A text of the corpus, altered one to eight times.
pub fn altered(random: &mut Random, corpus: &[&str], is_json: bool) -> Vec<u8> {
    let text = random.one_of(corpus);
    let times = 1 + random.below(8);
    if is_json
        && random.below(2) == 0
        && let Ok(mut value) = serde_json::from_str::<Value>(text)
    {
        for _ in 0..times {
            alter_structure(random, &mut value, corpus);
        }
        return serde_json::to_vec(&value).unwrap();
    }
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..times {
        alter_bytes(random, &mut bytes, corpus);
    }
    bytes.truncate(64 * 1024);
    bytes
}

fn alter_bytes(random: &mut Random, bytes: &mut Vec<u8>, corpus: &[&str]) {
    let place = random.below(bytes.len() + 1);
    let end = (place + random.below(16)).min(bytes.len());
    match random.below(8) {
        0 => drop(bytes.drain(place..end)),
        1 => drop(bytes.splice(place..place, random.one_of(PIECES).bytes())),
        2 => drop(bytes.splice(place..end, random.one_of(PIECES).bytes())),
        3 => {
            let copy = bytes[place..end].to_vec();
            let to = random.below(bytes.len() + 1);
            drop(bytes.splice(to..to, copy));
        }
        4 if place < bytes.len() => bytes[place] ^= 1 << random.below(8),
        5 if place < bytes.len() => bytes[place] = random.next() as u8,
        6 => {
            let other = random.one_of(corpus).as_bytes();
            let from = random.below(other.len() + 1);
            drop(bytes.splice(place.., other[from..].iter().copied()));
        }
        _ => bytes.make_ascii_uppercase_from(place, end),
    }
}

trait UppercaseFrom {
    fn make_ascii_uppercase_from(&mut self, place: usize, end: usize);
}

impl UppercaseFrom for Vec<u8> {
    fn make_ascii_uppercase_from(&mut self, place: usize, end: usize) {
        self[place..end].make_ascii_uppercase();
    }
}

fn alter_structure(random: &mut Random, value: &mut Value, corpus: &[&str]) {
    match value {
        Value::Object(object) if !object.is_empty() && random.below(4) > 0 => {
            let key = object.keys().nth(random.below(object.len())).unwrap().clone();
            match random.below(5) {
                0 => drop(object.shift_remove(&key)),
                1 => rename(random, object, &key),
                2 => {
                    let other: Value = serde_json::from_str(random.one_of(corpus)).unwrap_or_default();
                    if let Value::Object(other) = other {
                        object.extend(other);
                    }
                }
                _ => alter_structure(random, &mut object[&key], corpus),
            }
        }
        Value::Array(elements) if !elements.is_empty() && random.below(4) > 0 => {
            let place = random.below(elements.len());
            match random.below(4) {
                0 => drop(elements.remove(place)),
                1 => elements.push(elements[place].clone()),
                _ => alter_structure(random, &mut elements[place], corpus),
            }
        }
        Value::String(text) if random.below(2) == 0 => {
            let mut bytes = std::mem::take(text).into_bytes();
            alter_bytes(random, &mut bytes, corpus);
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
        other => {
            let before = other.take();
            *other = match random.below(12) {
                0 => Value::Null,
                1 => json!([]),
                2 => json!({}),
                3 => json!(""),
                4 => json!(random.next()),
                5 => json!(-0.5),
                6 => json!(random.below(2) == 0),
                7 => json!([before]),
                8 => json!({ "value": before }),
                9 => json!([before, before]),
                10 => json!(random.one_of(PIECES).repeat(1 + random.below(64))),
                _ => json!(random.one_of(PIECES)),
            };
        }
    }
}

fn rename(random: &mut Random, object: &mut Map<String, Value>, key: &str) {
    let value = object.shift_remove(key).unwrap();
    let name = match random.below(4) {
        0 => key.to_uppercase(),
        1 => random.one_of(PIECES).to_owned(),
        2 => format!("{key}.{}", random.one_of(PIECES)),
        _ => format!("{key}[{}]", random.one_of(PIECES)),
    };
    if random.below(2) == 0 {
        object.insert(key.to_owned(), value.clone());
    }
    object.insert(name, value);
}
