//! The brake of an app that is passed through.

use std::{sync::Arc, time::Duration};

use rstest::rstest;
use scim_bridge::clock::{ManualClock, Time};
use serde_json::json;
use tokio::sync::Notify;

use super::{
    IDP_TOKEN, Passed, TARGET_TOKEN, app, head, status,
    urls::coded,
    wire::{Message, Reply, Target},
};
use crate::harness::{database::TestDatabase, eventually, process::Process, receiver::Receiver};

const OFF: &str = r#"{"Operations":[{"op":"Replace","path":"active","value":"False"}]}"#;

async fn passed(keys: &str) -> (Passed, ManualClock) {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    (Passed::with_clock(keys, Arc::new(clock.clone())).await, clock)
}

async fn deactivate(passed: &Passed, id: &str) -> Message {
    passed.send_json("PATCH", &format!("/Users/{id}"), OFF).await
}

#[tokio::test]
async fn revocations_beyond_the_limit_are_not_sent_and_the_answer_says_what_to_do() {
    let (passed, clock) = passed("brake = { max_revocations = 3, window = '1h' }").await;
    for id in ["1", "2", "3"] {
        assert_eq!(deactivate(&passed, id).await.status(), 204);
        clock.advance(Duration::from_mins(10));
    }
    passed.target.seen();
    let held = deactivate(&passed, "4").await;
    let detail = held.error(503);
    assert_eq!(
        detail,
        "More users of passed would lose access within 1h than the 3 who may, so this was not sent: it may be a mistake. If they are \
         meant, run: scim-bridge lift-brake --config FILE --app passed"
    );
    // When the first of them leaves the window.
    assert_eq!(held.header("retry-after").as_deref(), Some("1800"));
    assert!(passed.target.seen().is_empty());
    // What takes nobody's access goes on, and so does what was let through already.
    assert_eq!(passed.get("/Users").await.status(), 204);
    let on = OFF.replace("False", "True");
    assert_eq!(passed.send_json("PATCH", "/Users/4", &on).await.status(), 204);
    assert_eq!(passed.send("DELETE", "/Groups/1", b"\r\n").await.status(), 204);
    assert_eq!(deactivate(&passed, "3").await.status(), 204);
    assert_eq!(
        status(&passed).await["brake"],
        json!({ "revocations_in_window": 3, "most": 3, "lifted_until": null })
    );
    clock.advance(Duration::from_mins(31));
    assert_eq!(deactivate(&passed, "4").await.status(), 204);
}

#[tokio::test]
async fn people_are_notified_once_in_a_window_that_the_brake_holds() {
    let receiver = Receiver::start().await;
    let notify = format!("brake = {{ max_revocations = 1 }}\n[notify]\nurl = '{}'", receiver.url);
    let (passed, clock) = passed(&notify).await;
    assert_eq!(deactivate(&passed, "1").await.status(), 204);
    for _ in 0..3 {
        deactivate(&passed, "2").await.error(503);
        clock.advance(Duration::from_mins(1));
    }
    eventually("it is told", async || receiver.kinds() == ["held"]).await;
    let [told] = receiver.received().try_into().unwrap();
    assert_eq!(told.body["app"], "passed");
    assert!(told.body["text"].as_str().unwrap().contains("lift-brake"), "{}", told.text);
    // Without a secret nothing is signed.
    assert_eq!(told.header("x-scim-bridge-signature"), "");
    clock.advance(Duration::from_mins(58));
    assert_eq!(deactivate(&passed, "3").await.status(), 204);
    deactivate(&passed, "4").await.error(503);
    clock.advance(Duration::from_mins(5));
    eventually("it is told again", async || receiver.kinds() == ["held", "held"]).await;
}

#[rstest]
#[case::a_delete("DELETE", "/Users/9", "")]
#[case::a_put("PUT", "/Users/9", r#"{"userName":"b","active":false}"#)]
#[case::without_a_path(
    "PATCH",
    "/Users/9",
    r#"{"Operations":[{"op":"replace","value":{"active":"False"}}]}"#
)]
#[case::below_a_version("DELETE", "/v2/Users/9", "")]
#[case::encoded("DELETE", "/%55sers/9", "")]
#[case::in_small_letters("delete", "/Users/9", "")]
#[case::after_a_byte_order_mark("PUT", "/Users/9", "\u{feff}{\"active\":false}")]
#[case::a_number_that_is_none("PUT", "/Users/9", r#"{"active":false,"x":1e999}"#)]
#[case::twice("PUT", "/Users/9", r#"{"active":false,"active":true}"#)]
#[case::bulk_that_cannot_be_read(
    "POST",
    "/v2/Bulk",
    r#"{"Operations":[{"method":"DELETE","path":"/Users/9","x":"\ud800"}]}"#
)]
#[case::all_users("DELETE", "/Users", "")]
#[case::some_of_all("DELETE", "/v2/Users?filter=active%20eq%20true", "")]
#[case::all_users_in_bulk("POST", "/Bulk", r#"{"Operations":[{"method":"DELETE","path":"/Users"}]}"#)]
#[case::whose_token_it_is("DELETE", "/Me", "")]
#[case::a_list_without_a_message("PATCH", "/Users/9", r#"[{"op":"replace","path":"/active","value":false}]"#)]
#[case::such_a_list_in_bulk(
    "POST",
    "/Bulk",
    r#"{"Operations":[{"method":"PATCH","path":"/Users/9","data":[{"op":"replace","path":"active","value":false}]}]}"#
)]
#[case::in_bulk("POST", "/Bulk", r#"{"Operations":[{"method":"DELETE","path":"/Users/9"}]}"#)]
#[tokio::test]
async fn whatever_takes_access_is_held(#[case] method: &str, #[case] below: &str, #[case] body: &str) {
    let (passed, _) = passed("brake = { max_revocations = 1 }").await;
    assert_eq!(deactivate(&passed, "1").await.status(), 204);
    passed.target.seen();
    passed.send_json(method, below, body).await.error(503);
    // Also where the body is not said to be JSON, and comes without a length.
    let rest = format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    if !body.is_empty() {
        passed.send(method, below, rest.as_bytes()).await.error(503);
    }
    assert!(passed.target.seen().is_empty());
}

/// What is passed on is looked at as the target gets it.
#[tokio::test]
async fn what_repairs_make_a_revocation_of_is_held() {
    let (passed, _) = passed("brake = { max_revocations = 1 }\nrepairs = ['entra']").await;
    assert_eq!(deactivate(&passed, "1").await.status(), 204);
    passed.target.seen();
    for value in [r#""""#, "[]", r#""False""#] {
        let replaced = format!(r#"{{"Operations":[{{"op":"Replace","path":"active","value":{value}}}]}}"#);
        passed.send_json("PATCH", "/Users/9", &replaced).await.error(503);
        passed.send_json("PUT", "/Users/9", &format!(r#"{{"active":{value}}}"#)).await.error(503);
    }
    assert!(passed.target.seen().is_empty());
}

/// The second of two may have done what the first one finds done.
#[tokio::test]
async fn a_user_whose_deletion_was_sent_twice_counts_although_the_target_knows_the_user_no_more() {
    let (passed, _) = passed("brake = { max_revocations = 1 }").await;
    let second_is_done = Arc::new(Notify::new());
    let gone = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec();
    passed.target.reply(Reply::BytesOn(second_is_done.clone(), gone));
    let mut first = passed.connect().await;
    first.send(head("DELETE", "/Users/7") + "\r\n").await;
    eventually("the first is out", async || !passed.target.seen().is_empty()).await;
    assert_eq!(passed.send("DELETE", "/Users/7", b"\r\n").await.status(), 204);
    second_is_done.notify_one();
    assert_eq!(first.answer().await.status(), 404);
    assert_eq!(status(&passed).await["brake"]["revocations_in_window"], 1);
    passed.send("DELETE", "/Users/8", b"\r\n").await.error(503);
}

/// A proxy in front of the target tires of waiting; the target may have heard all of it.
#[tokio::test]
async fn who_may_have_lost_access_when_time_was_over_counts() {
    let (passed, _) = passed("brake = { max_revocations = 1 }").await;
    passed.target.reply(Reply::new("408 Request Timeout", b""));
    assert_eq!(deactivate(&passed, "1").await.status(), 408);
    deactivate(&passed, "2").await.error(503);
}

#[tokio::test]
async fn a_bulk_request_passes_whole_or_not_at_all() {
    let (passed, _) = passed("brake = { max_revocations = 2 }").await;
    let bulk = |ids: &[&str]| {
        let operations: Vec<_> =
            ids.iter().map(|id| json!({ "method": "DELETE", "path": format!("/Users/{id}") })).collect();
        json!({ "Operations": operations }).to_string()
    };
    passed.send_json("POST", "/Bulk", &bulk(&["1", "2", "3"])).await.error(503);
    assert_eq!(passed.send_json("POST", "/Bulk", &bulk(&["1", "2"])).await.status(), 204);
    passed.send_json("POST", "/Bulk", &bulk(&["2", "3"])).await.error(503);
}

#[tokio::test]
async fn without_a_number_ten_users_may_lose_access_in_an_hour_also_across_a_restart() {
    let (mut passed, _) = passed("").await;
    for id in 0..10 {
        assert_eq!(deactivate(&passed, &id.to_string()).await.status(), 204);
    }
    passed.bridge.restart().await;
    deactivate(&passed, "10").await.error(503);
}

#[tokio::test]
async fn users_whose_ids_differ_behind_a_semicolon_alone_count_each() {
    let (passed, _) = passed("").await;
    for number in 0..10 {
        let answer = passed.send("DELETE", &format!("/Users/a;{number}"), b"\r\n").await;
        assert_eq!(answer.status(), 204);
    }
    passed.send("DELETE", "/Users/a;10", b"\r\n").await.error(503);
    let url = format!("{}/Users/a;0", passed.base_url());
    let answer = reqwest::Client::new().delete(url).bearer_auth(IDP_TOKEN).send().await.unwrap();
    assert_eq!(answer.status(), 204, "who was let through is let through again");
}

#[tokio::test]
async fn a_person_lifts_the_brake_for_a_while_beside_the_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::start().await;
    let database = TestDatabase::new(folder.path());
    let config = format!(
        "[server]\nlisten = '127.0.0.1:0'\n[log]\nformat = 'json'\n[database]\nurl = '{}'\n{}\
         [apps.lab]\nconnector = 'memory'\n",
        database.url(),
        app(&target.base_url(), "brake = { max_revocations = 1 }")
    );
    std::fs::write(folder.path().join("bridge.toml"), config).unwrap();
    let mut server = Process::serve(folder.path(), "bridge.toml", &[]);
    let root = server.root().await;
    let delete = async |id: &str| {
        let url = format!("{root}/passed/scim/v2/Users/{id}");
        reqwest::Client::new().delete(url).bearer_auth(IDP_TOKEN).send().await.unwrap().status().as_u16()
    };
    assert_eq!((delete("1").await, delete("2").await), (204, 503));
    let lift = async |arguments: &[&str]| {
        let arguments = [&["lift-brake", "--config", "bridge.toml", "--app"], arguments].concat();
        let ended = Process::run(folder.path(), &arguments, &[]).await;
        ended.keeps(&[IDP_TOKEN, TARGET_TOKEN]);
        ended
    };
    let lifted = lift(&["passed"]).await;
    assert_eq!(lifted.code, Some(0), "{lifted:?}");
    assert!(lifted.output.starts_with("The brake of app passed is lifted for 1h, until "), "{lifted:?}");
    assert_eq!((delete("2").await, delete("3").await, delete("4").await), (204, 204, 204));
    let ended = lift(&["passed", "--minutes", "0"]).await;
    assert_eq!(ended.output, "The brake of app passed holds again.\n");
    assert_eq!(delete("5").await, 503);
    for (name, text) in [("lab", "is not passed through"), ("nowhere", "has no app \"nowhere\"")] {
        let refused = lift(&[name]).await;
        assert_eq!(refused.code, Some(1));
        assert!(refused.log.contains(text), "{refused:?}");
    }
    // What was written and what was held is told by the record.
    let audit = ["audit", "--config", "bridge.toml", "--app", "passed"];
    let told = Process::run(folder.path(), &audit, &[]).await;
    let lines: Vec<_> = told.output.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    assert_eq!(lines.len(), 6, "{told:?}");
    assert_eq!(lines[0], "idp  DELETE /Users/1: 204");
    assert!(lines[1].starts_with("idp  DELETE /Users/2: More users of passed would lose access"), "{told:?}");
    let last = Process::run(folder.path(), &[audit.as_slice(), &["--last", "1"]].concat(), &[]).await;
    assert!(last.output.lines().count() == 1 && last.output.contains("DELETE /Users/5: "), "{last:?}");
    // The log tells of the brake once for each write that was held, and of no token.
    server.signal("TERM");
    let ended = server.ended().await;
    assert_eq!(ended.log.matches("the brake holds").count(), 2, "{}", ended.log);
    ended.keeps(&[IDP_TOKEN, TARGET_TOKEN]);
}

/// The identity provider repeats what failed; those who come after an outage are not held for it.
#[tokio::test]
async fn who_certainly_lost_nothing_does_not_count() {
    let (passed, clock) = passed("brake = { max_revocations = 2 }\nmax_concurrent_requests = 50").await;
    for (number, status) in ["401 No", "404 Not Found", "429 Later"].into_iter().enumerate() {
        passed.target.reply(Reply::new(status, b""));
        deactivate(&passed, &format!("refused{number}")).await;
    }
    passed.target.reply(Reply::new("403 Forbidden\r\ncontent-type: text/html", b"<html>no</html>"));
    deactivate(&passed, "page").await.error(502);
    // What may have been done counts. Five in a row close the way.
    for _ in 0..5 {
        passed.target.reply(Reply::HangUp);
        deactivate(&passed, "perhaps").await.error(502);
    }
    for number in 0..5 {
        deactivate(&passed, &format!("resting{number}")).await.error(503);
    }
    let ids: Vec<_> =
        (0..9).map(|id| json!({ "method": "DELETE", "path": format!("/Users/{id}") })).collect();
    let bulk = json!({ "Operations": ids[..1] }).to_string();
    passed.send_json("POST", "/Bulk", &bulk).await.error(503);
    assert_eq!(status(&passed).await["brake"]["revocations_in_window"], 1);
    clock.advance(Duration::from_mins(5));
    assert_eq!(deactivate(&passed, "one").await.status(), 204);
    deactivate(&passed, "two").await.error(503);
}

#[tokio::test]
async fn a_body_with_a_coding_that_nobody_knows_counts_as_a_revocation() {
    let (passed, _) = passed("brake = { max_revocations = 1 }").await;
    let coded =
        b"content-type: application/json\r\ncontent-encoding: compress\r\ncontent-length: 3\r\n\r\nxyz";
    assert_eq!(passed.send("PATCH", "/Users/1", coded).await.status(), 204);
    passed.target.seen();
    passed.send("PATCH", "/Users/2", coded).await.error(503);
    passed.send("POST", "/Bulk", coded).await.error(503);
    assert!(passed.target.seen().is_empty());
    assert_eq!(passed.send("POST", "/Users", coded).await.status(), 204);
}

#[tokio::test]
async fn a_body_that_becomes_too_large_when_it_is_decoded_is_not_decoded_and_counts_as_a_revocation() {
    let (passed, _) = passed("brake = { max_revocations = 1 }").await;
    // All of it is JSON, and 64 times as large as a body may be.
    let bomb = coded("gzip", " ".repeat(256 * 1024 * 1024).as_bytes()).await;
    let head = format!(
        "content-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        bomb.len()
    );
    let bomb = [head.as_bytes(), &bomb].concat();
    assert_eq!(passed.send("PATCH", "/Users/1", &bomb).await.status(), 204);
    assert_eq!(passed.target.seen()[0].header("content-encoding").as_deref(), Some("gzip"));
    passed.send("PATCH", "/Users/2", &bomb).await.error(503);
    assert!(passed.target.seen().is_empty());
}

#[tokio::test]
async fn no_header_makes_another_method_of_the_one_that_was_looked_at() {
    let (passed, _) = passed("").await;
    let names = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"];
    let headers: String = names.iter().map(|name| format!("{name}: DELETE\r\n")).collect();
    let rest = format!("{headers}content-length: 0\r\n\r\n");
    assert_eq!(passed.send("POST", "/Users/1", rest.as_bytes()).await.status(), 204);
    let seen = &passed.target.seen()[0];
    assert!(names.iter().all(|name| seen.header(&name.to_ascii_lowercase()).is_none()), "{seen:?}");
}
