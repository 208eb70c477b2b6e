//! `/Bulk` (RFC 7644 §3.7; RFC-116…RFC-123).

use std::time::{Duration, Instant};

use http::Method;
use rstest::rstest;
use scim_bridge::sim::aha::{
    Fault, Person, SimulatedAha,
    switches::{SeatTakers, Seats},
};
use serde_json::{Value, json};

use crate::harness::{Answer, Bridge, Setup, user};

mod hostile;
mod references;

const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Sends the operations and answers the whole answer.
async fn send(bridge: &Bridge, operations: Value) -> Answer {
    bridge.post("/Bulk", &bulk(operations)).await
}

fn bulk(operations: Value) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations })
}

/// Sends the operations and answers what became of each.
async fn run(bridge: &Bridge, operations: Value) -> Vec<Value> {
    entries(&send(bridge, operations).await)
}

/// What became of each operation, in an answer that is as RFC-118 says.
#[track_caller]
fn entries(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(answer.header("content-type"), "application/scim+json");
    assert_eq!(answer.body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]));
    let entries = answer.body["Operations"].as_array().unwrap().clone();
    for entry in &entries {
        let status = entry["status"].as_str().expect("a status is a string");
        let (succeeded, is_post) = (status.starts_with('2'), entry["method"] == "POST");
        assert!(entry["method"].is_string(), "{entry}");
        assert_eq!(entry.get("response").is_none(), succeeded, "{entry}");
        if succeeded {
            assert!(entry["location"].as_str().is_some_and(|url| url.starts_with("http")), "{entry}");
            assert_eq!(entry.get("version").is_none(), entry["method"] == "DELETE", "{entry}");
        } else {
            let error = &entry["response"];
            assert_eq!(error["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]), "{entry}");
            assert_eq!(error["status"], status, "{entry}");
            assert!(error["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{entry}");
            assert!(!is_post || entry.get("location").is_none(), "{entry}");
        }
    }
    entries
}

fn statuses(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["status"].as_str().unwrap()).collect()
}

/// The path below the base URL, as in `/Users/0198`.
fn path(bridge: &Bridge, entry: &Value) -> String {
    entry["location"].as_str().unwrap().strip_prefix(&bridge.base_url()).unwrap().to_owned()
}

fn id(entry: &Value) -> &str {
    entry["location"].as_str().unwrap().rsplit('/').next().unwrap()
}

fn detail(entry: &Value) -> &str {
    entry["response"]["detail"].as_str().unwrap()
}

fn create_user(bulk_id: &str, email: &str) -> Value {
    json!({ "method": "POST", "path": "/Users", "bulkId": bulk_id, "data": user(email) })
}

fn create_group(bulk_id: &str, name: &str, members: &[&str]) -> Value {
    json!({ "method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": group(name, members) })
}

fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<_> = members.iter().map(|id| json!({ "value": id })).collect();
    json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name, "members": members })
}

fn set_title(title: &str) -> Value {
    json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "replace", "path": "title", "value": title }] })
}

fn seed_ann(aha: &SimulatedAha) {
    aha.seed(Person::new("Ann", "Lee", "ann.lee@example.com"));
}

#[tokio::test]
async fn discovery_says_that_bulk_is_there_and_within_which_limits_rfc_116_q_69() {
    let bridge = Setup::memory().start().await;
    let config = bridge.get("/ServiceProviderConfig").await;
    assert_eq!(
        config.body["bulk"],
        json!({ "supported": true, "maxOperations": 1000, "maxPayloadSize": 4_194_304 })
    );
    let bridge = Setup::memory().server_keys("max_body_bytes = 4096").start().await;
    assert_eq!(bridge.get("/ServiceProviderConfig").await.body["bulk"]["maxPayloadSize"], 4096);
    bridge.get("/Bulk").await.error(405, "");
}

#[tokio::test]
async fn every_kind_of_operation_is_done_and_told_as_by_itself_rfc_117_rfc_118() {
    let bridge = Setup::memory().start().await;
    let [replaced, patched, deleted] = ["ann.lee@example.com", "bob.ray@example.com", "cat.low@example.com"]
        .map(|email| bridge.create_user(email));
    let (replaced, patched, deleted) = (replaced.await, patched.await, deleted.await);
    let group = bridge.post("/Groups", &group("Editors", &[&patched])).await.id();
    let mut replacement = user("ann.lee@example.com");
    replacement["title"] = "Author".into();

    let entries = run(
        &bridge,
        json!([
            create_user("qwerty", "sam.doe@example.com"),
            { "method": "put", "path": format!("/Users/{replaced}"), "version": "W/\"1\"", "data": replacement },
            { "method": "PATCH", "path": format!("/Users/{patched}"), "data": set_title("Editor") },
            { "method": "DELETE", "path": format!("/Users/{deleted}"), "bulkId": "gone" },
            { "method": "PATCH", "path": format!("/Groups/{group}"), "data": {
                "schemas": [PATCH_OP], "Operations": [{ "op": "remove", "path": "members" }] } },
        ]),
    )
    .await;

    let base = bridge.base_url();
    let sam = id(&entries[0]).to_owned();
    assert_eq!(
        Value::from(entries),
        json!([
            { "method": "POST", "bulkId": "qwerty", "location": format!("{base}/Users/{sam}"), "version": "W/\"1\"", "status": "201" },
            { "method": "PUT", "location": format!("{base}/Users/{replaced}"), "version": "W/\"2\"", "status": "200" },
            { "method": "PATCH", "location": format!("{base}/Users/{patched}"), "version": "W/\"2\"", "status": "200" },
            { "method": "DELETE", "bulkId": "gone", "location": format!("{base}/Users/{deleted}"), "status": "204" },
            { "method": "PATCH", "location": format!("{base}/Groups/{group}"), "version": "W/\"2\"", "status": "204" },
        ])
    );
    assert_eq!(bridge.get(&format!("/Users/{sam}")).await.body["userName"], "sam.doe@example.com");
    assert_eq!(bridge.get(&format!("/Users/{replaced}")).await.body["title"], "Author");
    let patched = bridge.get(&format!("/Users/{patched}")).await;
    assert_eq!((&patched.body["title"], patched.header("etag")), (&json!("Editor"), "W/\"2\""));
    bridge.get(&format!("/Users/{deleted}")).await.error(404, "");
    assert_eq!(bridge.get(&format!("/Groups/{group}")).await.body["members"], json!([]));
}

#[tokio::test]
async fn a_failed_operation_leaves_the_others_done_and_says_why_rfc_118_rfc_123() {
    let bridge = Setup::memory().start().await;
    let ann = bridge.create_user("ann.lee@example.com").await;
    let entries = run(
        &bridge,
        json!([
            create_user("1", "ann.lee@example.com"),
            { "method": "POST", "path": "/Users", "bulkId": "2", "data": { "active": true } },
            { "method": "PATCH", "path": "/Users/0198-nobody", "data": set_title("Editor") },
            { "method": "PUT", "path": format!("/Users/{ann}"), "version": "W/\"7\"", "data": user("ann.lee@example.com") },
            { "method": "DELETE", "path": format!("/Users/{ann}"), "version": "7" },
            { "method": "PATCH", "path": format!("/Users/{ann}"), "data": {
                "schemas": [PATCH_OP], "Operations": [{ "op": "replace", "path": "meta.created", "value": "x" }] } },
            { "method": "GET", "path": format!("/Users/{ann}") },
            { "method": "POST", "path": "/Bulk", "bulkId": "3", "data": bulk(json!([])) },
            create_user("4", "sam.doe@example.com"),
        ]),
    )
    .await;
    assert_eq!(statuses(&entries), ["409", "400", "404", "412", "412", "400", "405", "404", "201"]);
    assert_eq!(entries[0]["response"]["scimType"], "uniqueness");
    assert!(detail(&entries[0]).contains(&ann), "{}", entries[0]);
    assert_eq!(entries[1]["response"]["scimType"], "invalidValue");
    assert_eq!(entries[5]["response"]["scimType"], "mutability");
    // Also a change that failed says of what (RFC-118).
    for changed in &entries[2..7] {
        assert!(changed["location"].as_str().unwrap().starts_with(&bridge.base_url()), "{changed}");
    }
    let ann = bridge.get(&format!("/Users/{ann}")).await;
    assert_eq!(ann.header("etag"), "W/\"1\"");
}

#[tokio::test]
async fn operations_see_what_those_before_them_did_rfc_119() {
    let bridge = Setup::memory().start().await;
    let ann = bridge.create_user("ann.lee@example.com").await;
    let path = format!("/Users/{ann}");
    let entries = run(
        &bridge,
        json!([
            { "method": "PATCH", "path": path, "data": set_title("Editor") },
            { "method": "PATCH", "path": path, "version": "W/\"2\"", "data": set_title("Author") },
            { "method": "PATCH", "path": path, "version": "W/\"2\"", "data": set_title("Stale") },
            create_user("taken", "ann.lee@example.com"),
            { "method": "DELETE", "path": path },
            create_user("free", "ann.lee@example.com"),
            { "method": "PATCH", "path": path, "data": set_title("Late") },
            create_group("g1", "Editors", &[]),
            create_group("g2", "editors", &[]),
        ]),
    )
    .await;
    assert_eq!(statuses(&entries), ["200", "200", "412", "409", "204", "201", "404", "201", "409"]);
}

#[rstest]
#[case::one(json!(1), &["201", "400"])]
// To accept no error is to stop after the first one, too.
#[case::none(json!(0), &["201", "400"])]
#[case::two(json!(2), &["201", "400", "201", "400"])]
#[case::more_than_there_are(json!(3), &["201", "400", "201", "400", "201"])]
#[case::not_given(Value::Null, &["201", "400", "201", "400", "201"])]
#[tokio::test]
async fn it_stops_after_as_many_errors_as_the_request_accepts_rfc_121(
    #[case] fail_on_errors: Value,
    #[case] expected: &[&str],
) {
    let bridge = Setup::memory().start().await;
    let wrong = |bulk_id: &str| json!({ "method": "POST", "path": "/Users", "bulkId": bulk_id, "data": {} });
    let mut body = bulk(json!([
        create_user("1", "u1@example.com"),
        wrong("2"),
        create_group("3", "Group", &[]),
        wrong("4"),
        create_user("5", "u5@example.com"),
    ]));
    body["failOnErrors"] = fail_on_errors;
    let answer = bridge.post("/Bulk", &body).await;
    assert_eq!(statuses(&entries(&answer)), expected);
    // What is not reported is not done.
    let done = |place: usize| usize::from(expected.get(place) == Some(&"201"));
    assert_eq!(bridge.get("/Users").await.body["totalResults"], 1 + done(4));
    assert_eq!(bridge.get("/Groups").await.body["totalResults"], done(2));
}

#[tokio::test]
async fn an_error_that_the_target_reports_stops_it_too_rfc_121() {
    let bridge = Setup::aha().start().await;
    let refusal = json!({ "errors": { "message": "Email is not allowed" } });
    bridge.aha.fault(Fault::json(400, &refusal).on("POST /products/:id/users"));
    let mut body =
        bulk(json!([create_user("1", "sam.doe@example.com"), create_user("2", "ann.lee@example.com"),]));
    body["failOnErrors"] = 1.into();
    let entries = entries(&bridge.post("/Bulk", &body).await);
    assert_eq!(statuses(&entries), ["400"]);
    assert!(bridge.aha.invitations().is_empty());
    assert_eq!(bridge.filter("/Users", "userName eq \"ann.lee@example.com\"").await.body["totalResults"], 0);
}

#[tokio::test]
async fn at_aha_everybody_is_invited_once_and_a_refusal_is_told_in_its_words_rfc_118_rfc_123() {
    let seats = Seats { limit: Some(6), taken_by: SeatTakers::EveryUser, ..Seats::default() };
    let bridge =
        Setup::aha().with(|aha| aha.change(|switches| switches.seats = seats)).with(seed_ann).start().await;
    // The owner of the key and Ann have a seat, so that four are left.
    let emails = ["ann.lee", "u1", "u2", "u3", "u4", "u5"].map(|name| format!("{name}@example.com"));
    let operations: Vec<_> = emails.iter().map(|email| create_user(email, email)).collect();
    let entries = run(&bridge, operations.into()).await;
    let ann = bridge.filter("/Users", "userName eq \"ann.lee@example.com\"").await.body["Resources"][0]["id"]
        .clone();
    assert_eq!(entries[0]["status"], "409");
    assert!(detail(&entries[0]).contains(ann.as_str().unwrap()), "{}", entries[0]);

    let (done, refused): (Vec<_>, Vec<_>) = entries[1..].iter().partition(|entry| entry["status"] == "201");
    assert_eq!(
        (done.len(), statuses(&refused.iter().map(|entry| (*entry).clone()).collect::<Vec<_>>())),
        (4, vec!["400"])
    );
    assert_eq!(detail(refused[0]), "Aha! says: Validation failed: No paid seats are available.");
    let refused = refused[0]["bulkId"].as_str().unwrap();
    assert_eq!(bridge.filter("/Users", &format!("userName eq \"{refused}\"")).await.body["totalResults"], 0);

    let mut invited: Vec<_> =
        bridge.aha.invitations().into_iter().map(|invitation| invitation.email).collect();
    invited.sort_unstable();
    let created: Vec<_> = done.iter().map(|entry| entry["bulkId"].as_str().unwrap()).collect();
    assert_eq!(invited, created);
    for entry in done {
        assert_eq!(bridge.get(&path(&bridge, entry)).await.status, 200, "{entry}");
    }
}

#[tokio::test]
async fn a_target_that_is_slow_is_waited_for_once_and_not_for_every_operation() {
    let bridge = Setup::aha().app_keys("confirm_within = '1s'").start().await;
    bridge.aha.fault(Fault::delay(Duration::from_secs(3)).on("POST /products/:id/users").always());
    let operations: Vec<_> =
        (0..40).map(|number| create_user(&number.to_string(), &format!("u{number}@example.com"))).collect();
    #[expect(clippy::disallowed_methods, reason = "how long a person would wait is the question")]
    let started = Instant::now();
    let entries = run(&bridge, operations.into()).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(statuses(&entries), vec!["201"; 40]);
    bridge.aha.clear_faults();
    bridge.wait_until_idle().await;
    assert_eq!(bridge.aha.invitations().len(), 40);
}

#[tokio::test]
async fn a_client_that_hangs_up_loses_nothing() {
    let bridge = Setup::memory().start().await;
    let operations: Vec<_> =
        (0..200).map(|number| create_user(&number.to_string(), &format!("u{number}@example.com"))).collect();
    let request = bridge
        .request(Method::POST, "/Bulk")
        .header("content-type", "application/scim+json")
        .body(bulk(operations.into()).to_string())
        .timeout(Duration::from_millis(50));
    let _ = request.send().await;
    let all = async {
        while bridge.get("/Users?count=0").await.body["totalResults"] != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all).await.expect("all are created all the same");
}
