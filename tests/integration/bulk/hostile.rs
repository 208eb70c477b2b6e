//! Bulk requests that no honest client sends, and limits (RFC-122, RFC-123).

use super::*;

#[tokio::test]
async fn more_operations_than_allowed_are_refused_with_the_limit_rfc_122() {
    let bridge = Setup::memory().start().await;
    let operations = |count: usize| -> Value {
        (0..count)
            .map(|number| json!({ "method": "DELETE", "path": format!("/Groups/{number}") }))
            .collect::<Vec<_>>()
            .into()
    };
    let answer = send(&bridge, operations(1_001)).await;
    assert!(answer.error(413, "").contains("maxOperations (1000)"), "{answer}");
    assert_eq!(statuses(&run(&bridge, operations(1_000)).await), vec!["404"; 1_000]);
}

#[tokio::test]
async fn more_bytes_than_allowed_are_refused_with_the_limit_rfc_122() {
    let bridge = Setup::memory().start().await;
    let mut operation = create_user("1", "sam.doe@example.com");
    operation["data"]["title"] = "x".repeat(10_000_000).into();
    let answer = send(&bridge, json!([operation])).await;
    assert!(answer.error(413, "").contains("maxPayloadSize (4194304)"), "{answer}");
    assert_eq!(bridge.get("/Users").await.body["totalResults"], 0);
}

#[tokio::test]
async fn a_thousand_creates_are_all_done_rfc_122() {
    let bridge = Setup::memory().start().await;
    let operations: Vec<_> = (0..1_000)
        .map(|number| create_user(&number.to_string(), &format!("u{number}@example.com")))
        .collect();
    let entries = run(&bridge, operations.into()).await;
    assert_eq!(statuses(&entries), vec!["201"; 1_000]);
    let bulk_ids: Vec<_> = entries.iter().map(|entry| entry["bulkId"].as_str().unwrap().to_owned()).collect();
    assert_eq!(bulk_ids, (0..1_000).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(bridge.get("/Users?count=0").await.body["totalResults"], 1_000);
}

#[tokio::test]
async fn a_chain_of_a_thousand_references_needs_no_deep_stack_rfc_119() {
    let bridge = Setup::memory().start().await;
    let operations: Vec<_> = (0..1_000)
        .map(|number| {
            let next = format!("bulkId:{}", number + 1);
            let members: &[&str] = if number < 999 { &[&next] } else { &[] };
            create_group(&number.to_string(), &format!("Group {number}"), members)
        })
        .collect();
    let entries = run(&bridge, operations.into()).await;
    assert_eq!(statuses(&entries), vec!["201"; 1_000]);
    let first = bridge.get(&path(&bridge, &entries[0])).await;
    assert_eq!(first.body["members"][0]["value"], id(&entries[1]), "{first}");
}

#[tokio::test]
async fn one_bulk_id_twice_refuses_the_request_before_anything_is_done_rfc_123() {
    let bridge = Setup::memory().start().await;
    for second in [
        create_user("1", "u2@example.com"),
        create_group("1", "G", &[]),
        json!({ "method": "DELETE", "path": "/Users/0198", "bulkId": "1" }),
        json!({ "bulkId": "1" }),
    ] {
        let answer = send(&bridge, json!([create_user("1", "u1@example.com"), second])).await;
        assert!(answer.error(400, "invalidValue").contains("`bulkId` 1"), "{answer}");
    }
    assert_eq!(bridge.get("/Users").await.body["totalResults"], 0);
}

#[tokio::test]
async fn what_is_no_bulk_request_is_refused_rfc_117() {
    let bridge = Setup::memory().start().await;
    let operation = create_user("1", "u1@example.com");
    for (body, scim_type) in [
        (json!([]), "invalidSyntax"),
        (json!({}), "invalidSyntax"),
        (bulk(json!([])), "invalidSyntax"),
        (bulk(json!({})), "invalidSyntax"),
        (json!({ "Operations": [operation] }), "invalidSyntax"),
        (
            json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "Operations": [operation] }),
            "invalidSyntax",
        ),
        (
            json!({ "schemas": bulk(json!([]))["schemas"], "failOnErrors": "many", "Operations": [operation] }),
            "invalidValue",
        ),
    ] {
        bridge.post("/Bulk", &body).await.error(400, scim_type);
    }
    assert_eq!(bridge.get("/Users").await.body["totalResults"], 0);
}

#[tokio::test]
async fn wrong_operations_fail_by_themselves_rfc_117() {
    let bridge = Setup::memory().start().await;
    let base = bridge.base_url();
    let sam = bridge.create_user("sam.doe@example.com").await;
    let data = user("new@example.com");
    for (operation, status) in [
        (json!(null), "400"),
        (json!("POST"), "400"),
        (json!({}), "400"),
        (json!({ "method": "POST", "path": "/Users", "data": data }), "400"),
        (json!({ "method": "POST", "path": "/Users", "bulkId": "1" }), "400"),
        (json!({ "method": "POST", "path": "/Users", "bulkId": "1", "data": [] }), "400"),
        (json!({ "method": "POST", "path": "/Users", "bulkId": "1", "data": "{}" }), "400"),
        (json!({ "method": "POST", "path": "/Users", "bulkId": {}, "data": data }), "400"),
        (json!({ "method": "PUT", "path": format!("/Users/{sam}"), "data": 1 }), "400"),
        (json!({ "method": "PATCH", "path": format!("/Users/{sam}"), "data": [] }), "400"),
        (json!({ "method": "PATCH", "path": format!("/Users/{sam}"), "data": "x" }), "400"),
        (json!({ "method": "POST", "path": format!("/Users/{sam}"), "bulkId": "1", "data": data }), "405"),
        (json!({ "method": "DELETE", "path": "/Users" }), "405"),
        (json!({ "method": "DELETE", "path": "/Users/" }), "405"),
        (json!({ "method": "TRACE", "path": "/Users" }), "405"),
        (json!({ "method": "POST", "path": "/Users/.search", "bulkId": "1", "data": {} }), "405"),
        (json!({ "method": "POST", "path": "/Bulk", "bulkId": "1", "data": bulk(json!([])) }), "404"),
        (json!({ "method": "POST", "path": "/Schemas", "bulkId": "1", "data": data }), "404"),
        (json!({ "method": "DELETE", "path": format!("/other/scim/v2/Users/{sam}") }), "404"),
        (json!({ "method": "DELETE", "path": format!("/../../other/scim/v2/Users/{sam}") }), "404"),
        (json!({ "method": "DELETE", "path": format!("{base}/Users/{sam}") }), "404"),
        (json!({ "method": "DELETE", "path": format!("https://evil.example.com/Users/{sam}") }), "404"),
        (json!({ "method": "DELETE", "path": format!("/Users/{sam}/emails") }), "404"),
        (json!({ "method": "DELETE", "path": format!("/Groups/{sam}") }), "404"),
        (json!({ "method": "DELETE", "path": format!("/Users/{}", "x".repeat(100_000)) }), "404"),
        (json!({ "method": "DELETE", "path": "/Users/\u{0}'; DROP TABLE users; --" }), "404"),
    ] {
        let entries = run(&bridge, json!([operation])).await;
        assert_eq!(statuses(&entries), [status], "{entries:?}");
    }
    // A query asks for parts of an answer that nobody gets.
    let patch = json!({ "method": "PATCH", "path": format!("Users/{sam}?attributes=userName"), "data": set_title("Editor") });
    assert_eq!(statuses(&run(&bridge, json!([patch])).await), ["200"]);
    assert_eq!(bridge.get("/Users").await.body["totalResults"], 1);
}

#[tokio::test]
async fn bulk_needs_the_token_of_its_app() {
    let bridge = Setup::memory().start().await;
    let request = bridge
        .anonymous(Method::POST, "/test/scim/v2/Bulk")
        .header("content-type", "application/scim+json")
        .body("{");
    Answer::of(request).await.error(401, "");
}
