//! The account's own users and the users of its portal, behind one bridge.

use std::time::Duration;

use http::{Method, header};
use rstest::rstest;
use scim_bridge::{
    clock::{Clock, ManualClock},
    sim::aha::{DEMO_API_KEY, Fault},
};
use serde_json::{Value, json};

use super::{SAM, active, portal_user};
use crate::harness::{Answer, Bridge, PORTAL, Setup, eventually, pass_time, user};

const TOKEN_OF_CUSTOMERS: &str = "customers-token-0123456789abcdef0123456789ab";

/// The account's users are the app `test`, the portal's the app `customers`.
async fn start() -> Bridge {
    let customers = format!(
        "[apps.customers]\nconnector = 'aha-portal'\nbase_url = '{{aha}}'\napi_key = '{DEMO_API_KEY}'\nportal_id = '{PORTAL}'\n\
         tokens = [{{ name = 'idp', token = '{TOKEN_OF_CUSTOMERS}' }}]\n"
    );
    let setup = Setup::aha().with(|aha| {
        aha.add_portal(PORTAL);
    });
    setup.rate(20, 300).config(&customers).start().await
}

async fn send_to_customers(bridge: &Bridge, method: Method, path: &str, body: &Value) -> Answer {
    let request = bridge.anonymous(method, &format!("/customers/scim/v2{path}"));
    let request = request.bearer_auth(TOKEN_OF_CUSTOMERS);
    Answer::of(request.header(header::CONTENT_TYPE, "application/scim+json").body(body.to_string())).await
}

/// The machine's clock was an hour ahead, and was set right before the next start.
#[rstest]
#[case::before_the_accounts_own("customers")]
#[case::after_them("visitors")]
#[tokio::test]
async fn a_clock_that_was_set_back_holds_up_the_users_of_neither(#[case] app: &str) {
    let portal = format!(
        "[apps.{app}]\nconnector = 'aha-portal'\nbase_url = '{{aha}}'\napi_key = '{DEMO_API_KEY}'\nportal_id = '{PORTAL}'\n\
         tokens = [{{ name = 'idp', token = '{TOKEN_OF_CUSTOMERS}' }}]\nconfirm_within = '0s'\n"
    );
    let (setup, clock) = Setup::aha_with_manual_clock();
    let setup = setup.with(|aha| {
        aha.add_portal(PORTAL);
    });
    let mut bridge = setup.rate(20, 300).app_keys("confirm_within = '0s'").config(&portal).start().await;
    let send = async |bridge: &Bridge, method: Method, path: &str, body: &Value| {
        let request = bridge.anonymous(method, &format!("/{app}/scim/v2{path}"));
        let request = request.bearer_auth(TOKEN_OF_CUSTOMERS);
        Answer::of(request.header(header::CONTENT_TYPE, "application/scim+json").body(body.to_string())).await
    };
    let account = bridge.create_user(SAM).await;
    let customer = send(&bridge, Method::POST, "/Users", &user(SAM)).await;
    let is_enabled = |bridge: &Bridge| {
        [bridge.aha.find_user_by_email(SAM).unwrap().enabled, portal_user(bridge, SAM).unwrap().enabled]
    };
    pass_time(&clock, Duration::from_secs(1), "both are made", async || {
        portal_user(&bridge, SAM).is_some() && bridge.aha.find_user_by_email(SAM).is_some()
    })
    .await;
    bridge.aha.fault(Fault::html(503).always());
    let leave = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": "active", "value": false }],
    });
    let account = format!("/Users/{account}");
    let left = bridge.patch(&account, leave["Operations"].clone()).await;
    assert_eq!(left.status, 200, "{left}");
    let left = send(&bridge, Method::PATCH, &customer.path(), &leave).await;
    assert_eq!(left.status, 200, "{left}");
    let mark = bridge.aha.mark();
    pass_time(&clock, Duration::from_secs(1), "both are tried", async || {
        bridge.aha.calls_since(mark).writes().len() >= 2
    })
    .await;

    let earlier = ManualClock::new(clock.now() - Duration::from_hours(1));
    bridge.aha.clear_faults();
    bridge.restart_by(&earlier).await;
    let started_at = earlier.now();
    pass_time(&earlier, Duration::from_millis(100), "both leave", async || {
        is_enabled(&bridge) == [false, false]
    })
    .await;
    let took = earlier.now().since(started_at);
    assert!(took < Duration::from_secs(30), "{took:?}");
}

async fn budget(bridge: &Bridge, app: &str, token: &str) -> Value {
    let answer = Answer::of(bridge.anonymous(Method::GET, "/status").bearer_auth(token)).await;
    answer.body["apps"][app]["budget"].clone()
}

#[tokio::test]
async fn one_person_is_two_users_and_the_end_of_one_is_not_that_of_the_other() {
    let bridge = start().await;
    let account = bridge.create_user(SAM).await;
    let customer = send_to_customers(&bridge, Method::POST, "/Users", &user(SAM)).await;
    assert_eq!(customer.status, 201, "{customer}");
    assert_ne!(customer.id(), account);
    let gone = send_to_customers(&bridge, Method::DELETE, &customer.path(), &Value::Null).await;
    assert_eq!(gone.status, 204, "{gone}");
    assert_eq!(portal_user(&bridge, SAM), None);
    assert!(bridge.aha.find_user_by_email(SAM).unwrap().enabled);

    let again = send_to_customers(&bridge, Method::POST, "/Users", &user(SAM)).await;
    assert_eq!(again.status, 201, "{again}");
    bridge.patch(&format!("/Users/{account}"), active(false)).await.written(200);
    assert!(!bridge.aha.find_user_by_email(SAM).unwrap().enabled);
    assert!(portal_user(&bridge, SAM).unwrap().enabled);
    // Each app has its own tokens.
    let refused = bridge.anonymous(Method::GET, "/test/scim/v2/Users").bearer_auth(TOKEN_OF_CUSTOMERS);
    assert_eq!(Answer::of(refused).await.status, 401);
}

#[tokio::test]
async fn what_the_one_calls_is_taken_from_the_budget_of_the_other() {
    let bridge = start().await;
    let calls = async |app, token| budget(&bridge, app, token).await["calls_in_last_minute"].clone();
    // Both asked who owns the key, and listed a page.
    eventually("both listings", async || calls("customers", TOKEN_OF_CUSTOMERS).await == json!(4)).await;
    let customer = send_to_customers(&bridge, Method::POST, "/Users", &user(SAM)).await;
    assert_eq!(customer.status, 201, "{customer}");
    eventually("a look-up and a create", async || calls("test", crate::harness::TOKEN).await == json!(6))
        .await;
    let (one, other) = (
        budget(&bridge, "test", crate::harness::TOKEN).await,
        budget(&bridge, "customers", TOKEN_OF_CUSTOMERS).await,
    );
    assert_eq!(one["account"], other["account"]);
}
