//! `POST /Users`, `GET /Users/{id}` and `DELETE /Users/{id}`.

use serde_json::{Value, json};

use super::{ENTERPRISE, NO_CALLS, USER, test_user, test_user_as_read};
use crate::harness::{Answer, Setup, asserted, user};

#[tokio::test]
async fn a_create_is_answered_with_all_that_was_sent_ent_01_q_22_q_34_q_77() {
    let bridge = Setup::aha().start().await;
    // No `User-Agent` is sent, as Entra ID sends none.
    let created = bridge.post("/Users", &test_user()).await;
    assert_eq!(created.written(201), test_user_as_read());
    assert_eq!(created.meta("created"), created.meta("lastModified"));
    assert_eq!(
        bridge.calls(),
        [
            "GET /users?email=Test_User_11bb@testuser.com",
            "POST /products/PRJ1/users {\"user\":{\"email\":\"Test_User_11bb@testuser.com\",\
             \"first_name\":\"givenName\",\"last_name\":\"familyName\",\"role\":\"viewer\"}}",
        ]
    );
    assert_eq!(bridge.aha.invitations().len(), 1);
    let read = bridge.get(&created.path()).await;
    assert_eq!((read.read(), &read.body), (test_user_as_read(), &created.body));
    let found = bridge.filter("/Users", "externalId eq \"0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef\"").await;
    assert_eq!(found.only(), &created.body);
    assert_eq!(bridge.calls(), NO_CALLS);
}

#[tokio::test]
async fn nulls_are_unassigned_and_a_misspelt_urn_is_ignored_ent_02() {
    let bridge = Setup::aha().start().await;
    let sent = json!({
        "schemas": [USER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],
        "externalId": "jyoung", "userName": "jyoung@testuser.com", "active": true, "addresses": null,
        "displayName": "Joy Young", "emails": [{ "type": "work", "value": "jyoung@Contoso.com", "primary": true }],
        "meta": { "resourceType": "User" }, "name": { "familyName": "Young", "givenName": "Joy" },
        "phoneNumbers": null, "preferredLanguage": null, "title": null, "department": null, "manager": null,
    });
    let expected = json!({
        "schemas": [USER],
        "externalId": "jyoung", "userName": "jyoung@testuser.com", "active": true,
        "displayName": "Joy Young", "emails": [{ "type": "work", "value": "jyoung@Contoso.com", "primary": true }],
        "name": { "familyName": "Young", "givenName": "Joy" },
    });
    let created = bridge.post("/Users", &sent).await;
    assert_eq!(created.written(201), expected);
    assert_eq!(bridge.get(&created.path()).await.body, created.body);
}

#[tokio::test]
async fn enterprise_attributes_at_the_top_level_never_end_up_in_the_core_ent_02() {
    let bridge = Setup::aha().start().await;
    let mut sent = user("sam.doe@example.com");
    let expected = sent.clone();
    sent["department"] = json!("Sales");
    sent["manager"] = json!({ "value": "1" });
    assert_eq!(bridge.post("/Users", &sent).await.written(201), expected);
}

#[tokio::test]
async fn a_duplicate_is_409_and_names_the_id_that_exists_ent_05_q_66() {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &test_user()).await;
    bridge.calls();
    let mut in_other_case = test_user();
    in_other_case["userName"] = json!("TEST_USER_00AA");
    let mut same_email = test_user();
    same_email["userName"] = json!("somebody.else");
    for duplicate in [test_user(), in_other_case, same_email] {
        let refused = bridge.post("/Users", &duplicate).await;
        let detail = refused.error(409, "uniqueness");
        assert!(detail.contains(&created.id()), "{detail}");
    }
    assert_eq!(bridge.calls(), NO_CALLS);
    assert_eq!(bridge.aha.invitations().len(), 1);
    assert_eq!(bridge.get(&created.path()).await.body, created.body);
}

#[tokio::test]
async fn users_with_the_same_external_id_are_two_users_q_74() {
    let bridge = Setup::aha().start().await;
    let create = async |email: &str, external_id: &str| {
        let mut sent = user(email);
        sent["externalId"] = json!(external_id);
        bridge.post("/Users", &sent).await.written(201);
    };
    create("sam.doe@example.com", "AbC").await;
    create("kim.lee@example.com", "aBc").await;
    create("lee.kim@example.com", "AbC").await;
    let names = |list: &[Value]| -> Vec<String> {
        list.iter().map(|user| user["userName"].as_str().unwrap().to_owned()).collect()
    };
    let found = bridge.filter("/Users", "externalId eq \"AbC\"").await;
    assert_eq!(names(found.list(2, 1)), ["sam.doe@example.com", "lee.kim@example.com"]);
    let found = bridge.filter("/Users", "externalId eq \"aBc\"").await;
    assert_eq!(names(found.list(1, 1)), ["kim.lee@example.com"]);
    assert_eq!(bridge.filter("/Users", "externalId eq \"ABC\"").await.list(0, 1), [] as [Value; 0]);
}

#[tokio::test]
async fn the_server_chooses_the_id_q_73() {
    let bridge = Setup::aha().start().await;
    let victim = bridge.post("/Users", &user("sam.doe@example.com")).await;
    let mut sent = user("kim.lee@example.com");
    let expected = sent.clone();
    sent["id"] = json!(victim.id());
    sent["meta"] =
        json!({ "created": "2001-01-01T00:00:00Z", "version": "W/\"99\"", "location": "https://evil.test" });
    let created = bridge.post("/Users", &sent).await;
    assert_eq!(created.written(201), expected);
    assert_ne!(created.id(), victim.id());
    assert_ne!(created.meta("created"), "2001-01-01T00:00:00Z");
    assert_eq!(bridge.get(&victim.path()).await.body, victim.body);
}

#[tokio::test]
async fn an_unknown_user_is_404_ent_06() {
    let bridge = Setup::aha().start().await;
    let detail = bridge.get("/Users/a9be3a3a-6a6b-4b86-8f16-1c3ffd4d5a4b").await;
    let detail = detail.error(404, "");
    assert!(detail.contains("a9be3a3a-6a6b-4b86-8f16-1c3ffd4d5a4b"), "{detail}");
}

#[tokio::test]
async fn a_delete_is_204_once_and_404_then_ent_21_q_16_q_72() {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &test_user()).await;
    bridge.calls();
    // It has no body and no Content-Type.
    bridge.delete(&created.path()).await.no_content();
    assert_eq!(bridge.calls(), ["PUT /users/<Test_User_11bb@testuser.com> {\"user\":{\"enabled\":false}}"]);
    bridge.delete(&created.path()).await.error(404, "");
    bridge.get(&created.path()).await.error(404, "");
    bridge.put(&created.path(), &test_user()).await.error(404, "");
    let patch = json!([{ "op": "Replace", "path": "active", "value": true }]);
    bridge.patch(&created.path(), patch).await.error(404, "");
    for filter in ["userName eq \"Test_User_00aa\"", "externalId eq \"0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef\""]
    {
        bridge.filter("/Users", filter).await.list(0, 1);
    }
    let by_id = format!("id eq \"{}\"", created.id());
    bridge.filter("/Users", &by_id).await.list(0, 1);
    assert_eq!(bridge.calls(), NO_CALLS);
}

#[tokio::test]
async fn an_attribute_that_is_not_supported_is_ignored_ent_41_q_64() {
    let bridge = Setup::aha().start().await;
    let mut sent = user("sam.doe@example.com");
    let expected = sent.clone();
    sent["favouriteColour"] = json!("blue");
    sent["name"]["initials"] = json!({ "nested": [1, 2, { "deep": null }] });
    sent["urn:example:unknown:2.0:User"] = json!({ "x": true });
    let created = bridge.post("/Users", &sent).await;
    assert_eq!(created.written(201), expected);
    bridge.calls();
    let patched = bridge
        .patch(
            &created.path(),
            json!([
                { "op": "Add", "path": "favouriteColour", "value": "blue" },
                { "op": "Replace", "path": "urn:example:unknown:2.0:User:x", "value": true },
                { "op": "replace", "value": { "favouriteColour": "green", "name.initials": "SD" } },
            ]),
        )
        .await;
    assert_eq!(patched.written(200), expected);
    assert_eq!(patched.body, created.body);
    assert_eq!(bridge.calls(), NO_CALLS);
    // What stands beside it is not lost.
    let patched = bridge
        .patch(
            &created.path(),
            json!([
                { "op": "Add", "path": "favouriteColour", "value": "blue" },
                { "op": "Add", "path": "title", "value": "Clerk" },
            ]),
        )
        .await;
    assert_eq!(patched.body["title"], "Clerk");
}

#[tokio::test]
async fn without_a_right_token_it_is_401_whatever_is_asked_ent_42_q_19_q_20() {
    let bridge = Setup::aha().start().await;
    let base = "/test/scim/v2";
    for path in ["/Users", "/Users/1", "/Groups", "/Schemas", "/ServiceProviderConfig", "/Me", "/Nothing"] {
        let url = format!("{base}{path}");
        let none = Answer::of(bridge.anonymous(http::Method::GET, &url)).await;
        none.error(401, "");
        assert_eq!(none.header("www-authenticate"), "Bearer realm=\"scim-bridge\"", "{path}");
        let wrong = Answer::of(bridge.anonymous(http::Method::GET, &url).bearer_auth("wrong")).await;
        wrong.error(401, "");
        assert_eq!(
            wrong.header("www-authenticate"),
            "Bearer realm=\"scim-bridge\", error=\"invalid_token\"",
            "{path}"
        );
    }
    let create = bridge.anonymous(http::Method::POST, &format!("{base}/Users")).bearer_auth("wrong");
    Answer::of(create.body(test_user().to_string())).await.error(401, "");
    bridge.filter("/Users", "userName eq \"Test_User_00aa\"").await.list(0, 1);
    assert_eq!(bridge.calls(), NO_CALLS);
}

/// All attributes of the default mapping.
fn mapped_user(email: &str, manager: &str) -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "userName": email,
        "active": true,
        "displayName": "Babs Jensen",
        "title": "Tour Guide",
        "emails": [{ "type": "work", "value": email }],
        "preferredLanguage": "en-US",
        "name": { "givenName": "Barbara", "familyName": "Jensen", "formatted": "Barbara Jensen" },
        "addresses": [{
            "type": "work", "formatted": "Building 18", "streetAddress": "100 Universal City Plaza",
            "locality": "Hollywood", "region": "CA", "postalCode": "91608", "country": "USA",
        }],
        // Entra ID compares what it reads with what it sent: a phone number is not tidied.
        "phoneNumbers": [
            { "type": "work", "value": "55555555555" },
            { "type": "mobile", "value": "+1 (555) 0100" },
            { "type": "fax", "value": "555-0101" },
        ],
        "externalId": "bjensen",
        ENTERPRISE: { "employeeNumber": "701984", "department": "Tour Operations", "manager": { "value": manager } },
    })
}

/// The same as paths.
fn mapped_paths(email: &str, manager: &str) -> Vec<(String, Value)> {
    let user = mapped_user(email, manager);
    let mut paths = Vec::new();
    for name in ["active", "displayName", "title", "preferredLanguage", "externalId"] {
        paths.push((name.to_owned(), user[name].clone()));
    }
    for (name, value) in user["name"].as_object().unwrap() {
        paths.push((format!("name.{name}"), value.clone()));
    }
    for attribute in ["emails", "addresses", "phoneNumbers"] {
        for element in user[attribute].as_array().unwrap() {
            let parts = element.as_object().unwrap().iter().filter(|(name, _)| *name != "type");
            paths.extend(parts.map(|(name, value)| {
                (format!("{attribute}[type eq {}].{name}", element["type"]), value.clone())
            }));
        }
    }
    for (name, value) in user[ENTERPRISE].as_object().unwrap() {
        let value = value.get("value").unwrap_or(value);
        paths.push((format!("{ENTERPRISE}:{name}"), value.clone()));
    }
    paths
}

#[tokio::test]
async fn the_whole_default_mapping_is_kept_value_for_value_ent_45() {
    let bridge = Setup::aha().start().await;
    let manager = bridge.create_user("the.boss@example.com").await;
    let sent = mapped_user("babs.jensen@example.com", &manager);
    let created = bridge.post("/Users", &sent).await;
    assert_eq!(created.written(201), sent);
    let read = bridge.get(&created.path()).await;
    assert_eq!(read.read(), sent);
    let found = bridge.filter("/Users", "userName eq \"babs.jensen@example.com\"").await;
    assert_eq!(asserted(found.only()), sent);
}

#[tokio::test]
async fn a_minimal_user_gets_the_whole_mapping_by_paths_or_at_once_ent_46() {
    let bridge = Setup::aha().start().await;
    let manager = bridge.create_user("the.boss@example.com").await;
    let minimal = |email: &str| json!({ "schemas": [USER], "userName": email });

    let email = "babs.jensen@example.com";
    let created = bridge.post("/Users", &minimal(email)).await;
    let mut expected = minimal(email);
    expected["active"] = json!(true);
    assert_eq!(created.written(201), expected);
    let adds: Vec<_> = mapped_paths(email, &manager)
        .into_iter()
        .map(|(path, value)| json!({ "op": "Add", "path": path, "value": value }))
        .collect();
    let patched = bridge.patch(&created.path(), json!(adds)).await;
    assert_eq!(patched.written(200), mapped_user(email, &manager));
    assert_eq!(bridge.get(&created.path()).await.read(), mapped_user(email, &manager));

    let email = "kim.lee@example.com";
    let created = bridge.post("/Users", &minimal(email)).await;
    let all: serde_json::Map<_, _> = mapped_paths(email, &manager).into_iter().collect();
    let patched = bridge.patch(&created.path(), json!([{ "op": "replace", "value": all }])).await;
    assert_eq!(patched.written(200), mapped_user(email, &manager));
    assert_eq!(bridge.get(&created.path()).await.read(), mapped_user(email, &manager));
}
