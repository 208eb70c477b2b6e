//! The target of the demonstration.

use std::sync::Arc;

use serde_json::json;

use super::{SimulatedScim, switches::Switches, world::Kind};
use crate::{
    clock::Clock,
    scim::{normalize, urn},
};

/// The token of the [demonstration's](SimulatedScim::demo) target.
pub const DEMO_TOKEN: &str = "demo-scim-token";

impl SimulatedScim {
    /// The target of the demonstration: some people at example.com, and the token [`DEMO_TOKEN`].
    pub fn demo(clock: Arc<dyn Clock>) -> Self {
        let target = Self::new(Switches::default(), DEMO_TOKEN, clock);
        for (given, family) in
            [("Ada", "Lovelace"), ("Grace", "Hopper"), ("Alan", "Turing"), ("Radia", "Perlman")]
        {
            target.add_person(given, family);
        }
        target
    }

    /// Adds a user at example.com, as if it had been there always; answers its id.
    pub fn add_person(&self, given: &str, family: &str) -> String {
        let email = format!("{}.{}@example.com", given.to_lowercase(), family.to_lowercase());
        let body = json!({
            "schemas": [urn::USER],
            "userName": email,
            "name": { "givenName": given, "familyName": family },
            "emails": [{ "value": email, "type": "work", "primary": true }],
            "active": true,
        });
        let mut simulation = self.lock();
        let accepted = normalize::create(simulation.world.registry.user(), body);
        let resource = accepted.expect("a user with a name and an e-mail is right").resource;
        let now = self.clock.now();
        simulation.world.add(Kind::User, resource, now).id
    }
}
