//! A filter that is accepted reads back as the same tree, and asking it never panics.

#![no_main]

mod seeds;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use scim_bridge::scim::{
    filter::{Filter, parse::MAX_LENGTH},
    registry::Registry,
};
use serde_json::Value;

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::default);
static USER: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(seeds::corpus::RESOURCES[0]).unwrap());

fuzz_target!(init: seeds::write(seeds::corpus::FILTERS), |text: &str| {
    for resource_type in [REGISTRY.user(), REGISTRY.group()] {
        if let Ok(filter) = Filter::parse(text, resource_type) {
            filter.matches(&USER);
            let printed = filter.to_string();
            // With escapes it can have become too long to be read.
            if printed.len() <= MAX_LENGTH {
                assert_eq!(Filter::parse(&printed, resource_type).as_ref(), Ok(&filter));
            }
        }
    }
});
