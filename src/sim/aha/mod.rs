//! A simulated Aha!: the documented user endpoints of its REST API, its rate limits, and its failures on order.
//!
//! Built from the vendor's own OpenAPI document (examples generated from its test responses) and its public pages; a
//! contract test holds each answer to the vendor's example. Where they are silent, there is a [switch](Switches).
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use scim_bridge::{clock::SystemClock, sim::aha::{Fault, SimulatedAha}};
//! # async fn example() -> std::io::Result<()> {
//! let aha = SimulatedAha::demo(Arc::new(SystemClock));
//! let running = aha.start().await?;
//! aha.fault(Fault::drop_connection().after_applying().on("POST /products/:id/users"));
//! // … point a client at running.base_url() …
//! assert_eq!(aha.take_calls().writes().lines(), [r#"PUT /users/7400000000000418916 {"user":{"enabled":false}}"#]);
//! # Ok(()) }
//! ```
//!
//! Inside, in reading order: `world` is what the account holds, `routes` is what every call passes,
//! `users`, `product_users`, `product_roles`, `user_roles`, `seat_groups`, `portals` and `catalogue` are the endpoints, `wire` is
//! how records look; `rate`,
//! `fault` and `log` stand around them; `webhook` tells others of changes.

mod answer;
mod catalogue;
mod control;
mod extract;
mod fault;
mod ids;
mod log;
mod oauth;
mod page;
mod portals;
mod product_roles;
mod product_users;
mod rate;
mod routes;
mod seat_groups;
mod seed;
mod serve;
pub mod switches;
#[cfg(test)]
mod tests;
mod user;
mod user_roles;
mod users;
mod validate;
mod webhook;
mod wire;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{Router, response::Response};

use self::{
    answer::Refusal,
    fault::Faults,
    log::Log,
    oauth::OAuth,
    rate::{Admission, RateLimiter},
    switches::RateRules,
    world::World,
};
pub use self::{
    fault::Fault,
    ids::{CustomRoleId, IdentityProviderId, PortalId, PortalUserId, SeatGroupId, UserId, WorkspaceId},
    log::{Call, Calls, Mark, Outcome, fingerprint},
    portals::{PortalInvitation, PortalPerson, PortalUser},
    seed::{DEMO_API_KEY, Person},
    switches::Switches,
    user::{AdministratorRoles, Role, User},
    world::Invitation,
};
use crate::clock::{Clock, Time};

/// A simulated Aha! account. Clones are handles of the same account.
#[derive(Clone, Debug)]
pub struct SimulatedAha {
    clock: Arc<dyn Clock>,
    simulation: Arc<Mutex<Simulation>>,
}

/// All that changes.
#[derive(Debug, Default)]
struct Simulation {
    world: World,
    switches: Switches,
    rate_limiter: RateLimiter,
    faults: Faults,
    log: Log,
    oauth: OAuth,
    webhook_answers: Vec<Option<u16>>,
}

impl SimulatedAha {
    /// An account without users, workspaces and API keys.
    pub fn new(switches: Switches, clock: Arc<dyn Clock>) -> Self {
        let simulation = Simulation { switches, ..Simulation::default() };
        Self { clock, simulation: Arc::new(Mutex::new(simulation)) }
    }

    /// The API below `/api/v1`, to be called without a socket. A fault that drops the connection shows as a body that
    /// fails; over a socket, with [`start`](SimulatedAha::start), it shows as a connection that closes.
    pub fn router(&self) -> Router {
        routes::router(self.clone())
    }

    /// Answers one call: the work, or why it is refused. One call at a time, as in a transaction.
    fn answer(&self, work: impl FnOnce(&mut Simulation, Time) -> Result<Response, Refusal>) -> Response {
        let now = self.clock.now();
        let mut simulation = self.lock();
        work(&mut simulation, now).unwrap_or_else(|refusal| refusal.answer(&simulation.switches))
    }

    /// Counts a call against the rate limits, by the rules that hold now.
    fn admit(&self) -> (Admission, RateRules) {
        let mut simulation = self.lock();
        // Read under the lock, so that the limiter sees time go forward only.
        let now = self.clock.now() + simulation.switches.clock_ahead;
        let Simulation { switches, rate_limiter, .. } = &mut *simulation;
        (rate_limiter.admit(now, &switches.rate), switches.rate.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Simulation> {
        // Nothing that holds the lock leaves the simulation half changed: a user is saved whole or not at all.
        self.simulation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
