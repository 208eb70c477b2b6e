//! `connector`: the kind of target that an app has.

use std::path::Path;

use super::{
    aha::AhaConfig,
    reader::{Table, quoted},
    source::{Read, Source},
};

/// A target and how to reach it.
#[derive(Clone, Debug)]
pub enum Connector {
    /// The accounts of Aha! Roadmaps.
    Aha(Box<AhaConfig>),
    /// A target in memory that accepts everything.
    Memory,
}

/// The words that `connector` takes.
const KINDS: [(&str, Kind); 2] = [("aha", Kind::Aha), ("memory", Kind::Memory)];

/// Words that a later version takes, so that they are not taken for misspelt ones.
const NOT_YET: [&str; 2] = ["aha-portal", "scim"];

/// What a problem says about the words that `connector` takes.
const CHOICES: &str = "write \"aha\" or \"memory\"";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Aha,
    Memory,
}

impl Connector {
    /// Reads `connector` and the keys of that kind of target, which stand beside it in the app's table; then ends the
    /// reading of that table.
    pub(super) fn read(mut table: Table<'_>) -> Read<Self> {
        let hint = format!("the kind of target; {CHOICES}");
        // Without a kind there is no telling which keys are unknown, so the table is left at that.
        let kind = table.required("connector", &hint, |value| {
            let word = value.string()?;
            if NOT_YET.contains(&word) {
                return Err(
                    value.report(format_args!("this version has no connector {word:?} yet; {CHOICES}"))
                );
            }
            KINDS.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind).ok_or_else(|| {
                value.report(format_args!("there is no connector {}; {CHOICES}", quoted(word)))
            })
        })?;
        let connector = match kind {
            Kind::Aha => AhaConfig::read(&mut table).map(Box::new).map(Connector::Aha),
            Kind::Memory => Ok(Connector::Memory),
        };
        table.finish_with(|key| belongs(key, kind))?;
        connector
    }
}

/// What to say of a key that `kind` does not have, if it belongs to another kind.
fn belongs(key: &str, kind: Kind) -> Option<String> {
    // The keys of a section are those that it asks an empty table for.
    let source = Source::new("", Path::new(""), &|_| None);
    let mut table = Table::absent(&source);
    let _ = AhaConfig::read(&mut table);
    (kind != Kind::Aha && table.known().contains(&key))
        .then(|| "is a key of connector \"aha\" only; remove it, or change the connector".to_owned())
}
