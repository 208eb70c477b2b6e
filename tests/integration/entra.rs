//! Entra ID as a client: its requests as they are sent, and its conversations.

mod conversations;
mod creates;
mod deactivation;
mod extensions;
mod gallery;
mod matching;
mod patches;
mod portal;
mod references;
mod roles;

use scim_bridge::clock::{Clock, ManualClock, SystemClock};
use serde_json::{Value, json};

use crate::harness::{Bridge, Setup};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A create as Entra ID documents it (`ENT-01`).
fn test_user() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
        "userName": "Test_User_00aa",
        "active": true,
        "emails": [{ "primary": true, "type": "work", "value": "Test_User_11bb@testuser.com" }],
        "meta": { "resourceType": "User" },
        "name": { "formatted": "givenName familyName", "familyName": "familyName", "givenName": "givenName" },
        "roles": [],
    })
}

/// How the user of [`test_user`] reads.
fn test_user_as_read() -> Value {
    json!({
        "schemas": [USER],
        "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
        "userName": "Test_User_00aa",
        "active": true,
        "emails": [{ "primary": true, "type": "work", "value": "Test_User_11bb@testuser.com" }],
        "name": { "formatted": "givenName familyName", "familyName": "familyName", "givenName": "givenName" },
    })
}

/// A bridge on a clock that stands still, to see that a time does not move although the clock does.
async fn bridge_with_clock() -> (Bridge, ManualClock) {
    let clock = ManualClock::new(SystemClock.now());
    let setup = Setup::aha_with_clock(std::sync::Arc::new(clock.clone())).app_keys("roster_every = '24h'");
    (setup.start().await, clock)
}

/// The calls of a test that makes none.
const NO_CALLS: [&str; 0] = [];
