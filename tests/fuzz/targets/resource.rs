//! A body is read as everybody reads JSON, and a resource that is accepted reads back as itself.

#![no_main]

mod seeds;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use scim_bridge::scim::{json, normalize, registry::Registry};
use serde_json::Value;

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::default);

fuzz_target!(init: seeds::write(seeds::corpus::RESOURCES), |body: &[u8]| {
    let Ok(value) = json::parse(body) else { return };
    // A byte order mark is skipped, which not everybody does.
    let marked = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    assert_eq!(serde_json::from_slice::<Value>(marked).unwrap(), value);
    for resource_type in [REGISTRY.user(), REGISTRY.group()] {
        if let Ok(accepted) = normalize::create(resource_type, value.clone()) {
            let written = serde_json::to_value(&accepted.resource).unwrap();
            let read = normalize::create(resource_type, written).map(|accepted| accepted.resource);
            assert_eq!(read, Ok(accepted.resource));
        }
    }
});
