//! Attempts that do not succeed: what was tried and why it failed, without end only where there is an end.

use std::time::Duration;

use http::Method;
use rstest::rstest;
use scim_bridge::{
    clock::ManualClock,
    sim::aha::{DEMO_API_KEY, Fault},
    store::events::Subject,
};
use serde_json::json;

use super::record::{of_name, of_user, recorded};
use crate::harness::{ADMINISTRATOR, Bridge, Setup, eventually, pass_time, user};

const SAM: &str = "sam.doe@example.com";
const FIND: &str = "GET /users?email";
const CREATE: &str = "POST /products/:id/users";
const UPDATE: &str = "PUT /users/:id";

async fn promising_at_once() -> (Bridge, ManualClock) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    (setup.app_keys("confirm_within = '0s'").start().await, clock)
}

fn with(lines: &[String], part: &str) -> Vec<String> {
    lines.iter().filter(|line| line.contains(part)).cloned().collect()
}

#[tokio::test]
async fn an_attempt_that_fails_as_the_last_one_did_is_told_when_there_are_twice_as_many() {
    let (bridge, clock) = promising_at_once().await;
    // The probe of a target that fails is answered, so the work goes on.
    bridge.aha.fault(Fault::html(503).on(FIND).always());
    let id = bridge.create_user(SAM).await;
    pass_time(&clock, Duration::from_secs(5), "ten attempts", async || {
        bridge.aha.calls().to(FIND).len() >= 10
    })
    .await;
    let lines = of_user(&bridge, &id).await;
    assert_eq!(with(&lines, "promised bridge 1").len(), 1, "{lines:?}");
    let failed = with(&lines, "failed worker 1: Aha! answered 503");
    assert_eq!(failed.len(), 4, "{lines:?}");
    for (line, attempts) in failed.iter().zip([1, 2, 4, 8]) {
        assert!(line.contains(&format!("(attempt {attempts}; the next one is due at ")), "{line}");
    }
    assert_eq!(
        with(&lines, "called worker 1: look for the account by its e-mail: Aha! answered 503").len(),
        4
    );

    // Another reason is told at once, and so is the end.
    bridge.aha.clear_faults();
    bridge.aha.fault(Fault::html(502).on(CREATE));
    pass_time(&clock, Duration::from_secs(60), "the create", async || !bridge.aha.invitations().is_empty())
        .await;
    bridge.wait_until_idle().await;
    let lines = of_user(&bridge, &id).await;
    assert_eq!(with(&lines, "failed worker 1: Aha! answered 502").len(), 1, "{lines:?}");
    assert_eq!(lines.last().unwrap(), "applied worker 1");
}

#[tokio::test]
async fn a_rejected_create_is_told_under_its_name_and_a_rejected_change_says_what_was_put_back() {
    let (setup, _clock) = Setup::aha_with_manual_clock();
    let bridge = setup.start().await;
    let mut body = user("pat");
    body["emails"][0]["value"] = json!("no-email");
    bridge.post("/Users", &body).await.error(400, "invalidValue");
    assert_eq!(of_name(&bridge, "PAT").await, ["continued bridge"]);
    let earlier = recorded(&bridge, Subject::Name("pat")).await[0].related.clone().unwrap();
    let lines = of_user(&bridge, &earlier).await;
    let (said, ends) = (lines[lines.len() - 2].as_str(), lines[lines.len() - 1].as_str());
    assert!(
        said.starts_with("rejected worker 1: Aha! says: ") && said.contains("Email is invalid"),
        "{lines:?}"
    );
    assert_eq!(ends, "put back worker 1: the create is undone");

    let id = bridge.create_user(SAM).await;
    let email = json!([{ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "no-email" }]);
    bridge.patch(&format!("/Users/{id}"), email).await.error(400, "invalidValue");
    let lines = of_user(&bridge, &id).await;
    assert!(lines[lines.len() - 2].starts_with("rejected worker 2: Aha! says: "), "{lines:?}");
    assert_eq!(lines[lines.len() - 1], "put back worker 2: it is again as it was in version 1");
}

#[tokio::test]
async fn what_is_rejected_after_it_was_promised_says_when_it_is_tried_again() {
    let (bridge, clock) = promising_at_once().await;
    bridge.aha.change(|switches| switches.seats.limit = Some(1));
    let id = bridge.create_user(SAM).await;
    let four = async || bridge.aha.calls().answered(400).len() >= 4;
    pass_time(&clock, Duration::from_secs(60), "four attempts", four).await;
    eventually("the record of the fourth", async || {
        with(&of_user(&bridge, &id).await, "rejected worker 1: ").len() == 3
    })
    .await;
    let lines = with(&of_user(&bridge, &id).await, "rejected worker 1: ");
    for (line, attempts) in lines.iter().zip([1, 2, 4]) {
        assert!(line.contains(&format!("(attempt {attempts}; the next one is due at ")), "{line}");
    }
}

#[tokio::test]
async fn refused_credentials_are_told_once_and_the_rest_goes_on() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup.start().await;
    let id = bridge.create_user(SAM).await;
    let path = format!("/Users/{id}");
    let before = of_user(&bridge, &id).await.len();
    bridge.aha.revoke_api_key(DEMO_API_KEY);
    let rename = json!([{ "op": "replace", "path": "name.familyName", "value": "Jones" }]);
    bridge.patch(&path, rename.clone()).await.error(503, "");
    let lines = of_user(&bridge, &id).await;
    let blocked = with(&lines[before..], "blocked worker 2: Aha! does not accept the API key (401)");
    // Once by the attempt; again by the request, which is taken back for it.
    assert_eq!(blocked.len(), 2, "{lines:?}");
    assert_eq!(lines.last().unwrap(), "put back worker 2: it is again as it was in version 1");
    // While it lasts, nothing more is taken on, and a revocation is kept.
    bridge.patch(&path, rename).await.error(503, "");
    let disable = json!([{ "op": "replace", "path": "active", "value": false }]);
    bridge.patch(&path, disable).await.error(503, "");
    let lines = of_user(&bridge, &id).await;
    assert_eq!(with(&lines, "refused idp: change it: Aha! does not accept the API key").len(), 1);
    let kept = lines.last().unwrap();
    assert!(kept.starts_with("blocked bridge ") && kept.contains("The deactivation is stored"), "{kept}");
    bridge.aha.add_api_key(DEMO_API_KEY, bridge.aha.find_user_by_email(ADMINISTRATOR).unwrap().id);
    let disabled = async || bridge.aha.find_user_by_email(SAM).is_some_and(|user| !user.enabled);
    pass_time(&clock, Duration::from_secs(10), "the disable", disabled).await;
    bridge.wait_until_idle().await;
    assert!(of_user(&bridge, &id).await.last().unwrap().starts_with("applied worker "));
}

#[tokio::test]
async fn a_rate_limit_is_told_once() {
    let (bridge, clock) = promising_at_once().await;
    bridge.aha.fault(Fault::too_many_requests().times(5));
    let id = bridge.create_user(SAM).await;
    pass_time(&clock, Duration::from_secs(5), "the create", async || !bridge.aha.invitations().is_empty())
        .await;
    bridge.wait_until_idle().await;
    let lines = of_user(&bridge, &id).await;
    assert_eq!(with(&lines, "rate limit").len(), 1, "{lines:?}");
    assert_eq!(lines.last().unwrap(), "applied worker 1");
}

#[rstest]
#[case::before_it_is_applied(Fault::delay(Duration::from_secs(3_600)))]
#[case::after_it_is_applied(Fault::delay(Duration::from_secs(3_600)).after_applying())]
#[tokio::test]
async fn work_that_a_crash_cut_off_says_that_it_was_taken_over(#[case] fault: Fault) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let mut bridge = setup.killable().start().await;
    let id = bridge.create_user(SAM).await;
    bridge.aha.fault(fault.on(UPDATE));
    let disable = json!({ "Operations": [{ "op": "replace", "path": "active", "value": false }] });
    let request = bridge.request(Method::PATCH, &format!("/Users/{id}"));
    let request = request.header("content-type", "application/scim+json").body(disable.to_string());
    tokio::spawn(request.send());
    eventually("the call", async || bridge.aha.calls().to(UPDATE).len() == 1).await;
    bridge.crash();
    bridge.start_again().await;
    bridge.wait_until_ready().await;
    let done = async || of_user(&bridge, &id).await.last().unwrap() == "applied worker 2";
    pass_time(&clock, Duration::from_secs(5), "the rest", done).await;
    let lines = of_user(&bridge, &id).await;
    assert_eq!(with(&lines, "taken over worker 2").len(), 1, "{lines:?}");
    assert_eq!(
        with(&lines, "called worker 2: disable account").len(),
        1,
        "the first was not recorded: {lines:?}"
    );
}
