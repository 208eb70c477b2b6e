//! The filters by which Entra ID finds its users again.

use rstest::rstest;
use scim_bridge::sim::aha::Person;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{NO_CALLS, USER, test_user, test_user_as_read};
use crate::harness::{Setup, asserted, user};

#[tokio::test]
async fn a_user_is_found_by_its_name_in_any_case_and_echoed_as_sent_ent_07_ent_10_q_01_q_05_q_06() {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &test_user()).await;
    bridge.calls();
    for name in ["Test_User_00aa", "test_user_00aa", "TEST_USER_00AA"] {
        let found = bridge.filter("/Users", &format!("userName eq \"{name}\"")).await;
        assert_eq!(found.only(), &created.body);
        assert_eq!(asserted(found.only()), test_user_as_read());
    }
    let found = bridge.filter("/Users", "userName eq \"50a8ec4c-5ea5-4d8b-9d6e-1d2c7a5b1f7a\"").await;
    assert_eq!(found.list(0, 1), [] as [Value; 0]);
    assert_eq!(bridge.calls(), NO_CALLS);
}

#[tokio::test]
async fn a_work_email_is_matched_by_its_path_ent_08_q_07() {
    let bridge = Setup::aha().start().await;
    let mut sam = user("sam.doe@example.com");
    sam["emails"] = json!([
        { "type": "work", "value": "Sam@Work.example", "primary": true },
        { "type": "home", "value": "sam@home.example" },
    ]);
    let sam = bridge.post("/Users", &sam).await;
    let mut kim = user("kim.lee@example.com");
    kim["emails"] = json!([{ "type": "home", "value": "sam@work.example" }, { "type": "work", "value": "kim@work.example" }]);
    bridge.post("/Users", &kim).await.written(201);
    for filter in [
        "emails[type eq \"work\"].value eq \"sam@work.example\"",
        "emails[type eq \"Work\"].value eq \"SAM@WORK.EXAMPLE\"",
        "emails[type eq \"work\" and value eq \"sam@work.example\"]",
    ] {
        assert_eq!(bridge.filter("/Users", filter).await.only(), &sam.body, "{filter}");
    }
    bridge.filter("/Users", "emails[type eq \"work\"].value eq \"sam@home.example\"").await.list(0, 1);
    bridge.filter("/Users", "emails[type eq \"other\"].value eq \"sam@work.example\"").await.list(0, 1);
}

#[tokio::test]
async fn the_account_of_an_unmanaged_user_is_matched_by_its_email_ent_08_ent_seq_4() {
    let bridge = Setup::aha().with(|aha| {
        aha.seed(Person::new("Ann", "Lee", "Ann.Lee@example.com"));
    });
    let bridge = bridge.start().await;
    let by_name = bridge.filter("/Users", "userName eq \"ann.lee@example.com\"").await;
    let by_email = bridge.filter("/Users", "emails[type eq \"work\"].value eq \"ann.lee@example.com\"").await;
    assert_eq!(by_name.only(), by_email.only());
    let expected = json!({
        "schemas": [USER],
        "userName": "Ann.Lee@example.com",
        "name": { "givenName": "Ann", "familyName": "Lee", "formatted": "Ann Lee" },
        "displayName": "Ann Lee",
        "emails": [{ "value": "Ann.Lee@example.com", "type": "work", "primary": true }],
        "active": true,
    });
    assert_eq!(asserted(by_name.only()), expected);
    assert_eq!(bridge.calls(), NO_CALLS);
}

#[tokio::test]
async fn external_ids_are_matched_to_the_letter_also_without_quotes_ent_09_q_74() {
    let bridge = Setup::aha().start().await;
    let mut sent = user("joy.young@example.com");
    sent["externalId"] = json!("jYoung");
    let created = bridge.post("/Users", &sent).await;
    for filter in ["externalId eq \"jYoung\"", "externalId eq jYoung", "EXTERNALID EQ \"jYoung\""] {
        assert_eq!(bridge.filter("/Users", filter).await.only(), &created.body, "{filter}");
    }
    for filter in ["externalId eq \"jyoung\"", "externalId eq jyoung", "externalId eq \"jYoung \""] {
        bridge.filter("/Users", filter).await.list(0, 1);
    }
}

#[tokio::test]
async fn a_managers_probe_answers_the_id_alone_ent_11_q_09() {
    let bridge = Setup::aha().start().await;
    let boss = bridge.create_user("the.boss@example.com").await;
    let sam = bridge.create_user("sam.doe@example.com").await;
    let set = json!([{
        "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "value": boss,
    }]);
    bridge.patch(&format!("/Users/{sam}"), set).await.written(200);
    let probe = async |filter: String| {
        let query = [("filter", filter.as_str()), ("attributes", "id")];
        let request = bridge.request(http::Method::GET, "/Users").query(&query);
        crate::harness::Answer::of(request).await
    };
    for filter in [
        format!("id eq \"{sam}\" and manager eq \"{boss}\""),
        format!("manager eq \"{boss}\" and id eq \"{sam}\""),
        format!("id eq {sam} and manager eq {boss}"),
        format!("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"{boss}\""),
    ] {
        let found = probe(filter).await;
        assert_eq!(
            found.list(1, 1),
            [json!({ "schemas": found.body["Resources"][0]["schemas"], "id": sam })]
        );
    }
    for filter in [
        format!("id eq \"{sam}\" and manager eq \"{sam}\""),
        format!("id eq \"{boss}\" and manager eq \"{boss}\""),
        format!("id eq \"{boss}\" and manager eq \"\""),
    ] {
        probe(filter).await.list(0, 1);
    }
}

#[tokio::test]
async fn probes_of_groups_find_none_ent_12_ent_seq_1() {
    let bridge = Setup::aha().start().await;
    for query in [
        "",
        "?startIndex=1&count=100",
        "?excludedAttributes=members&filter=displayName%20eq%20%22a3b2%22",
        "?excludedAttributes=members&filter=externalId+eq+%22a3b2%22",
        "?filter=id+eq+%221%22+and+members+eq+%222%22&attributes=id",
        "?filter=members%20eq%20%222%22%20and%20id%20eq%20%221%22&attributes=id",
    ] {
        assert_eq!(bridge.get(&format!("/Groups{query}")).await.list(0, 1), [] as [Value; 0], "{query}");
    }
    bridge.get("/Groups/8c1ee4ca?excludedAttributes=members").await.error(404, "");
    bridge.get("/Groups?filter=displayName%20is%20%22x%22").await.error(400, "invalidFilter");
    assert_eq!(bridge.calls(), NO_CALLS);
}

#[rstest]
#[case::apostrophe("o'brien@example.com")]
#[case::plus("sam+aha@example.com")]
#[case::percent("100%25@example.com")]
#[case::quote("we\"ird\"@example.com")]
#[case::backslash("back\\slash@example.com")]
#[case::space("sam doe@example.com")]
#[case::query_syntax("a&b=c#d?e;f@example.com")]
#[case::umlaut("jürgen.grün@example.com")]
#[case::filter_syntax("x\" or userName pr or userName eq \"y")]
#[tokio::test]
async fn a_name_with_special_characters_is_matched_however_it_is_encoded_q_14(#[case] name: &str) {
    let bridge = Setup::memory().start().await;
    let created = bridge.post("/Users", &json!({ "userName": name })).await;
    assert_eq!(created.body["userName"], name);
    bridge.post("/Users", &json!({ "userName": "somebody.else@example.com" })).await.written(201);
    let filter = format!("userName eq {}", json!(name));
    let as_form: String = form_urlencoded::byte_serialize(filter.as_bytes()).collect();
    let as_uri = as_form.replace('+', "%20");
    for query in [as_form, as_uri] {
        let found = bridge.get(&format!("/Users?filter={query}")).await;
        assert_eq!(found.only(), &created.body, "{query}");
    }
}

#[tokio::test]
async fn a_plus_that_is_not_encoded_is_a_plus_where_spaces_are_q_14() {
    let bridge = Setup::memory().start().await;
    let created = bridge.post("/Users", &json!({ "userName": "sam+aha@example.com" })).await;
    let found = bridge.get("/Users?filter=userName%20eq%20%22sam+aha@example.com%22").await;
    assert_eq!(found.only(), &created.body);
}

#[tokio::test]
async fn stray_parameters_of_the_tenant_url_are_ignored_q_26() {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users?aadOptscim062020", &test_user()).await;
    assert_eq!(created.written(201), test_user_as_read());
    let found = bridge
        .get("/Users?aadOptscim062020&filter=userName+eq+%22Test_User_00aa%22&unknown=1&aadOptscim062020")
        .await;
    assert_eq!(found.only(), &created.body);
    let patch = json!({ "Operations": [{ "op": "replace", "path": "title", "value": "x" }] });
    let patched =
        bridge.send(http::Method::PATCH, &format!("{}?aadOptscim062020", created.path()), Some(&patch)).await;
    assert_eq!(patched.written(200)["title"], "x");
}
