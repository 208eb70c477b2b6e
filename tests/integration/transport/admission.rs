//! Networks, numbers and failed attempts.

use std::{sync::Arc, time::Duration};

use http::Method;
use scim_bridge::{
    clock::{ManualClock, Time},
    sim::aha::Fault,
};

use serde_json::json;

use crate::harness::{Answer, Bridge, Setup, TOKEN, eventually, user};

const BEHIND_A_PROXY: &str = "trusted_proxies = ['127.0.0.0/8']";

async fn forwarded(bridge: &Bridge, addresses: &'static str) -> Answer {
    let request = bridge.request(Method::GET, "/ServiceProviderConfig").header("x-forwarded-for", addresses);
    Answer::of(request).await
}

#[tokio::test]
async fn an_app_is_open_to_the_networks_that_it_names_and_to_no_other() {
    let setup = Setup::memory()
        .server_keys(BEHIND_A_PROXY)
        .app_keys("allow_from = ['192.0.2.0/24', '2001:db8::/32']");
    let bridge = setup.start().await;
    for inside in [
        "192.0.2.7",
        "192.0.2.7:52144",
        "[2001:db8::7]:52144",
        "2001:db8::7",
        "6.6.6.6, 192.0.2.7",
        "6.6.6.6, 192.0.2.7, 127.0.0.9",
    ] {
        assert_eq!(forwarded(&bridge, inside).await.status, 200, "{inside}");
    }
    for outside in ["192.0.3.7", "192.0.2.7, 6.6.6.6", "192.0.2.7, rubbish", ""] {
        let answer = forwarded(&bridge, outside).await;
        assert!(answer.error(403, "").contains("not allowed from this network"), "{outside}");
    }
    // Health is for load balancers, wherever they are.
    assert_eq!(bridge.ready().await.status, 200);
}

/// A proxy of the network that is let in says of its clients what nobody can read.
#[tokio::test]
async fn a_client_of_whom_its_proxy_says_nothing_that_can_be_read_is_not_taken_for_the_proxy() {
    let setup = Setup::memory().server_keys(BEHIND_A_PROXY).app_keys("allow_from = ['127.0.0.0/8']");
    let bridge = setup.start().await;
    for outside in ["203.0.113.7:52144", "rubbish", "unknown", "127.0.0.1, rubbish", ""] {
        forwarded(&bridge, outside).await.error(403, "");
    }
    let request = bridge.request(Method::GET, "/ServiceProviderConfig");
    let no_text = request.header("x-forwarded-for", http::HeaderValue::from_bytes(b"caf\xe9").unwrap());
    Answer::of(no_text).await.error(403, "");
    // The proxy itself.
    assert_eq!(bridge.get("/ServiceProviderConfig").await.status, 200);
}

/// Where nobody can tell who it is, the proxy has failed.
#[tokio::test]
async fn guesses_of_clients_that_cannot_be_told_apart_count_together() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let setup = Setup::memory_with_clock(Arc::new(clock))
        .server_keys(&format!("{BEHIND_A_PROXY}\nfailed_authentications_per_minute = 30"));
    let bridge = setup.start().await;
    for number in 0..40 {
        let request = bridge.anonymous(Method::GET, "/test/scim/v2/Users").bearer_auth("guessed");
        let request = request.header("x-forwarded-for", format!("rubbish{number}"));
        assert_eq!(Answer::of(request).await.status, if number < 30 { 401 } else { 429 }, "{number}");
    }
}

/// A token that leaked is worth nothing elsewhere.
#[tokio::test]
async fn what_an_app_s_token_opens_beside_the_app_is_open_where_the_app_is() {
    const READER: &str = "planted-reader-0123456789abcdef0123";
    let readers = format!("tokens = [{{ name = 'prometheus', token = '{READER}' }}]");
    let start = async |readers: &str| {
        let elsewhere = format!(
            "[metrics]\nallow_from = ['198.51.100.0/24', '192.0.2.0/24']\n{readers}\n\
             [apps.other]\nconnector = 'memory'\ntokens = [{{ name = 'idp', token = 'planted-other-0123456789abcdef0123' }}]"
        );
        let setup = Setup::memory().server_keys(BEHIND_A_PROXY).app_keys("allow_from = ['192.0.2.0/24']");
        setup.config(&elsewhere).start().await
    };
    let ask = async |bridge: &Bridge, path: &str, token: &str, address: &'static str| {
        let request = bridge.anonymous(Method::GET, path).bearer_auth(token);
        request.header("x-forwarded-for", address).send().await.unwrap().status().as_u16()
    };
    let (inside, monitoring, outside) = ("192.0.2.7", "198.51.100.7", "203.0.113.7");
    let bridge = start("").await;
    for (token, address, expected) in
        [(TOKEN, inside, 200), (TOKEN, monitoring, 403), ("planted-other-0123456789abcdef0123", outside, 403)]
    {
        assert_eq!(ask(&bridge, "/metrics", token, address).await, expected, "{token} {address}");
    }
    let bridge = start(&readers).await;
    for (path, token, address, expected) in [
        ("/status", TOKEN, inside, 200),
        ("/status", TOKEN, monitoring, 403),
        ("/status", TOKEN, outside, 403),
        ("/status", "planted-other-0123456789abcdef0123", outside, 200),
        ("/metrics", TOKEN, inside, 401),
        ("/metrics", READER, inside, 200),
        ("/metrics", READER, monitoring, 200),
        ("/metrics", READER, outside, 403),
        ("/metrics", "planted-other-0123456789abcdef0123", outside, 403),
        // Who has no token learns no more than before.
        ("/status", "planted-guess", outside, 401),
    ] {
        assert_eq!(ask(&bridge, path, token, address).await, expected, "{path} {token} {address}");
    }
}

#[tokio::test]
async fn what_a_client_says_of_its_address_counts_only_behind_a_trusted_proxy() {
    let bridge = Setup::memory().app_keys("allow_from = ['192.0.2.0/24']").start().await;
    forwarded(&bridge, "192.0.2.7").await.error(403, "");
    let bridge = Setup::memory().app_keys("allow_from = ['127.0.0.1']").start().await;
    assert_eq!(forwarded(&bridge, "6.6.6.6").await.status, 200);
}

#[tokio::test]
async fn who_guesses_tokens_is_slowed_down_and_the_identity_provider_beside_it_is_not() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let bridge = Setup::memory_with_clock(Arc::new(clock.clone()))
        .server_keys("failed_authentications_per_minute = 30")
        .start()
        .await;
    let guess = async || {
        let request = bridge.anonymous(Method::GET, "/test/scim/v2/Users").bearer_auth("guessed");
        Answer::of(request).await
    };
    for _ in 0..30 {
        guess().await.error(401, "");
    }
    let refused = guess().await;
    refused.error(429, "");
    assert_eq!(refused.header("retry-after"), "2");
    assert_eq!(bridge.get("/Users").await.status, 200);
    clock.advance(Duration::from_secs(2));
    guess().await.error(401, "");
    guess().await.error(429, "");
}

#[tokio::test]
async fn requests_beyond_the_number_that_an_app_works_on_are_told_to_come_again_c_19() {
    let setup = Setup::aha().app_keys("max_concurrent_requests = 50\nconfirm_within = '25s'");
    let bridge = setup.start().await;
    bridge.aha.fault(Fault::delay(Duration::from_secs(3600)).always());
    let waiting: Vec<_> = (0..50)
        .map(|number| {
            let request =
                bridge.request(Method::POST, "/Users").json(&user(&format!("user{number}@example.com")));
            tokio::spawn(async move { request.send().await })
        })
        .collect();
    eventually("all places are taken", async || bridge.get("/Users?count=0").await.status == 429).await;
    let last = bridge.get("/Users?count=0").await;
    last.error(429, "");
    assert_eq!(last.header("retry-after"), "1");
    // Another app's clients, and health, are served.
    assert_eq!(bridge.ready().await.status, 200);
    for request in waiting {
        request.abort();
    }
    eventually("the places are free again", async || bridge.get("/Users?count=0").await.status == 200).await;
}

/// Whoever waits for Aha! must not keep a leaver in: what may take access away waits for a place, and is never told to come again.
#[tokio::test]
async fn who_leaves_is_never_told_to_come_again_however_many_wait() {
    let setup = Setup::aha().app_keys("max_concurrent_requests = 50\nconfirm_within = '2s'");
    let bridge = setup.start().await;
    let paths = [bridge.create_user("one@example.com").await, bridge.create_user("two@example.com").await];
    let paths = paths.map(|id| format!("/Users/{id}"));
    let rename = |number: usize| {
        let body = json!({ "Operations": [{ "op": "replace", "path": "name.familyName", "value": format!("Name{number}") }] });
        bridge.request(Method::PATCH, &paths[0]).json(&body)
    };
    bridge.aha.fault(Fault::delay(Duration::from_secs(3600)).on("PUT /users/:id"));
    let waiting: Vec<_> = (0..50).map(|number| tokio::spawn(rename(number).send())).collect();
    eventually("all places are taken", async || bridge.get("/Users?count=0").await.status == 429).await;
    let leave = json!([{ "op": "replace", "path": "active", "value": false }]);
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{ "method": "DELETE", "path": paths[1] }],
    });
    let (left, deleted) = tokio::join!(bridge.patch(&paths[1], leave), bridge.post("/Bulk", &bulk));
    assert_eq!((left.status, deleted.status), (200, 200), "{left} {deleted}");
    eventually("it is done", async || !bridge.aha.find_user_by_email("two@example.com").unwrap().enabled)
        .await;
    for request in waiting {
        assert_eq!(request.await.unwrap().unwrap().status(), 200);
    }
}

/// The same with as many before them as find a place, round after round.
#[tokio::test]
async fn who_leaves_is_not_refused_for_want_of_a_place_behind_six_times_as_many_as_there_are() {
    let setup = Setup::aha().app_keys("max_concurrent_requests = 50\nconfirm_within = '500ms'");
    let bridge = setup.start().await;
    let [renamed, leaver] = [bridge.create_user("one@example.com"), bridge.create_user("two@example.com")];
    let [renamed, leaver] = [renamed.await, leaver.await].map(|id| format!("/Users/{id}"));
    bridge.aha.fault(Fault::delay(Duration::from_secs(3600)).on("PUT /users/:id"));
    let rename = |number: usize| {
        let body = json!({ "Operations": [{ "op": "replace", "path": "name.familyName", "value": format!("Name{number}") }] });
        tokio::spawn(bridge.request(Method::PATCH, &renamed).json(&body).send())
    };
    let before: Vec<_> = (0..300).map(rename).collect();
    eventually("all places are taken", async || bridge.get("/Users?count=0").await.status == 429).await;
    let left = bridge.patch(&leaver, json!([{ "op": "replace", "path": "active", "value": false }])).await;
    assert_eq!(left.status, 200, "{left}");
    for answer in futures_util::future::join_all(before).await {
        assert_eq!(answer.unwrap().unwrap().status(), 200);
    }
    eventually("the account is disabled", async || {
        !bridge.aha.find_user_by_email("two@example.com").unwrap().enabled
    })
    .await;
}

/// 25 writes a second that all wait for eight seconds, as long as they may by default, are 200 at a time.
#[tokio::test]
async fn while_every_write_waits_for_a_target_that_hangs_nobody_meets_a_429_c_19() {
    let bridge = Setup::aha().app_keys("confirm_within = '25s'").start().await;
    bridge.aha.fault(Fault::delay(Duration::from_secs(3600)).always());
    let create = |number: usize| {
        let user = user(&format!("user{number}@example.com"));
        tokio::spawn(bridge.request(Method::POST, "/Users").json(&user).send())
    };
    let writes: Vec<_> = (0..200).map(create).collect();
    eventually("all writes are stored", async || {
        let found = bridge.filter("/Users", "userName sw \"user\"").await;
        assert_eq!(found.status, 200, "{found}");
        found.body["totalResults"] == 200
    })
    .await;
    assert!(writes.iter().all(|write| !write.is_finished()), "a write was answered");
    let further = (0..100).map(|_| bridge.get("/Users?count=1"));
    for answer in futures_util::future::join_all(further).await {
        assert_eq!(answer.status, 200, "{answer}");
    }
    assert!(writes.iter().all(|write| !write.is_finished()));
    for write in writes {
        write.abort();
    }
}

/// The gallery's validation and Entra ID's gallery want at least 25 requests a second without a 429.
#[tokio::test]
async fn a_hundred_requests_at_a_time_meet_no_429_c_19() {
    let bridge = Setup::memory().start().await;
    let requests = (0..100).map(|_| bridge.get("/Users"));
    for answer in futures_util::future::join_all(requests).await {
        assert_eq!(answer.status, 200);
    }
}

/// The gates of an app and the routes behind them must mean the same app.
#[tokio::test]
async fn no_gate_is_passed_by_writing_the_name_of_an_app_in_another_way() {
    let setup = Setup::memory().app_keys("allow_from = ['192.0.2.0/24']");
    let bridge = setup.start().await;
    let ask = async |path: &str| {
        let request = bridge.anonymous(Method::POST, path).bearer_auth(TOKEN).body("{}");
        Answer::of(request).await
    };
    for below in ["/scim/v2/Users", "/scim/v2/.search", "/scim/v2/Bulk", "/oauth/token", "/nothing"] {
        ask(&format!("/test{below}")).await.error(403, "");
        for name in ["%74est", "tes%74", "%74%65%73%74", "%2574est", "test%2f..%2ftest"] {
            ask(&format!("/{name}{below}")).await.error(404, "");
        }
    }
}
