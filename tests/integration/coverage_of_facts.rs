//! Every fact that the bridge is held to is named by a test, in its name or beside it: what Okta and Entra ID send (`ENT`, `OKT`,
//! `AUTH`), their own suites (`OSPEC`, `VAL`, `LAV`), failures seen elsewhere (`Q`), rules that servers get wrong (`RFC`), and
//! choices where clients disagree (`C`).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// A family of facts, and the number of its last one. One that begins like another stands before it.
const FAMILIES: [(&str, u32); 12] = [
    ("AUTH-", 8),
    ("ENT-SEQ-", 12),
    ("OKT-SEQ-", 12),
    ("OSPEC-", 12),
    ("VAL-P", 7),
    ("ENT-", 46),
    ("OKT-", 20),
    ("VAL-", 26),
    ("LAV-", 11),
    ("RFC-", 136),
    ("Q-", 85),
    ("C-", 24),
];

/// Facts that no test shows, each with the reason.
const EXCEPTIONS: [(&str, &str); 1] = [(
    "OKT-18",
    "entitlements of the target, in Okta's own schemas; Okta asks for them only where they are announced",
)];

#[test]
fn every_fact_is_named_by_a_test() {
    let mut named = BTreeSet::new();
    for folder in ["src", "tests"] {
        read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut named);
    }
    for (id, _) in EXCEPTIONS {
        named.extend(ids(id));
    }
    let mut missing: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for (family, last) in FAMILIES {
        for number in (1..=last).filter(|number| !named.contains(&(family, *number))) {
            missing.entry(family).or_default().push(number);
        }
    }
    assert!(missing.is_empty(), "nothing names these facts: {missing:?}");
}

fn read_folder(folder: &Path, named: &mut BTreeSet<(&'static str, u32)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_folder(&path, named);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("coverage_of_facts.rs")
        {
            let text = fs::read_to_string(&path).unwrap();
            named.extend(ids(tests_in(&path, &text)));
        }
    }
}

/// The part of a file that holds tests: all of it, or what stands below the code that it tests.
fn tests_in<'t>(path: &Path, text: &'t str) -> &'t str {
    let path = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
    if path.components().any(|part| ["tests", "tests.rs"].iter().any(|name| part.as_os_str() == *name)) {
        return text;
    }
    text.find("#[cfg(test)]\nmod tests {").map_or("", |start| &text[start..])
}

/// The facts that a text names: `RFC-091`, `rfc_091` in the name of a test, and `RFC-091…098` or `RFC-091…RFC-098`.
fn ids(text: &str) -> Vec<(&'static str, u32)> {
    let mut ids = Vec::new();
    let mut before = ' ';
    for (place, next) in text.char_indices() {
        if !before.is_alphanumeric()
            && let Some((family, first, rest)) = id(&text[place..])
        {
            let last = ["…", "...", "–"]
                .into_iter()
                .find_map(|sign| rest.strip_prefix(sign))
                .and_then(|rest| match id(rest) {
                    Some((of, number, _)) => (of == family).then_some(number),
                    None => number(rest).map(|(number, _)| number),
                })
                .unwrap_or(first)
                .max(first);
            ids.extend((first..=last).map(|number| (family, number)));
        }
        before = next;
    }
    ids
}

/// The id that a text begins with, and what follows.
fn id(text: &str) -> Option<(&'static str, u32, &str)> {
    FAMILIES.iter().find_map(|(family, _)| {
        let prefix = text.get(..family.len())?;
        let (number, rest) = number(&text[family.len()..])?;
        prefix.replace('_', "-").eq_ignore_ascii_case(family).then_some((*family, number, rest))
    })
}

fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[test]
fn ids_are_read_in_every_form_in_which_they_stand() {
    let text = "`ENT-22…24`, rfc_051_q_03 (RFC-091…RFC-093) VAL-P7 val_p1_and ENT-SEQ-5, LAV-1…3 vent-7 C-9. Q-2–3 RFC-7643x";
    let read: Vec<_> = ids(text).into_iter().map(|(family, number)| format!("{family}{number}")).collect();
    assert_eq!(
        read,
        [
            "ENT-22",
            "ENT-23",
            "ENT-24",
            "RFC-51",
            "Q-3",
            "RFC-91",
            "RFC-92",
            "RFC-93",
            "RFC-93",
            "VAL-P7",
            "VAL-P1",
            "ENT-SEQ-5",
            "LAV-1",
            "LAV-2",
            "LAV-3",
            "C-9",
            "Q-2",
            "Q-3",
            "RFC-7643"
        ]
    );
}
