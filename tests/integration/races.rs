//! Writes that meet: each other, the worker in the middle of a call, a call whose answer is lost, a crash, a clock that
//! jumps. Each test is an order of events that would once have left somebody with access, or the wrong account changed.

use std::time::Duration;

use http::Method;
use rstest::rstest;
use scim_bridge::{
    clock::ManualClock,
    sim::aha::{AdministratorRoles, Fault, Person, SimulatedAha, switches::DisabledOwner},
};
use serde_json::{Value, json};

use crate::harness::{ADMINISTRATOR, Bridge, Setup, as_time_passes, eventually, user};

const SAM: &str = "sam.doe@example.com";
const CREATE: &str = "POST /products/:id/users";
const UPDATE: &str = "PUT /users/:id";
const FIND: &str = "GET /users?email";

/// How far time moves at once where only its passing matters.
const STEP: Duration = Duration::from_millis(100);

/// Longer than a write waits for the target (`confirm_within`, 8 s).
const LONG: Duration = Duration::from_secs(20);

const EVERY: Duration = Duration::from_secs(15 * 60);

/// A bridge with a clock by hand. Requests may take any time of that clock, which runs faster than the work.
async fn start(change: impl FnOnce(Setup) -> Setup) -> (Bridge, ManualClock) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    (change(setup.server_keys("request_timeout = '10m'")).start().await, clock)
}

fn replace(path: &str, value: impl Into<Value>) -> Value {
    json!([{ "op": "replace", "path": path, "value": value.into() }])
}

fn patch_body(path: &str, value: impl Into<Value>) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": replace(path, value) })
}

fn path(id: &str) -> String {
    format!("/Users/{id}")
}

fn is_enabled(aha: &SimulatedAha, email: &str) -> bool {
    aha.find_user_by_email(email).expect("an account").enabled
}

async fn idle(bridge: &Bridge, clock: &ManualClock) {
    as_time_passes(clock, STEP, bridge.wait_until_idle()).await;
}

async fn id_of(bridge: &Bridge, email: &str) -> String {
    let list = bridge.filter("/Users", &format!("userName eq \"{email}\"")).await;
    list.body["Resources"][0]["id"].as_str().unwrap_or_else(|| panic!("{email}: {list}")).to_owned()
}

/// Sends a request in a task of its own and does not care for the answer.
fn send_and_forget(bridge: &Bridge, method: Method, path: &str, body: &Value) {
    let request =
        bridge.request(method, path).header("content-type", "application/scim+json").body(body.to_string());
    tokio::spawn(async move { _ = request.send().await });
}

// --- a call whose answer is lost ---

#[rstest]
#[case::dropped(Fault::drop_connection().after_applying())]
#[case::gateway(Fault::html(502).after_applying())]
#[tokio::test]
async fn who_is_disabled_after_an_enable_whose_answer_was_lost_is_disabled(#[case] fault: Fault) {
    let (bridge, clock) = start(|setup| setup.app_keys("confirm_within = '0s'")).await;
    let path = path(&bridge.create_user(SAM).await);
    idle(&bridge, &clock).await;
    bridge.patch(&path, replace("active", false)).await;
    idle(&bridge, &clock).await;
    assert!(!is_enabled(&bridge.aha, SAM));

    bridge.aha.take_calls();
    bridge.aha.fault(fault.on(UPDATE));
    assert_eq!(bridge.patch(&path, replace("active", true)).await.status, 200);
    eventually("the failure", async || bridge.status().await["queue"]["grant"]["failing"] == 1).await;
    assert!(is_enabled(&bridge.aha, SAM), "it was applied");
    let revoked = bridge.patch(&path, replace("active", false)).await;
    assert_eq!((revoked.status, &revoked.body["active"]), (200, &json!(false)), "{revoked}");
    idle(&bridge, &clock).await;
    assert!(!is_enabled(&bridge.aha, SAM), "a promised revocation: {}", bridge.aha.calls());
}

#[tokio::test]
async fn who_is_enabled_after_a_disable_whose_answer_was_lost_is_enabled() {
    let (bridge, clock) = start(|setup| setup.app_keys("confirm_within = '0s'")).await;
    let path = path(&bridge.create_user(SAM).await);
    idle(&bridge, &clock).await;
    bridge.aha.fault(Fault::drop_connection().after_applying().on(UPDATE));
    bridge.patch(&path, replace("active", false)).await;
    eventually("the failure", async || bridge.status().await["queue"]["revoke"]["failing"] == 1).await;
    assert!(!is_enabled(&bridge.aha, SAM), "it was applied");
    bridge.patch(&path, replace("active", true)).await;
    idle(&bridge, &clock).await;
    assert!(is_enabled(&bridge.aha, SAM), "{}", bridge.aha.calls());
}

#[tokio::test]
async fn a_rename_whose_answer_was_lost_and_that_is_taken_back_leaves_the_old_login() {
    let (bridge, clock) = start(|setup| setup.app_keys("confirm_within = '0s'")).await;
    let path = path(&bridge.create_user(SAM).await);
    idle(&bridge, &clock).await;
    bridge.aha.fault(Fault::drop_connection().after_applying().on(UPDATE));
    let login = |email: &str| replace("emails[type eq \"work\"].value", email);
    bridge.patch(&path, login("other@example.com")).await;
    eventually("the failure", async || bridge.status().await["queue"]["change"]["failing"] == 1).await;
    bridge.patch(&path, login(SAM)).await;
    idle(&bridge, &clock).await;
    assert!(is_enabled(&bridge.aha, SAM), "{}", bridge.aha.calls());
    assert_eq!(bridge.aha.users().len(), 2, "nobody was invited again");
}

#[tokio::test]
async fn who_is_disabled_after_a_crash_during_an_enable_is_disabled() {
    let (mut bridge, clock) = start(Setup::killable).await;
    let path = path(&bridge.create_user(SAM).await);
    bridge.patch(&path, replace("active", false)).await;
    bridge.aha.fault(Fault::delay(LONG).after_applying().on(UPDATE));
    send_and_forget(&bridge, Method::PATCH, &path, &patch_body("active", true));
    eventually("the enable", async || is_enabled(&bridge.aha, SAM)).await;
    bridge.crash();
    // The worker of the new start cannot call at first, so the revocation replaces the enable before it is sent again.
    bridge.aha.fault(Fault::html(503).on(UPDATE).times(1));
    bridge.start_again().await;
    bridge.wait_until_ready().await;
    let revoked = as_time_passes(&clock, STEP, bridge.patch(&path, replace("active", false))).await;
    assert_eq!((revoked.status, &revoked.body["active"]), (200, &json!(false)), "{revoked}");
    idle(&bridge, &clock).await;
    assert!(!is_enabled(&bridge.aha, SAM), "{}", bridge.aha.calls());
}

// --- what is taken back while its call is out ---

#[tokio::test]
async fn an_enable_that_is_taken_back_while_its_call_is_out_is_undone() {
    let (bridge, clock) = start(|setup| setup).await;
    let id = path(&bridge.create_user(SAM).await);
    let other = path(&bridge.create_user("other@example.com").await);
    bridge.patch(&id, replace("active", false)).await;
    bridge.aha.take_calls();
    // The enable is on its way when another call finds that the key is refused.
    bridge.aha.fault(Fault::delay(Duration::from_secs(5)).on(UPDATE));
    let (enabled, ()) = tokio::join!(bridge.patch(&id, replace("active", true)), async {
        eventually("the enable", async || bridge.aha.calls().to(UPDATE).len() == 1).await;
        bridge.aha.fault(Fault::unauthorized().on(UPDATE));
        bridge.patch(&other, replace("title", "x")).await;
        bridge.patch(&other, replace("name.familyName", "Else")).await.error(503, "");
    });
    assert!(enabled.error(503, "").contains("Nothing was changed"), "{enabled}");
    clock.advance(Duration::from_secs(5));
    eventually("the enable is applied", async || is_enabled(&bridge.aha, SAM)).await;
    as_time_passes(&clock, Duration::from_secs(1), async {
        eventually("to be undone", async || !is_enabled(&bridge.aha, SAM)).await;
    })
    .await;
    idle(&bridge, &clock).await;
    assert_eq!(bridge.get(&id).await.body["active"], false);
}

#[rstest]
#[case::rejected(Fault::json(400, &json!({ "error": "First name is reserved" })))]
#[case::blocked(Fault::unauthorized())]
#[tokio::test]
async fn a_promised_deletion_outlives_a_create_of_the_same_user_that_fails(#[case] fault: Fault) {
    let (bridge, clock) = start(|setup| setup).await;
    let id = path(&bridge.create_user(SAM).await);
    bridge.aha.fault(Fault::html(503).on(UPDATE).always());
    let deleted = as_time_passes(&clock, STEP, bridge.delete(&id)).await;
    assert_eq!(deleted.status, 204, "promised: {deleted}");
    bridge.aha.clear_faults();
    // Whichever of the two comes first to it, the create has its share.
    bridge.aha.fault(fault.on(UPDATE).times(2));
    let mut body = user(SAM);
    body["name"]["givenName"] = "Other".into();
    let created = as_time_passes(&clock, STEP, bridge.post("/Users", &body)).await;
    bridge.aha.clear_faults();
    as_time_passes(&clock, Duration::from_secs(1), bridge.wait_until_idle()).await;
    let found = bridge.filter("/Users", &format!("userName eq \"{SAM}\"")).await;
    assert_eq!(found.body["totalResults"], usize::from(created.status == 201), "{created}");
    assert_eq!(is_enabled(&bridge.aha, SAM), created.status == 201, "{created} {}", bridge.aha.calls());
}

// --- the account of another user ---

#[rstest]
#[case::joiner(true)]
#[case::leaver(false)]
#[tokio::test]
async fn a_user_that_is_found_at_the_account_of_another_user_changes_nothing_there(#[case] active: bool) {
    let (bridge, clock) = start(|setup| setup).await;
    bridge.create_user(SAM).await;
    let sam = bridge.aha.find_user_by_email(SAM).unwrap();
    bridge.aha.change_email(sam.id, "sam.new@example.com");
    bridge.next_roster(&clock, EVERY).await;
    let before = bridge.aha.find_user(sam.id).unwrap();

    let mut other = user("sam.new@example.com");
    other["name"] = json!({ "givenName": "Quite", "familyName": "Different" });
    other["active"] = active.into();
    let refused = bridge.post("/Users", &other).await;
    refused.error(409, "uniqueness");
    assert_eq!(bridge.aha.find_user(sam.id).unwrap(), before, "{}", bridge.aha.calls());
}

// --- who must not be disabled ---

#[tokio::test]
async fn a_protected_account_is_not_renamed_out_of_its_protection() {
    let (bridge, _) = start(|setup| {
        setup.app_keys("protected = ['BreakGlass@example.com']").with(|aha| {
            aha.seed(Person::new("Break", "Glass", "breakglass@example.com"));
        })
    })
    .await;
    let path = path(&id_of(&bridge, "breakglass@example.com").await);
    let renamed = bridge.patch(&path, replace("emails[type eq \"work\"].value", "else@example.com")).await;
    assert!(renamed.error(403, "").contains("protected accounts"), "{renamed}");
    bridge.patch(&path, replace("active", false)).await.error(403, "");
    // What does not touch its access is as free as ever.
    assert_eq!(bridge.patch(&path, replace("name.familyName", "Pane")).await.status, 200);
    let account = bridge.aha.find_user_by_email("breakglass@example.com").unwrap();
    assert_eq!((account.enabled, account.last_name.as_str()), (true, "Pane"));
}

#[tokio::test]
async fn a_protected_account_that_was_renamed_by_hand_stays_protected_while_its_user_is_called_so() {
    let (bridge, clock) = start(|setup| {
        setup.app_keys("protected = ['breakglass@example.com']").with(|aha| {
            aha.seed(Person::new("Break", "Glass", "breakglass@example.com"));
        })
    })
    .await;
    let path = path(&id_of(&bridge, "breakglass@example.com").await);
    bridge.patch(&path, replace("title", "Emergency")).await;
    let account = bridge.aha.find_user_by_email("breakglass@example.com").unwrap();
    bridge.aha.change_email(account.id, "glass@example.com");
    bridge.next_roster(&clock, EVERY).await;
    bridge.patch(&path, replace("active", false)).await.error(403, "");
    bridge.delete(&path).await.error(403, "");
    assert!(bridge.aha.find_user(account.id).unwrap().enabled);
}

#[tokio::test]
async fn two_administrators_who_leave_at_once_do_not_leave_the_account_without_one() {
    let (bridge, clock) = start(|setup| {
        setup.with(|aha| {
            aha.seed(Person::new("Ann", "Admin", "ann@example.com").administrator());
            aha.seed(Person::new("Bob", "Admin", "bob@example.com").administrator());
            aha.change(|switches| switches.disabled_owner = DisabledOwner::KeepsKey);
        })
    })
    .await;
    bridge.aha.disable(bridge.aha.find_user_by_email(ADMINISTRATOR).unwrap().id);
    bridge.next_roster(&clock, EVERY).await;
    let (ann, bob) =
        (path(&id_of(&bridge, "ann@example.com").await), path(&id_of(&bridge, "bob@example.com").await));
    bridge.aha.fault(Fault::delay(Duration::from_secs(1)).on(UPDATE).times(2));
    let leave = replace("active", false);
    let both = async { tokio::join!(bridge.patch(&ann, leave.clone()), bridge.patch(&bob, leave.clone())) };
    let (ann, bob) = as_time_passes(&clock, STEP, both).await;
    let mut statuses = [ann.status, bob.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403], "{ann} {bob}");
    let left = ["ann@example.com", "bob@example.com"].map(|email| is_enabled(&bridge.aha, email));
    assert_eq!(left.iter().filter(|enabled| **enabled).count(), 1);
}

/// Who has only the bills in hand can manage nobody.
#[tokio::test]
async fn an_administrator_of_billing_alone_is_not_one_who_is_left() {
    let (bridge, clock) = start(|setup| {
        setup.with(|aha| {
            aha.seed(Person::new("Ann", "Admin", "ann@example.com").administrator());
            let bob = aha.seed(Person::new("Bob", "Bills", "bob@example.com"));
            aha.set_administrator_roles(
                bob,
                AdministratorRoles { billing: true, ..AdministratorRoles::default() },
            );
            aha.change(|switches| switches.disabled_owner = DisabledOwner::KeepsKey);
        })
    })
    .await;
    bridge.aha.disable(bridge.aha.find_user_by_email(ADMINISTRATOR).unwrap().id);
    bridge.next_roster(&clock, EVERY).await;
    let leave = replace("active", false);
    let (ann, bob) =
        (path(&id_of(&bridge, "ann@example.com").await), path(&id_of(&bridge, "bob@example.com").await));
    let ann = as_time_passes(&clock, STEP, bridge.patch(&ann, leave.clone())).await;
    assert_eq!(ann.status, 403, "{ann}");
    assert!(is_enabled(&bridge.aha, "ann@example.com"));
    let bob = as_time_passes(&clock, STEP, bridge.patch(&bob, leave)).await;
    assert_eq!(bob.status, 200, "{bob}");
}

// --- leases ---

#[tokio::test]
async fn a_clock_that_jumps_ahead_during_a_create_invites_nobody_again() {
    let (bridge, clock) = start(|setup| setup).await;
    let slow = Fault::delay(Duration::ZERO).delayed_for_real(Duration::from_millis(700));
    bridge.aha.fault(slow.clone().on(CREATE));
    send_and_forget(&bridge, Method::POST, "/Users", &user(SAM));
    eventually("the create", async || bridge.aha.calls().to(CREATE).len() == 1).await;
    // As after a virtual machine slept: every lease has run out, and the call is still on its way.
    clock.advance(Duration::from_secs(60 * 60));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bridge.aha.calls().to(FIND).len(), 1, "nobody else works on it: {}", bridge.aha.calls());
    idle(&bridge, &clock).await;
    assert_eq!(bridge.aha.calls().to(CREATE).len(), 1);
    assert_eq!(bridge.aha.invitations().len(), 1);
}
