//! Tells people, by a webhook, what needs one of them.
//!
//! What happens in a transaction (the brake shuts, drift is found) raises its notice in that transaction, where it happens; what
//! is so for a while (a key that is refused, leavers who wait, a token near its end) is found by `watch`, which every process runs.
//! Either way a notice is a row of [`notifications`](crate::store::notifications), and of all processes one takes it, posts it
//! (`message`, signed by `signature`), and records what came of it (`delivery`). So nothing is forgotten by a restart, and nothing
//! is said twice, but for one case: whoever is killed between the answer and its record sends again, under the same id.

mod delivery;
mod message;
mod signature;
mod watch;

pub use self::{delivery::Delivery, watch::Watch};
