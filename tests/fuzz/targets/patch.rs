//! What a PATCH request leaves is a resource that reads back as itself.

#![no_main]

mod seeds;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use scim_bridge::scim::{json, normalize, patch::Patch, registry::Registry, resource::Resource};

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::default);
static USER: LazyLock<Resource> = LazyLock::new(|| {
    let body = serde_json::from_str(seeds::corpus::RESOURCES[0]).unwrap();
    normalize::create(REGISTRY.user(), body).unwrap().resource
});

fuzz_target!(init: seeds::write(seeds::corpus::PATCHES), |body: &[u8]| {
    let Ok(body) = json::parse(body) else { return };
    let Ok(patch) = Patch::parse(body, REGISTRY.user()) else { return };
    if let Ok(after) = patch.apply(&USER, "id-1") {
        let written = serde_json::to_value(&after).unwrap();
        assert_eq!(normalize::read(REGISTRY.user(), written).map(|accepted| accepted.resource), Ok(after));
    }
});
