//! What others send, altered at random: filters, paths, PATCH requests, resources, and JSON as such.
//!
//! Nothing may panic, and what is accepted must hold together. A run makes a fixed number of tries for each target from a
//! seed that it prints; `MUTATIONS_SEED` repeats a run, `MUTATIONS_TRIES` makes it longer.

mod corpus;
mod mutate;

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
};

use scim_bridge::{
    clock::{Clock, SystemClock},
    scim::{
        error::Error,
        filter::{Filter, parse::MAX_LENGTH},
        json, normalize,
        patch::{MembershipChange, Patch},
        path::Path,
        registry::Registry,
    },
};
use serde_json::{Value, json};

use self::mutate::Random;

/// How often each target is tried.
const TRIES: u64 = 10_000;

/// Tries `target` with altered texts of the corpus; structure is altered where `is_json`.
fn run(name: &str, corpus: &[&str], is_json: bool, target: impl Fn(&[u8])) {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = number("MUTATIONS_SEED").unwrap_or_else(|| SystemClock.now().as_micros() as u64);
    let tries = number("MUTATIONS_TRIES").unwrap_or(TRIES);
    println!("{name}: {tries} tries, MUTATIONS_SEED={seed}");
    let mut random = Random::new(seed);
    for text in corpus {
        target(text.as_bytes());
    }
    for _ in 0..tries {
        let input = mutate::altered(&mut random, corpus, is_json);
        if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
            panic!("{name} failed on {:?} (MUTATIONS_SEED={seed})", String::from_utf8_lossy(&input));
        }
    }
}

/// What is told to an admin is there, and is no book.
fn check(error: &Error) {
    assert!((5..4_000).contains(&error.detail.len()), "{error}");
}

#[test]
fn altered_filters_are_refused_or_hold_together_rfc_080() {
    let registry = Registry::default();
    let user: Value = serde_json::from_str(corpus::RESOURCES[0]).unwrap();
    run("filter", corpus::FILTERS, false, |input| {
        let Ok(text) = str::from_utf8(input) else { return };
        for resource_type in [registry.user(), registry.group()] {
            match Filter::parse(text, resource_type) {
                Ok(filter) => {
                    filter.matches(&user);
                    filter.matches(&Value::Null);
                    let printed = filter.to_string();
                    // With escapes it can have become too long to be read.
                    if printed.len() <= MAX_LENGTH {
                        assert_eq!(Filter::parse(&printed, resource_type).as_ref(), Ok(&filter), "{printed}");
                    }
                }
                Err(error) => check(&error),
            }
        }
    });
}

#[test]
fn altered_paths_are_refused_or_hold_together() {
    let registry = Registry::default();
    run("path", corpus::PATHS, false, |input| {
        let Ok(text) = str::from_utf8(input) else { return };
        match Path::parse(text, registry.user()) {
            Ok(Some(path)) => {
                let printed = path.to_string();
                if printed.len() <= MAX_LENGTH {
                    assert_eq!(Path::parse(&printed, registry.user()), Ok(Some(path)));
                }
            }
            Ok(None) => {}
            Err(error) => check(&error),
        }
    });
}

#[test]
fn altered_patches_are_refused_or_leave_a_resource() {
    let registry = Registry::default();
    run("patch", corpus::PATCHES, true, |input| {
        let Ok(body) = json::parse(input) else { return };
        for (resource_type, before) in [
            (registry.user(), serde_json::from_str(corpus::RESOURCES[0]).unwrap()),
            (
                registry.group(),
                json!({ "displayName": "G", "members": [{ "value": "m1" }, { "value": "m2" }] }),
            ),
        ] {
            let before = normalize::create(resource_type, before).unwrap().resource;
            let patch = Patch::parse(body.clone(), resource_type);
            // The members of a stored group are changed as rows.
            if let Ok(mut patch) = patch.clone() {
                for change in patch.take_membership_changes() {
                    if let MembershipChange::Rewrite(rewrite) = change {
                        drop(rewrite.apply(before.elements("members").cloned().collect()));
                    }
                }
            }
            match patch.and_then(|patch| patch.apply(&before, "id-1")) {
                Ok(after) => {
                    let body = serde_json::to_value(&after).unwrap();
                    let read = normalize::read(resource_type, body).map(|accepted| accepted.resource);
                    assert_eq!(read, Ok(after));
                }
                Err(error) => check(&error),
            }
        }
    });
}

#[test]
fn altered_resources_are_refused_or_read_back_as_themselves() {
    let registry = Registry::default();
    run("resource", corpus::RESOURCES, true, |input| {
        let Ok(body) = json::parse(input) else { return };
        for resource_type in [registry.user(), registry.group()] {
            match normalize::create(resource_type, body.clone()) {
                Ok(accepted) => {
                    let written = serde_json::to_value(&accepted.resource).unwrap();
                    let read = normalize::create(resource_type, written).unwrap();
                    assert_eq!(read.resource, accepted.resource);
                    assert_eq!(read.ignored, [""; 0]);
                    let replaced =
                        normalize::replace(resource_type, &accepted.resource, body.clone()).unwrap();
                    assert_eq!(replaced.resource, accepted.resource);
                    assert_eq!(accepted.resource.find("password"), None);
                }
                Err(error) => check(&error),
            }
        }
    });
}

#[test]
fn altered_json_is_read_as_everybody_reads_it_or_refused() {
    let corpus: Vec<&str> = corpus::RESOURCES.iter().chain(corpus::PATCHES).copied().collect();
    run("json", &corpus, true, |input| match json::parse(input) {
        Ok(value) => {
            // A byte order mark is skipped, which not everybody does.
            let marked = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
            assert_eq!(serde_json::from_slice::<Value>(marked).unwrap(), value);
        }
        Err(error) => check(&error),
    });
}
