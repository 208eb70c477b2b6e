//! Aha!'s webhooks: what is changed there by hand is found early, whatever the body says, and whoever guesses finds nothing.

use std::{sync::Arc, time::Duration};

use http::Method;
use rstest::rstest;
use scim_bridge::{
    clock::{Clock, ManualClock, SystemClock},
    sim::aha::{
        SimulatedAha,
        switches::{Webhook, WebhookKind},
    },
};
use serde_json::json;

use crate::harness::{Answer, Bridge, Setup, eventually, pass_time, raw::Raw};

/// The harness looks for it in all logs and answers.
const SECRET: &str = "planted-hook-secret-0123456789";

const SAM: &str = "sam.doe@example.com";

/// Far longer than the clock of any test is moved, so that only a hook makes a pass.
const EVERY: &str = "24h";

/// The least between the beginnings of passes that hooks ask for.
const APART: Duration = Duration::from_mins(2);

fn with_hook(setup: Setup) -> Setup {
    setup.app_keys(&format!("hook_secret = '{SECRET}'\nroster_every = '{EVERY}'"))
}

async fn start() -> (Bridge, ManualClock) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    (with_hook(setup).start().await, clock)
}

fn path() -> String {
    format!("/hooks/test/{SECRET}")
}

/// How often the list of accounts was read since this was last asked, from its first page.
fn passes(aha: &SimulatedAha) -> usize {
    let calls = aha.take_calls().lines();
    calls.iter().filter(|line| line.starts_with("GET /users?") && line.contains("page=1&")).count()
}

#[rstest]
#[case::activity(WebhookKind::Activity)]
#[case::security(WebhookKind::Security)]
#[tokio::test]
async fn what_is_changed_at_aha_by_hand_is_found_without_waiting_for_the_next_listing(
    #[case] kind: WebhookKind,
) {
    let (bridge, clock) = start().await;
    bridge.create_user(SAM).await;
    let url = format!("{}{}", bridge.root(), path());
    bridge.aha.change(|switches| switches.webhook = Some(Webhook { url, kind }));
    let before = bridge.roster_completed_at().await;
    let sam = bridge.aha.find_user_by_email(SAM).unwrap().id;
    bridge.aha.disable(sam);
    eventually("the webhook is answered", async || bridge.aha.webhook_answers() == [Some(200)]).await;
    clock.advance(APART);
    bridge.wait_for_roster_after(&before).await;
    assert_eq!(bridge.status().await["roster"]["findings"], json!({ "disabled": 1 }));
}

#[tokio::test]
async fn a_storm_of_hooks_makes_one_early_listing_and_none_too_soon() {
    let (bridge, clock) = start().await;
    let before = bridge.roster_completed_at().await;
    bridge.aha.take_calls();
    let storm = async || {
        for _ in 0..50 {
            assert_eq!(Answer::of(bridge.anonymous(Method::POST, &path())).await.status, 200);
        }
    };
    storm().await;
    clock.advance(APART - Duration::from_secs(1));
    storm().await;
    assert_eq!(passes(&bridge.aha), 0, "two minutes are not over");
    clock.advance(Duration::from_secs(1));
    bridge.wait_for_roster_after(&before).await;
    assert_eq!(passes(&bridge.aha), 1);
    // All that was told before the pass is in it.
    clock.advance(10 * APART);
    bridge.create_user(SAM).await;
    assert_eq!(passes(&bridge.aha), 0);
    // Long after the last one, the next is made at once.
    let before = bridge.roster_completed_at().await;
    storm().await;
    bridge.wait_for_roster_after(&before).await;
}

#[tokio::test]
async fn a_hook_that_comes_while_the_accounts_are_listed_has_them_listed_again() {
    let (bridge, clock) = start().await;
    clock.advance(APART);
    bridge.aha.fault(scim_bridge::sim::aha::Fault::delay(Duration::from_millis(300)).on("GET /users"));
    let first = bridge.roster_completed_at().await;
    assert_eq!(Answer::of(bridge.anonymous(Method::POST, &path())).await.status, 200);
    eventually("a listing is under way", async || !bridge.aha.has_faults()).await;
    assert_eq!(Answer::of(bridge.anonymous(Method::POST, &path())).await.status, 200);
    let second = pass_until_listed_after(&bridge, &clock, &first).await;
    pass_until_listed_after(&bridge, &clock, &second).await;
}

async fn pass_until_listed_after(
    bridge: &Bridge,
    clock: &ManualClock,
    before: &serde_json::Value,
) -> serde_json::Value {
    pass_time(clock, Duration::from_secs(1), "a listing", async || {
        bridge.roster_completed_at().await != *before
    })
    .await;
    bridge.roster_completed_at().await
}

/// A slow one, none where one was announced, one that is no JSON, and one that is larger than anything Aha! sends. Aha! waits for
/// five seconds.
#[rstest]
#[case::none(0, b"".to_vec())]
#[case::no_json(3, b"\xff\xfe{".to_vec())]
#[case::never_sent(1_000, b"".to_vec())]
#[case::sent_in_part(1_000, b"{\"event\":".to_vec())]
#[case::far_too_large(4 * 1024 * 1024, vec![b'x'; 2 * 1024 * 1024])]
#[tokio::test]
async fn a_hook_is_answered_in_time_whatever_its_body(#[case] announced: usize, #[case] sent: Vec<u8>) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let bridge = with_hook(Setup::aha_with_clock(clock)).start().await;
    let mut hook = Raw::connect(&bridge).await;
    let head =
        format!("POST {} HTTP/1.1\r\nHost: a\r\nContent-Length: {announced}\r\n\r\n", path()).into_bytes();
    hook.send([head, sent].concat()).await;
    let answer = tokio::time::timeout(Duration::from_secs(5), hook.answer()).await;
    assert_eq!(answer.expect("an answer in time").status, 200);
}

#[tokio::test]
async fn whoever_does_not_know_the_secret_finds_nothing_and_is_slowed_down() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let setup = with_hook(setup).server_keys("failed_authentications_per_minute = 10");
    let lab = "[apps.lab]\nconnector = 'memory'\ntokens = [{ name = 'lab', token = 'planted-lab' }]";
    let bridge = setup.config(lab).start().await;
    let before = bridge.roster_completed_at().await;
    let hook = async |path: &str| Answer::of(bridge.anonymous(Method::POST, path)).await;
    for wrong in [
        "/hooks/test/wrong".to_owned(),
        "/hooks/test/%FF".to_owned(),
        format!("/hooks/test/{SECRET}0"),
        format!("/hooks/lab/{SECRET}"),
        format!("/hooks/nobody/{SECRET}"),
    ] {
        assert_eq!(hook(&wrong).await.error(404, ""), "There is no endpoint /hooks/….", "{wrong}");
    }
    // What only looks like a hook is none, and shows nothing of what may be its secret.
    for wrong in [format!("{}/more", path()), "/hooks".to_owned(), format!("/hooks/{SECRET}")] {
        hook(&wrong).await.error(404, "");
    }
    Answer::of(bridge.anonymous(Method::GET, &path())).await.error(404, "");
    for _ in 0..5 {
        hook("/hooks/test/wrong").await.error(404, "");
    }
    hook("/hooks/test/wrong").await.error(429, "");
    clock.advance(10 * APART);
    assert_eq!(bridge.roster_completed_at().await, before, "nothing was listed");
    // Aha! beside it is let in.
    assert_eq!(hook(&path()).await.status, 200);
    bridge.wait_for_roster_after(&before).await;
}

#[tokio::test]
async fn without_a_secret_there_is_no_hook() {
    let (setup, _) = Setup::aha_with_manual_clock();
    let bridge = setup.start().await;
    Answer::of(bridge.anonymous(Method::POST, &path())).await.error(404, "");
}
