//! Okta's SCIM 2.0 SPEC test, step by step and assertion by assertion, against an app that bridges to Aha!.

use http::{Method, header};
use scim_bridge::sim::aha::Person;
use serde_json::{Value, json};

use crate::harness::{Answer, Bridge, Setup};

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// The test's GETs carry the headers of its POSTs.
async fn get(bridge: &Bridge, path_and_query: &str) -> Answer {
    let request = bridge
        .request(Method::GET, path_and_query)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/scim+json; charset=utf-8");
    Answer::of(request).await
}

async fn filter(bridge: &Bridge, user_name: &str) -> Answer {
    let filter = format!("userName eq \"{user_name}\"");
    let query: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
    get(bridge, &format!("/Users?filter={query}")).await
}

#[track_caller]
fn assert_not_empty(resource: &Value, pointers: &[&str]) {
    for pointer in pointers {
        let is_there = match resource.pointer(pointer) {
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(elements)) => !elements.is_empty(),
            Some(value) => !value.is_null(),
            None => false,
        };
        assert!(is_there, "{pointer} in {resource:#}");
    }
}

#[track_caller]
fn assert_has_schema(answer: &Answer, urn: &str) {
    let schemas = answer.body["schemas"].as_array().expect("schemas");
    assert!(schemas.contains(&json!(urn)), "{answer}");
}

const OF_A_USER: [&str; 6] =
    ["/id", "/name/familyName", "/name/givenName", "/userName", "/active", "/emails/0/value"];

#[tokio::test]
async fn all_twelve_steps_pass_in_their_order_ospec_01_to_12_q_18() {
    // "At least one user with a name and an e-mail must exist beforehand."
    let bridge = Setup::aha()
        .with(|aha| {
            aha.seed(Person::new("Present", "Already", "present.already@atko.com"));
        })
        .start()
        .await;
    let (first_name, last_name) = ("Runscope123", "Abcdefghi456");
    let email = format!("{first_name}{last_name}@atko.com");

    // OSPEC-01: the users endpoint.
    let users = get(&bridge, "/Users?count=1&startIndex=1").await;
    assert_eq!(users.status, 200, "{users}");
    assert_not_empty(&users.body, &["/Resources"]);
    assert_has_schema(&users, LIST);
    for name in ["itemsPerPage", "startIndex", "totalResults"] {
        assert!(users.body[name].is_u64(), "{name}: {users}");
    }
    let first = &users.body["Resources"][0];
    assert_not_empty(first, &OF_A_USER);
    let id = first["id"].as_str().unwrap();

    // OSPEC-02: one user by its id.
    let user = get(&bridge, &format!("/Users/{id}")).await;
    assert_eq!(user.status, 200, "{user}");
    assert_not_empty(&user.body, &OF_A_USER);
    assert_eq!(user.body["id"], id);

    // OSPEC-03: a filter that matches nobody.
    let nobody = filter(&bridge, "abcdefgh@atko.com").await;
    assert_eq!((nobody.status, &nobody.body["totalResults"]), (200, &json!(0)), "{nobody}");
    assert_has_schema(&nobody, LIST);

    // OSPEC-04: an id that is not there.
    let unknown = get(&bridge, "/Users/010101001010101011001010101011").await;
    assert_eq!(unknown.status, 404, "{unknown}");
    assert_not_empty(&unknown.body, &["/detail"]);
    assert_has_schema(&unknown, ERROR);

    // OSPEC-05: the random user is not there yet.
    let random = filter(&bridge, &email).await;
    assert_eq!((random.status, &random.body["totalResults"]), (200, &json!(0)), "{random}");
    assert_has_schema(&random, LIST);

    // OSPEC-06: it is created, as plain JSON.
    let body = json!({
        "schemas": [USER],
        "userName": email,
        "name": { "givenName": first_name, "familyName": last_name },
        "emails": [{ "primary": true, "value": email, "type": "work" }],
        "displayName": format!("{first_name} {last_name}"),
        "active": true,
    });
    let create = async || {
        let request = bridge
            .request(Method::POST, "/Users")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/scim+json; charset=utf-8")
            .body(body.to_string());
        Answer::of(request).await
    };
    let created = create().await;
    assert_eq!((created.status, &created.body["active"]), (201, &json!(true)), "{created}");
    assert_not_empty(&created.body, &["/id"]);
    assert_eq!(created.body["name"], json!({ "givenName": first_name, "familyName": last_name }));
    assert_has_schema(&created, USER);
    assert_eq!(created.body["userName"], email);

    // OSPEC-07: it can be read.
    let read = get(&bridge, &created.path()).await;
    assert_eq!((read.status, &read.body["userName"]), (200, &json!(email)), "{read}");
    assert_eq!(read.body["name"], json!({ "givenName": first_name, "familyName": last_name }));

    // OSPEC-08: the same again.
    assert_eq!(create().await.status, 409);

    // OSPEC-09: it is found in capitals.
    let found = filter(&bridge, &email.to_uppercase()).await;
    assert_eq!((found.status, &found.body["totalResults"]), (200, &json!(1)), "{found}");
    assert_eq!(found.body["Resources"][0], created.body);

    // OSPEC-10: the groups endpoint.
    let groups = get(&bridge, "/Groups").await;
    assert_eq!(groups.status, 200, "{groups}");
    assert_eq!(get(&bridge, "/Groups?count=100&startIndex=1").await.status, 200);

    // OSPEC-11: credentials that are none.
    let request = bridge.anonymous(Method::GET, "/test/scim/v2/Users?filter=userName+eq+%22x%22");
    let refused = Answer::of(request.header(header::AUTHORIZATION, "non-token")).await;
    assert_eq!((refused.status, &refused.body["status"]), (401, &json!("401")), "{refused}");
    assert_not_empty(&refused.body, &["/detail"]);
    assert_has_schema(&refused, ERROR);

    // OSPEC-12: another id that is not there.
    let unknown = get(&bridge, "/Users/00919288221112222").await;
    assert_eq!((unknown.status, &unknown.body["status"]), (404, &json!("404")), "{unknown}");
    assert_not_empty(&unknown.body, &["/detail"]);
    assert_has_schema(&unknown, ERROR);
}
