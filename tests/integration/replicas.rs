//! Several processes of the built program on one PostgreSQL database, behind a load balancer.

mod brakes;
mod clocks;
mod cluster;
mod fleet;
mod front;
mod judge;
mod listings;
mod pairs;
mod schema;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use scim_bridge::clock::{Clock, SystemClock};

use crate::{
    crash::{Site, client::Client, verdict::Verdict},
    harness::random::{self, Random},
};

use self::{cluster::Stop, fleet::Fleet};

const CLIENTS: usize = 8;
const REPLICAS: usize = 3;

/// What Aha! allows.
const PER_SECOND: usize = 20;
const PER_MINUTE: usize = 300;

const ROSTER_EVERY: Duration = Duration::from_secs(10);

/// The shortest that may be configured would do; tests share a machine.
const LEASE: Duration = Duration::from_secs(4);

const APP_KEYS: &str = "confirm_within = '500ms'\nrequest_timeout = '2s'\nroster_every = '10s'\n\
                        rate = { per_second = 20, per_minute = 300 }\n\
                        brake = { max_revocations = 1000000 }";

/// Okta and Entra ID write, and one thing after the other befalls the replicas and their database.
///
/// `SCIM_BRIDGE_REPLICAS_SEED` repeats the choices of a run, as far as timing lets it; `SCIM_BRIDGE_REPLICAS_ROUNDS` makes it longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_lose_nothing_while_they_are_killed_and_paused_and_their_database_is_restarted() {
    let seed = random::from_environment("SCIM_BRIDGE_REPLICAS_SEED").unwrap_or_else(random::new_seed);
    println!("SCIM_BRIDGE_REPLICAS_SEED={seed}");
    let rounds = random::from_environment("SCIM_BRIDGE_REPLICAS_ROUNDS").unwrap_or(3);
    let mut random = Random::of(seed);
    let mut fleet = Fleet::new(seed, APP_KEYS).await;
    // All at once, on an empty database: one of them migrates.
    fleet.start(REPLICAS).await;
    let site = fleet.site.clone();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| tokio::spawn(Client::new(number, site.clone(), random.fork()).run()))
        .collect();
    let work = async |seconds: u64| tokio::time::sleep(Duration::from_secs(seconds)).await;

    work(5).await;
    // One is killed. The others take over its work before there is another one.
    fleet.kill(0);
    work(LEASE.as_secs() + 2).await;
    fleet.start(1).await;
    work(2).await;
    // One is paused for longer than its lease, and goes on in the belief that nothing has happened.
    fleet.pause(0, 2 * LEASE).await;
    work(3).await;
    // The database is restarted in order, and is away for a moment.
    fleet.restart_database(Stop::Fast, Duration::from_secs(4)).await;
    work(4).await;
    for _ in 0..rounds {
        let index = random.below(REPLICAS);
        match random.below(3) {
            0 => {
                fleet.kill(index);
                tokio::time::sleep(random.milliseconds(0..2000)).await;
                fleet.start(1).await;
            }
            1 => fleet.pause(index, random.milliseconds(100..9000)).await,
            _ => {
                // As in a rolling upgrade: a new one is there before an old one goes.
                fleet.start(1).await;
                fleet.end(index).await;
            }
        }
        tokio::time::sleep(random.milliseconds(0..2000)).await;
    }
    // It crashes under load, together with a replica.
    fleet.kill(0);
    fleet.restart_database(Stop::Crash, Duration::ZERO).await;
    fleet.start(1).await;
    work(3).await;

    site.is_over.store(true, Ordering::Relaxed);
    let mut verdict = Verdict::default();
    for client in clients {
        verdict.hear(
            client.await.unwrap_or_else(|_| panic!("SCIM_BRIDGE_REPLICAS_SEED={seed}\n{}", fleet.said())),
        );
    }
    site.wait_until_idle().await;
    verdict.give(&site).await;
    let elapsed = SystemClock.now().since(site.started_at);
    let aha = site.installation.aha.clone();
    judge::assert_within_budget(&aha, (PER_SECOND, PER_MINUTE));
    judge::assert_ready_when_it_was(&fleet.expected(), &fleet.front.looks());
    // One pass for all of them. One that is cut off is made again.
    let listings = judge::listings(&aha);
    let befallen = 4 + usize::try_from(rounds).unwrap();
    let due = elapsed.as_secs().div_ceil(ROSTER_EVERY.as_secs());
    assert!(listings as u64 <= due + 2 * befallen as u64, "{listings} listings in {elapsed:?}");
    assert!(fleet.said().contains("silent for longer than its lease"), "who was paused notices it");
    let taken_over = fleet.events("taken over").await;
    assert!(taken_over > 0, "work is taken over");

    // Once more with a process that has seen nothing of all that.
    while fleet.len() > 0 {
        fleet.end(0).await;
    }
    fleet.start(1).await;
    site.wait_until_idle().await;
    verdict.give(&site).await;
    println!(
        "{:?}: {} answers, {} requests without one or with a 5xx ({} of replicas), {taken_over} times work was taken over, \
         {} calls to Aha!, {listings} listings, {} invitations",
        elapsed,
        site.answers.load(Ordering::Relaxed),
        site.unanswered.load(Ordering::Relaxed),
        fleet.front.failures(),
        aha.calls().len(),
        aha.invitations().len(),
    );
}

fn site_of(seed: u64, installation: crate::process::Installation, database: String) -> Arc<Site> {
    let mut site = Site::of(seed, installation, database);
    site.may_fail = true;
    Arc::new(site)
}
