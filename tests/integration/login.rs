//! A person logs in at Aha! for the bridge: what comes of it, for every answer that Aha! may give, and what does not count.

mod callback;
mod portal;
mod renewal;
mod replicas;

use std::sync::Arc;

use scim_bridge::{
    clock::{Clock, ManualClock, SystemClock},
    login::{Begun, Login},
    sim::aha::{SimulatedAha, switches::OAuthRules},
};
use url::Url;

use crate::harness::{ADMINISTRATOR, Bridge, Setup, eventually, secrets};

const CLIENT: &str = "bridge-client";
const CLIENT_SECRET: &str = "planted-oauth-secret-0123456789";
const SECRET_KEY: &str = "secret_key = '0123456789abcdef0123456789abcdef'";

/// A bridge that calls with a login, and an Aha! by these rules, with its administrator in front of the browser. Nobody has
/// logged in.
async fn start(rules: OAuthRules) -> Bridge {
    start_by(Arc::new(SystemClock), rules).await
}

async fn start_with_manual_clock(rules: OAuthRules) -> (Bridge, ManualClock) {
    let (_, clock) = Setup::aha_with_manual_clock();
    (start_by(Arc::new(clock.clone()), rules).await, clock)
}

async fn start_by(clock: Arc<dyn Clock>, rules: OAuthRules) -> Bridge {
    let bridge = setup(clock, rules).start_unready().await;
    register(&bridge, "test");
    bridge
}

fn setup(clock: Arc<dyn Clock>, rules: OAuthRules) -> Setup {
    let login = format!("login = {{ client_id = '{CLIENT}', client_secret = '{CLIENT_SECRET}' }}");
    Setup::aha_with_clock(clock).server_keys(SECRET_KEY).credentials(&login).with(|aha| {
        aha.change(|switches| switches.oauth = rules);
        sit_down(aha);
    })
}

/// The administrator sits in front of the browser.
fn sit_down(aha: &SimulatedAha) {
    aha.sit_down(Some(aha.find_user_by_email(ADMINISTRATOR).unwrap().id));
}

fn register(bridge: &Bridge, app: &str) {
    bridge.aha.add_application(CLIENT, CLIENT_SECRET, &redirect_uri(bridge, app));
}

fn redirect_uri(bridge: &Bridge, app: &str) -> String {
    format!("{}/{app}/oauth/callback", bridge.root())
}

/// Begins a login as the command does, and opens its URL: the status and the page that the person sees.
async fn log_in(bridge: &Bridge) -> (u16, String) {
    log_in_for(bridge, "test").await
}

/// The same for an app.
async fn log_in_for(bridge: &Bridge, app: &str) -> (u16, String) {
    let begun = begin(bridge, &bridge.login_of(app).await, app).await;
    bridge.browse(begun.url.expose()).await
}

/// Begins a login. Its state is a secret, which nothing may log.
async fn begin(bridge: &Bridge, login: &Login, app: &str) -> Begun {
    let begun = login.begin(&redirect_uri(bridge, app)).await.unwrap();
    let url = Url::parse(begun.url.expose()).unwrap();
    let (_, state) = url.query_pairs().find(|(name, _)| name == "state").unwrap();
    secrets::plant(&state);
    begun
}

/// Waits until `/status` says this about the target.
async fn wait_for_state(bridge: &Bridge, state: &str) {
    eventually(state, || async {
        bridge.status().await["target"]["state"].as_str().is_some_and(|found| found.starts_with(state))
    })
    .await;
}
