//! The one way of every write to the target, while the target is slow, loses answers, says no, or the bridge itself dies.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use http::Method;
use rstest::rstest;
use scim_bridge::{
    clock::{Clock, ManualClock},
    converge::put_back,
    sim::aha::{
        Fault, Outcome, Person, SimulatedAha,
        switches::{
            DisabledOwner, DisabledUsers, DuplicateEmail, EmailFilter, RateRules, StoredEmail, Windows,
        },
    },
    store::{UserId, users},
};
use serde_json::{Value, json};

use crate::harness::{ADMINISTRATOR, Answer, Bridge, Setup, as_time_passes, eventually, pass_time, user};

const SAM: &str = "sam.doe@example.com";
const CREATE: &str = "POST /products/:id/users";
const UPDATE: &str = "PUT /users/:id";
const FIND: &str = "GET /users?email";

/// How far time moves at once where only its passing matters.
const STEP: Duration = Duration::from_millis(100);

/// Longer than a write waits for the target (`confirm_within`, 8 s).
const LONG: Duration = Duration::from_secs(20);

/// A bridge with a clock by hand. Requests may take any time of that clock, which runs faster than the work.
async fn start(change: impl FnOnce(Setup) -> Setup) -> (Bridge, ManualClock) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    (change(setup.server_keys("request_timeout = '10m'")).start().await, clock)
}

fn replace(path: &str, value: impl Into<Value>) -> Value {
    json!([{ "op": "replace", "path": path, "value": value.into() }])
}

fn path(id: &str) -> String {
    format!("/Users/{id}")
}

/// Calls by route, with how many there were.
fn counts(aha: &SimulatedAha) -> Vec<(String, usize)> {
    aha.take_calls().counts().into_iter().collect()
}

fn enabled(aha: &SimulatedAha, email: &str) -> Option<bool> {
    aha.find_user_by_email(email).map(|user| user.enabled)
}

async fn idle(bridge: &Bridge, clock: &ManualClock) {
    as_time_passes(clock, STEP, bridge.wait_until_idle()).await;
}

/// Sends a request in a task of its own and does not care for the answer.
fn send_and_forget(bridge: &Bridge, method: Method, path: &str, body: &Value) {
    let request =
        bridge.request(method, path).header("content-type", "application/scim+json").body(body.to_string());
    tokio::spawn(async move { _ = request.send().await });
}

async fn id_of(bridge: &Bridge, email: &str) -> String {
    let list = bridge.filter("/Users", &format!("userName eq \"{email}\"")).await;
    list.body["Resources"][0]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{email} is visible: {list}"))
        .to_owned()
}

// --- slow targets ---

#[tokio::test]
async fn a_create_that_takes_longer_than_confirm_within_is_answered_201_and_applied_later() {
    let (bridge, clock) = start(|setup| setup).await;
    bridge.aha.fault(Fault::delay(LONG).on(CREATE));
    let created = as_time_passes(&clock, STEP, bridge.post("/Users", &user(SAM))).await;
    assert_eq!(created.status, 201, "{created}");
    assert_eq!(created.body["active"], true);
    assert_eq!(bridge.get(&path(&created.id())).await.body, created.body);
    idle(&bridge, &clock).await;
    assert_eq!(counts(&bridge.aha), [(FIND.to_owned(), 1), (CREATE.to_owned(), 1)]);
    assert_eq!(bridge.get(&path(&created.id())).await.body, created.body, "to be applied is no change");
}

#[tokio::test]
async fn a_deactivation_that_takes_longer_is_answered_200_as_promised_and_applied_later() {
    let (bridge, clock) = start(|setup| setup).await;
    let id = bridge.create_user(SAM).await;
    bridge.aha.fault(Fault::delay(LONG).on(UPDATE));
    let patched = as_time_passes(&clock, STEP, bridge.patch(&path(&id), replace("active", false))).await;
    assert_eq!((patched.status, &patched.body["active"]), (200, &json!(false)), "{patched}");
    assert_eq!(bridge.get(&path(&id)).await.body["active"], false, "a read says what was promised");
    idle(&bridge, &clock).await;
    assert_eq!(enabled(&bridge.aha, SAM), Some(false));
}

#[tokio::test]
async fn ten_writes_that_wait_become_one_call() {
    let (bridge, clock) = start(|setup| setup).await;
    let id = bridge.create_user(SAM).await;
    bridge.aha.take_calls();
    bridge.aha.fault(Fault::delay(Duration::from_secs(5)).on(UPDATE));
    let writes = join_all((0..10).map(|number| {
        let (bridge, id) = (&bridge, &id);
        async move {
            if number > 0 {
                eventually("the first call", async || bridge.aha.calls().to(UPDATE).len() == 1).await;
            }
            bridge.patch(&path(id), replace("name.familyName", format!("Name{number}"))).await
        }
    }));
    let (answers, ()) = tokio::join!(writes, async {
        eventually("all ten", async || bridge.get(&path(&id)).await.body["meta"]["version"] == "W/\"11\"")
            .await;
        clock.advance(Duration::from_secs(5));
    });
    assert!(answers.iter().all(|answer| answer.status == 200));
    let last = bridge.get(&path(&id)).await.body["name"]["familyName"].clone();
    let calls = bridge.aha.take_calls();
    assert_eq!(calls.len(), 2, "{calls}");
    assert_eq!(calls[1].body, Some(json!({ "user": { "last_name": last } })));
}

#[tokio::test]
async fn who_is_deactivated_before_the_create_was_sent_is_never_invited() {
    let (bridge, clock) = start(|setup| setup).await;
    bridge.aha.fault(Fault::delay(Duration::from_secs(5)).on(FIND));
    let body = user(SAM);
    let (created, patched) = tokio::join!(bridge.post("/Users", &body), async {
        eventually("the look-up", async || bridge.aha.calls().len() == 1).await;
        let path = path(&id_of(&bridge, SAM).await);
        let patch = bridge.patch(&path, replace("active", false));
        let (patched, ()) = tokio::join!(patch, async {
            eventually("the second version", async || bridge.get(&path).await.body["active"] == false).await;
            clock.advance(Duration::from_secs(5));
        });
        patched
    });
    assert_eq!((created.status, patched.status), (201, 200));
    assert_eq!(patched.body["active"], false);
    bridge.wait_until_idle().await;
    assert_eq!(counts(&bridge.aha), [(FIND.to_owned(), 1)]);
    assert_eq!(bridge.aha.invitations(), []);
    assert_eq!(bridge.delete(&path(&created.id())).await.status, 204);
    assert_eq!(bridge.aha.calls().writes().lines(), Vec::<String>::new());
}

#[tokio::test]
async fn who_is_made_again_while_the_disable_is_under_way_ends_enabled_under_a_new_id() {
    for after_applying in [false, true] {
        let (bridge, clock) = start(|setup| setup).await;
        let id = bridge.create_user(SAM).await;
        let old_path = path(&id);
        let slow = Fault::delay(Duration::from_secs(5)).on(UPDATE);
        bridge.aha.fault(if after_applying { slow.after_applying() } else { slow });
        let (deleted, created) = tokio::join!(bridge.delete(&old_path), async {
            eventually("the disable", async || bridge.aha.calls().to(UPDATE).len() == 1).await;
            as_time_passes(&clock, STEP, bridge.post("/Users", &user(SAM))).await
        });
        assert_eq!((deleted.status, created.status), (204, 201), "{created}");
        idle(&bridge, &clock).await;
        assert_ne!(created.id(), id);
        assert_eq!(bridge.get(&path(&id)).await.status, 404);
        assert_eq!(bridge.get(&path(&created.id())).await.body["active"], true);
        assert_eq!(enabled(&bridge.aha, SAM), Some(true));
        assert_eq!(bridge.aha.invitations().len(), 1, "only the first create invited");
    }
}

// --- answers that are lost, and failures that pass ---

#[rstest]
#[case::dropped(Fault::drop_connection().after_applying())]
#[case::cut(Fault::truncate())]
#[case::half(Fault::halve())]
#[case::gateway(Fault::html(502).after_applying())]
#[case::page(Fault::html(200).after_applying())]
#[tokio::test]
async fn a_create_whose_answer_is_lost_is_looked_up_and_not_sent_again(#[case] fault: Fault) {
    let (bridge, clock) = start(|setup| setup).await;
    bridge.aha.fault(fault.on(CREATE));
    let created = as_time_passes(&clock, STEP, bridge.post("/Users", &user(SAM))).await;
    assert_eq!(created.status, 201, "{created}");
    idle(&bridge, &clock).await;
    assert_eq!(counts(&bridge.aha), [(FIND.to_owned(), 2), (CREATE.to_owned(), 1)]);
    assert_eq!(bridge.aha.invitations().len(), 1);
    assert_eq!(bridge.get(&path(&created.id())).await.body["active"], true);
}

#[tokio::test]
async fn an_update_whose_answer_is_lost_is_sent_again() {
    let (bridge, clock) = start(|setup| setup).await;
    let id = bridge.create_user(SAM).await;
    bridge.aha.take_calls();
    bridge.aha.fault(Fault::drop_connection().after_applying().on(UPDATE));
    let patched = as_time_passes(&clock, STEP, bridge.patch(&path(&id), replace("active", false))).await;
    assert_eq!(patched.status, 200, "{patched}");
    idle(&bridge, &clock).await;
    assert_eq!(counts(&bridge.aha), [(UPDATE.to_owned(), 2)]);
    assert_eq!(enabled(&bridge.aha, SAM), Some(false));
}

#[rstest]
#[case::error(Fault::json(500, &json!({ "error": "Oops" })))]
#[case::gateway(Fault::html(503))]
#[case::page(Fault::html(200))]
#[case::wrong_address(Fault::html(404))]
#[case::dropped(Fault::drop_connection())]
#[case::cut(Fault::truncate())]
#[case::half(Fault::halve())]
#[tokio::test]
async fn a_failure_that_passes_is_waited_out_longer_each_time(#[case] fault: Fault) {
    let (bridge, clock) = start(|setup| setup).await;
    bridge.aha.fault(fault.on(FIND).times(3));
    let created = as_time_passes(&clock, STEP, bridge.post("/Users", &user(SAM))).await;
    assert_eq!(created.status, 201, "{created}");
    idle(&bridge, &clock).await;
    let calls = bridge.aha.calls();
    assert_eq!((calls.to(FIND).len(), calls.to(CREATE).len()), (4, 1), "{calls}");
    for (index, pair) in calls.to(FIND).windows(2).enumerate() {
        let least = Duration::from_millis(750) * 2_u32.pow(u32::try_from(index).unwrap());
        assert!(pair[1].at.since(pair[0].at) >= least, "wait {index} is shorter than {least:?}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_not_waited_for() {
    let (bridge, clock) = start(|setup| setup.app_keys("request_timeout = '200ms'")).await;
    let hanging = Fault::delay(Duration::ZERO).delayed_for_real(Duration::from_secs(2)).after_applying();
    bridge.aha.fault(hanging.on(CREATE));
    let created = as_time_passes(&clock, STEP, bridge.post("/Users", &user(SAM))).await;
    assert_eq!(created.status, 201, "{created}");
    idle(&bridge, &clock).await;
    assert_eq!(bridge.aha.calls().to(CREATE).len(), 1);
    assert_eq!(bridge.aha.invitations().len(), 1);
}

// --- limits ---

#[rstest]
#[case::retry_after(Some(("retry-after", "7")), 7)]
#[case::reset(Some(("x-ratelimit-reset", "1700000030")), 30)]
#[case::not_said(None, 60)]
#[tokio::test]
async fn after_a_429_no_call_is_made_until_the_target_says(
    #[case] header: Option<(&'static str, &str)>,
    #[case] seconds: u64,
) {
    let (bridge, clock) = start(|setup| setup.app_keys("confirm_within = '0s'")).await;
    let leaver = bridge.create_user("leaver@example.com").await;
    bridge.wait_until_idle().await;
    bridge.aha.take_calls();
    let refused_at = clock.now();
    let fault = Fault::too_many_requests();
    bridge.aha.fault(match header {
        Some((name, value)) => fault.header(name, value),
        None => fault,
    });
    bridge.create_user(SAM).await;
    eventually("the 429", async || bridge.aha.calls().answered(429).len() == 1).await;
    // The answer is on its way to the bridge; a call that comes before it is none that was made in spite of it.
    eventually("the stop", async || bridge.status().await["target"]["state"] == "working").await;
    for number in 0..5 {
        bridge.create_user(&format!("p{number}@example.com")).await;
    }
    bridge.patch(&path(&leaver), replace("active", false)).await;
    idle(&bridge, &clock).await;
    let early: Vec<_> = bridge.aha.calls()[1..]
        .iter()
        .filter(|call| call.at < refused_at + Duration::from_secs(seconds))
        .map(ToString::to_string)
        .collect();
    assert_eq!(early, Vec::<String>::new());
    assert_eq!(bridge.aha.calls().answered(429).len(), 1);
    assert_eq!(bridge.aha.invitations().len(), 7);
    assert_eq!(enabled(&bridge.aha, "leaver@example.com"), Some(false));
}

#[tokio::test]
async fn revocations_go_before_joiners_that_came_earlier() {
    let (bridge, clock) = start(|setup| setup.app_keys("confirm_within = '0s'").rate(4, 1000)).await;
    let mut leavers = Vec::new();
    for number in 0..3 {
        leavers.push(bridge.create_user(&format!("leaver{number}@example.com")).await);
    }
    idle(&bridge, &clock).await;
    clock.advance(Duration::from_secs(2));
    bridge.aha.take_calls();
    for number in 0..30 {
        bridge.create_user(&format!("joiner{number}@example.com")).await;
    }
    eventually("the joiners' share of this second", async || bridge.aha.calls().len() == 3).await;
    let mark = bridge.aha.mark();
    for id in &leavers {
        bridge.patch(&path(id), replace("active", false)).await;
    }
    // One call a second is kept for them, so the first goes out while time stands still.
    eventually("the first", async || bridge.aha.calls_since(mark).to(UPDATE).len() == 1).await;
    idle(&bridge, &clock).await;
    let order = bridge.aha.calls_since(mark);
    // Nearly sixty calls for joiners were there before. Two seconds' worth of them may slip in while the worker claims.
    let last = order.iter().rposition(|call| call.is(UPDATE));
    assert_eq!(order.to(UPDATE).len(), 3);
    assert!(last < Some(8), "{order}");
    assert_eq!(bridge.aha.invitations().len(), 33);
}

#[rstest]
#[case::sliding(Windows::Sliding)]
#[case::fixed(Windows::Fixed)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_hundred_joiners_never_exceed_the_limits_of_aha(#[case] windows: Windows) {
    const JOINERS: usize = 400;
    let (bridge, clock) = start(|setup| {
        let rules = RateRules { windows, ..RateRules::default() };
        setup
            .app_keys("confirm_within = '0s'\nroster_every = '60s'")
            .rate(20, 300)
            .with(|aha| aha.change(|switches| switches.rate = rules))
    })
    .await;
    for chunk in 0..JOINERS / 50 {
        join_all((0..50).map(|number| {
            let bridge = &bridge;
            async move { bridge.create_user(&format!("p{chunk}.n{number}@example.com")).await }
        }))
        .await;
    }
    pass_time(&clock, STEP, "the last invitation", async || bridge.aha.invitations().len() == JOINERS).await;
    let calls = bridge.aha.calls();
    assert_eq!(calls.answered(429).lines(), Vec::<String>::new());
    assert_eq!((calls.to(FIND).len(), calls.to(CREATE).len()), (JOINERS, JOINERS));
    let invited: BTreeSet<_> =
        bridge.aha.invitations().into_iter().map(|invitation| invitation.email).collect();
    assert_eq!(invited.len(), JOINERS);
}

// --- a no ---

#[tokio::test]
async fn a_create_that_aha_rejects_leaves_nothing_behind() {
    let (bridge, _) =
        start(|setup| setup.with(|aha| aha.change(|switches| switches.seats.limit = Some(1)))).await;
    let refused = bridge.post("/Users", &user(SAM)).await;
    assert!(refused.error(400, "invalidValue").contains("No paid seats are available"), "{refused}");
    assert_eq!(bridge.filter("/Users", &format!("userName eq \"{SAM}\"")).await.body["totalResults"], 0);
    bridge.aha.change(|switches| switches.seats.limit = None);
    bridge.create_user(SAM).await;
}

#[tokio::test]
async fn a_rejected_version_leads_back_to_the_last_that_was_promised() {
    let (bridge, clock) = start(|setup| setup).await;
    let path = path(&bridge.create_user(SAM).await);
    bridge.aha.seed(Person::new("Some", "Other", "taken@example.com"));
    bridge.aha.fault(Fault::html(503).on(UPDATE).always());
    let promise = bridge.patch(&path, replace("name.familyName", "Promised"));
    let promised = as_time_passes(&clock, STEP, promise).await;
    assert_eq!(promised.status, 200, "{promised}");

    bridge.aha.clear_faults();
    let reject = bridge.patch(
        &path,
        json!([
            { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "taken@example.com" },
            { "op": "replace", "path": "name.familyName", "value": "Rejected" },
        ]),
    );
    let rejected = as_time_passes(&clock, STEP, reject).await;
    assert!(rejected.error(409, "uniqueness").contains("Email has already been taken"), "{rejected}");
    idle(&bridge, &clock).await;
    let after = bridge.get(&path).await;
    assert_eq!(after.body["name"]["familyName"], "Promised");
    assert_eq!(after.body["emails"][0]["value"], SAM);
    assert_eq!(bridge.aha.find_user_by_email(SAM).unwrap().last_name, "Promised");
}

#[tokio::test]
async fn what_was_promised_and_then_rejected_stays_desired_and_is_applied_when_the_reason_has_passed() {
    let (bridge, clock) = start(|setup| setup.app_keys("confirm_within = '0s'")).await;
    bridge.aha.change(|switches| switches.seats.limit = Some(1));
    let created = bridge.post("/Users", &user(SAM)).await;
    assert_eq!(created.status, 201, "{created}");
    eventually("the no", async || bridge.aha.calls().answered(400).len() == 1).await;
    assert_eq!(bridge.get(&path(&created.id())).await.status, 200);
    bridge.aha.change(|switches| switches.seats.limit = None);
    pass_time(&clock, Duration::from_secs(30), "the create", async || enabled(&bridge.aha, SAM).is_some())
        .await;
    bridge.wait_until_idle().await;
    assert_eq!(bridge.aha.invitations().len(), 1);
}

#[tokio::test]
async fn who_must_not_be_disabled_is_refused_with_403_and_no_call() {
    let (bridge, clock) = start(|setup| {
        setup.app_keys("protected = ['BreakGlass@example.com']").with(|aha| {
            aha.seed(Person::new("Break", "Glass", "breakglass@example.com"));
            aha.seed(Person::new("Other", "Admin", "other.admin@example.com").administrator());
            aha.change(|switches| switches.disabled_owner = DisabledOwner::KeepsKey);
        })
    })
    .await;
    let refuse = async |email: &str, reason: &str| {
        let path = path(&id_of(&bridge, email).await);
        let before = bridge.get(&path).await;
        bridge.aha.take_calls();
        for refused in [bridge.patch(&path, replace("active", "False")).await, bridge.delete(&path).await] {
            assert!(refused.error(403, "").contains(reason), "{refused}");
        }
        assert_eq!(bridge.get(&path).await.body, before.body);
        assert_eq!(counts(&bridge.aha), []);
        assert_eq!(enabled(&bridge.aha, email), Some(true));
    };
    refuse(ADMINISTRATOR, "this bridge works at the target as").await;
    refuse("breakglass@example.com", "protected accounts").await;
    // One administrator leaves by hand; the other is the last.
    bridge.aha.disable(bridge.aha.find_user_by_email(ADMINISTRATOR).unwrap().id);
    bridge.next_roster(&clock, Duration::from_secs(15 * 60)).await;
    refuse("other.admin@example.com", "last enabled administrator").await;
}

// --- one account, one user ---

#[tokio::test]
async fn two_users_with_one_email_are_refused_with_the_id_of_the_first() {
    let (bridge, _) = start(|setup| setup).await;
    let id = bridge.create_user(SAM).await;
    let mut body = user(SAM);
    body["userName"] = "another.name".into();
    body["emails"][0]["value"] = SAM.to_uppercase().into();
    bridge.aha.take_calls();
    assert!(bridge.post("/Users", &body).await.error(409, "uniqueness").contains(&id));

    let other = bridge.create_user("other@example.com").await;
    bridge.aha.take_calls();
    let stolen = bridge.patch(&path(&other), replace("emails[type eq \"work\"].value", SAM)).await;
    assert!(stolen.error(409, "uniqueness").contains(&id), "{stolen}");
    assert_eq!(counts(&bridge.aha), []);
}

#[tokio::test]
async fn an_unmanaged_user_of_another_user_name_is_adopted_under_its_scim_id() {
    let (bridge, _) = start(|setup| setup.with(|aha| _ = aha.seed(Person::new("sam", "doe", SAM)))).await;
    let id = id_of(&bridge, SAM).await;
    let mut body = user(SAM);
    body["userName"] = "sdoe".into();
    let adopted = bridge.post("/Users", &body).await;
    assert_eq!((adopted.status, adopted.id()), (201, id.clone()), "{adopted}");
    assert_eq!(adopted.header("location"), format!("{}{}", bridge.base_url(), path(&id)));
    assert_eq!(
        (&adopted.body["userName"], &adopted.body["externalId"]),
        (&json!("sdoe"), &json!("ext-sam.doe"))
    );
    assert_eq!(counts(&bridge.aha), [], "the account is as it should be");
    assert_eq!(id_of(&bridge, "sdoe").await, id);
    assert_eq!(bridge.aha.invitations(), []);
}

#[tokio::test]
async fn two_clients_that_change_different_things_of_one_user_lose_nothing() {
    let (bridge, _) = start(|setup| setup).await;
    let id = path(&bridge.create_user(SAM).await);
    for round in 0..20 {
        let (name, title) = (format!("Name{round}"), format!("Title{round}"));
        let (one, other) = tokio::join!(
            bridge.patch(&id, replace("name.familyName", name.clone())),
            bridge.patch(&id, replace("title", title.clone())),
        );
        assert_eq!((one.status, other.status), (200, 200), "{one} {other}");
        let after = bridge.get(&id).await;
        assert_eq!((&after.body["name"]["familyName"], &after.body["title"]), (&json!(name), &json!(title)));
        assert_eq!(bridge.aha.find_user_by_email(SAM).unwrap().last_name, name);
    }
}

#[tokio::test]
async fn a_put_and_a_patch_that_race_end_as_if_one_came_after_the_other() {
    let (bridge, _) = start(|setup| setup).await;
    let id = path(&bridge.create_user(SAM).await);
    for round in 0..10 {
        let mut whole = user(SAM);
        whole["name"]["familyName"] = format!("Put{round}").into();
        whole["title"] = "From PUT".into();
        let (put, patch) = tokio::join!(
            bridge.put(&id, &whole),
            bridge.patch(
                &id,
                json!([
                    { "op": "replace", "path": "title", "value": "From PATCH" },
                    { "op": "replace", "path": "name.familyName", "value": format!("Patch{round}") },
                ])
            ),
        );
        assert_eq!((put.status, patch.status), (200, 200), "{put} {patch}");
        let after = bridge.get(&id).await;
        let last = if after.body["title"] == "From PUT" { "Put" } else { "Patch" };
        assert_eq!(after.body["name"]["familyName"], format!("{last}{round}"));
        bridge.wait_until_idle().await;
        assert_eq!(bridge.aha.find_user_by_email(SAM).unwrap().last_name, format!("{last}{round}"));
    }
}

// --- where Aha!'s documents are silent ---

#[rstest]
#[case::exact(EmailFilter::Exact, StoredEmail::AsSent)]
#[case::partial(EmailFilter::Partial, StoredEmail::AsSent)]
#[case::lower_cased(EmailFilter::IgnoringCase, StoredEmail::LowerCased)]
#[tokio::test]
async fn however_aha_keeps_and_compares_emails_nobody_is_invited_twice(
    #[case] filter: EmailFilter,
    #[case] stored: StoredEmail,
) {
    let (bridge, clock) = start(|setup| {
        setup.with(|aha| {
            aha.change(|switches| (switches.email_filter, switches.stored_email) = (filter, stored));
            aha.seed(Person::new("Not", "Sam", &format!("not.{SAM}")));
        })
    })
    .await;
    let email = "Sam.Doe@Example.com";
    bridge.aha.fault(Fault::drop_connection().after_applying().on(CREATE));
    let created = as_time_passes(&clock, STEP, bridge.post("/Users", &user(email))).await;
    assert_eq!(created.status, 201, "{created}");
    idle(&bridge, &clock).await;
    let id = path(&created.id());
    assert_eq!(bridge.get(&id).await.body["userName"], email, "it is echoed as sent");
    for active in [true, false, true] {
        bridge.aha.take_calls();
        let before = bridge.get(&id).await.body["active"] == active;
        let patched = bridge.patch(&id, replace("active", active)).await;
        assert_eq!((patched.status, &patched.body["active"]), (200, &json!(active)), "{patched}");
        assert_eq!(bridge.aha.take_calls().len(), usize::from(!before));
    }
    bridge.next_roster(&clock, Duration::from_secs(15 * 60)).await;
    assert_eq!(bridge.get("/Users").await.body["totalResults"], 3);
    assert_eq!(bridge.delete(&id).await.status, 204);
    let again = bridge.post("/Users", &user(SAM)).await;
    assert_eq!((again.status, &again.body["active"]), (201, &json!(true)), "{again}");
    assert_eq!(bridge.aha.invitations().len(), 1);
    assert_eq!(enabled(&bridge.aha, SAM), Some(true));
}

#[tokio::test]
async fn who_returns_and_is_found_by_the_create_only_is_enabled() {
    let (bridge, clock) = start(|setup| {
        setup
            .app_keys("roster_every = '24h'")
            .with(|aha| aha.change(|switches| switches.disabled_users = DisabledUsers::Hidden))
    })
    .await;
    bridge.aha.seed(Person::new("Samuel", "Old", SAM).disabled());
    clock.advance(Duration::from_secs(16 * 60));
    let created = bridge.post("/Users", &user(SAM)).await;
    assert_eq!((created.status, &created.body["active"]), (201, &json!(true)), "{created}");
    let sam = bridge.aha.find_user_by_email(SAM).unwrap();
    assert_eq!((sam.enabled, sam.name()), (true, "sam doe".to_owned()));
    let lines = bridge.aha.take_calls().lines();
    let verbs: Vec<_> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(verbs, ["GET", "POST", "GET", "PUT"], "{lines:?}");
}

#[tokio::test]
async fn who_returns_and_cannot_be_found_where_aha_refuses_duplicates_is_answered_409_with_its_reason() {
    let (bridge, _) = start(|setup| {
        setup.with(|aha| {
            aha.change(|switches| {
                switches.disabled_users = DisabledUsers::Hidden;
                switches.duplicate_email = DuplicateEmail::Refuse;
            });
        })
    })
    .await;
    bridge.aha.seed(Person::new("Samuel", "Old", SAM).disabled());
    let refused = bridge.post("/Users", &user(SAM)).await;
    assert!(refused.error(409, "uniqueness").contains("Email has already been taken"), "{refused}");
    assert_eq!(bridge.get("/Users").await.body["totalResults"], 1, "nothing was stored");
    assert_eq!(bridge.aha.invitations(), []);
}

// --- a bridge that dies ---

#[tokio::test]
async fn a_bridge_that_dies_between_the_create_and_its_record_invites_nobody_again() {
    let (mut bridge, clock) = start(Setup::killable).await;
    bridge.aha.fault(Fault::delay(LONG).after_applying().on(CREATE));
    send_and_forget(&bridge, Method::POST, "/Users", &user(SAM));
    eventually("the invitation", async || bridge.aha.invitations().len() == 1).await;
    bridge.crash();
    bridge.aha.take_calls();
    bridge.start_again().await;
    bridge.wait_until_ready().await;
    idle(&bridge, &clock).await;
    assert_eq!(bridge.aha.calls().to(FIND).len(), 1);
    assert_eq!(bridge.aha.calls().writes().lines(), Vec::<String>::new());
    assert_eq!(bridge.aha.invitations().len(), 1);
    // The IdP had no answer and asks again: it is told whom it has made.
    let id = id_of(&bridge, SAM).await;
    let again: Answer = bridge.post("/Users", &user(SAM)).await;
    assert!(again.error(409, "uniqueness").contains(&id), "{again}");
}

#[tokio::test]
async fn a_bridge_that_dies_while_aha_works_on_a_create_does_not_send_another_before_that_one_can_be_seen() {
    let (mut bridge, clock) = start(Setup::killable).await;
    bridge.aha.fault(Fault::delay(Duration::from_secs(10)).on(CREATE));
    send_and_forget(&bridge, Method::POST, "/Users", &user(SAM));
    eventually("the call", async || bridge.aha.calls().to(CREATE).len() == 1).await;
    bridge.crash();
    bridge.start_again().await;
    bridge.wait_until_ready().await;
    idle(&bridge, &clock).await;
    clock.advance(Duration::from_secs(10));
    eventually("all answers", async || {
        bridge.aha.calls().iter().all(|call| call.outcome != Outcome::Running)
    })
    .await;
    assert_eq!(bridge.aha.calls().to(CREATE).len(), 1, "{}", bridge.aha.calls());
    assert_eq!(bridge.aha.invitations().len(), 1);
    assert_eq!(enabled(&bridge.aha, SAM), Some(true));
}

#[rstest]
#[case::before_it_is_applied(Fault::delay(LONG))]
#[case::after_it_is_applied(Fault::delay(LONG).after_applying())]
#[tokio::test]
async fn a_bridge_that_dies_during_a_deactivation_carries_it_out_after_its_start(#[case] fault: Fault) {
    let (mut bridge, clock) = start(Setup::killable).await;
    let id = bridge.create_user(SAM).await;
    bridge.aha.fault(fault.on(UPDATE));
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": replace("active", false) });
    send_and_forget(&bridge, Method::PATCH, &path(&id), &body);
    eventually("the call", async || bridge.aha.calls().to(UPDATE).len() == 1).await;
    bridge.crash();
    bridge.start_again().await;
    bridge.wait_until_ready().await;
    idle(&bridge, &clock).await;
    assert_eq!(enabled(&bridge.aha, SAM), Some(false));
    assert_eq!(bridge.get(&path(&id)).await.body["active"], false);
}

#[tokio::test]
async fn a_promised_write_survives_a_bridge_that_dies() {
    let (mut bridge, clock) = start(|setup| setup.killable().app_keys("confirm_within = '0s'")).await;
    bridge.aha.fault(Fault::html(503).always());
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(bridge.create_user(&format!("p{number}@example.com")).await);
    }
    bridge.crash();
    bridge.aha.clear_faults();
    bridge.start_again().await;
    bridge.wait_until_ready().await;
    idle(&bridge, &clock).await;
    assert_eq!(bridge.aha.invitations().len(), 20);
    for id in ids {
        assert_eq!(bridge.get(&path(&id)).await.body["active"], true);
    }
}

#[tokio::test]
async fn a_restart_in_order_keeps_what_waits_and_carries_it_out() {
    let (mut bridge, clock) = start(|setup| setup.app_keys("confirm_within = '0s'").rate(4, 1000)).await;
    for number in 0..10 {
        bridge.create_user(&format!("p{number}@example.com")).await;
    }
    bridge.restart().await;
    idle(&bridge, &clock).await;
    assert_eq!(bridge.aha.invitations().len(), 10);
    assert_eq!(bridge.aha.calls().to(CREATE).len(), 10);
}

#[tokio::test]
async fn a_target_that_holds_nothing_itself_takes_the_same_way_and_loses_nothing() {
    let mut bridge = Setup::memory().start().await;
    let id = path(&bridge.create_user(SAM).await);
    let left = bridge.patch(&id, replace("active", false)).await;
    assert_eq!((left.status, &left.body["active"]), (200, &json!(false)), "{left}");
    bridge.restart().await;
    let kept = bridge.get(&id).await;
    let without_location = |answer: &Answer| {
        let mut body = answer.body.clone();
        body["meta"]["location"].take();
        body
    };
    assert_eq!(without_location(&kept), without_location(&left));
    assert_eq!(bridge.patch(&id, replace("active", true)).await.body["active"], true);
    assert_eq!(bridge.delete(&id).await.status, 204);
    assert_eq!(bridge.get(&id).await.status, 404);
    assert_eq!(counts(&bridge.aha), []);
}

#[tokio::test]
async fn a_write_that_another_process_undid_is_not_answered_as_done_where_no_report_of_it_comes() {
    let (bridge, clock) = start(|setup| setup).await;
    let created = as_time_passes(&clock, STEP, bridge.post("/Users", &user(SAM))).await;
    let (id, beside) = (UserId::from(created.id()), bridge.beside().await);
    idle(&bridge, &clock).await;
    bridge.aha.fault(Fault::html(503).times(1_000_000));
    let path = created.path();
    let writing = bridge.patch(&path, replace("active", false));
    tokio::pin!(writing);
    let undoing = async {
        let asked = async || {
            let stored = users::find_any(&beside.store, &beside.app, &id).await.unwrap().unwrap();
            stored.is_pending().then_some(stored.version)
        };
        eventually("it is asked for", async || asked().await.is_some()).await;
        let version = asked().await.unwrap();
        // It keeps no word for other processes, as an older version kept none that this one understands.
        put_back::withdraw(&beside, &id, version, "the key is refused").await.unwrap();
    };
    tokio::select! {
        answer = &mut writing => panic!("it waits: {answer}"),
        () = undoing => {}
    }
    let answer = as_time_passes(&clock, STEP, writing).await;
    assert_eq!(answer.status, 503, "{answer}");
    assert!(answer.body["detail"].as_str().unwrap().contains("was undone while it waited"), "{answer}");
    assert_eq!(bridge.get(&path).await.body["active"], true);
}
