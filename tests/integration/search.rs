//! Lists, `/.search` and the root over HTTP: filters, orders, pages and projections, of users, of groups and of both.

mod pages;
mod pushed_down;
mod root;
mod sorting;

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{Answer, Bridge, Setup, user};

const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// The resources of a list, whose numbers must agree.
#[track_caller]
fn resources(answer: &Answer) -> &[Value] {
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(answer.header("content-type"), "application/scim+json", "{answer}");
    assert_eq!(
        answer.body["schemas"],
        json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]),
        "{answer}"
    );
    let resources = answer.body["Resources"].as_array().unwrap_or_else(|| panic!("Resources of {answer}"));
    assert_eq!(answer.body["itemsPerPage"], json!(resources.len()), "{answer}");
    assert!(answer.body["totalResults"].is_u64(), "{answer}");
    resources
}

/// What is called `userName`, or `displayName`, in a list.
#[track_caller]
fn names(answer: &Answer) -> Vec<&str> {
    resources(answer)
        .iter()
        .map(|resource| resource["userName"].as_str().or(resource["displayName"].as_str()).unwrap_or("?"))
        .collect()
}

/// Creates a group with these members.
async fn create_group(bridge: &Bridge, name: &str, members: &[&str]) -> String {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    let answer = bridge.post("/Groups", &json!({ "displayName": name, "members": members })).await;
    assert_eq!(answer.status, 201, "{answer}");
    answer.id()
}

#[rstest]
#[case::nothing(json!({}))]
#[case::filter_and_attributes(json!({ "filter": "userName sw \"b\"", "attributes": ["userName"] }))]
#[case::excluded(json!({ "excludedAttributes": ["name", "emails.value"], "count": 2 }))]
#[case::page(json!({ "startIndex": 2, "count": 1 }))]
#[case::sorted(json!({ "sortBy": "userName", "sortOrder": "descending" }))]
#[tokio::test]
async fn a_search_is_answered_as_the_list_with_the_same_parameters_rfc_115(#[case] parameters: Value) {
    let bridge = Setup::memory().start().await;
    for name in ["ann@example.com", "bob@example.com", "bea@example.com"] {
        bridge.create_user(name).await;
    }
    let text = |value: &Value| match value {
        Value::Array(names) => names.iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>().join(","),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let pairs: Vec<_> =
        parameters.as_object().unwrap().iter().map(|(name, value)| (name, text(value))).collect();
    let mut body = parameters.clone();
    body["schemas"] = json!([SEARCH_REQUEST]);
    let listed = Answer::of(bridge.request(http::Method::GET, "/Users").query(&pairs)).await;
    let found = bridge.post("/Users/.search", &body).await;
    resources(&found);
    assert_eq!(found.header("location"), "");
    assert_eq!(found.body, listed.body);
}

#[tokio::test]
async fn a_search_needs_a_token_a_post_and_a_search_request_rfc_115() {
    let bridge = Setup::memory().start().await;
    let search = |body: Value| {
        let bridge = &bridge;
        async move { bridge.post("/Users/.search", &body).await }
    };
    search(json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"] }))
        .await
        .error(400, "invalidSyntax");
    search(json!([])).await.error(400, "invalidSyntax");
    search(json!({ "schemas": [SEARCH_REQUEST], "filter": "userName like \"x\"" }))
        .await
        .error(400, "invalidFilter");
    search(json!({ "schemas": [SEARCH_REQUEST], "count": "ten" })).await.error(400, "invalidValue");
    for path in ["/.search", "/Users/.search", "/Groups/.search"] {
        bridge.get(path).await.error(405, "");
        let path = format!("/test/scim/v2{path}");
        Answer::of(bridge.anonymous(http::Method::POST, &path).body("{}")).await.error(401, "");
    }
}

#[tokio::test]
async fn unknown_parameters_are_ignored_and_no_match_is_an_empty_list_rfc_030_rfc_050() {
    let bridge = Setup::memory().start().await;
    bridge.create_user("ann@example.com").await;
    let all = bridge.get("/Users?aadOptscim062020&colour=blue&tenantId=1").await;
    assert_eq!(names(&all), ["ann@example.com"]);
    let found = bridge
        .post("/Users/.search", &json!({ "schemas": [SEARCH_REQUEST], "colour": { "blue": [] } }))
        .await;
    assert_eq!(found.body, all.body);
    let none = bridge.filter("/Users", "userName eq \"nobody\"").await;
    assert_eq!((&none.body["totalResults"], &none.body["Resources"]), (&json!(0), &json!([])));
}

#[rstest]
#[case::ent_08("emails[type eq \"work\"].value eq \"ANN@example.com\"", &["ann@example.com"])]
#[case::ent_08_other_element("emails[type eq \"home\"].value eq \"ann@example.com\"", &[])]
#[case::ent_11("manager eq \"m1\"", &["ann@example.com"])]
#[case::ent_11_with_id("id pr and manager eq \"m1\"", &["ann@example.com"])]
#[case::ent_12("externalId eq \"ext-bob\"", &["bob@example.com"])]
#[case::ent_44("active eq true and (meta.lastModified ge \"2020-01-01T00:00:00Z\" and meta.lastModified le \"2100-01-01T00:00:00Z\")", &["ann@example.com"])]
#[case::q_09("emails eq \"bob@example.com\"", &["bob@example.com"])]
#[tokio::test]
async fn what_identity_providers_ask_for_is_found(#[case] filter: &str, #[case] expected: &[&str]) {
    let bridge = Setup::memory().start().await;
    let mut ann = user("ann@example.com");
    ann["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] =
        json!({ "manager": { "value": "m1" } });
    let mut bob = user("bob@example.com");
    bob["active"] = json!(false);
    for body in [ann, bob] {
        assert_eq!(bridge.post("/Users", &body).await.status, 201);
    }
    let answer = bridge.filter("/Users", filter).await;
    assert_eq!(names(&answer), expected, "{answer}");
    assert_eq!(answer.body["totalResults"], json!(expected.len()));
}

#[tokio::test]
async fn a_reference_is_checked_by_filter_and_members_are_left_out_on_request_ent_11_q_09_q_12_rfc_057() {
    let bridge = Setup::memory().start().await;
    let mut named = user("ann@example.com");
    named["displayName"] = json!("Ann");
    let ann = bridge.post("/Users", &named).await.id();
    let bob = bridge.create_user("bob@example.com").await;
    let staff = create_group(&bridge, "Staff", &[&ann]).await;
    create_group(&bridge, "Empty", &[]).await;
    for (filter, expected) in [
        (format!("id eq \"{staff}\" and members eq \"{ann}\""), vec!["Staff"]),
        (format!("id eq \"{staff}\" and members eq \"{bob}\""), vec![]),
        (format!("members.value eq \"{ann}\""), vec!["Staff"]),
        (format!("members[value eq \"{ann}\" and type eq \"user\"]"), vec!["Staff"]),
        (format!("not (members.value eq \"{ann}\")"), vec!["Empty"]),
        ("members.display eq \"ann\"".to_owned(), vec!["Staff"]),
        ("not (members pr)".to_owned(), vec!["Empty"]),
        ("displayName eq \"STAFF\"".to_owned(), vec!["Staff"]),
    ] {
        assert_eq!(names(&bridge.filter("/Groups", &filter).await), expected, "{filter}");
        let url = [("filter", filter.as_str()), ("excludedAttributes", "members")];
        let slim = Answer::of(bridge.request(http::Method::GET, "/Groups").query(&url)).await;
        assert_eq!(names(&slim), expected, "{filter}");
        assert!(resources(&slim).iter().all(|group| group.get("members").is_none()), "{slim}");
    }
    let shown = bridge.filter("/Groups", "displayName eq \"empty\"").await;
    assert_eq!(resources(&shown)[0]["members"], json!([]));
    let bare = bridge.get("/Users?excludedAttributes=id,schemas,meta&count=1").await;
    assert_eq!(resources(&bare)[0]["id"], json!(ann));
}

#[tokio::test]
async fn groups_of_users_are_shown_and_can_be_asked_for() {
    let bridge = Setup::memory().start().await;
    let ann = bridge.create_user("ann@example.com").await;
    bridge.create_user("bob@example.com").await;
    let staff = create_group(&bridge, "Staff", &[&ann]).await;
    let groups = json!([{
        "value": staff, "$ref": format!("{}/Groups/{staff}", bridge.base_url()), "type": "direct", "display": "Staff",
    }]);
    let one = bridge.get(&format!("/Users/{ann}")).await;
    assert_eq!(one.body["groups"], groups);
    let all = bridge.get("/Users").await;
    assert_eq!(resources(&all)[0], one.body);
    assert_eq!(resources(&all)[1].get("groups"), None);
    for filter in
        ["groups.display eq \"staff\"".to_owned(), format!("groups eq \"{staff}\""), "groups pr".to_owned()]
    {
        let found = bridge.filter("/Users", &filter).await;
        assert_eq!(resources(&found), std::slice::from_ref(&one.body), "{filter}");
    }
    let slim = bridge.get("/Users?excludedAttributes=groups").await;
    assert!(resources(&slim)[0].get("groups").is_none());
    let sorted = bridge.get("/Users?sortBy=groups.display&sortOrder=descending").await;
    assert_eq!(names(&sorted), ["bob@example.com", "ann@example.com"]);
}

#[tokio::test]
async fn what_is_listed_follows_every_change_of_a_user() {
    let bridge = Setup::memory().start().await;
    let id = bridge.create_user("ann@example.com").await;
    let path = format!("/Users/{id}");
    let emails =
        json!([{ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "Ann@new.example" }]);
    assert_eq!(bridge.patch(&path, emails).await.status, 200);
    let of = |filter: &'static str| {
        let bridge = &bridge;
        async move { resources(&bridge.filter("/Users", filter).await).len() }
    };
    assert_eq!(of("emails.value eq \"ann@example.com\"").await, 0);
    assert_eq!(of("emails.value eq \"ANN@NEW.example\"").await, 1);
    let disabled = bridge.patch(&path, json!([{ "op": "replace", "path": "active", "value": false }])).await;
    assert_eq!(of("active eq true").await, 0);
    assert_eq!(of("active eq false").await, 1);
    let listed = bridge.get("/Users").await;
    assert_eq!(resources(&listed), std::slice::from_ref(&disabled.body));
    assert_eq!(bridge.get(&path).await.body, disabled.body);
    assert_eq!(bridge.delete(&path).await.status, 204);
    assert_eq!(of("emails.value eq \"ann@new.example\"").await, 0);
    assert_eq!(of("active eq false").await, 0);
    assert_eq!(of("id pr").await, 0);
}

#[rstest]
#[case("attributes=userName", &["id", "schemas", "userName"])]
#[case("attributes=nothing", &["id", "schemas"])]
#[case("attributes=name.givenName,emails.value", &["emails", "id", "name", "schemas"])]
#[case("excludedAttributes=name,emails,meta,externalId", &["active", "id", "schemas", "userName"])]
#[tokio::test]
async fn lists_show_what_is_asked_for_rfc_055_rfc_058_rfc_060(
    #[case] query: &str,
    #[case] expected: &[&str],
) {
    let bridge = Setup::memory().start().await;
    bridge.create_user("ann@example.com").await;
    for order in ["", "&sortBy=userName", "&filter=userName%20pr"] {
        let answer = bridge.get(&format!("/Users?{query}{order}")).await;
        let mut shown: Vec<_> =
            resources(&answer)[0].as_object().unwrap().keys().map(String::as_str).collect();
        shown.sort_unstable();
        assert_eq!(shown, expected);
    }
    bridge.get("/Users?attributes=id&excludedAttributes=name").await.error(400, "invalidValue");
}
