//! The database takes nothing for a while, as one that is full or locked by somebody else: what was answered stands, what
//! could not be stored is not answered as done, nothing is sent that could not be written down before, and what was sent is
//! looked at again.

use std::time::Duration;

use scim_bridge::{
    clock::{Clock, ManualClock},
    sim::aha::Fault,
};
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::harness::{Bridge, Setup, as_time_passes, at_rest, eventually, pass_time, user};

const SAM: &str = "sam.doe@example.com";
const CREATE: &str = "POST /products/:id/users";
const UPDATE: &str = "PUT /users/:id";

const KEYS: &str = "confirm_within = '0s'\nroster_every = '24h'";

const STEP: Duration = Duration::from_millis(100);

/// Longer than a lease whose holder could not record what it did.
const LEASE: Duration = Duration::from_secs(150);

/// How long a call takes that is out while the database fails.
const SLOW: Duration = Duration::from_secs(10);

/// A bridge with a clock by hand, which answers every write at once.
async fn start() -> (Bridge, ManualClock) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    (setup.server_keys("request_timeout = '10m'").app_keys(KEYS).start().await, clock)
}

/// From now on the statements of that kind fail on that table, until [`mend`].
pub async fn fail(bridge: &Bridge, statement: &'static str, table: &'static str) {
    let trigger = format!("CREATE TRIGGER fails BEFORE {statement} ON {table}");
    const REASON: &str = "'database or disk is full'";
    if is_on_server(bridge) {
        let function = format!(
            "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ \
             BEGIN RAISE {REASON} USING ERRCODE = 'disk_full'; END $$"
        );
        execute(bridge, function).await;
        execute(bridge, format!("{trigger} FOR EACH ROW EXECUTE FUNCTION fail()")).await;
    } else {
        execute(bridge, format!("{trigger} BEGIN SELECT RAISE(ABORT, {REASON}); END")).await;
    }
}

pub async fn mend(bridge: &Bridge) {
    let statement = if is_on_server(bridge) { "DROP FUNCTION fail() CASCADE" } else { "DROP TRIGGER fails" };
    execute(bridge, statement.to_owned()).await;
}

fn is_on_server(bridge: &Bridge) -> bool {
    bridge.database_url().starts_with("postgres")
}

async fn execute(bridge: &Bridge, statement: String) {
    let mut database = sqlx::AnyConnection::connect(bridge.database_url()).await.unwrap();
    if !is_on_server(bridge) {
        sqlx::query("PRAGMA busy_timeout = 10000").execute(&mut database).await.unwrap();
    }
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut database).await.unwrap();
}

fn active(value: bool) -> Value {
    json!([{ "op": "replace", "path": "active", "value": value }])
}

async fn idle(bridge: &Bridge, clock: &ManualClock) {
    as_time_passes(clock, STEP, bridge.wait_until_idle()).await;
}

#[tokio::test]
async fn a_write_that_cannot_be_stored_is_not_answered_as_done_and_nothing_is_sent() {
    let (bridge, clock) = start().await;
    let path = format!("/Users/{}", bridge.create_user(SAM).await);
    idle(&bridge, &clock).await;
    bridge.aha.take_calls();
    for statement in ["UPDATE", "INSERT"] {
        fail(&bridge, statement, "users").await;
        let refused = match statement {
            "UPDATE" => bridge.patch(&path, active(false)).await,
            _ => bridge.post("/Users", &user("jane.roe@example.com")).await,
        };
        let said = refused.error(500, "");
        assert!(!said.contains("disk"), "a database's words are for the log: {said}");
        assert_eq!(bridge.get(&path).await.body["active"], true);
        mend(&bridge).await;
    }
    assert_eq!(bridge.aha.take_calls().lines(), Vec::<String>::new());
    assert_eq!(bridge.patch(&path, active(false)).await.status, 200);
    assert_eq!(bridge.post("/Users", &user("jane.roe@example.com")).await.status, 201);
    idle(&bridge, &clock).await;
    assert!(!bridge.aha.find_user_by_email(SAM).unwrap().enabled);
    assert_eq!(bridge.aha.invitations().len(), 2);
}

#[tokio::test]
async fn a_create_whose_answer_cannot_be_recorded_is_found_and_not_sent_again() {
    let (bridge, clock) = start().await;
    bridge.aha.fault(Fault::delay(SLOW).on(CREATE));
    let created = bridge.post("/Users", &user(SAM)).await;
    eventually("the create", async || !bridge.aha.calls().to(CREATE).is_empty()).await;
    fail(&bridge, "UPDATE", "users").await;
    clock.advance(SLOW);
    eventually("the account", async || bridge.aha.find_user_by_email(SAM).is_some()).await;
    // Whoever has it holds its lease until that is over.
    clock.advance(LEASE);
    mend(&bridge).await;
    idle(&bridge, &clock).await;
    assert_eq!((bridge.aha.invitations().len(), bridge.aha.calls().to(CREATE).len()), (1, 1));
    assert_eq!(bridge.get(&created.path()).await.body["active"], true);
}

#[tokio::test]
async fn a_create_that_cannot_be_written_down_before_is_not_sent() {
    let (bridge, clock) = start().await;
    bridge.aha.fault(Fault::delay(SLOW).on("GET /users?email"));
    bridge.create_user(SAM).await;
    eventually("the look-up", async || !bridge.aha.calls().is_empty()).await;
    fail(&bridge, "UPDATE", "users").await;
    clock.advance(SLOW);
    clock.advance(LEASE);
    mend(&bridge).await;
    assert_eq!(bridge.aha.calls().to(CREATE).len(), 0);
    idle(&bridge, &clock).await;
    assert_eq!((bridge.aha.invitations().len(), bridge.aha.calls().to(CREATE).len()), (1, 1));
}

#[tokio::test]
async fn a_deactivation_whose_answer_cannot_be_recorded_is_made_sure_of() {
    let (bridge, clock) = start().await;
    let path = format!("/Users/{}", bridge.create_user(SAM).await);
    idle(&bridge, &clock).await;
    bridge.aha.take_calls();
    bridge.aha.fault(Fault::delay(SLOW).on(UPDATE));
    assert_eq!(bridge.patch(&path, active(false)).await.status, 200);
    eventually("the call", async || !bridge.aha.calls().is_empty()).await;
    fail(&bridge, "UPDATE", "users").await;
    clock.advance(SLOW);
    clock.advance(LEASE);
    mend(&bridge).await;
    idle(&bridge, &clock).await;
    assert!(!bridge.aha.find_user_by_email(SAM).unwrap().enabled);
    assert_eq!(bridge.get(&path).await.body["active"], false);
}

#[tokio::test]
async fn while_calls_cannot_be_counted_none_is_made() {
    let (bridge, clock) = start().await;
    let path = format!("/Users/{}", bridge.create_user(SAM).await);
    idle(&bridge, &clock).await;
    bridge.aha.take_calls();
    fail(&bridge, "INSERT", "budget_calls").await;
    assert_eq!(bridge.patch(&path, active(false)).await.status, 200);
    for _ in 0..50 {
        clock.advance(STEP);
        bridge.status().await;
    }
    assert_eq!(bridge.aha.calls().lines(), Vec::<String>::new());
    mend(&bridge).await;
    idle(&bridge, &clock).await;
    assert!(!bridge.aha.find_user_by_email(SAM).unwrap().enabled);
}

/// A lease lasts two minutes, and nobody waits for its end: neither a joiner, nor a leaver.
#[tokio::test]
async fn what_the_target_did_and_could_not_be_recorded_is_recorded_as_soon_as_the_database_takes_it() {
    // A file says the same when its disk is full, and no trigger can.
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup.on_server().app_keys(KEYS).start().await;
    bridge.aha.fault(Fault::delay(SLOW).on(CREATE));
    let created = bridge.post("/Users", &user(SAM)).await;
    pass_time(&clock, STEP, "the create", async || !bridge.aha.calls().to(CREATE).is_empty()).await;
    fail(&bridge, "UPDATE", "users").await;
    pass_time(&clock, STEP, "the account", async || bridge.aha.find_user_by_email(SAM).is_some()).await;
    // The bridge hears of it, tries to record it, and to let go of it, in vain.
    in_vain(&clock).await;
    assert_ne!(bridge.status().await["queue"], json!({}));
    assert_soon_recorded(&bridge, &clock).await;
    assert_eq!((bridge.aha.invitations().len(), bridge.aha.calls().to(CREATE).len()), (1, 1));
    assert_eq!(bridge.get(&created.path()).await.body["active"], true);

    bridge.aha.take_calls();
    bridge.aha.fault(Fault::delay(SLOW).on(UPDATE));
    assert_eq!(bridge.patch(&created.path(), active(false)).await.status, 200);
    pass_time(&clock, STEP, "the call", async || !bridge.aha.calls().is_empty()).await;
    fail(&bridge, "UPDATE", "users").await;
    let is_enabled = || bridge.aha.find_user_by_email(SAM).unwrap().enabled;
    pass_time(&clock, STEP, "the end", async || !is_enabled()).await;
    in_vain(&clock).await;
    assert_soon_recorded(&bridge, &clock).await;
    assert!(!is_enabled());
    assert_eq!(bridge.get(&created.path()).await.body["active"], false);
    assert_eq!(bridge.aha.invitations().len(), 1);
}

/// Some time passes in which the bridge can record nothing.
async fn in_vain(clock: &ManualClock) {
    for _ in 0..50 {
        at_rest().await;
        clock.advance(STEP);
    }
}

/// Long before the lease ends that it is under. What may take effect yet is looked at once more, later on.
async fn assert_soon_recorded(bridge: &Bridge, clock: &ManualClock) {
    let before = bridge.events("applied").await.len();
    mend(bridge).await;
    let mended_at = clock.now();
    let is_recorded = async || bridge.events("applied").await.len() > before;
    pass_time(clock, STEP, "the end of the work", is_recorded).await;
    let took = clock.now().since(mended_at);
    assert!(took < LEASE / 5, "it is recorded after {took:?}");
    idle(bridge, clock).await;
}
