//! Single requests.

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use super::{NO_CALLS, USER, find, get, joiner, joiner_as_read, put, send};
use crate::harness::{Setup, user};

#[tokio::test]
async fn a_create_is_answered_whole_and_without_the_password_okt_01_q_06_q_22_q_34() {
    let bridge = Setup::aha().start().await;
    let created = send(&bridge, Method::POST, "/Users", Some(&joiner())).await;
    assert_eq!(created.written(201), joiner_as_read());
    assert_eq!(
        bridge.calls(),
        [
            "GET /users?email=test.joiner@Example.com",
            "POST /products/PRJ1/users {\"user\":{\"email\":\"test.joiner@Example.com\",\
             \"first_name\":\"test\",\"last_name\":\"joiner\",\"role\":\"viewer\"}}",
        ]
    );
    assert_eq!(get(&bridge, &created.path()).await.body, created.body);
    let found = find(&bridge, "TEST.JOINER@example.com").await;
    assert_eq!(found.only(), &created.body);
    let asked = get(&bridge, &format!("{}?attributes=password,userName", created.path())).await;
    assert!(!asked.body.to_string().contains("Geheim"), "{asked}");
    let filtered = bridge.filter("/Users", "password eq \"Sehr-Geheim-1\"").await;
    filtered.error(400, "invalidFilter");
}

#[tokio::test]
async fn the_documented_create_has_more_attributes_okt_02() {
    let bridge = Setup::aha().start().await;
    let mut sent = user("test.user@okta.local");
    sent["displayName"] = json!("Test User");
    sent["locale"] = json!("en-US");
    let created = send(&bridge, Method::POST, "/Users", Some(&sent)).await;
    assert_eq!(created.written(201), sent);
}

#[tokio::test]
async fn a_duplicate_is_409_okt_03() {
    let bridge = Setup::aha().start().await;
    let created = send(&bridge, Method::POST, "/Users", Some(&joiner())).await;
    bridge.calls();
    let refused = send(&bridge, Method::POST, "/Users", Some(&joiner())).await;
    assert!(refused.error(409, "uniqueness").contains(&created.id()), "{refused}");
    assert_eq!(bridge.calls(), NO_CALLS);
    assert_eq!(bridge.aha.invitations().len(), 1);
}

#[tokio::test]
async fn a_put_as_captured_takes_what_is_writable_and_ignores_the_rest_okt_04() {
    let bridge = Setup::aha().start().await;
    let mut before = joiner();
    before["name"]["formatted"] = json!("test joiner");
    let created = send(&bridge, Method::POST, "/Users", Some(&before)).await;
    bridge.calls();
    let mut sent = created.body.clone();
    sent["groups"] = json!([]);
    // `formatted` is what the server said before: stale.
    sent["name"]["familyName"] = json!("mover");
    let replaced = put(&bridge, &created.path(), &sent).await;
    let mut expected = joiner_as_read();
    expected["name"] = json!({ "givenName": "test", "familyName": "mover", "formatted": "test joiner" });
    assert_eq!(replaced.written(200), expected);
    assert_eq!(replaced.id(), created.id());
    assert_eq!(replaced.meta("created"), created.meta("created"));
    assert_eq!(bridge.calls(), ["PUT /users/<test.joiner@Example.com> {\"user\":{\"last_name\":\"mover\"}}"]);
}

#[tokio::test]
async fn a_put_cannot_change_what_is_the_servers_okt_04() {
    let bridge = Setup::aha().start().await;
    let created = send(&bridge, Method::POST, "/Users", Some(&joiner())).await;
    bridge.calls();
    let mut sent = created.body.clone();
    sent["id"] = json!("another");
    sent["meta"] = json!({ "created": "2001-01-01T00:00:00Z", "version": "W/\"99\"" });
    sent["groups"] = json!([{ "value": "1", "display": "Admins" }]);
    sent["password"] = json!("Another-1");
    let replaced = put(&bridge, &created.path(), &sent).await;
    replaced.written(200);
    assert_eq!(replaced.body, created.body);
    assert_eq!(bridge.calls(), NO_CALLS);
}

#[rstest]
#[case::of_an_active_user(true)]
#[case::of_an_inactive_user(false)]
#[tokio::test]
async fn a_put_without_active_neither_disables_nor_enables_okt_04_q_35(#[case] active: bool) {
    let bridge = Setup::aha().start().await;
    let created = send(&bridge, Method::POST, "/Users", Some(&joiner())).await;
    let mut sent = joiner();
    sent["active"] = json!(active);
    put(&bridge, &created.path(), &sent).await.written(200);
    bridge.calls();
    for absent in [None, Some(Value::Null)] {
        match absent {
            None => drop(sent.as_object_mut().unwrap().shift_remove("active")),
            Some(null) => sent["active"] = null,
        }
        let replaced = put(&bridge, &created.path(), &sent).await;
        assert_eq!(replaced.written(200)["active"], active);
        assert_eq!(bridge.calls(), NO_CALLS);
    }
}

#[tokio::test]
async fn a_put_with_active_false_disables_and_changes_nothing_else_okt_05() {
    let bridge = Setup::aha().start().await;
    let created = send(&bridge, Method::POST, "/Users", Some(&joiner())).await;
    bridge.calls();
    let mut sent = get(&bridge, &created.path()).await.body;
    sent["active"] = json!(false);
    let replaced = put(&bridge, &created.path(), &sent).await;
    let mut expected = joiner_as_read();
    expected["active"] = json!(false);
    assert_eq!(replaced.written(200), expected);
    assert_eq!(bridge.calls(), ["PUT /users/<test.joiner@Example.com> {\"user\":{\"enabled\":false}}"]);
    assert_eq!(get(&bridge, &created.path()).await.body, replaced.body);
}

#[rstest]
#[case::with_schemas(true)]
#[case::without_schemas_q_23(false)]
#[tokio::test]
async fn a_patch_without_path_sets_active_okt_06_q_31(#[case] with_schemas: bool) {
    let bridge = Setup::aha().start().await;
    let created = send(&bridge, Method::POST, "/Users", Some(&joiner())).await;
    bridge.calls();
    for active in [false, true] {
        let mut body = json!({ "Operations": [{ "op": "replace", "value": { "active": active } }] });
        if with_schemas {
            body["schemas"] = json!(["urn:ietf:params:scim:api:messages:2.0:PatchOp"]);
        }
        let patched = send(&bridge, Method::PATCH, &created.path(), Some(&body)).await;
        let mut expected = joiner_as_read();
        expected["active"] = json!(active);
        assert_eq!(patched.written(200), expected);
        assert_eq!(
            bridge.calls(),
            [format!("PUT /users/<test.joiner@Example.com> {{\"user\":{{\"enabled\":{active}}}}}")]
        );
    }
}

#[tokio::test]
async fn a_new_password_is_accepted_and_forgotten_okt_07() {
    let bridge = Setup::aha().start().await;
    let created = send(&bridge, Method::POST, "/Users", Some(&joiner())).await;
    bridge.calls();
    let operations = [
        json!([{ "op": "replace", "value": { "password": "Neues-Wort-1" } }]),
        json!([{ "op": "replace", "path": "password", "value": "Neues-Wort-2" }]),
    ];
    for operations in operations {
        let patched = bridge.patch(&created.path(), operations).await;
        patched.written(200);
        assert_eq!(patched.body, created.body);
    }
    let replaced = put(&bridge, &created.path(), &joiner()).await;
    replaced.written(200);
    assert_eq!(replaced.body, created.body);
    assert_eq!(bridge.calls(), NO_CALLS);
}

#[tokio::test]
async fn a_page_beyond_the_end_is_empty_and_counts_all_okt_16_q_04() {
    let bridge = Setup::aha().start().await;
    send(&bridge, Method::POST, "/Users", Some(&joiner())).await.written(201);
    for query in ["startIndex=3&count=100", "startIndex=101&count=100", "startIndex=99999999999&count=2"] {
        let start: usize = query.split(['=', '&']).nth(1).unwrap().parse().unwrap();
        let page = get(&bridge, &format!("/Users?{query}")).await;
        assert_eq!(page.list(2, start), [] as [Value; 0]);
    }
    let page = get(&bridge, "/Users?filter=userName%20pr&startIndex=101&count=100").await;
    assert_eq!(page.list(2, 101), [] as [Value; 0]);
}

#[tokio::test]
async fn numbers_are_taken_for_texts_okt_19() {
    let bridge = Setup::aha().start().await;
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let mut sent = joiner();
    sent["externalId"] = json!(1234567890123_u64);
    sent[enterprise] = json!({ "employeeNumber": 701984, "department": 4711.5 });
    let created = send(&bridge, Method::POST, "/Users", Some(&sent)).await;
    let mut expected = joiner_as_read();
    expected["schemas"] = json!([USER, enterprise]);
    expected["externalId"] = json!("1234567890123");
    expected[enterprise] = json!({ "employeeNumber": "701984", "department": "4711.5" });
    assert_eq!(created.written(201), expected);
    let found = bridge.filter("/Users", "externalId eq \"1234567890123\"").await;
    assert_eq!(found.only(), &created.body);
}

#[tokio::test]
async fn a_user_that_was_deleted_is_404_okt_20() {
    let bridge = Setup::aha().start().await;
    let created = send(&bridge, Method::POST, "/Users", Some(&joiner())).await;
    bridge.delete(&created.path()).await.no_content();
    get(&bridge, &created.path()).await.error(404, "");
    put(&bridge, &created.path(), &joiner()).await.error(404, "");
}
