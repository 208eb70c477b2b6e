//! The clock of all was set back while nobody was there to follow it.

use std::time::Duration;

use scim_bridge::{
    clock::{Clock, ManualClock},
    sim::aha::Fault,
};

use crate::harness::{Setup, as_time_passes, pass_time, user};

const CREATE: &str = "POST /products/:id/users";
const SAM: &str = "sam.doe@example.com";
const DAY: Duration = Duration::from_hours(24);
const STEP: Duration = Duration::from_millis(500);

#[tokio::test]
async fn what_was_held_by_who_died_before_the_clock_was_set_back_is_taken_over() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let setup = setup.on_server().killable().app_keys("confirm_within = '0s'\nroster_every = '24h'");
    let mut bridge = setup.start().await;
    bridge.aha.fault(Fault::delay(10 * DAY).on(CREATE));
    assert_eq!(bridge.post("/Users", &user(SAM)).await.status, 201);
    pass_time(&clock, STEP, "the create", async || !bridge.aha.calls().to(CREATE).is_empty()).await;
    bridge.crash();
    bridge.aha.take_calls();

    // No row of it says by which clock it was written.
    let back = clock.now() - DAY;
    let earlier = ManualClock::new(back);
    as_time_passes(&earlier, STEP, bridge.restart_by(&earlier)).await;
    pass_time(&earlier, STEP, "the account", async || bridge.aha.find_user_by_email(SAM).is_some()).await;
    assert!(earlier.now().since(back) < DAY / 24, "after {:?}", earlier.now().since(back));
    bridge.wait_until_idle().await;
    assert_eq!((bridge.aha.invitations().len(), bridge.aha.calls().to(CREATE).len()), (1, 1));
}
