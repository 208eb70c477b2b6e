//! Calls whose answer is lost, and that take effect late: after the user was changed, deleted or made again, after the bridge
//! died, after a newer call. Each test is an order of events in which somebody who left once kept an account, somebody
//! who came back lost it, or somebody was invited twice.

use std::time::Duration;

use http::Method;
use rstest::rstest;
use scim_bridge::{
    clock::ManualClock,
    sim::aha::{
        DEMO_API_KEY, Fault, Outcome,
        switches::{EmailFilter, StoredEmail},
    },
};
use serde_json::{Value, json};

use crate::harness::{ADMINISTRATOR, Answer, Bridge, Setup, as_time_passes, eventually, pass_time, user};

const SAM: &str = "sam.doe@example.com";
const RENAMED: &str = "sam.roe@example.com";
const FIND: &str = "GET /users?email";
const CREATE: &str = "POST /products/:id/users";
const UPDATE: &str = "PUT /users/:id";

const STEP: Duration = Duration::from_millis(100);

/// How late a call takes effect whose answer nobody waits for any more; less than `request_timeout` (30 s).
const LATE: Duration = Duration::from_secs(20);

/// A bridge with a clock by hand, which answers every write at once.
async fn start(change: impl FnOnce(Setup) -> Setup) -> (Bridge, ManualClock) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let setup = setup.server_keys("request_timeout = '10m'").app_keys("confirm_within = '0s'");
    (change(setup).start().await, clock)
}

fn replace(path: &str, value: impl Into<Value>) -> Value {
    json!([{ "op": "replace", "path": path, "value": value.into() }])
}

const EMAIL: &str = "emails[type eq \"work\"].value";

fn path(id: &str) -> String {
    format!("/Users/{id}")
}

async fn idle(bridge: &Bridge, clock: &ManualClock) {
    as_time_passes(clock, STEP, bridge.wait_until_idle()).await;
    // Also the calls that nobody waits for.
    let over = async || bridge.aha.calls().iter().all(|call| call.outcome != Outcome::Running);
    pass_time(clock, STEP, "the end of all calls", over).await;
    as_time_passes(clock, STEP, bridge.wait_until_idle()).await;
}

async fn until_called(bridge: &Bridge, call: &str) {
    eventually(call, async || !bridge.aha.calls().to(call).is_empty()).await;
}

fn enabled(bridge: &Bridge) -> Vec<String> {
    let users = bridge.aha.users().into_iter().filter(|user| user.enabled && user.email != ADMINISTRATOR);
    users.map(|user| user.email).collect()
}

// --- creates ---

#[rstest]
#[case::dropped(Fault::drop_connection().after_applying())]
#[case::gateway(Fault::html(504).after_applying())]
#[tokio::test]
async fn who_is_renamed_and_leaves_after_a_create_whose_answer_was_lost_has_no_account_left(
    #[case] fault: Fault,
    #[values("disabled", "deleted")] how: &str,
) {
    let (bridge, clock) = start(|setup| setup).await;
    bridge.aha.fault(fault.on(CREATE));
    let path = path(&bridge.create_user(SAM).await);
    eventually("the failure", async || bridge.status().await["queue"]["grant"]["failing"] == 1).await;
    bridge.aha.fault(Fault::html(503).on(FIND).times(1));
    assert_eq!(bridge.patch(&path, replace(EMAIL, RENAMED)).await.status, 200);
    let left = match how {
        "disabled" => bridge.patch(&path, replace("active", false)).await,
        _ => bridge.delete(&path).await,
    };
    assert!(matches!(left.status, 200 | 204), "{left}");
    idle(&bridge, &clock).await;
    assert_eq!(enabled(&bridge), Vec::<String>::new(), "{}", bridge.aha.calls());
}

#[tokio::test]
async fn who_is_renamed_after_a_create_whose_answer_was_lost_keeps_the_account_that_was_made() {
    let (bridge, clock) = start(|setup| setup).await;
    bridge.aha.fault(Fault::drop_connection().after_applying().on(CREATE));
    let path = path(&bridge.create_user(SAM).await);
    eventually("the failure", async || bridge.status().await["queue"]["grant"]["failing"] == 1).await;
    assert_eq!(bridge.patch(&path, replace(EMAIL, RENAMED)).await.status, 200);
    idle(&bridge, &clock).await;
    assert_eq!(enabled(&bridge), [RENAMED]);
    assert_eq!((bridge.aha.invitations().len(), bridge.aha.calls().to(CREATE).len()), (1, 1));
}

#[tokio::test]
async fn who_is_renamed_and_leaves_after_a_crash_during_the_create_has_no_account_left() {
    let (mut bridge, clock) = start(Setup::killable).await;
    bridge.aha.fault(Fault::delay(LATE).on(CREATE));
    let path = path(&bridge.create_user(SAM).await);
    until_called(&bridge, CREATE).await;
    bridge.crash();
    bridge.start_again().await;
    bridge.wait_until_ready().await;
    assert_eq!(bridge.patch(&path, replace(EMAIL, RENAMED)).await.status, 200);
    assert_eq!(bridge.patch(&path, replace("active", false)).await.status, 200);
    idle(&bridge, &clock).await;
    assert_eq!(bridge.aha.invitations().len(), 1, "it took effect");
    assert_eq!(enabled(&bridge), Vec::<String>::new(), "{}", bridge.aha.calls());
    assert_eq!(bridge.get(&path).await.body["active"], false);
}

#[rstest]
#[case::dropped(Fault::drop_connection())]
#[case::gateway(Fault::html(504))]
#[tokio::test]
async fn a_create_that_takes_effect_long_after_its_answer_was_lost_is_not_sent_again(#[case] fault: Fault) {
    let (bridge, clock) = start(|setup| setup).await;
    // The connection breaks at once; what was sent lies somewhere, and comes in as a call of its own.
    bridge.aha.fault(fault.on(CREATE));
    let created = bridge.post("/Users", &user(SAM)).await;
    until_called(&bridge, CREATE).await;
    let looked = async || bridge.aha.calls().to(FIND).len() == 2;
    pass_time(&clock, STEP, "a look-up that finds nothing", looked).await;
    clock.advance(LATE);
    bridge.aha.seed(scim_bridge::sim::aha::Person::new("sam", "doe", SAM));
    idle(&bridge, &clock).await;
    assert_eq!(bridge.aha.calls().to(CREATE).len(), 1, "{}", bridge.aha.calls());
    assert_eq!(bridge.get(&created.path()).await.body["active"], true);
    assert_eq!(enabled(&bridge), [SAM]);
}

#[tokio::test]
async fn a_create_that_was_lost_on_the_way_is_sent_again_when_it_cannot_take_effect_any_more() {
    let (bridge, clock) = start(|setup| setup).await;
    bridge.aha.fault(Fault::drop_connection().on(CREATE));
    let created = bridge.post("/Users", &user(SAM)).await;
    until_called(&bridge, CREATE).await;
    let waits = async || {
        bridge.failure_of(&created.id()).await.is_some_and(|why| why.contains("no account is found yet"))
    };
    pass_time(&clock, STEP, "the reason", waits).await;
    idle(&bridge, &clock).await;
    let creates = bridge.aha.calls().to(CREATE);
    assert!(creates[1].at.since(creates[0].at) >= Duration::from_secs(30), "{creates}");
    assert_eq!((enabled(&bridge), bridge.aha.invitations().len()), (vec![SAM.to_owned()], 1));
}

#[tokio::test]
async fn however_aha_spells_and_compares_emails_a_create_whose_answer_was_lost_is_found() {
    let (bridge, clock) = start(|setup| {
        setup.with(|aha| {
            aha.change(|switches| {
                (switches.stored_email, switches.email_filter) =
                    (StoredEmail::LowerCased, EmailFilter::Exact);
            });
        })
    })
    .await;
    bridge.aha.fault(Fault::drop_connection().after_applying().on(CREATE));
    let created = bridge.post("/Users", &user("Sam.Doe@Example.com")).await;
    idle(&bridge, &clock).await;
    assert_eq!(bridge.aha.invitations().len(), 1, "{}", bridge.aha.calls());
    assert_eq!(bridge.get(&created.path()).await.body["userName"], "Sam.Doe@Example.com");
}

#[tokio::test]
async fn who_is_deleted_renamed_and_made_again_before_any_of_it_is_done_is_not_invited_again() {
    let (bridge, clock) = start(|setup| setup).await;
    let first = path(&bridge.create_user(SAM).await);
    idle(&bridge, &clock).await;
    bridge.aha.fault(Fault::html(503).on(UPDATE).always());
    bridge.patch(&first, replace(EMAIL, RENAMED)).await;
    assert_eq!(bridge.delete(&first).await.status, 204);
    let mut again = user(SAM);
    again["emails"][0]["value"] = RENAMED.into();
    let created = bridge.post("/Users", &again).await;
    assert_eq!(created.status, 201, "{created}");
    bridge.aha.clear_faults();
    idle(&bridge, &clock).await;
    assert_eq!(bridge.aha.invitations().len(), 1, "{}", bridge.aha.calls());
    assert_eq!(enabled(&bridge), [RENAMED]);
    assert_eq!(bridge.get(&created.path()).await.body["active"], true);
}

// --- changes ---

/// The change of a bridge that died reaches Aha! after the newer one of its successor.
#[rstest]
#[case::leaver(true, false)]
#[case::returner(false, true)]
#[tokio::test]
async fn what_a_bridge_that_died_had_sent_does_not_outlive_what_was_asked_for_since(
    #[case] sent: bool,
    #[case] asked: bool,
) {
    let (mut bridge, clock) = start(Setup::killable).await;
    let path = path(&bridge.create_user(SAM).await);
    idle(&bridge, &clock).await;
    if sent {
        bridge.patch(&path, replace("active", false)).await;
        idle(&bridge, &clock).await;
    }
    bridge.aha.take_calls();
    bridge.aha.fault(Fault::delay(LATE).on(UPDATE));
    bridge.patch(&path, replace("active", sent)).await;
    until_called(&bridge, UPDATE).await;
    bridge.crash();
    bridge.start_again().await;
    bridge.wait_until_ready().await;
    assert_eq!(bridge.patch(&path, replace("active", asked)).await.status, 200);
    idle(&bridge, &clock).await;
    let outcomes: Vec<_> = bridge.aha.calls().to(UPDATE).iter().map(|call| call.outcome).collect();
    assert!(outcomes.len() >= 2, "{}", bridge.aha.calls());
    assert_eq!(!enabled(&bridge).is_empty(), asked, "{}", bridge.aha.calls());
    assert_eq!(bridge.get(&path).await.body["active"], asked);
}

#[tokio::test]
async fn who_is_made_again_after_a_crash_during_the_deletion_is_not_disabled_by_what_was_sent_before() {
    let (mut bridge, clock) = start(Setup::killable).await;
    let first = path(&bridge.create_user(SAM).await);
    idle(&bridge, &clock).await;
    bridge.aha.fault(Fault::delay(LATE).on(UPDATE));
    assert_eq!(bridge.delete(&first).await.status, 204);
    until_called(&bridge, UPDATE).await;
    bridge.crash();
    bridge.start_again().await;
    bridge.wait_until_ready().await;
    let created = bridge.post("/Users", &user(SAM)).await;
    assert_eq!(created.status, 201, "{created}");
    idle(&bridge, &clock).await;
    assert_eq!(enabled(&bridge), [SAM], "{}", bridge.aha.calls());
    assert_eq!(bridge.get(&created.path()).await.body["active"], true);
    assert_eq!(bridge.aha.invitations().len(), 1);
}

/// The connection breaks, and what was sent takes effect late all the same.
#[tokio::test]
async fn an_enable_that_takes_effect_after_the_disable_that_followed_it_is_undone() {
    let (bridge, clock) = start(|setup| setup).await;
    let path = path(&bridge.create_user(SAM).await);
    idle(&bridge, &clock).await;
    bridge.patch(&path, replace("active", false)).await;
    idle(&bridge, &clock).await;
    bridge.aha.fault(Fault::drop_connection().on(UPDATE));
    bridge.patch(&path, replace("active", true)).await;
    eventually("the failure", async || bridge.status().await["queue"]["grant"]["failing"] == 1).await;
    assert_eq!(bridge.patch(&path, replace("active", false)).await.status, 200);
    bridge.aha.take_calls();
    let sent = async || !bridge.aha.calls().to(UPDATE).is_empty();
    pass_time(&clock, STEP, "the disable", sent).await;
    bridge.aha.enable(bridge.aha.find_user_by_email(SAM).unwrap().id);
    idle(&bridge, &clock).await;
    assert_eq!(enabled(&bridge), Vec::<String>::new(), "{}", bridge.aha.calls());
}

#[tokio::test]
async fn a_user_who_was_made_again_stays_enabled_when_the_answer_to_its_enable_is_lost() {
    let (bridge, clock) = start(|setup| setup).await;
    let first = path(&bridge.create_user(SAM).await);
    idle(&bridge, &clock).await;
    bridge.aha.take_calls();
    bridge.aha.fault(Fault::html(503).on(UPDATE).times(3));
    assert_eq!(bridge.delete(&first).await.status, 204);
    // It is tried again in four seconds; by then the enable has been tried again already.
    pass_time(&clock, STEP, "three attempts", async || bridge.aha.calls().answered(503).len() == 3).await;
    bridge.aha.fault(Fault::truncate().on(UPDATE));
    let created = bridge.post("/Users", &user(SAM)).await;
    assert_eq!(created.status, 201, "{created}");
    idle(&bridge, &clock).await;
    assert_eq!(enabled(&bridge), [SAM], "{}", bridge.aha.calls());
    assert_eq!(bridge.get(&created.path()).await.body["active"], true);
}

#[tokio::test]
async fn a_write_that_changes_nothing_while_a_doubt_is_left_costs_no_call_and_no_version() {
    let (mut bridge, clock) = start(Setup::killable).await;
    let path = path(&bridge.create_user(SAM).await);
    idle(&bridge, &clock).await;
    bridge.aha.fault(Fault::delay(LATE).on(UPDATE));
    bridge.patch(&path, replace("name.familyName", "Roe")).await;
    until_called(&bridge, UPDATE).await;
    bridge.crash();
    bridge.start_again().await;
    bridge.wait_until_ready().await;
    let settled =
        async || bridge.aha.calls().to(UPDATE).len() == 2 && bridge.failure_of(&path[7..]).await.is_none();
    pass_time(&clock, STEP, "the change", settled).await;
    let before = bridge.get(&path).await;
    let same: Answer = bridge.patch(&path, replace("name.familyName", "Roe")).await;
    assert_eq!((same.status, same.meta("version")), (200, before.meta("version")));
    idle(&bridge, &clock).await;
    assert_eq!(
        bridge.aha.calls().to(UPDATE).len(),
        3,
        "once more when the doubt is over: {}",
        bridge.aha.calls()
    );
    assert_eq!(bridge.get(&path).await.meta("version"), before.meta("version"));
}

// --- deletions that wait ---

#[tokio::test]
async fn a_deletion_that_waits_for_a_new_key_is_503_however_often_it_is_asked_for_and_404_when_it_is_done() {
    let (bridge, clock) = start(|setup| setup).await;
    let path = path(&bridge.create_user(SAM).await);
    idle(&bridge, &clock).await;
    bridge.aha.revoke_api_key(DEMO_API_KEY);
    // The first was promised; it is the worker that finds out.
    bridge.send(Method::DELETE, &path, None).await;
    eventually("the refusal", async || {
        bridge.status().await["target"]["state"] == "credentials refused; nothing is sent"
    })
    .await;
    for _ in 0..3 {
        let again = bridge.delete(&path).await;
        assert!(again.error(503, "").contains("will be carried out"), "{again}");
        assert!(again.header("retry-after").parse::<u32>().unwrap() > 0);
        assert_eq!(bridge.get(&path).await.status, 404);
    }
    bridge.delete("/Users/nobody").await.error(404, "");
    let owner = bridge.aha.find_user_by_email(ADMINISTRATOR).unwrap().id;
    bridge.aha.add_api_key(DEMO_API_KEY, owner);
    pass_time(&clock, Duration::from_secs(5), "the deactivation", async || enabled(&bridge).is_empty()).await;
    idle(&bridge, &clock).await;
    bridge.delete(&path).await.error(404, "");
}
