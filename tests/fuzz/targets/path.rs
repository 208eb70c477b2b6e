//! A path that is accepted reads back as the same path.

#![no_main]

mod seeds;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use scim_bridge::scim::{filter::parse::MAX_LENGTH, path::Path, registry::Registry};

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::default);

fuzz_target!(init: seeds::write(seeds::corpus::PATHS), |text: &str| {
    for resource_type in [REGISTRY.user(), REGISTRY.group()] {
        if let Ok(Some(path)) = Path::parse(text, resource_type) {
            let printed = path.to_string();
            // With escapes it can have become too long to be read.
            if printed.len() <= MAX_LENGTH {
                assert_eq!(Path::parse(&printed, resource_type), Ok(Some(path)));
            }
        }
    }
});
