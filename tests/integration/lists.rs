//! `GET /Users`: filters, pages and projections over HTTP.

use std::{sync::Arc, time::Duration};

use rstest::rstest;
use scim_bridge::clock::{Clock, ManualClock, Time};
use serde_json::{Value, json};

use crate::harness::{
    Answer, Bridge, Setup, asserted,
    raw::{Raw, head},
    user,
};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// 2024-01-01T00:00:00Z.
const NEW_YEAR: i64 = 1_704_067_200_000_000;

/// Three users, created an hour after one another from New Year on; the second is inactive.
async fn three_users() -> Bridge {
    let clock = ManualClock::new(Time::from_micros(NEW_YEAR));
    let bridge = Setup::memory_with_clock(Arc::new(clock.clone())).start().await;
    let mut ann = user("ann.lee@example.com");
    ann["displayName"] = json!("Ann Lee");
    ann["title"] = json!("Manager");
    ann[ENTERPRISE] = json!({ "department": "Sales", "employeeNumber": "100" });
    ann["phoneNumbers"] = json!([{ "type": "work", "value": "1" }, { "type": "mobile", "value": "2" }]);
    let mut bob = user("bob.ray@example.com");
    bob["active"] = json!(false);
    bob["displayName"] = json!("bob");
    bob["emails"] = json!([{ "type": "home", "value": "Bob@home.example" }]);
    bob["phoneNumbers"] = json!([{ "type": "work", "value": "2" }]);
    let cat = json!({ "userName": "cat", "roles": [{ "value": "x", "primary": true }] });
    for body in [ann, bob, cat] {
        assert_eq!(bridge.post("/Users", &body).await.status, 201);
        clock.advance(Duration::from_secs(3600));
    }
    assert_eq!(clock.now(), Time::from_micros(NEW_YEAR + 3 * 3_600_000_000));
    bridge
}

/// The first letters of the users' names.
fn letters(answer: &Answer) -> String {
    let users = answer.body["Resources"].as_array().unwrap_or_else(|| panic!("{answer}"));
    answer.list(users.len(), 1);
    users.iter().map(|user| &user["userName"].as_str().unwrap()[..1]).collect()
}

#[tokio::test]
async fn a_filter_finds_whom_it_describes() {
    let bridge = three_users().await;
    for (filter, expected) in [
        ("userName eq \"ANN.LEE@example.com\"", "a"),
        ("userName ne \"ann.lee@example.com\"", "bc"),
        ("userName co \"example\"", "ab"),
        ("userName sw \"B\"", "b"),
        ("userName ew \".COM\"", "ab"),
        ("username Eq \"cat\"", "c"),
        ("title pr", "a"),
        ("not (title pr)", "bc"),
        ("emails pr", "ab"),
        ("displayName gt \"ann lee\"", "b"),
        ("displayName ge \"ann lee\"", "ab"),
        ("displayName lt \"bob\"", "a"),
        ("displayName le \"bob\"", "ab"),
        ("active eq true", "ac"),
        ("active eq \"True\"", "ac"),
        ("ActiVe eq false", "b"),
        ("active eq true and title pr", "a"),
        ("title pr or active eq false", "ab"),
        ("userName eq \"cat\" or title pr and active eq false", "c"),
        ("(userName eq \"cat\" or title pr) and active eq true", "ac"),
        ("not (active eq true) or not (emails pr)", "bc"),
        ("name.familyName eq \"LEE\"", "a"),
        ("emails eq \"ann.lee@example.com\"", "a"),
        ("emails.value co \"HOME\"", "b"),
        ("emails[type eq \"home\"]", "b"),
        ("emails[type eq \"work\"].value eq \"ann.lee@example.com\"", "a"),
        ("phoneNumbers[type eq \"work\" and value eq \"2\"]", "b"),
        ("phoneNumbers.type eq \"work\" and phoneNumbers.value eq \"2\"", "ab"),
        ("phoneNumbers[not (type eq \"work\")]", "a"),
        ("roles[primary eq \"True\"].value eq \"x\"", "c"),
        ("externalId eq \"ext-ann.lee\"", "a"),
        ("externalId eq \"EXT-ann.lee\"", ""),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"sales\"", "a"),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"cat\"", "c"),
        ("schemas eq \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"", "a"),
        ("userName eq cat", "c"),
        ("userName eq \"nobody\"", ""),
        ("title eq null", "bc"),
    ] {
        assert_eq!(letters(&bridge.filter("/Users", filter).await), expected, "{filter}");
    }
}

#[tokio::test]
async fn times_are_compared_as_times_ent_44() {
    let bridge = three_users().await;
    for (filter, expected) in [
        ("meta.lastModified gt \"2024-01-01T00:00:00Z\"", "bc"),
        ("meta.lastModified ge \"2024-01-01T00:00:00Z\"", "abc"),
        ("meta.lastModified lt \"2024-01-01T01:00:00.000+00:00\"", "a"),
        ("meta.created le \"2024-01-01T02:00:00+01:00\"", "ab"),
        (
            "active eq true and (meta.lastModified ge \"2024-01-01T00:30:00Z\" and meta.lastModified le \"2024-01-02T00:00:00Z\")",
            "c",
        ),
    ] {
        assert_eq!(letters(&bridge.filter("/Users", filter).await), expected, "{filter}");
    }
}

#[tokio::test]
async fn account_discovery_pages_and_filters_ent_44() {
    let bridge = three_users().await;
    let all = bridge.get("/Users?startindex=0&count=5").await;
    assert_eq!(letters(&all), "abc");
    let id = all.body["Resources"][1]["id"].as_str().unwrap();
    assert_eq!(bridge.filter("/Users", &format!("id eq \"{id}\"")).await.only(), &all.body["Resources"][1]);
    assert_eq!(letters(&bridge.filter("/Users", &format!("id eq \"{}\"", id.to_uppercase())).await), "");
    let query = "active+eq+true+and+(meta.lastModified+ge+%222024-01-01T00:00:00Z%22+and+meta.lastModified+le+\
                 %222024-01-03T00:00:00Z%22)&count=5&startIndex=1";
    assert_eq!(letters(&bridge.get(&format!("/Users?filter={query}")).await), "ac");
}

#[tokio::test]
async fn a_filter_that_is_not_understood_is_never_an_unfiltered_list_q_08() {
    let bridge = three_users().await;
    for (what, filter) in [
        ("no operator", "userName"),
        ("unknown operator", "userName like \"x\""),
        ("unknown attribute", "favouriteColour eq \"blue\""),
        ("unknown sub attribute", "name.nick eq \"x\""),
        ("no value", "userName eq"),
        ("unclosed text", "userName eq \"x"),
        ("unclosed bracket", "emails[type eq \"work\""),
        ("unclosed parenthesis", "(userName eq \"x\""),
        ("too many parentheses", "userName eq \"x\")"),
        ("dangling and", "userName eq \"x\" and"),
        ("dangling not", "not userName eq \"x\""),
        ("order of booleans", "active gt true"),
        ("text for boolean", "active eq \"perhaps\""),
        ("number for time", "meta.created gt 5"),
        ("complex attribute", "name eq \"x\""),
        ("password", "password eq \"x\""),
        ("password presence", "password pr"),
        ("something else", "<script>"),
    ] {
        let answer = bridge.filter("/Users", filter).await;
        assert_eq!(answer.status, 400, "{what}: {answer}");
        answer.error(400, "invalidFilter");
    }
}

#[tokio::test]
async fn an_empty_filter_is_not_the_whole_list_q_08() {
    let bridge = three_users().await;
    bridge.get("/Users?filter=").await.error(400, "invalidFilter");
    bridge.get("/Users?filter=%20").await.error(400, "invalidFilter");
}

/// curl and Go's client send what they are given, and quotes are part of nearly every filter.
#[tokio::test]
async fn a_filter_may_come_with_quotes_that_are_not_percent_encoded_q_14() {
    let bridge = three_users().await;
    let mut connection = Raw::connect(&bridge).await;
    let body = user("\"quoted\" <sam@example.com>").to_string();
    let create = format!("{}Content-Length: {}\r\n\r\n{body}", head("POST", "/Users"), body.len());
    connection.send(create).await;
    let created = connection.answer().await;
    assert_eq!(created.body["userName"], "\"quoted\" <sam@example.com>", "{created}");
    for filter in [
        r#"userName%20co%20"<sam@""#,
        r#"userName+sw+"\"quoted\"+<""#,
        r#"emails[type+eq+"work"].value+co+"quoted""#,
    ] {
        connection.send(head("GET", &format!("/Users?filter={filter}")) + "\r\n").await;
        let found = connection.answer().await;
        assert_eq!(found.only()["id"], created.body["id"], "{filter}: {found}");
    }
}

#[tokio::test]
async fn pages_have_defaults_and_bounds_q_03_q_04_q_21() {
    let bridge = Setup::memory().start().await;
    for number in 0..105 {
        bridge.create_user(&format!("user{number:03}@example.com")).await;
    }
    let names = |answer: &Answer, start: usize| -> Vec<String> {
        answer
            .list(105, start)
            .iter()
            .map(|user| user["userName"].as_str().unwrap()[4..7].to_owned())
            .collect()
    };
    let range =
        |from: usize, to: usize| -> Vec<String> { (from..to).map(|number| format!("{number:03}")).collect() };
    for (query, start, from, to) in [
        ("", 1, 0, 100),
        ("?count=1000", 1, 0, 105),
        ("?count=5000", 1, 0, 105),
        ("?count=99999999999999999999", 1, 0, 105),
        ("?startIndex=101", 101, 100, 105),
        ("?startIndex=0&count=2", 1, 0, 2),
        ("?startIndex=-7&count=2", 1, 0, 2),
        ("?startIndex=3&count=2", 3, 2, 4),
        ("?startIndex=105&count=2", 105, 104, 105),
        ("?startIndex=106&count=2", 106, 105, 105),
        ("?count=0", 1, 0, 0),
        ("?count=-1", 1, 0, 0),
        ("?startIndex=&count=", 1, 0, 100),
        ("?filter=userName+sw+%22user%22&startIndex=104", 104, 103, 105),
        ("?filter=userName+sw+%22user%22&count=0", 1, 0, 0),
    ] {
        assert_eq!(names(&bridge.get(&format!("/Users{query}")).await, start), range(from, to), "{query}");
    }
    for query in ["?startIndex=one", "?count=ten", "?count=1.5", "?startIndex=1&count=%20x"] {
        bridge.get(&format!("/Users{query}")).await.error(400, "invalidValue");
    }
}

#[tokio::test]
async fn pages_of_a_filtered_list_hold_each_match_once_q_13() {
    let bridge = Setup::memory().start().await;
    for number in 0..60 {
        let mut user = user(&format!("user{number:02}@example.com"));
        user["active"] = json!(number % 2 == 0);
        bridge.post("/Users", &user).await.written(201);
    }
    let mut seen = Vec::new();
    for start in [1, 8, 15, 22, 29] {
        let page = bridge.get(&format!("/Users?filter=active+eq+true&startIndex={start}&count=7")).await;
        seen.extend(page.list(30, start).iter().map(|user| user["userName"].as_str().unwrap().to_owned()));
    }
    let expected: Vec<_> = (0..60).step_by(2).map(|number| format!("user{number:02}@example.com")).collect();
    assert_eq!(seen, expected);
}

#[rstest]
#[case::one("attributes=userName", json!({ "userName": "ann.lee@example.com" }))]
#[case::in_another_case("attributes=USERNAME,Active", json!({ "userName": "ann.lee@example.com", "active": true }))]
#[case::a_part("attributes=name.familyName", json!({ "name": { "familyName": "lee" } }))]
#[case::a_part_of_each("attributes=phoneNumbers.value", json!({ "phoneNumbers": [{ "value": "1" }, { "value": "2" }] }))]
#[case::of_an_extension(
    "attributes=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    json!({ ENTERPRISE: { "department": "Sales" } })
)]
#[case::an_extension(
    "attributes=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    json!({ ENTERPRISE: { "department": "Sales", "employeeNumber": "100" } })
)]
#[case::id("attributes=id", json!({}))]
#[case::unknown("attributes=favouriteColour", json!({}))]
#[case::password("attributes=password", json!({}))]
#[case::without_most(
    "excludedAttributes=name,emails,phoneNumbers,meta,externalId,active,title,displayName,\
     urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    json!({ "userName": "ann.lee@example.com", ENTERPRISE: { "employeeNumber": "100" } })
)]
#[tokio::test]
async fn an_answer_holds_what_was_asked_for(#[case] query: &str, #[case] expected: Value) {
    let bridge = three_users().await;
    let whole = bridge.filter("/Users", "externalId eq \"ext-ann.lee\"").await.only().clone();
    let mut expected = expected;
    expected["schemas"] = whole["schemas"].clone();
    expected["id"] = whole["id"].clone();
    let listed = bridge.get(&format!("/Users?filter=title+pr&{query}")).await;
    assert_eq!(listed.only(), &expected);
    let path = format!("/Users/{}?{query}", whole["id"].as_str().unwrap());
    let read = bridge.get(&path).await;
    assert_eq!((read.status, &read.body), (200, &expected));
    let patch = json!({ "Operations": [{ "op": "add", "path": "active", "value": "True" }] });
    let patched = bridge.send(http::Method::PATCH, &path, Some(&patch)).await;
    assert_eq!((patched.status, &patched.body), (200, &expected));
    let replaced = bridge.send(http::Method::PUT, &path, Some(&whole)).await;
    assert_eq!((replaced.status, &replaced.body), (200, &expected));
    assert_eq!(replaced.header("location"), whole["meta"]["location"]);
}

#[tokio::test]
async fn what_is_always_returned_cannot_be_excluded() {
    let bridge = three_users().await;
    let whole = bridge.filter("/Users", "userName eq \"cat\"").await.only().clone();
    let listed =
        bridge.get("/Users?filter=userName+eq+%22cat%22&excludedAttributes=id,schemas,groups,roles").await;
    let mut expected = whole.clone();
    expected.as_object_mut().unwrap().shift_remove("roles");
    assert_eq!(listed.only(), &expected);
    assert_eq!(asserted(listed.only()), json!({ "schemas": [USER], "userName": "cat", "active": true }));
}

#[tokio::test]
async fn attributes_and_excluded_attributes_exclude_each_other() {
    let bridge = three_users().await;
    bridge.get("/Users?attributes=id&excludedAttributes=name").await.error(400, "invalidValue");
}

#[tokio::test]
async fn a_create_is_projected_too_and_refused_before_it_is_done() {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users?attributes=userName", &user("sam.doe@example.com")).await;
    let expected = json!({ "schemas": [USER], "id": created.id(), "userName": "sam.doe@example.com" });
    assert_eq!((created.status, &created.body), (201, &expected));
    assert!(created.header("location").ends_with(&created.path()), "{created}");
    let refused =
        bridge.post("/Users?attributes=id&excludedAttributes=id", &user("kim.lee@example.com")).await;
    refused.error(400, "invalidValue");
    bridge.filter("/Users", "userName eq \"kim.lee@example.com\"").await.list(0, 1);
}
