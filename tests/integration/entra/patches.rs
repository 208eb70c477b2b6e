//! `PATCH /Users/{id}`: changes of attributes.

use rstest::rstest;
use serde_json::{Value, json};

use super::{ENTERPRISE, NO_CALLS, USER, bridge_with_clock, test_user, test_user_as_read};
use crate::harness::{Setup, user};

#[tokio::test]
async fn an_update_changes_what_it_names_with_one_call_ent_13_q_79_q_80() {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &test_user()).await;
    bridge.calls();
    let patched = bridge
        .patch(
            &created.path(),
            json!([
                { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "updatedEmail@microsoft.com" },
                { "op": "Replace", "path": "name.familyName", "value": "updatedFamilyName" },
            ]),
        )
        .await;
    let mut expected = test_user_as_read();
    expected["emails"][0]["value"] = json!("updatedEmail@microsoft.com");
    expected["name"]["familyName"] = json!("updatedFamilyName");
    assert_eq!(patched.written(200), expected);
    assert_eq!(
        bridge.calls(),
        ["PUT /users/<updatedEmail@microsoft.com> {\"user\":{\"email\":\"updatedEmail@microsoft.com\",\
          \"last_name\":\"updatedFamilyName\"}}"]
    );
    let read = bridge.get(&created.path()).await;
    assert_eq!((read.read(), &read.body), (expected, &patched.body));
    assert_eq!(patched.meta("created"), created.meta("created"));
    assert_ne!(patched.meta("version"), created.meta("version"));
}

#[tokio::test]
async fn a_user_is_renamed_unless_the_name_is_taken_ent_14() {
    let bridge = Setup::aha().start().await;
    let sam = bridge.post("/Users", &user("sam.doe@example.com")).await;
    let kim = bridge.post("/Users", &user("kim.lee@example.com")).await;
    bridge.calls();
    let rename = |name: &str| json!([{ "op": "Replace", "path": "userName", "value": name }]);
    let refused = bridge.patch(&sam.path(), rename("KIM.LEE@example.com")).await;
    assert!(refused.error(409, "uniqueness").contains(&kim.id()), "{refused}");
    assert_eq!(bridge.get(&sam.path()).await.body, sam.body);
    // The user's own name in another case is free for it.
    let patched = bridge.patch(&sam.path(), rename("Sam.Doe@Example.com")).await;
    assert_eq!(patched.written(200)["userName"], "Sam.Doe@Example.com");
    let patched = bridge.patch(&sam.path(), rename("sam.new@example.com")).await;
    let mut expected = user("sam.doe@example.com");
    expected["userName"] = json!("sam.new@example.com");
    assert_eq!(patched.written(200), expected);
    bridge.filter("/Users", "userName eq \"sam.doe@example.com\"").await.list(0, 1);
    let found = bridge.filter("/Users", "userName eq \"Sam.New@example.com\"").await;
    assert_eq!(found.only(), &patched.body);
    // The e-mail is what Aha! knows, and it is as it was.
    assert_eq!(bridge.calls(), NO_CALLS);
}

#[tokio::test]
async fn an_email_that_is_another_users_login_is_refused_ent_14() {
    let bridge = Setup::aha().start().await;
    let sam = bridge.post("/Users", &user("sam.doe@example.com")).await;
    let kim = bridge.post("/Users", &user("kim.lee@example.com")).await;
    bridge.calls();
    let take = json!([
        { "op": "Replace", "path": "title", "value": "Thief" },
        { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "Kim.Lee@example.com" },
    ]);
    let refused = bridge.patch(&sam.path(), take).await;
    assert!(refused.error(409, "uniqueness").contains(&kim.id()), "{refused}");
    assert_eq!(bridge.get(&sam.path()).await.body, sam.body);
    assert_eq!(bridge.calls(), NO_CALLS);
}

/// The same update as Entra ID writes it without its flag, with it, with `Add`, and all at once.
fn update_spellings() -> [Value; 4] {
    let parts = [
        ("displayName", "Bjfe"),
        ("name.givenName", "Kkom"),
        ("name.familyName", "Unua"),
        ("externalId", "ext-new"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber", "Aklq"),
    ];
    let work = "emails[type eq \"work\"].value";
    let one_by_one = |op: &str| -> Value {
        let parts = [(work, "new@example.com")].into_iter().chain(parts);
        parts.map(|(path, value)| json!({ "op": op, "path": path, "value": value })).collect()
    };
    let mut object: serde_json::Map<_, _> =
        parts.iter().map(|(path, value)| ((*path).to_owned(), json!(value))).collect();
    let with_flag = json!([
        { "op": "replace", "path": work, "value": "new@example.com" },
        { "op": "replace", "value": object.clone() },
    ]);
    object.insert(work.to_owned(), json!("new@example.com"));
    let at_once = json!([{ "op": "replace", "value": object }]);
    [one_by_one("Replace"), with_flag, one_by_one("Add"), at_once]
}

#[rstest]
#[case::without_the_flag_ent_15(0)]
#[case::with_the_flag_ent_16(1)]
#[case::with_add_ent_17(2)]
#[case::at_once_ent_16(3)]
#[tokio::test]
async fn an_update_has_the_same_effect_in_all_four_spellings(#[case] spelling: usize) {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &user("sam.doe@example.com")).await;
    bridge.calls();
    let operations = update_spellings()[spelling].clone();
    let patched = bridge.patch(&created.path(), operations.clone()).await;
    let expected = json!({
        "schemas": [USER, ENTERPRISE],
        "userName": "sam.doe@example.com",
        "externalId": "ext-new",
        "displayName": "Bjfe",
        "name": { "givenName": "Kkom", "familyName": "Unua" },
        "emails": [{ "primary": true, "type": "work", "value": "new@example.com" }],
        "active": true,
        ENTERPRISE: { "employeeNumber": "Aklq" },
    });
    // Above all there is no key "name.givenName".
    assert_eq!(patched.written(200), expected);
    assert_eq!(
        bridge.calls(),
        [
            "PUT /users/<new@example.com> {\"user\":{\"email\":\"new@example.com\",\"first_name\":\"Kkom\",\"last_name\":\"Unua\"}}"
        ]
    );
    let again = bridge.patch(&created.path(), operations).await;
    assert_eq!(again.body, patched.body);
    assert_eq!(bridge.calls(), NO_CALLS);
}

#[rstest]
#[case("Add")]
#[case("add")]
#[case("Replace")]
#[tokio::test]
async fn adding_to_a_single_value_replaces_it_ent_17(#[case] op: &str) {
    let bridge = Setup::aha().start().await;
    let mut sent = user("sam.doe@example.com");
    sent["nickName"] = json!("Sammy");
    let created = bridge.post("/Users", &sent).await;
    let patched =
        bridge.patch(&created.path(), json!([{ "op": op, "path": "nickName", "value": "Babs" }])).await;
    sent["nickName"] = json!("Babs");
    assert_eq!(patched.written(200), sent);
}

#[rstest]
#[case("Add")]
#[case("Replace")]
#[tokio::test]
async fn an_element_that_is_not_there_is_made_ent_18(#[case] op: &str) {
    let bridge = Setup::aha().start().await;
    let mut sent = user("sam.doe@example.com");
    sent["emails"] = json!([]);
    let created = bridge.post("/Users", &sent).await;
    bridge.calls();
    let patched = bridge
        .patch(
            &created.path(),
            json!([
                { "op": op, "path": "emails[type eq \"work\"].value", "value": "sam.doe@example.com" },
                { "op": op, "path": "phoneNumbers[type eq \"mobile\"].value", "value": "555-0100" },
                { "op": op, "path": "addresses[type eq \"work\"].formatted", "value": "Building 18" },
                { "op": op, "path": "addresses[type eq \"work\"].country", "value": "US" },
            ]),
        )
        .await;
    sent["emails"] = json!([{ "type": "work", "value": "sam.doe@example.com" }]);
    sent["phoneNumbers"] = json!([{ "type": "mobile", "value": "555-0100" }]);
    sent["addresses"] = json!([{ "type": "work", "formatted": "Building 18", "country": "US" }]);
    assert_eq!(patched.written(200), sent);
    assert_eq!(bridge.calls(), NO_CALLS);
}

#[rstest]
#[case([0, 1, 2])]
#[case([0, 2, 1])]
#[case([1, 0, 2])]
#[case([1, 2, 0])]
#[case([2, 0, 1])]
#[case([2, 1, 0])]
#[tokio::test]
async fn the_parts_of_a_new_element_come_in_any_order_and_make_one_element_ent_26(#[case] order: [usize; 3]) {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &json!({ "userName": "sam.doe@example.com" })).await;
    let parts = [("primary", "true"), ("type", "work"), ("value", "sam.doe@example.com")];
    let operations: Value = order
        .iter()
        .map(|part| {
            let (name, value) = parts[*part];
            json!({ "op": "Add", "path": format!("emails[type eq \"work\"].{name}"), "value": value })
        })
        .collect();
    let patched = bridge.patch(&created.path(), operations).await;
    let expected = json!([{ "type": "work", "primary": true, "value": "sam.doe@example.com" }]);
    assert_eq!(patched.written(200)["emails"], expected);
}

#[tokio::test]
async fn a_removal_may_say_what_it_removes_ent_27() {
    let bridge = Setup::aha().start().await;
    let mut sent = user("sam.doe@example.com");
    sent["emails"] = json!([
        { "type": "work", "value": "sam.doe@example.com", "primary": true },
        { "type": "home", "value": "sam@home.example" },
    ]);
    let created = bridge.post("/Users", &sent).await;
    let remove =
        json!([{ "op": "Remove", "path": "emails[type eq \"home\"].value", "value": "sam@home.example" }]);
    let patched = bridge.patch(&created.path(), remove).await;
    let emails = patched.written(200)["emails"].clone();
    assert_eq!(emails[0], json!({ "type": "work", "value": "sam.doe@example.com", "primary": true }));
    assert!(!emails.to_string().contains("sam@home.example"), "{emails}");
}

#[rstest]
#[case::wrong_type(json!({ "op": "Replace", "path": "active", "value": "perhaps" }), "invalidValue")]
#[case::required(json!({ "op": "Remove", "path": "userName" }), "mutability")]
#[case::broken_filter(json!({ "op": "Replace", "path": "emails[type eq", "value": "x" }), "invalidFilter")]
#[case::broken_path(json!({ "op": "Replace", "path": "name..givenName", "value": "x" }), "invalidPath")]
#[case::no_target(
    json!({ "op": "Replace", "path": "emails[type eq \"home\" or type eq \"other\"].value", "value": "x" }), "noTarget"
)]
#[case::unknown_operation(json!({ "op": "Move", "path": "title", "value": "x" }), "invalidSyntax")]
#[case::read_only(json!({ "op": "Replace", "path": "meta.created", "value": "x" }), "mutability")]
#[case::another_id(json!({ "op": "Replace", "value": { "id": "another" } }), "mutability")]
#[tokio::test]
async fn one_bad_operation_undoes_all_q_84(#[case] bad: Value, #[case] scim_type: &str) {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &user("sam.doe@example.com")).await;
    bridge.calls();
    let operations = json!([
        { "op": "Replace", "path": "name.familyName", "value": "Changed" },
        bad,
        { "op": "Replace", "path": "active", "value": false },
    ]);
    bridge.patch(&created.path(), operations).await.error(400, scim_type);
    assert_eq!(bridge.get(&created.path()).await.body, created.body);
    assert_eq!(bridge.calls(), NO_CALLS);
}

#[tokio::test]
async fn an_empty_text_unassigns_but_not_what_is_required_q_62() {
    let bridge = Setup::aha().start().await;
    let mut sent = user("sam.doe@example.com");
    sent["title"] = json!("Clerk");
    let created = bridge.post("/Users", &sent).await;
    let clear = |path: &str| json!([{ "op": "Replace", "path": path, "value": "" }]);
    let patched = bridge.patch(&created.path(), clear("title")).await;
    assert_eq!(patched.written(200), user("sam.doe@example.com"));
    let refused = bridge.patch(&created.path(), clear("userName")).await;
    assert!(refused.error(400, "invalidValue").contains("userName"), "{refused}");
    assert_eq!(bridge.get(&created.path()).await.body, patched.body);
}

#[tokio::test]
async fn a_patch_is_answered_without_the_user_if_the_app_is_set_so_q_80_c_8() {
    let bridge = Setup::aha().app_keys("user_patch_answer = 'no_content'").start().await;
    let created = bridge.post("/Users", &user("sam.doe@example.com")).await;
    let set = |title: &str| json!([{ "op": "Add", "path": "title", "value": title }]);
    bridge.patch(&created.path(), set("A")).await.no_content();
    assert_eq!(bridge.get(&created.path()).await.read()["title"], "A");
    // Who asks for attributes gets them.
    let patched = bridge.patch(&format!("{}?attributes=title", created.path()), set("B")).await;
    let expected = json!({ "schemas": [USER], "id": created.id(), "title": "B" });
    assert_eq!((patched.status, &patched.body), (200, &expected));
}

/// Every way in which Entra ID says again what is so already.
fn reassertions(active: bool) -> Vec<Value> {
    let (title, lower) = if active { ("True", "true") } else { ("False", "false") };
    let mut reassertions = Vec::new();
    for op in ["Replace", "replace", "Add", "add"] {
        for value in [json!(active), json!(title), json!(lower)] {
            reassertions.push(json!({ "op": op, "path": "active", "value": value }));
            reassertions.push(json!({ "op": op, "value": { "active": value } }));
        }
    }
    for (path, value) in [
        ("externalId", json!("ext-sam.doe")),
        ("userName", json!("sam.doe@example.com")),
        ("name.givenName", json!("sam")),
        ("emails[type eq \"work\"].value", json!("sam.doe@example.com")),
        ("emails", json!([{ "primary": "True", "type": "work", "value": "sam.doe@example.com" }])),
        ("title", json!("")),
        ("roles", json!([])),
    ] {
        reassertions.push(json!({ "op": "Replace", "path": path, "value": value }));
        reassertions.push(json!({ "op": "Add", "path": path, "value": value }));
    }
    reassertions.push(json!({ "op": "Remove", "path": "nickName" }));
    reassertions
}

#[rstest]
#[case::of_an_active_user(true)]
#[case::of_an_inactive_user(false)]
#[tokio::test]
async fn what_is_so_already_changes_no_version_no_time_and_calls_nobody_q_33_q_85_ent_seq_12(
    #[case] active: bool,
) {
    let (bridge, clock) = bridge_with_clock().await;
    let mut user = bridge.post("/Users", &user("sam.doe@example.com")).await;
    if !active {
        let disable = json!([{ "op": "Replace", "path": "active", "value": "False" }]);
        user = bridge.patch(&user.path(), disable).await;
    }
    bridge.calls();
    for reassertion in reassertions(active) {
        clock.advance(std::time::Duration::from_secs(60));
        let answer = bridge.patch(&user.path(), json!([reassertion])).await;
        answer.written(200);
        assert_eq!(answer.body, user.body, "{reassertion}");
    }
    let all_at_once = bridge.patch(&user.path(), json!(reassertions(active))).await;
    assert_eq!(all_at_once.body, user.body);
    let replaced = bridge.put(&user.path(), &user.body).await;
    replaced.written(200);
    assert_eq!(replaced.body, user.body);
    assert_eq!(bridge.get(&user.path()).await.body, user.body);
    assert_eq!(bridge.calls(), NO_CALLS);
}
