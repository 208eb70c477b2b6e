//! What the protocol core costs: filters, PATCH, projections, lists.
//!
//! ```text
//! cargo bench --bench protocol
//! ```

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

#[path = "support/people.rs"]
mod people;

use std::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use scim_bridge::{
    clock::Time,
    scim::{
        document::Document,
        filter::Filter,
        list::{ListResponse, Place},
        meta::{self, Identity},
        normalize,
        patch::Patch,
        project::Projection,
        registry::Registry,
        resource::Resource,
        urn,
    },
};
use serde_json::json;

const FILTERS: [(&str, &str); 4] = [
    ("one", r#"userName eq "given7.family433@example.com""#),
    ("entra", r#"emails[type eq "work"].value eq "given7.family433@example.com""#),
    (
        "discovery",
        r#"active eq true and (meta.lastModified ge "2024-01-01T00:00:00Z" and meta.lastModified le "2030-01-01T00:00:00Z")"#,
    ),
    (
        "long",
        r#"not (title pr and userType eq "Intern") or (emails co "example.com" or emails.value co "example.org") and name.familyName sw "F" and urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department ne "Sales""#,
    ),
];

fn resource(number: u64) -> Resource {
    normalize::create(Registry::default().user(), people::body(number)).unwrap().resource
}

fn document(registry: &Registry, number: u64) -> Document {
    let id = people::id(number);
    let identity = Identity {
        id: &id,
        created: Time::from_micros(1_750_000_000_000_000),
        last_modified: Time::from_micros(1_750_000_000_000_000),
        version: 1,
        base_url: "https://scim.example.com/aha/scim/v2",
    };
    meta::document(registry.user(), &meta::fragment(urn::USER, &id, &resource(number)), None, &identity)
}

fn filters(criterion: &mut Criterion) {
    let registry = Registry::default();
    let user = document(&registry, 7).to_value().unwrap();
    let mut group = criterion.benchmark_group("filter");
    for (name, text) in FILTERS {
        let filter = Filter::parse(text, registry.user()).unwrap();
        group.bench_function(BenchmarkId::new("parse", name), |bencher| {
            bencher.iter(|| Filter::parse(black_box(text), registry.user()).unwrap());
        });
        group.bench_function(BenchmarkId::new("evaluate", name), |bencher| {
            bencher.iter(|| filter.matches(black_box(&user)));
        });
    }
    group.finish();
}

fn patches(criterion: &mut Criterion) {
    let registry = Registry::default();
    let before = resource(7);
    let operations = [
        ("disable", json!([{ "op": "Replace", "path": "active", "value": "False" }])),
        (
            "element",
            json!([{ "op": "Add", "path": "emails[type eq \"work\"].value", "value": "new@example.com" }]),
        ),
        (
            "no_path",
            json!([{ "op": "replace", "value": { "displayName": "New", "name.givenName": "New", "title": "Boss" } }]),
        ),
    ];
    let mut group = criterion.benchmark_group("patch");
    for (name, operations) in operations {
        let body = json!({ "schemas": [urn::PATCH_OP], "Operations": operations });
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let patch = Patch::parse(black_box(&body).clone(), registry.user()).unwrap();
                patch.apply(&before, "7").unwrap()
            });
        });
    }
    group.finish();
}

fn projections(criterion: &mut Criterion) {
    let registry = Registry::default();
    let user = document(&registry, 7);
    let mut group = criterion.benchmark_group("projection");
    for (name, attributes, excluded) in [
        ("default", None, None),
        ("attributes", Some("userName,name.givenName,emails.value"), None),
        ("excluded", None, Some("groups,meta,phoneNumbers")),
    ] {
        let projection = Projection::parse(attributes, excluded, registry.user()).unwrap();
        group.bench_function(name, |bencher| {
            bencher.iter(|| projection.reduce(black_box(&user).clone()).unwrap());
        });
    }
    group.finish();
}

fn lists(criterion: &mut Criterion) {
    let registry = Registry::default();
    let fragments: Vec<(String, String)> = (0..100)
        .map(|number| (people::id(number), meta::fragment(urn::USER, &people::id(number), &resource(number))))
        .collect();
    let mut group = criterion.benchmark_group("list");
    group.throughput(Throughput::Elements(100));
    group.bench_function("of_100_users_as_text", |bencher| {
        bencher.iter(|| {
            let shown = fragments.iter().map(|(id, fragment)| {
                let identity = Identity {
                    id,
                    created: Time::from_micros(1_750_000_000_000_000),
                    last_modified: Time::from_micros(1_750_000_000_000_000),
                    version: 1,
                    base_url: "https://scim.example.com/aha/scim/v2",
                };
                meta::document(registry.user(), fragment, None, &identity)
            });
            let resources = shown.collect();
            ListResponse { total_results: 100, place: Place::Index(1), resources }.to_text()
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = filters, patches, projections, lists
}
criterion_main!(benches);
