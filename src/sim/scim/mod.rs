//! A simulated SCIM target: what an app with an endpoint of its own looks like from the bridge.
//!
//! Nobody documents how such endpoints behave, so this one is strict where the RFCs are, and has [switches](Switches) for what
//! else is seen: other media types, no `schemas`, compressed answers, other ways to write URLs, pages for people, slowness. It
//! forgets everything when it ends.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use scim_bridge::{clock::SystemClock, sim::scim::{SimulatedScim, Switches}};
//! # async fn example() -> std::io::Result<()> {
//! let target = SimulatedScim::new(Switches::default(), "token", Arc::new(SystemClock));
//! let running = target.start().await?;
//! // … point an app with connector = "scim" at running.base_url() …
//! assert_eq!(target.take_requests().len(), 1);
//! # Ok(()) }
//! ```
//!
//! Inside, in reading order: `world` is what the target holds, `routes` what every request passes, `endpoints` what it does,
//! `strict` what it refuses, `shape` how its answers look.

mod endpoints;
mod routes;
mod seed;
mod serve;
mod shape;
mod strict;
mod switches;
#[cfg(test)]
mod tests;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use http::{HeaderMap, Method};
use serde_json::Value;

use self::world::World;
pub use self::{
    seed::DEMO_TOKEN,
    switches::{Enabled, Locations, Page, Strictness, Switches},
};
use crate::clock::Clock;

/// A simulated SCIM target. Clones are handles of the same one.
#[derive(Clone, Debug)]
pub struct SimulatedScim {
    clock: Arc<dyn Clock>,
    token: Arc<str>,
    simulation: Arc<Mutex<Simulation>>,
}

/// All that changes.
#[derive(Debug, Default)]
struct Simulation {
    world: World,
    switches: Switches,
    requests: Vec<Seen>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Path and query, as they came.
    pub uri: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl SimulatedScim {
    /// A target without users that takes `token`.
    pub fn new(switches: Switches, token: &str, clock: Arc<dyn Clock>) -> Self {
        let simulation = Simulation { switches, ..Simulation::default() };
        Self { clock, token: token.into(), simulation: Arc::new(Mutex::new(simulation)) }
    }

    /// The endpoint, to be called without a socket.
    pub fn router(&self) -> Router {
        routes::router(self.clone())
    }

    /// Changes how it behaves from now on.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.lock().switches);
    }

    /// The requests that came since this was last asked.
    pub fn take_requests(&self) -> Vec<Seen> {
        std::mem::take(&mut self.lock().requests)
    }

    /// The users that it holds, as it would show them but for `meta`, by the order in which they came.
    pub fn users(&self) -> Vec<Value> {
        self.lock().world.users()
    }

    fn lock(&self) -> MutexGuard<'_, Simulation> {
        // A resource is saved whole or not at all.
        self.simulation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
