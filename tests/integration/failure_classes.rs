//! Every way in which a call to Aha! fails, for every operation: what the identity provider is answered, what is kept, how it
//! is tried again, what the admin reads, and that it is made good when the failure ends. The table in the README says the
//! same. What Aha! says no to by itself is in `aha_says_no`.

use std::time::Duration;

use rstest::rstest;
use scim_bridge::{
    clock::ManualClock,
    sim::aha::{Fault, SimulatedAha},
};
use serde_json::{Value, json};

use crate::harness::{ADMINISTRATOR, Answer, Bridge, Setup, as_time_passes, eventually, pass_time, user};

const FIND: &str = "GET /users?email";
const CREATE: &str = "POST /products/:id/users";
const UPDATE: &str = "PUT /users/:id";
const ROSTER: &str = "GET /users";

const STEP: Duration = Duration::from_millis(250);
const ROSTER_EVERY: Duration = Duration::from_secs(15 * 60);

/// Longer than a call may take.
const TOO_LONG: Duration = Duration::from_millis(900);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// A create whose look-up fails.
    LookUp,
    Create,
    Change,
    Disable,
    Enable,
}

const OPERATIONS: [Operation; 5] =
    [Operation::LookUp, Operation::Create, Operation::Change, Operation::Disable, Operation::Enable];

impl Operation {
    /// The call that it fails at.
    fn call(self) -> &'static str {
        match self {
            Self::LookUp => FIND,
            Self::Create => CREATE,
            Self::Change | Self::Disable | Self::Enable => UPDATE,
        }
    }

    fn email(self) -> String {
        format!("{self:?}@example.com").to_lowercase()
    }

    /// Makes the user that it is about, where there must be one.
    async fn prepare(self, bridge: &Bridge) -> Option<String> {
        if matches!(self, Self::LookUp | Self::Create) {
            return None;
        }
        let path = format!("/Users/{}", bridge.create_user(&self.email()).await);
        if self == Self::Enable {
            let disabled = bridge.patch(&path, replace("active", false)).await;
            assert_eq!(disabled.status, 200, "{disabled}");
        }
        Some(path)
    }

    async fn perform(self, bridge: &Bridge, path: Option<&str>) -> Answer {
        let path = path.unwrap_or_default();
        match self {
            Self::LookUp | Self::Create => bridge.post("/Users", &user(&self.email())).await,
            Self::Change => bridge.patch(path, replace("name.familyName", "Changed")).await,
            Self::Disable => bridge.patch(path, replace("active", false)).await,
            Self::Enable => bridge.patch(path, replace("active", true)).await,
        }
    }

    /// Asserts that Aha! holds what was asked for, and that nobody was invited twice.
    fn is_done(self, aha: &SimulatedAha) {
        let account = aha.find_user_by_email(&self.email()).unwrap_or_else(|| panic!("{self:?}: an account"));
        assert_eq!(account.enabled, self != Self::Disable, "{self:?}");
        assert_eq!(account.last_name == "Changed", self == Self::Change, "{self:?}: {}", account.last_name);
        let invitations = aha.invitations().into_iter().filter(|invitation| invitation.email == self.email());
        assert_eq!(invitations.count(), 1, "{self:?}");
    }
}

fn replace(path: &str, value: impl Into<Value>) -> Value {
    json!([{ "op": "replace", "path": path, "value": value.into() }])
}

/// A bridge with a clock by hand, which runs faster than the work; only calls that hang are waited for in real time.
async fn start() -> (Bridge, ManualClock) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let setup = setup.server_keys("request_timeout = '10m'").app_keys("request_timeout = '300ms'");
    (setup.start().await, clock)
}

async fn idle(bridge: &Bridge, clock: &ManualClock) {
    as_time_passes(clock, STEP, bridge.wait_until_idle()).await;
}

fn hangs() -> Fault {
    Fault::delay(Duration::ZERO).delayed_for_real(TOO_LONG)
}

fn oversized() -> Fault {
    Fault::answer(200, "application/json", format!("[{}1]", "1,".repeat(9 * 1024 * 1024)))
}

// --- what may pass ---

/// The classes, each with what the admin reads about it.
#[rstest]
#[case::timeout(hangs(), "no answer in time")]
#[case::timeout_after_all(hangs().after_applying(), "no answer in time")]
#[case::dropped(Fault::drop_connection(), "the connection broke")]
#[case::dropped_after_all(Fault::drop_connection().after_applying(), "the connection broke")]
#[case::truncated(Fault::truncate(), "the connection broke")]
#[case::half_the_json(Fault::halve(), "not the expected JSON")]
#[case::empty(Fault::answer(200, "application/json", ""), "not the expected JSON")]
#[case::other_json(Fault::json(200, &json!({ "hello": "world" })), "not the expected JSON")]
#[case::page(Fault::html(200), "not the expected JSON")]
#[case::page_after_all(Fault::html(200).after_applying(), "not the expected JSON")]
#[case::wrong_type(Fault::answer(200, "text/plain", "OK"), "not the expected JSON")]
#[case::oversized(oversized(), "larger than 16 MiB")]
#[case::error(Fault::json(500, &json!({ "error": "Oops" })), "Aha! answered 500: Oops")]
#[case::error_after_all(Fault::json(500, &json!({ "error": "Oops" })).after_applying(), "Aha! answered 500: Oops")]
#[case::bad_gateway(Fault::html(502), "Aha! answered 502")]
#[case::maintenance(Fault::html(503), "Aha! answered 503")]
#[case::gateway_timeout_after_all(Fault::html(504).after_applying(), "Aha! answered 504")]
#[case::request_timeout(Fault::html(408), "Aha! answered 408")]
#[case::wrong_address(Fault::html(404), "Check base_url")]
#[case::redirect(Fault::html(302).header("location", "https://elsewhere.example.com/"), "Check base_url")]
#[tokio::test]
async fn what_may_pass_is_accepted_kept_told_tried_again_and_made_good(
    #[case] fault: Fault,
    #[case] says: &str,
) {
    let (bridge, clock) = start().await;
    for operation in OPERATIONS {
        let path = operation.prepare(&bridge).await;
        bridge.aha.take_calls();
        bridge.aha.fault(fault.clone().on(operation.call()).always());
        // The identity provider is told that it is accepted, and reads what was promised.
        let answer = as_time_passes(&clock, STEP, operation.perform(&bridge, path.as_deref())).await;
        let expected = if path.is_none() { 201 } else { 200 };
        assert_eq!(answer.status, expected, "{operation:?}: {answer}");
        assert_eq!(answer.body["active"], operation != Operation::Disable, "{operation:?}");
        assert_eq!(bridge.get(&answer.path()).await.body, answer.body, "{operation:?}");
        // The admin reads what happened, unless it was made good already: a create that was applied is found.
        let is_found =
            operation == Operation::Create && bridge.aha.find_user_by_email(&operation.email()).is_some();
        if !is_found {
            let failure = async || bridge.failure_of(&answer.id()).await.unwrap_or_default();
            pass_time(&clock, STEP, says, async || failure().await.contains(says)).await;
            let target = async || bridge.status().await["target"].clone();
            pass_time(&clock, STEP, "the state of the target", async || {
                let target = target().await;
                target["state"] != "working"
                    && target["reason"].as_str().is_some_and(|reason| reason.contains(says))
            })
            .await;
        }
        // It is tried again, and a create never before it was looked for.
        bridge.aha.clear_faults();
        idle(&bridge, &clock).await;
        operation.is_done(&bridge.aha);
        assert_eq!(
            bridge.get(&answer.path()).await.body,
            answer.body,
            "{operation:?}: to be applied is no change"
        );
        assert_eq!(bridge.failure_of(&answer.id()).await, None, "{operation:?}");
        assert_eq!(bridge.status().await["target"]["state"], "working", "{operation:?}");
    }
    a_roster_pass_fails_and_is_made_good(&bridge, &clock, fault, says).await;
}

/// Reads go on while the accounts cannot be listed.
async fn a_roster_pass_fails_and_is_made_good(
    bridge: &Bridge,
    clock: &ManualClock,
    fault: Fault,
    says: &str,
) {
    bridge.aha.fault(fault.on(ROSTER).always());
    let last_failure = async || bridge.status().await["roster"]["last_failure"].clone();
    let failed = async || last_failure().await.as_str().is_some_and(|failure| failure.contains(says));
    pass_time(clock, Duration::from_secs(30), "a listing that fails", failed).await;
    let list = bridge.get("/Users").await;
    assert_eq!(list.body["totalResults"], 1 + OPERATIONS.len(), "{list}");
    bridge.aha.clear_faults();
    let mended = async || last_failure().await.is_null();
    pass_time(clock, Duration::from_secs(5), "a listing that succeeds", mended).await;
    assert_eq!(bridge.get("/Users").await.body, list.body);
}

#[tokio::test]
async fn while_connections_are_refused_everything_is_accepted_and_carried_out_afterwards() {
    let (mut bridge, clock) = start().await;
    let mut paths = Vec::new();
    for operation in OPERATIONS {
        paths.push(operation.prepare(&bridge).await);
    }
    bridge.unplug_aha().await;
    let mut answers = Vec::new();
    for (operation, path) in OPERATIONS.iter().zip(&paths) {
        let answer = as_time_passes(&clock, STEP, operation.perform(&bridge, path.as_deref())).await;
        assert!(matches!(answer.status, 200 | 201), "{operation:?}: {answer}");
        answers.push(answer);
    }
    // Once that is known, no more is tried for the others than a probe.
    let failure = bridge.failure_of(&answers[0].id()).await.unwrap_or_default();
    assert!(failure.contains("no connection could be made"), "{failure}");
    let target = bridge.status().await["target"].clone();
    assert!(target["reason"].as_str().unwrap().contains("no connection could be made"), "{target}");
    // Nobody knows now whose key it is that is used.
    bridge.restart().await;
    bridge.plug_aha_in().await;
    idle(&bridge, &clock).await;
    for (operation, answer) in OPERATIONS.iter().zip(&answers) {
        operation.is_done(&bridge.aha);
        assert_eq!(bridge.get(&answer.path()).await.body["active"], *operation != Operation::Disable);
    }
}

/// Of a disable: nothing else is repeated for longer, or matters more.
#[rstest]
#[case::maintenance(Fault::html(503))]
#[case::dropped(Fault::drop_connection())]
#[case::page(Fault::html(200))]
#[tokio::test]
async fn a_deactivation_is_tried_again_ever_more_seldom_down_to_every_five_minutes_and_for_ever(
    #[case] fault: Fault,
) {
    const HOURS: u64 = 3;
    let (bridge, clock) = start().await;
    let path = Operation::Disable.prepare(&bridge).await;
    bridge.aha.take_calls();
    bridge.aha.fault(fault.on(UPDATE).always());
    let answer = as_time_passes(&clock, STEP, Operation::Disable.perform(&bridge, path.as_deref())).await;
    assert_eq!((answer.status, &answer.body["active"]), (200, &json!(false)));
    let step = Duration::from_secs(5);
    for _ in 0..HOURS * 3600 / step.as_secs() {
        clock.advance(step);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let calls = bridge.aha.calls().to(UPDATE);
    let waits: Vec<_> =
        calls.iter().zip(calls.iter().skip(1)).map(|(one, next)| next.at.since(one.at)).collect();
    // The waits of the breaker come in between: when Aha! answers a probe, a leaver's turn comes first.
    let (early, late) = waits.split_at(waits.len() / 2);
    let mean = |waits: &[Duration]| waits.iter().sum::<Duration>() / u32::try_from(waits.len()).unwrap();
    assert!(mean(early) < mean(late) && mean(late) >= Duration::from_secs(200), "{waits:?}");
    assert!((25..=90).contains(&waits.len()), "{} attempts within {HOURS} hours: {waits:?}", waits.len());
    let status = bridge.status().await;
    assert_eq!(status["queue"]["revoke"]["failing"], 1, "{status}");
    bridge.aha.clear_faults();
    pass_time(&clock, step, "the deactivation", async || {
        !bridge.aha.find_user_by_email(&Operation::Disable.email()).unwrap().enabled
    })
    .await;
}

// --- limits ---

#[rstest]
#[case::said(Fault::too_many_requests().header("retry-after", "7"))]
#[case::not_said(Fault::too_many_requests())]
#[tokio::test]
async fn after_a_429_everything_waits_and_nothing_counts_as_failed(#[case] fault: Fault) {
    let (bridge, clock) = start().await;
    for operation in OPERATIONS {
        let path = operation.prepare(&bridge).await;
        bridge.aha.take_calls();
        bridge.aha.fault(fault.clone().on(operation.call()).times(3));
        let answer = as_time_passes(&clock, STEP, operation.perform(&bridge, path.as_deref())).await;
        assert!(matches!(answer.status, 200 | 201), "{operation:?}: {answer}");
        assert_eq!(bridge.get(&answer.path()).await.body, answer.body);
        let said = bridge.failure_of(&answer.id()).await.unwrap_or_default();
        assert!(said.contains("rate limit"), "{operation:?}: {said}");
        let queue = bridge.status().await["queue"].clone();
        let lanes = queue.as_object().unwrap().values();
        assert!(
            lanes.clone().all(|lane| lane["failing"] == 0),
            "{operation:?}: to wait is no failure: {queue}"
        );
        idle(&bridge, &clock).await;
        operation.is_done(&bridge.aha);
        let refused = bridge.aha.calls().answered(429);
        assert_eq!(refused.len(), 3, "{operation:?}: {}", bridge.aha.calls());
        for (one, next) in refused.iter().zip(refused.iter().skip(1)) {
            assert!(next.at.since(one.at) >= Duration::from_secs(7), "{operation:?}: {}", bridge.aha.calls());
        }
    }
}

// --- a no, where it is not looked for ---

#[rstest]
#[case::forbidden(403, 403, "", "must be an administrator")]
#[case::validation(422, 400, "invalidValue", "Oops")]
#[case::bad_request(400, 400, "invalidValue", "Oops")]
#[tokio::test]
async fn a_no_is_answered_with_its_reason_and_undone_whatever_it_was_said_to(
    #[case] status: u16,
    #[case] answered: u16,
    #[case] scim_type: &str,
    #[case] says: &str,
) {
    let (bridge, clock) = start().await;
    for operation in OPERATIONS {
        let path = operation.prepare(&bridge).await;
        let before = bridge.get("/Users").await.body["Resources"].clone();
        bridge.aha.take_calls();
        bridge.aha.fault(Fault::json(status, &json!({ "error": "Oops" })).on(operation.call()));
        let refused = operation.perform(&bridge, path.as_deref()).await;
        assert!(refused.error(answered, scim_type).contains(says), "{operation:?}: {refused}");
        idle(&bridge, &clock).await;
        let states = |users: &Value| {
            let users = users.as_array().unwrap().iter();
            users
                .map(|user| (user["id"].clone(), user["active"].clone(), user["name"].clone()))
                .collect::<Vec<_>>()
        };
        let after = bridge.get("/Users").await.body["Resources"].clone();
        assert_eq!(states(&after), states(&before), "{operation:?}");
        assert_eq!(
            bridge.aha.calls().to(operation.call()).len(),
            1,
            "{operation:?}: a no is not asked for again"
        );
        // Without the fault the same is done.
        let done = operation.perform(&bridge, path.as_deref()).await;
        assert!(matches!(done.status, 200 | 201), "{operation:?}: {done}");
        operation.is_done(&bridge.aha);
    }
}

// --- an account that is not there ---

#[tokio::test]
async fn an_account_that_vanished_is_looked_for_by_id_and_by_email_and_made_anew_for_who_has_access() {
    let (bridge, clock) = start().await;
    for operation in [Operation::Change, Operation::Enable, Operation::Disable] {
        let path = operation.prepare(&bridge).await;
        bridge.aha.vanish(bridge.aha.find_user_by_email(&operation.email()).unwrap().id);
        bridge.aha.take_calls();
        let answer = operation.perform(&bridge, path.as_deref()).await;
        assert_eq!(answer.status, 200, "{operation:?}: {answer}");
        assert_eq!(answer.body["active"], operation != Operation::Disable);
        let mut expected = vec![UPDATE, "GET /users/:id", FIND];
        if operation != Operation::Disable {
            expected.push(CREATE);
        }
        let calls: Vec<_> =
            bridge.aha.take_calls().iter().map(scim_bridge::sim::aha::Call::template).collect();
        assert_eq!(calls, expected, "{operation:?}");
        let account = bridge.aha.find_user_by_email(&operation.email());
        assert_eq!(account.is_some_and(|account| account.enabled), operation != Operation::Disable);
    }
    idle(&bridge, &clock).await;
}

/// 404 may be a slip of the target: whoever is there by its id is disabled, whatever it is called by now.
#[tokio::test]
async fn a_404_for_an_account_that_was_given_another_email_by_hand_does_not_count_as_gone() {
    let (bridge, clock) = start().await;
    let path = Operation::Disable.prepare(&bridge).await;
    let account = bridge.aha.find_user_by_email(&Operation::Disable.email()).unwrap();
    bridge.aha.change_email(account.id, "by.hand@example.com");
    bridge.aha.fault(Fault::json(404, &json!({ "error": "Record not found" })).on(UPDATE));
    let answer = Operation::Disable.perform(&bridge, path.as_deref()).await;
    assert_eq!((answer.status, &answer.body["active"]), (200, &json!(false)), "{answer}");
    idle(&bridge, &clock).await;
    assert!(!bridge.aha.find_user(account.id).unwrap().enabled, "{}", bridge.aha.calls());
}

/// A proxy that mixes up its answers must not have a stranger disabled.
#[rstest]
#[case::change(Operation::Change)]
#[case::disable(Operation::Disable)]
#[tokio::test]
async fn an_answer_about_another_account_is_none(#[case] operation: Operation) {
    let (bridge, clock) = start().await;
    let stranger =
        bridge.aha.seed(scim_bridge::sim::aha::Person::new("Some", "Stranger", "stranger@example.com"));
    bridge.next_roster(&clock, ROSTER_EVERY).await;
    let path = operation.prepare(&bridge).await;
    let before = bridge.aha.find_user(stranger).unwrap();
    let about_the_stranger = json!({
        "id": stranger.to_string(), "email": "stranger@example.com", "name": "Some Stranger", "enabled": true,
    });
    bridge.aha.fault(Fault::json(200, &about_the_stranger).on(UPDATE));
    let answer = as_time_passes(&clock, STEP, operation.perform(&bridge, path.as_deref())).await;
    assert_eq!(answer.status, 200, "{answer}");
    idle(&bridge, &clock).await;
    operation.is_done(&bridge.aha);
    assert_eq!(bridge.aha.find_user(stranger).unwrap(), before, "{}", bridge.aha.calls());
}

/// Which keys the answer to a change has, only an example of the vendor tells.
#[tokio::test]
async fn what_the_answer_to_a_change_leaves_out_is_as_it_was_sent() {
    let (bridge, clock) = start().await;
    let path = Operation::Disable.prepare(&bridge).await;
    let account = bridge.aha.find_user_by_email(&Operation::Disable.email()).unwrap();
    let little = json!({ "id": account.id.to_string(), "email": account.email });
    bridge.aha.take_calls();
    bridge.aha.fault(Fault::json(200, &little).after_applying().on(UPDATE).always());
    let answer = Operation::Disable.perform(&bridge, path.as_deref()).await;
    assert_eq!((answer.status, &answer.body["active"]), (200, &json!(false)), "{answer}");
    idle(&bridge, &clock).await;
    assert_eq!(bridge.aha.calls().to(UPDATE).len(), 1, "{}", bridge.aha.calls());
    assert_eq!(bridge.get(&answer.path()).await.body["active"], false);
}

/// The account was deleted by hand and made again under the e-mail that it had, while another is desired.
#[tokio::test]
async fn a_leaver_whose_account_was_made_again_under_the_email_it_was_last_seen_with_is_disabled() {
    let (bridge, clock) = start().await;
    let path = Operation::Disable.prepare(&bridge).await.unwrap();
    bridge.patch(&path, replace("active", false)).await;
    // An account that is disabled is not renamed.
    bridge.patch(&path, replace("emails[type eq \"work\"].value", "renamed@example.com")).await;
    let account = bridge.aha.find_user_by_email(&Operation::Disable.email()).unwrap();
    bridge.aha.enable(account.id);
    bridge.next_roster(&clock, ROSTER_EVERY).await;
    bridge.aha.vanish(account.id);
    bridge.aha.seed(scim_bridge::sim::aha::Person::new("Di", "Sable", &Operation::Disable.email()));
    let deleted = bridge.delete(&path).await;
    assert_eq!(deleted.status, 204, "{deleted}");
    idle(&bridge, &clock).await;
    assert!(
        !bridge.aha.find_user_by_email(&Operation::Disable.email()).unwrap().enabled,
        "{}",
        bridge.aha.calls()
    );
}

// --- the listing of accounts ---

#[rstest]
#[case::forbidden(Fault::json(403, &json!({ "error": "Forbidden" })), "must be an administrator")]
#[case::limited(Fault::too_many_requests(), "rate limit")]
#[case::no_record(Fault::json(404, &json!({ "error": "Record not found" })), "must be an administrator")]
#[tokio::test]
async fn a_listing_that_is_refused_is_told_and_made_good(#[case] fault: Fault, #[case] says: &str) {
    let (bridge, clock) = start().await;
    bridge.aha.fault(fault.on(ROSTER));
    let last_failure = async || bridge.status().await["roster"]["last_failure"].clone();
    let failed = async || last_failure().await.as_str().is_some_and(|failure| failure.contains(says));
    pass_time(&clock, Duration::from_secs(30), "a listing that fails", failed).await;
    assert_eq!(
        bridge.filter("/Users", &format!("userName eq \"{ADMINISTRATOR}\"")).await.body["totalResults"],
        1
    );
    pass_time(&clock, Duration::from_secs(5), "a listing that succeeds", async || {
        last_failure().await.is_null()
    })
    .await;
}

#[tokio::test]
async fn readiness_does_not_depend_on_aha() {
    let (mut bridge, clock) = start().await;
    bridge.unplug_aha().await;
    let created = as_time_passes(&clock, STEP, bridge.post("/Users", &user("sam.doe@example.com"))).await;
    assert_eq!(created.status, 201, "{created}");
    eventually("a failure", async || bridge.status().await["target"]["state"] != "working").await;
    assert_eq!(bridge.ready().await.status, 200);
}
