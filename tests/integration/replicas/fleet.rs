//! The replicas, their database, and what befalls them.

use std::{sync::Arc, time::Duration};

use scim_bridge::clock::{Clock, SystemClock, Time};
use sqlx::Connection as _;

use crate::{
    crash::Site,
    harness::{TOKEN, process::Process},
    process::{API_KEY, Installation},
};

use super::{
    LEASE,
    cluster::{Cluster, Stop},
    front::Front,
    judge::Expected,
    site_of,
};

/// How long a replica may take until it is ready: tests share a machine.
const READY_WITHIN: Duration = Duration::from_secs(60);

pub(super) struct Fleet {
    pub(super) site: Arc<Site>,
    pub(super) front: Front,
    cluster: Cluster,
    replicas: Vec<Replica>,
    /// What was said by those that are gone.
    said: String,
    expected: Vec<Expected>,
}

struct Replica {
    process: Process,
    root: String,
    /// Since when it was seen to be ready, while nothing befalls it.
    ready_since: Option<Time>,
}

impl Fleet {
    /// A database, a load balancer, and an Aha! account; no replicas yet.
    pub(super) async fn new(seed: u64, app_keys: &str) -> Self {
        let cluster = Cluster::start();
        let front = Front::start().await;
        let installation = Installation::with(&format!("'{API_KEY}'"), &format!("'{TOKEN}'"), app_keys).await;
        configure(&installation, &cluster.url(), &front.root);
        let site = site_of(seed, installation, cluster.url());
        site.root.send_replace(Some(front.root.clone()));
        Self { site, front, cluster, replicas: Vec::new(), said: String::new(), expected: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.replicas.len()
    }

    /// Starts so many at once, and waits until all are ready.
    pub(super) async fn start(&mut self, replicas: usize) {
        let mut processes: Vec<_> = (0..replicas)
            .map(|_| Process::serve(self.site.installation.folder(), "bridge.toml", &[]))
            .collect();
        for mut process in processes.drain(..) {
            let root = process.root().await;
            self.front.add(&root);
            self.replicas.push(Replica { process, root, ready_since: None });
        }
        self.wait_until_ready().await;
    }

    /// Kills one in the middle of whatever it does.
    pub(super) fn kill(&mut self, index: usize) {
        let mut replica = self.replicas.remove(index);
        self.befalls(&mut replica);
        self.said += &replica.process.kill().log;
        self.front.remove(&replica.root);
    }

    /// Stops one for so long.
    pub(super) async fn pause(&mut self, index: usize, time: Duration) {
        let mut replica = self.replicas.remove(index);
        self.befalls(&mut replica);
        replica.process.signal("STOP");
        tokio::time::sleep(time).await;
        replica.process.signal("CONT");
        self.replicas.insert(index, replica);
        self.wait_until_ready().await;
    }

    /// Ends one in order.
    pub(super) async fn end(&mut self, index: usize) {
        let mut replica = self.replicas.remove(index);
        self.befalls(&mut replica);
        // A load balancer is told first.
        self.front.remove(&replica.root);
        replica.process.signal("TERM");
        let ended = replica.process.ended().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        self.said += &ended.log;
    }

    /// Stops the database, and starts it after some time.
    pub(super) async fn restart_database(&mut self, how: Stop, away: Duration) {
        let mut replicas = std::mem::take(&mut self.replicas);
        replicas.iter_mut().for_each(|replica| self.befalls(replica));
        self.cluster.stop(how);
        let from = SystemClock.now();
        tokio::time::sleep(away).await;
        let to = SystemClock.now();
        for replica in &replicas {
            if away > Duration::from_secs(1) {
                self.expected.push(Expected { root: replica.root.clone(), from, to, status: 503 });
            }
        }
        self.front.forget();
        self.cluster.go_on();
        self.replicas = replicas;
        self.wait_until_ready().await;
    }

    /// Whether each was ready, and when.
    pub(super) fn expected(&mut self) -> Vec<Expected> {
        let mut replicas = std::mem::take(&mut self.replicas);
        replicas.iter_mut().for_each(|replica| self.befalls(replica));
        self.replicas = replicas;
        self.expected.clone()
    }

    /// How many events of that kind there are.
    pub(super) async fn events(&self, kind: &str) -> i64 {
        let mut database = sqlx::AnyConnection::connect(&self.site.database).await.unwrap();
        let events = sqlx::query_scalar("SELECT COUNT(*) FROM events WHERE kind = $1").bind(kind.to_owned());
        events.fetch_one(&mut database).await.unwrap()
    }

    /// All that the replicas logged.
    pub(super) fn said(&self) -> String {
        let said = self.replicas.iter().map(|replica| replica.process.said());
        said.fold(self.said.clone(), |all, said| all + &said)
    }

    /// Until now it had to be ready, if it was.
    fn befalls(&mut self, replica: &mut Replica) {
        if let Some(from) = replica.ready_since.take() {
            let (root, to) = (replica.root.clone(), SystemClock.now());
            // What had just begun says nothing.
            if to.since(from) > Duration::from_secs(1) {
                self.expected.push(Expected { root, from, to, status: 200 });
            }
        }
    }

    async fn wait_until_ready(&mut self) {
        let give_up_at = SystemClock.now() + READY_WITHIN;
        while !self.replicas.iter().all(|replica| self.front.is_ready(&replica.root)) {
            assert!(SystemClock.now() < give_up_at, "not all become ready: {}", self.said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let now = SystemClock.now();
        for replica in self.replicas.iter_mut().filter(|replica| replica.ready_since.is_none()) {
            replica.ready_since = Some(now);
        }
    }
}

/// Sets the installation up for several replicas.
pub(super) fn configure(installation: &Installation, database: &str, public_url: &str) {
    let file = installation.folder().join("bridge.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text
        .replace("level = 'trace'", "level = 'info'")
        .replace("url = 'sqlite:bridge.db'", &format!("url = '{database}'\nlease = '{}s'", LEASE.as_secs()))
        .replace("[server]\n", &format!("[server]\npublic_url = '{public_url}'\n"));
    std::fs::write(file, text).unwrap();
}
