//! `bulkId:`: what operations say of each other (RFC-002, RFC-119, RFC-120).

use std::collections::HashMap;

use super::*;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

async fn members(bridge: &Bridge, entry: &Value) -> Vec<String> {
    let group = bridge.get(&path(bridge, entry)).await;
    let members = group.body["members"].as_array().expect("members are always listed");
    let mut ids: Vec<_> = members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect();
    ids.sort_unstable();
    ids
}

fn with_manager(bulk_id: &str, email: &str, manager: &str) -> Value {
    let mut operation = create_user(bulk_id, email);
    operation["data"][ENTERPRISE] = json!({ "employeeNumber": "7", "manager": { "value": manager } });
    operation
}

async fn manager(bridge: &Bridge, entry: &Value) -> Value {
    bridge.get(&path(bridge, entry)).await.body[ENTERPRISE]["manager"]["value"].clone()
}

#[tokio::test]
async fn members_and_managers_may_be_created_by_the_same_request_in_any_order_rfc_119() {
    let bridge = Setup::memory().start().await;
    let entries = run(
        &bridge,
        json!([
            // Forward, to what comes later.
            create_group("tour", "Tour Guides", &["bulkId:alice", "bulkId:bob"]),
            with_manager("bob", "bob@example.com", "bulkId:alice"),
            create_user("alice", "alice@example.com"),
            // Backward.
            create_group("all", "All", &["bulkId:tour", "bulkId:alice"]),
        ]),
    )
    .await;
    assert_eq!(statuses(&entries), ["201"; 4]);
    let bulk_ids: Vec<_> = entries.iter().map(|entry| entry["bulkId"].as_str().unwrap()).collect();
    assert_eq!(bulk_ids, ["tour", "bob", "alice", "all"], "the order of the request");
    let [tour, bob, alice, all] = [0, 1, 2, 3].map(|place| id(&entries[place]).to_owned());
    let sorted = |mut ids: Vec<String>| {
        ids.sort_unstable();
        ids
    };
    assert_eq!(members(&bridge, &entries[0]).await, sorted(vec![alice.clone(), bob]));
    assert_eq!(manager(&bridge, &entries[1]).await, alice);
    assert_eq!(members(&bridge, &entries[3]).await, sorted(vec![tour, alice]));
    let everything = bridge.get(&format!("/Groups/{all}")).await.body.to_string();
    assert!(!everything.contains("bulkId"), "{everything}");
}

#[tokio::test]
async fn no_id_looks_like_a_reference_rfc_002() {
    let bridge = Setup::memory().start().await;
    for entry in
        run(&bridge, json!([create_user("bulkId", "u@example.com"), create_group("bulkId:", "G", &[])])).await
    {
        assert!(!id(&entry).contains("bulkId"), "{entry}");
    }
    // Outside of a bulk request it refers to nothing.
    let answer = bridge.post("/Groups", &group("H", &["bulkId:bulkId"])).await;
    answer.error(400, "invalidValue");
}

#[tokio::test]
async fn paths_and_patches_may_refer_to_what_is_created_rfc_119() {
    let bridge = Setup::memory().start().await;
    let existing = bridge.post("/Groups", &group("Existing", &[])).await.id();
    let entries = run(
        &bridge,
        json!([
            { "method": "PATCH", "path": "/Users/bulkId:alice", "data": set_title("Editor") },
            { "method": "PATCH", "path": "/Users/bulkId:alice", "version": "W/\"2\"", "data": set_title("Author") },
            create_user("alice", "alice@example.com"),
            create_user("bob", "bob@example.com"),
            { "method": "PATCH", "path": format!("/Groups/{existing}"), "data": { "schemas": [PATCH_OP], "Operations": [
                { "op": "add", "path": "members", "value": [{ "value": "bulkId:alice" }, { "value": "bulkId:bob" }] },
                { "op": "remove", "path": "members[value eq \"bulkId:alice\"]" },
            ] } },
            // The bare list that RFC 7644 §3.7.3 prints.
            { "method": "PATCH", "path": "/Users/bulkId:bob", "data": [{ "op": "add", "path": "nickName", "value": "Bobby" }] },
            create_user("carl", "carl@example.com"),
            { "method": "DELETE", "path": "/Users/bulkId:carl" },
        ]),
    )
    .await;
    assert_eq!(statuses(&entries), ["200", "200", "201", "201", "204", "200", "201", "204"]);
    assert_eq!(entries[0]["location"], entries[2]["location"]);
    assert_eq!(bridge.get(&path(&bridge, &entries[0])).await.body["title"], "Author");
    assert_eq!(members(&bridge, &entries[4]).await, [id(&entries[3])]);
    assert_eq!(bridge.get(&path(&bridge, &entries[3])).await.body["nickName"], "Bobby");
    bridge.get(&path(&bridge, &entries[6])).await.error(404, "");
}

#[tokio::test]
async fn what_refers_to_nothing_or_to_what_failed_is_not_done_rfc_119() {
    let bridge = Setup::memory().start().await;
    bridge.create_user("taken@example.com").await;
    let entries = run(
        &bridge,
        json!([
            create_group("g1", "Nobody", &["bulkId:nobody"]),
            create_group("g2", "Failed", &["bulkId:failed", "bulkId:fine"]),
            create_group("g3", "Depends on one that is not done", &["bulkId:g2"]),
            create_user("failed", "taken@example.com"),
            create_user("fine", "fine@example.com"),
            { "method": "PATCH", "path": "/Users/bulkId:failed", "data": set_title("Editor") },
            { "method": "DELETE", "path": "/Groups/bulkId:nothing" },
            // A path must be of the right kind, and only a POST creates something.
            { "method": "PATCH", "path": "/Groups/bulkId:fine", "bulkId": "patch", "data": [{ "op": "remove", "path": "members" }] },
            create_group("g4", "Refers to a PATCH", &["bulkId:patch"]),
            create_group("g5", "Fine", &["bulkId:fine"]),
        ]),
    )
    .await;
    assert_eq!(
        statuses(&entries),
        ["409", "409", "409", "409", "201", "409", "409", "404", "409", "201"],
        "{entries:#?}"
    );
    assert!(detail(&entries[0]).contains("bulkId:nobody, which no POST"), "{}", entries[0]);
    assert!(detail(&entries[1]).contains("bulkId:failed, which was not created"), "{}", entries[1]);
    assert!(detail(&entries[2]).contains("bulkId:g2, which was not created"), "{}", entries[2]);
    assert_eq!(entries[5].get("location"), None);
    let groups = bridge.get("/Groups").await;
    assert_eq!(groups.body["totalResults"], 1, "{groups}");
}

#[tokio::test]
async fn two_groups_may_be_members_of_each_other_rfc_120() {
    let bridge = Setup::memory().start().await;
    // RFC 7644 §3.7.1.
    let entries = run(
        &bridge,
        json!([
            create_group("qwerty", "Group A", &["bulkId:ytrewq"]),
            create_group("ytrewq", "Group B", &["bulkId:qwerty"]),
        ]),
    )
    .await;
    assert_eq!(statuses(&entries), ["201", "201"], "{entries:#?}");
    assert_eq!(members(&bridge, &entries[0]).await, [id(&entries[1])]);
    assert_eq!(members(&bridge, &entries[1]).await, [id(&entries[0])]);
    for entry in &entries {
        let group = bridge.get(&path(&bridge, entry)).await;
        assert_eq!(entry["version"], group.header("etag"), "the version after the circle is closed");
    }
}

#[tokio::test]
async fn users_may_manage_each_other_and_themselves_rfc_120() {
    let bridge = Setup::aha().start().await;
    let entries = run(
        &bridge,
        json!([
            with_manager("alice", "alice@example.com", "bulkId:bob"),
            with_manager("bob", "bob@example.com", "bulkId:alice"),
            with_manager("boss", "boss@example.com", "bulkId:boss"),
        ]),
    )
    .await;
    assert_eq!(statuses(&entries), ["201"; 3], "{entries:#?}");
    assert_eq!(manager(&bridge, &entries[0]).await, id(&entries[1]));
    assert_eq!(manager(&bridge, &entries[1]).await, id(&entries[0]));
    assert_eq!(manager(&bridge, &entries[2]).await, id(&entries[2]));
    for entry in &entries {
        let user = bridge.get(&path(&bridge, entry)).await;
        assert_eq!(user.body[ENTERPRISE]["employeeNumber"], "7", "the rest of the extension is kept");
    }
    assert_eq!(bridge.aha.invitations().len(), 3);
}

#[tokio::test]
async fn a_circle_of_a_hundred_groups_is_closed_rfc_120() {
    let bridge = Setup::memory().start().await;
    let operations: Vec<_> = (0..100)
        .map(|number| {
            let next = format!("bulkId:{}", (number + 1) % 100);
            create_group(&number.to_string(), &format!("Group {number}"), &[&next])
        })
        .collect();
    let entries = run(&bridge, operations.into()).await;
    assert_eq!(statuses(&entries), vec!["201"; 100]);
    for (number, entry) in entries.iter().enumerate() {
        assert_eq!(members(&bridge, entry).await, [id(&entries[(number + 1) % 100])]);
    }
}

#[tokio::test]
async fn every_group_may_be_a_member_of_every_other_rfc_120() {
    let bridge = Setup::memory().start().await;
    let names: Vec<_> = (0..20).map(|number| format!("g{number}")).collect();
    let operations: Vec<_> = names
        .iter()
        .map(|name| {
            let others: Vec<_> =
                names.iter().filter(|other| *other != name).map(|other| format!("bulkId:{other}")).collect();
            create_group(name, name, &others.iter().map(String::as_str).collect::<Vec<_>>())
        })
        .collect();
    let entries = run(&bridge, operations.into()).await;
    assert_eq!(statuses(&entries), vec!["201"; 20]);
    for entry in &entries {
        let mut others: Vec<_> =
            entries.iter().map(|other| id(other).to_owned()).filter(|other| other != id(entry)).collect();
        others.sort_unstable();
        assert_eq!(members(&bridge, entry).await, others);
    }
}

#[tokio::test]
async fn a_circle_that_cannot_be_closed_says_what_is_there_rfc_120() {
    let bridge = Setup::memory().start().await;
    bridge.post("/Groups", &group("Taken", &[])).await;
    let entries = run(
        &bridge,
        json!([
            create_group("a", "Group A", &["bulkId:b"]),
            create_group("b", "Group B", &["bulkId:c"]),
            create_group("c", "Taken", &["bulkId:a"]),
            create_group("d", "Group D", &["bulkId:d"]),
            create_group("e", "Group E", &[]),
        ]),
    )
    .await;
    assert_eq!(statuses(&entries), ["409", "409", "409", "409", "201"], "{entries:#?}");
    // Nothing that was reported as done lacks anything, and nothing is there that was not told of.
    let groups = bridge.get("/Groups").await;
    let told: HashMap<_, _> = entries
        .iter()
        .map(|entry| {
            (entry["bulkId"].as_str().unwrap(), entry["response"]["detail"].as_str().unwrap_or_default())
        })
        .collect();
    for group in groups.body["Resources"].as_array().unwrap() {
        let (name, id) = (group["displayName"].as_str().unwrap(), group["id"].as_str().unwrap());
        assert!(
            matches!(name, "Taken" | "Group E") || told.values().any(|detail| detail.contains(id)),
            "{name} is there: {told:?}"
        );
    }
    assert!(told["d"].contains("bulkId:d, which cannot be created before it"), "{told:?}");
}
