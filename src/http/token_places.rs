//! How many requests for access tokens are worked on at a time.
//!
//! Whoever sends one has not shown yet who it is. So what is bounded among all are those that are here, which are answered
//! soon; those whose bodies are on their way are bounded for each client by itself, so that one that never ends its bodies
//! is in nobody's way but its own.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::failed_attempts::household;

/// How many an app works on.
const REQUESTS: usize = 256;

/// How many bodies of one client are received.
const BODIES: usize = 64;

/// The places of one app.
#[derive(Debug)]
pub(super) struct TokenPlaces {
    places: Arc<Semaphore>,
    /// Of those who are sending a body, or wait to.
    receiving: Arc<Mutex<Receiving>>,
}

impl Default for TokenPlaces {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(REQUESTS)), receiving: Arc::default() }
    }
}

impl TokenPlaces {
    /// A place to send a body from `address`.
    pub(super) async fn receive(&self, address: IpAddr) -> ReceivingPlace {
        let client = household(address);
        let places =
            lock(&self.receiving).entry(client).or_insert_with(|| Arc::new(Semaphore::new(BODIES))).clone();
        // Before the wait, which may be given up.
        let mut place = ReceivingPlace {
            client,
            places: places.clone(),
            permit: None,
            receiving: self.receiving.clone(),
        };
        place.permit = places.acquire_owned().await.ok();
        place
    }

    /// A place to be answered.
    pub(super) async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().acquire_owned().await.ok()
    }
}

/// A place to send a body, free again when it is dropped.
#[derive(Debug)]
pub(super) struct ReceivingPlace {
    client: IpAddr,
    places: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
    receiving: Arc<Mutex<Receiving>>,
}

impl Drop for ReceivingPlace {
    fn drop(&mut self) {
        let mut receiving = lock(&self.receiving);
        self.permit = None;
        // The map's and ours: nobody else of this client is here.
        if Arc::strong_count(&self.places) == 2 {
            receiving.remove(&self.client);
        }
    }
}

type Receiving = HashMap<IpAddr, Arc<Semaphore>>;

fn lock(receiving: &Mutex<Receiving>) -> MutexGuard<'_, Receiving> {
    receiving.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_client_that_never_ends_its_bodies_waits_for_itself_alone_and_is_forgotten() {
        let places = TokenPlaces::default();
        let [slow, other] = ["203.0.113.6", "203.0.113.7"].map(|address| address.parse().unwrap());
        let mut open = Vec::new();
        for _ in 0..BODIES {
            open.push(places.receive(slow).now_or_never().unwrap());
        }
        assert!(places.receive(slow).now_or_never().is_none());
        drop(places.receive(other).now_or_never().unwrap());
        assert_eq!(lock(&places.receiving).len(), 1);
        open.pop();
        open.push(places.receive(slow).now_or_never().unwrap());
        drop(open);
        assert!(lock(&places.receiving).is_empty());
    }
}
