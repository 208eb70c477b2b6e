//! What `/Schemas` says is what the server does (RFC-041): every attribute and sub-attribute that is listed, also those of a
//! custom extension, is tried for each of its characteristics. All lies are reported at once.

mod listed;
mod trial;

use http::Method;
use serde_json::{Value, json};

use self::{
    listed::{Leaf, Mutability, Returned, leaves},
    trial::Trial,
};
use crate::harness::Setup;

/// The extension that is shipped as an example, as a line of an app's section.
const ACME: &str = concat!("schemas = ['", env!("CARGO_MANIFEST_DIR"), "/config/schemas/acme.json']");

#[tokio::test]
async fn every_attribute_is_what_schemas_says_rfc_041() {
    let bridge = Setup::memory().app_keys(ACME).app_keys("unknown_members = 'keep'").start().await;
    let schemas = bridge.get("/Schemas").await;
    let types = bridge.get("/ResourceTypes").await;
    let mut count = 0;
    let base_url = bridge.base_url();
    let mut trial = Trial::new(bridge);
    for leaf in leaves(&base_url, &types.body, &schemas.body) {
        count += 1;
        is_typed(&mut trial, &leaf).await;
        is_required_or_not(&mut trial, &leaf).await;
        has_its_mutability(&mut trial, &leaf).await;
        is_returned_as_told(&mut trial, &leaf).await;
        compares_as_told(&mut trial, &leaf).await;
        is_unique_or_not(&mut trial, &leaf).await;
        has_many_values_or_one(&mut trial, &leaf).await;
    }
    assert!(count > 80, "only {count} attributes are listed");
    assert!(trial.lies.is_empty(), "{} lies:\n{}", trial.lies.len(), trial.lies.join("\n"));
}

async fn is_typed(trial: &mut Trial, leaf: &Leaf) {
    if leaf.mutability == Mutability::ReadOnly {
        return;
    }
    for wrong in leaf.wrong_values() {
        let answer = trial.create(leaf, Some(leaf.placed_raw(wrong.clone()))).await;
        let refused = answer.status == 400 && answer.body["scimType"] == "invalidValue";
        trial.check(refused, leaf, || format!("POST takes {wrong} for {}: {answer}", leaf.kind));
        let Some(path) = trial.made(leaf, leaf.placed(leaf.sample())).await else { continue };
        let patch = json!([{ "op": "replace", "path": leaf.path, "value": wrong }]);
        let answer = trial.bridge.patch(&path, patch).await;
        let refused = answer.status == 400 && answer.body["scimType"] == "invalidValue";
        trial.check(refused, leaf, || format!("PATCH takes {wrong} for {}: {answer}", leaf.kind));
    }
}

async fn is_required_or_not(trial: &mut Trial, leaf: &Leaf) {
    let answer = trial.create(leaf, leaf.parent_without()).await;
    let expected = if leaf.required { 400 } else { 201 };
    trial.check(answer.status == expected, leaf, || {
        format!("required: {}, left out: {answer}", leaf.required)
    });
    if leaf.required {
        trial.check(answer.body["scimType"] == "invalidValue", leaf, || format!("left out: {answer}"));
    }
}

async fn has_its_mutability(trial: &mut Trial, leaf: &Leaf) {
    let (first, second) = (leaf.sample(), leaf.other_sample());
    let Some(path) = trial.made(leaf, leaf.placed(first.clone())).await else { return };
    let read = trial.read(&path, leaf).await;
    let replace = json!([{ "op": "replace", "path": leaf.path, "value": second }]);
    match leaf.mutability {
        Mutability::ReadOnly => {
            trial.check(read != Some(first.clone()), leaf, || "POST sets what is readOnly".to_owned());
            let put = trial.put(&path, leaf, leaf.placed(first.clone())).await;
            trial.check(put.status == 200, leaf, || format!("PUT refuses what is readOnly: {put}"));
            let read = trial.read(&path, leaf).await;
            trial.check(read != Some(first), leaf, || "PUT sets what is readOnly".to_owned());
            let patch = trial.bridge.patch(&path, replace).await;
            let refused = patch.status == 400 && patch.body["scimType"] == "mutability";
            trial.check(refused, leaf, || format!("PATCH of what is readOnly: {patch}"));
        }
        Mutability::ReadWrite => {
            trial.check(read == Some(first.clone()), leaf, || format!("POST of {first} reads {read:?}"));
            let patch = trial.bridge.patch(&path, replace).await;
            trial.check(patch.status < 300, leaf, || format!("PATCH: {patch}"));
            let read = trial.read(&path, leaf).await;
            trial.check(read == Some(second.clone()), leaf, || format!("PATCH to {second} reads {read:?}"));
            let put = trial.put(&path, leaf, leaf.placed(first.clone())).await;
            trial.check(put.status == 200, leaf, || format!("PUT: {put}"));
            let read = trial.read(&path, leaf).await;
            trial.check(read == Some(first.clone()), leaf, || format!("PUT of {first} reads {read:?}"));
            let remove = json!([{ "op": "remove", "path": leaf.path }]);
            let patch = trial.bridge.patch(&path, remove).await;
            if leaf.required && leaf.parent.is_some() {
                // It was all that its parent held.
                trial.check(patch.status < 300, leaf, || format!("PATCH removes the last part: {patch}"));
                let Some(path) = trial.made(leaf, leaf.placed_with_another(first)).await else { return };
                let patch = trial.bridge.patch(&path, json!([{ "op": "remove", "path": leaf.path }])).await;
                let refused = patch.status == 400 && patch.body["scimType"] == "mutability";
                trial.check(refused, leaf, || format!("PATCH removes what is required: {patch}"));
            } else if leaf.required {
                let refused = patch.status == 400 && patch.body["scimType"] == "mutability";
                trial.check(refused, leaf, || format!("PATCH removes what is required: {patch}"));
            } else {
                let read = trial.read(&path, leaf).await;
                trial
                    .check(patch.status < 300 && read.is_none(), leaf, || format!("removed, reads {read:?}"));
            }
        }
        Mutability::Immutable => {
            trial.check(read == Some(first.clone()), leaf, || format!("POST of {first} reads {read:?}"));
            let patch = trial.bridge.patch(&path, replace).await;
            let refused = patch.status == 400 && patch.body["scimType"] == "mutability";
            trial.check(refused, leaf, || format!("PATCH of what is immutable: {patch}"));
            let same = json!([{ "op": "replace", "path": leaf.path, "value": first }]);
            let patch = trial.bridge.patch(&path, same).await;
            trial.check(patch.status < 300, leaf, || format!("PATCH to what it is: {patch}"));
            if !leaf.is_of_an_element() {
                let put = trial.put(&path, leaf, leaf.placed(second)).await;
                let refused = put.status == 400 && put.body["scimType"] == "mutability";
                trial.check(refused, leaf, || format!("PUT of what is immutable: {put}"));
                let put = trial.put(&path, leaf, None).await;
                trial.check(put.status == 200, leaf, || format!("PUT without what is immutable: {put}"));
                let Some(unset) = trial.made(leaf, None).await else { return };
                let patch = trial
                    .bridge
                    .patch(&unset, json!([{ "op": "add", "path": leaf.path, "value": first }]))
                    .await;
                trial.check(patch.status < 300, leaf, || format!("PATCH sets what is unset: {patch}"));
            }
            let read = trial.read(&path, leaf).await;
            trial.check(read == Some(first), leaf, || format!("after all it reads {read:?}"));
        }
        Mutability::WriteOnly => {
            trial.check(read.is_none(), leaf, || format!("writeOnly, and reads {read:?}"));
            let patch = trial.bridge.patch(&path, replace).await;
            trial.check(patch.status < 300, leaf, || format!("PATCH: {patch}"));
            let put = trial.put(&path, leaf, leaf.placed(second)).await;
            trial.check(put.status == 200, leaf, || format!("PUT: {put}"));
        }
    }
}

async fn is_returned_as_told(trial: &mut Trial, leaf: &Leaf) {
    if leaf.mutability == Mutability::ReadOnly {
        // Nobody can set it; what is always returned is tried with the attributes that every resource has.
        return;
    }
    let body = leaf.placed(leaf.sample());
    let created = trial.create(leaf, body).await;
    if created.status != 201 {
        return;
    }
    let path = format!("{}/{}", leaf.endpoint, created.id());
    let encoded = leaf.path.replace('$', "%24");
    let shown = [
        ("POST", leaf.find(&created.body)),
        ("GET", leaf.find(&trial.bridge.get(&path).await.body)),
        ("attributes=", leaf.find(&trial.bridge.get(&format!("{path}?attributes={encoded}")).await.body)),
        ("attributes=meta", leaf.find(&trial.bridge.get(&format!("{path}?attributes=meta")).await.body)),
        (
            "excludedAttributes=",
            leaf.find(&trial.bridge.get(&format!("{path}?excludedAttributes={encoded}")).await.body),
        ),
    ]
    .map(|(what, found)| (what, found.is_some()));
    let expected = match leaf.returned {
        Returned::Always => [true, true, true, leaf.parent.is_none(), true],
        Returned::Default => [true, true, true, false, false],
        Returned::Request => [true, false, true, false, false],
        Returned::Never => [false; 5],
    };
    for ((what, is_shown), expected) in shown.into_iter().zip(expected) {
        // A part of an element that must be there cannot be taken out alone, nor what holds it be told without it.
        trial.check(is_shown == expected, leaf, || {
            format!(
                "returned {:?}, and by {what} it is {}shown",
                leaf.returned,
                if is_shown { "" } else { "not " }
            )
        });
    }
    if leaf.returned == Returned::Never {
        let answer = trial.bridge.filter(leaf.endpoint, &format!("{} pr", leaf.path)).await;
        trial.check(answer.status == 400, leaf, || format!("a filter looks at it: {answer}"));
    }
}

async fn compares_as_told(trial: &mut Trial, leaf: &Leaf) {
    if leaf.returned == Returned::Never || !["string", "reference"].contains(&leaf.kind.as_str()) {
        return;
    }
    let text = if leaf.mutability == Mutability::ReadOnly {
        let Some(text) = trial.read_only_text(leaf).await else { return };
        text
    } else {
        let Some(path) = trial.made(leaf, leaf.placed(leaf.sample())).await else { return };
        let Some(read) = trial.read(&path, leaf).await else { return };
        match &read {
            Value::Array(texts) => texts[0].as_str().unwrap().to_owned(),
            text => text.as_str().unwrap().to_owned(),
        }
    };
    let swapped: String = text
        .chars()
        .map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    for (text, hits) in [(&text, true), (&swapped, !leaf.case_exact || swapped == text)] {
        let found = trial.bridge.filter(leaf.endpoint, &format!("{} eq {}", leaf.path, json!(text))).await;
        let total = found.body["totalResults"].as_u64().unwrap_or_default();
        trial.check(found.status == 200 && (total > 0) == hits, leaf, || {
            format!("caseExact {}, and eq {text:?} finds {total}: {}", leaf.case_exact, found.status)
        });
    }
}

async fn is_unique_or_not(trial: &mut Trial, leaf: &Leaf) {
    if leaf.mutability == Mutability::ReadOnly || leaf.parent.is_some() || leaf.kind != "string" {
        return;
    }
    let sample = leaf.sample();
    let Some(_) = trial.made(leaf, leaf.placed(sample.clone())).await else { return };
    let mut values = vec![sample.clone()];
    if let (false, Some(text)) = (leaf.case_exact, sample.as_str()) {
        values.push(json!(text.to_uppercase()));
    }
    for value in values {
        let answer = trial.create(leaf, leaf.placed(value.clone())).await;
        let is_right = match leaf.uniqueness.as_str() {
            "none" => answer.status == 201,
            _ => answer.status == 409 && answer.body["scimType"] == "uniqueness",
        };
        trial.check(is_right, leaf, || format!("uniqueness {}, a second {value}: {answer}", leaf.uniqueness));
    }
}

async fn has_many_values_or_one(trial: &mut Trial, leaf: &Leaf) {
    if leaf.mutability == Mutability::ReadOnly || leaf.returned == Returned::Never {
        return;
    }
    let two = json!([leaf.one(1), leaf.one(2)]);
    let answer = trial.create(leaf, Some(leaf.placed_raw(two.clone()))).await;
    if leaf.multi_valued {
        trial.check(answer.status == 201, leaf, || format!("multiValued, two values: {answer}"));
        let read = trial.read(&format!("{}/{}", leaf.endpoint, answer.id()), leaf).await;
        let count = read.as_ref().and_then(Value::as_array).map(Vec::len);
        trial.check(count == Some(2), leaf, || format!("two values read {read:?}"));
    } else {
        let refused = answer.status == 400 && answer.body["scimType"] == "invalidValue";
        trial.check(refused, leaf, || format!("one value, and two are taken: {answer}"));
    }
}

/// What every resource has and no schema lists: `id`, `schemas` and `meta` (RFC 7643 §3, §3.1).
#[tokio::test]
async fn the_common_attributes_are_the_servers_rfc_001_rfc_003_rfc_057() {
    let bridge = Setup::memory().start().await;
    for (endpoint, body) in [
        ("/Users", crate::harness::user("a@example.com")),
        (
            "/Groups",
            json!({ "displayName": "G", "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"] }),
        ),
    ] {
        let created = bridge.post(endpoint, &body).await;
        let path = format!("{endpoint}/{}", created.id());
        for (query, has_meta) in
            [("", true), ("?excludedAttributes=id,schemas", true), ("?attributes=active", false)]
        {
            let read = bridge.get(&format!("{path}{query}")).await;
            assert_eq!(
                (&read.body["id"], &read.body["schemas"]),
                (&created.body["id"], &created.body["schemas"])
            );
            assert_eq!(read.body.get("meta").is_some(), has_meta, "{query}: {read}");
        }
        let mut echo = created.body.clone();
        echo["id"] = json!("another");
        echo["meta"] = json!({ "created": "2000-01-01T00:00:00Z", "version": "W/\"99\"" });
        let put = bridge.put(&path, &echo).await;
        assert_eq!((put.status, &put.body), (200, &created.body));
        for name in ["meta", "meta.created", "schemas"] {
            let remove = json!([{ "op": "remove", "path": name }]);
            bridge.patch(&path, remove).await.error(400, "mutability");
        }
        let swapped = created.id().to_uppercase();
        let found = bridge.filter(endpoint, &format!("id eq \"{swapped}\"")).await;
        assert_eq!(found.body["totalResults"], 0, "id is caseExact");
        let found = bridge.request(Method::GET, &format!("{endpoint}/{swapped}")).send().await.unwrap();
        assert_eq!(found.status(), 404);
    }
}
