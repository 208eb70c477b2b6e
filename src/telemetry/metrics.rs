//! What is counted and timed while the program runs, for Prometheus.
//!
//! What the database knows (queues, budgets, rosters) is not counted here but read when somebody asks: it is true after a
//! restart and the same on every process. `http::metrics` puts both together.

use std::{fmt, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

/// The bounds of durations in seconds: from a read out of the database to a write that waits for a slow target.
const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 10.0, 30.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    app: String,
    operation: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Operation {
    app: String,
    operation: String,
}

/// The meters of one process. Their names begin with `scim_bridge_`.
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Family<Operation, Histogram, fn() -> Histogram>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("scim_bridge");
        let requests = Family::default();
        registry.register(
            "requests",
            "Requests by app, operation and status of the answer",
            requests.clone(),
        );
        let durations = Family::new_with_constructor((|| Histogram::new(BOUNDS)) as fn() -> Histogram);
        registry.register_with_unit(
            "request_duration",
            "How long requests took, up to the head of the answer",
            Unit::Seconds,
            durations.clone(),
        );
        Self { registry, requests, durations }
    }
}

impl Metrics {
    /// The same, and those that `register` adds.
    #[must_use]
    pub fn with(mut self, register: impl FnOnce(&mut Registry)) -> Self {
        register(&mut self.registry);
        self
    }

    /// A request was answered. `app` is empty where it was for none; both texts must be of a bounded set, since each pair is
    /// kept for ever.
    pub fn answered(&self, app: &str, operation: &str, status: u16, duration: Duration) {
        let (app, operation) = (app.to_owned(), operation.to_owned());
        self.requests
            .get_or_create(&Request { app: app.clone(), operation: operation.clone(), status })
            .inc();
        self.durations.get_or_create(&Operation { app, operation }).observe(duration.as_secs_f64());
    }

    /// All meters, for encoding.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}
