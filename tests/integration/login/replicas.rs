//! A person logs in at one replica, and all call with that.

use std::time::Duration;

use scim_bridge::sim::aha::switches::RefreshTokens;
use serde_json::json;

use super::*;
use crate::harness::{Another, as_time_passes, pass_time};

const STEP: Duration = Duration::from_millis(100);
const ANN: &str = "ann.lee@example.com";

/// What all replicas know within seconds of, as the README says, and some calls. A target that refuses is asked again after a minute.
const SOON: Duration = Duration::from_secs(5);

/// Whether Aha! refuses the other, as far as that knows.
async fn is_refused(other: &Another) -> bool {
    other.status().await["target"]["state"]
        .as_str()
        .is_some_and(|state| state.starts_with("credentials refused"))
}

/// Waits until the other calls again, which must be soon after the person has logged in.
async fn expect_use(other: &Another, clock: &ManualClock) {
    let logged_in_at = clock.now();
    pass_time(clock, STEP, "the other calls", async || !is_refused(other).await).await;
    let took = clock.now().since(logged_in_at);
    assert!(took < SOON, "it is used after {took:?}");
}

#[tokio::test]
async fn a_login_at_one_replica_is_used_at_once_by_another_that_was_refused() {
    let (_, clock) = Setup::aha_with_manual_clock();
    let rules = OAuthRules { refresh_tokens: RefreshTokens::None, ..OAuthRules::default() };
    let setup = setup(Arc::new(clock.clone()), rules).on_server().app_keys("roster_every = '24h'");
    let bridge = setup.start_unready().await;
    register(&bridge, "test");
    let other = bridge.another().await;
    pass_time(&clock, STEP, "the refusal", async || is_refused(&other).await).await;

    // Nobody had logged in until now.
    assert_eq!(as_time_passes(&clock, STEP, log_in(&bridge)).await.0, 200);
    expect_use(&other, &clock).await;
    pass_time(&clock, STEP, "both are ready", async || {
        let request = reqwest::Client::new().get(format!("{}/readyz", other.root()));
        bridge.ready().await.status == 200 && request.send().await.unwrap().status() == 200
    })
    .await;
    let id = as_time_passes(&clock, STEP, bridge.create_user(ANN)).await;
    bridge.aha.take_calls();

    // It ends, which the other finds out with a leaver in its hands.
    bridge.aha.end_access_tokens();
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    let refused = as_time_passes(&clock, STEP, other.patch(&format!("/Users/{id}"), off)).await;
    assert!(refused.error(503, "").contains("A person must log in (again)"), "{refused}");
    pass_time(&clock, STEP, "the refusal", async || is_refused(&other).await).await;
    assert_eq!(as_time_passes(&clock, STEP, log_in(&bridge)).await.0, 200);
    expect_use(&other, &clock).await;
    pass_time(&clock, STEP, "she leaves", async || !bridge.aha.find_user_by_email(ANN).unwrap().enabled)
        .await;
    // What the code was good for was asked for once, by who was asked.
    assert_eq!(bridge.aha.calls().to("POST /oauth/token").len(), 1);
}
