//! Reading a TOML tree by hand, and collecting what is wrong on the way.
//!
//! A [`Table`] is asked for its keys one by one, a [`Value`] for what it should be. Both report what is wrong to their
//! [`Source`], so a section first reads all its keys, and only then gives up at the first that is bad.

use std::{borrow::Cow, fmt, ops::RangeInclusive};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::source::{Read, Reported, Source};

/// Texts that are quoted in a problem, and keys, are cut after so many characters.
const QUOTED_CHARACTERS: usize = 60;

/// A table whose keys are read one by one.
pub(super) struct Table<'a> {
    source: &'a Source<'a>,
    path: String,
    line: Option<usize>,
    /// `None` when the file does not have this table, which then is as good as an empty one.
    entries: Option<&'a DeTable<'a>>,
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// The file's outermost table.
    pub(super) fn root(source: &'a Source<'a>, entries: &'a DeTable<'a>) -> Self {
        Self { source, path: String::new(), line: None, entries: Some(entries), known: Vec::new() }
    }

    /// A table that the file does not have.
    pub(super) fn absent(source: &'a Source<'a>) -> Self {
        Self { source, path: String::new(), line: None, entries: None, known: Vec::new() }
    }

    /// The folder that relative file names start from, for the names of files that the admin did not write.
    #[cfg(feature = "acme")]
    pub(super) fn folder(&self) -> &'a std::path::Path {
        self.source.folder
    }

    /// Reads `key` if it is there.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Value<'a>) -> Read<T>,
    ) -> Read<Option<T>> {
        self.known.push(key);
        self.find(key).map(read).transpose()
    }

    /// Reads `key`, or takes `default` if it is not there.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(Value<'a>) -> Read<T>,
    ) -> Read<T> {
        Ok(self.optional(key, read)?.unwrap_or(default))
    }

    /// Reads `key`, which must be there; `hint` says what it is, as in `the address of …`.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        hint: &str,
        read: impl FnOnce(Value<'a>) -> Read<T>,
    ) -> Read<T> {
        match self.optional(key, read)? {
            Some(value) => Ok(value),
            None => {
                Err(self.source.report(self.line, &join(&self.path, key), format_args!("missing: {hint}")))
            }
        }
    }

    /// Reads the table `key`, which need not be there.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Table<'a>) -> Read<T>,
    ) -> Read<T> {
        let table = self.optional(key, |value| value.table())?;
        read(table.unwrap_or_else(|| Table { path: join(&self.path, key), ..Table::absent(self.source) }))
    }

    /// Reports `key` if it is there.
    pub(super) fn refuse(&self, key: &str, why: &str) -> Read<()> {
        self.find(key).map_or(Ok(()), |value| Err(value.report(why)))
    }

    /// Every key of a table whose keys are names that the admin chose.
    pub(super) fn names(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        self.entries.into_iter().flatten().map(|(key, value)| (&**key.get_ref(), self.value(key, value)))
    }

    /// The keys that were asked for.
    pub(super) fn known(&self) -> &[&'static str] {
        &self.known
    }

    /// Reports a problem with the table as a whole.
    pub(super) fn report(&self, text: impl fmt::Display) -> Reported {
        self.source.report(self.line, &self.path, text)
    }

    /// Ends the reading: keys that nobody asked for are problems. `belongs` may know better where such a key belongs.
    pub(super) fn finish_with(self, belongs: impl Fn(&str) -> Option<String>) -> Read<()> {
        let mut read = Ok(());
        for (key, value) in self.names().filter(|(key, _)| !self.known.contains(key)) {
            read = Err(value.report(belongs(key).unwrap_or_else(|| self.unknown(key))));
        }
        read
    }

    /// Ends the reading: keys that nobody asked for are problems.
    pub(super) fn finish(self) -> Read<()> {
        self.finish_with(|_| None)
    }

    /// What to say of the unknown `key`: the known one that looks most like it, else all of them.
    fn unknown(&self, key: &str) -> String {
        let nearest = self.known.iter().map(|known| (strsim::osa_distance(key, known), known)).min();
        match nearest {
            Some((distance, known)) if distance <= 1 + known.len() / 4 => {
                format!("unknown key; did you mean {known:?}?")
            }
            _ => format!("unknown key; the keys here are {}", self.known.join(", ")),
        }
    }

    fn find(&self, key: &str) -> Option<Value<'a>> {
        self.entries?.get_key_value(key).map(|(key, value)| self.value(key, value))
    }

    fn value(&self, key: &'a Spanned<Cow<'a, str>>, value: &'a Spanned<DeValue<'a>>) -> Value<'a> {
        Value {
            source: self.source,
            path: join(&self.path, key.get_ref()),
            line: self.source.line(key.span().start),
            value: value.get_ref(),
        }
    }
}

/// The value of a key, or one element of an array.
#[derive(Clone)]
pub(super) struct Value<'a> {
    /// What the file is read with.
    pub(super) source: &'a Source<'a>,
    path: String,
    line: usize,
    value: &'a DeValue<'a>,
}

impl<'a> Value<'a> {
    /// Where it is in the file, as in `apps.aha.tokens[0]`.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Reports a problem with this value.
    pub(super) fn report(&self, text: impl fmt::Display) -> Reported {
        self.source.report(Some(self.line), &self.path, text)
    }

    /// Reports that the value is of another type than `expected`, as in `a string`. The value itself is not shown, since
    /// it may be a secret in the wrong place.
    pub(super) fn unexpected(&self, expected: &str) -> Reported {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.report(format_args!("expected {expected}, found {found}"))
    }

    /// The text, if it is a string.
    pub(super) fn as_string(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// A string.
    pub(super) fn string(&self) -> Read<&'a str> {
        self.as_string().ok_or_else(|| self.unexpected("a string"))
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Read<bool> {
        self.value.as_bool().ok_or_else(|| self.unexpected("true or false"))
    }

    /// An integer within `range`.
    pub(super) fn integer(&self, range: RangeInclusive<u64>) -> Read<u64> {
        let integer = self.value.as_integer().ok_or_else(|| self.unexpected("an integer"))?;
        u64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .filter(|integer| range.contains(integer))
            .ok_or_else(|| {
                self.report(format_args!("must be an integer from {} to {}", range.start(), range.end()))
            })
    }

    /// One of a closed set of words.
    pub(super) fn one_of<T: Copy>(&self, choices: &[(&str, T)]) -> Read<T> {
        let text = self.string()?;
        choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice).ok_or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| format!("{word:?}")).collect();
            self.report(format_args!("{} is not one of {}", quoted(text), words.join(", ")))
        })
    }

    /// The table, if it is one.
    pub(super) fn as_table(&self) -> Option<Table<'a>> {
        self.value.as_table().map(|entries| Table {
            source: self.source,
            path: self.path.clone(),
            line: Some(self.line),
            entries: Some(entries),
            known: Vec::new(),
        })
    }

    /// A table.
    pub(super) fn table(&self) -> Read<Table<'a>> {
        self.as_table().ok_or_else(|| self.unexpected("a table"))
    }

    /// An array of at most `most` elements, each read by `read`; every bad element is reported.
    pub(super) fn array<T>(&self, most: usize, mut read: impl FnMut(Value<'a>) -> Read<T>) -> Read<Vec<T>> {
        let array = self.value.as_array().ok_or_else(|| self.unexpected("an array"))?;
        if array.len() > most {
            return Err(self.report(format_args!("has {} elements; {most} is the most", array.len())));
        }
        let elements = array.iter().enumerate().map(|(index, element)| Value {
            source: self.source,
            path: format!("{}[{index}]", self.path),
            line: self.source.line(element.span().start),
            value: element.get_ref(),
        });
        // Read all before giving up at the first that is bad.
        let read: Vec<_> = elements.map(&mut read).collect();
        read.into_iter().collect()
    }
}

/// `text` in quotes, escaped and cut, to be shown in a problem.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARACTERS) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// The path of `key` within `path`; a key that is not a plain word is quoted, as TOML does.
fn join(path: &str, key: &str) -> String {
    let plain =
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let key = if plain && key.len() <= QUOTED_CHARACTERS { key.to_owned() } else { quoted(key) };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}
