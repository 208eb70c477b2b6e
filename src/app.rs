//! The running bridge: all collaborators, built once from the configuration. The only place where they are put together.

mod passed_through;
mod retention;
mod rotation;
mod target;
mod ways_in;

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use futures_util::future::join_all;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    auth::{
        Authenticator, HookSecret, OwnKeyError, OwnKeys, background::Background as Refreshing,
        oauth::SigningKeys,
    },
    clock::{Clock, Time, until},
    config::{self, Config, Connector},
    connector::credentials::Credentials,
    converge::{
        LONGEST_WAIT, Target, elsewhere,
        replica::Replica,
        roster::{self, Progress, RosterState},
        worker,
    },
    http::{
        self, Admission, Certificates, Gate, METRICS, Mounted, MountedApp, PatchAnswers, Service, TlsError,
        Transport,
    },
    notify::{Delivery, Watch},
    passthrough,
    provision::{BridgedApp, Cursors, groups::UnknownMembers},
    scim::{extension, registry::Registry},
    store::{Activity, Store, StoreError, Transaction, admissions, notifications, rosters, users},
    telemetry::metrics::Metrics,
    upstream::{Calls, Documents, SetupError},
};

pub use self::target::{credentials, login, target};
use self::{
    target::{counted_login, roster_every, working_target},
    ways_in::{Shared, authenticator, metrics_readers},
};

/// How long calls that are out may take once no request is in flight.
const END_WITHIN: Duration = Duration::from_secs(2);

/// How long a token that is being exchanged for another may take at least, which is longer than its endpoint may: a refresh token
/// may be good once, and a code always is.
const SETTLE_WITHIN: Duration = Duration::from_secs(11);

/// How long the last writes and the database may take to end after that.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// A bridge that is ready to run.
#[derive(Debug)]
pub struct App {
    service: Arc<Service>,
    transport: Transport,
    background: Vec<Background>,
    replica: Arc<Replica>,
    refreshing: Refreshing,
    notifying: Option<Delivery>,
    /// Counts how often it was asked to look at files again.
    reloads: watch::Sender<u64>,
    store: Store,
    clock: Arc<dyn Clock>,
    shutdown_grace: Duration,
    keep_events: Duration,
}

/// What goes on without requests, for one app.
#[derive(Debug)]
struct Background {
    target: Arc<Target>,
    roster: Progress,
    /// How often to list the accounts; `None` where that is not possible.
    roster_every: Option<Duration>,
}

/// Why the bridge cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key that the bridge makes for itself.
    #[error(transparent)]
    OwnKey(#[from] OwnKeyError),
    /// The client that fetches the keys of issuers.
    #[error(transparent)]
    Documents(SetupError),
    /// The client that notifies.
    #[error("[notify]: {0}")]
    Notify(SetupError),
    /// The certificates.
    #[error(transparent)]
    Certificates(#[from] TlsError),
    /// The files of certificates that are asked for automatically.
    #[cfg(feature = "acme")]
    #[error(transparent)]
    Acme(#[from] http::acme::AcmeError),
    /// A target's client.
    #[error("app {app}: {source}")]
    Target {
        /// The app.
        app: String,
        /// What is wrong.
        #[source]
        source: SetupError,
    },
    /// An app's own schemas.
    #[error("app {app}: {problems}")]
    Schemas {
        /// The app.
        app: String,
        /// All of them, one a line.
        problems: String,
    },
}

impl App {
    /// Opens the database and builds everything. Nothing is sent anywhere yet. `public_url` is how clients reach the bridge,
    /// without a slash at the end.
    ///
    /// # Errors
    /// When the database cannot be opened, or the configuration of an app cannot work.
    pub async fn open(config: &Config, public_url: &str, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let store = Store::open(&config.database.url).await?;
        let replica = Arc::new(match store.is_shared() {
            true => Replica::among(&store, &clock, config.database.lease),
            false => Replica::alone(clock.now()),
        });
        let own_keys = || OwnKeys::new(store.clone(), clock.clone(), config.server.secret_key.as_ref());
        let cursor_key = own_keys().only("cursors").await?;
        let gives_tokens = config.apps.values().any(|app| app.auth.oauth.is_some());
        let signing_keys = Arc::new(SigningKeys::new(own_keys(), clock.clone()));
        if gives_tokens {
            signing_keys.refresh().await?;
        }
        let documents = Documents::new().map_err(StartError::Documents)?;
        let calls = Calls::default();
        let shared = Shared {
            store: &store,
            clock: &clock,
            documents: &documents,
            calls: &calls,
            signing_keys: &signing_keys,
            replica: &replica,
        };
        let mut apps = BTreeMap::new();
        let mut background = Vec::new();
        let mut credentials = Vec::new();
        for app in config.apps.values() {
            let authenticator = authenticator(app, &shared);
            authenticator.credentials().refresh(&store).await?;
            credentials.push(authenticator.credentials().clone());
            let mounted = match &app.connector {
                Connector::Scim(scim) => {
                    let settings = passed_through::settings(app, config, public_url, &shared);
                    let mount = passed_through::mount(scim, settings, authenticator)?;
                    Mounted::PassedThrough(Arc::new(mount))
                }
                // Whatever else there is, the bridge keeps its users.
                _ => {
                    let (mounted, behind) =
                        mount(app, public_url, authenticator, &cursor_key, &shared).await?;
                    background.push(behind);
                    Mounted::Bridged(Arc::new(mounted))
                }
            };
            apps.insert(app.name.as_str().to_owned(), mounted);
        }
        let targets: Vec<_> = background.iter().map(|background| background.target.clone()).collect();
        replica.join(&store, move |transaction| Box::pin(start_anew(targets, transaction))).await?;
        let gate = |app: &config::App| Gate::new(app.allow_from.clone(), app.max_concurrent_requests);
        let gates = config.apps.values().map(|app| (app.name.to_string(), gate(app)));
        let metrics = (METRICS.to_owned(), Gate::of_metrics(config.metrics.allow_from.clone()));
        #[cfg(feature = "acme")]
        let acme = config.server.acme.clone().zip(config.server.tls.clone());
        #[cfg(feature = "acme")]
        if let Some((acme, files)) = &acme {
            http::acme::prepare(acme, files)?;
        }
        let certificates = config.server.tls.clone().map(Certificates::load).transpose()?;
        let transport = Transport {
            max_connections: config.server.max_connections,
            max_header_bytes: config.server.max_header_bytes,
            certificates: certificates.map(Arc::new),
            #[cfg(feature = "acme")]
            acme,
        };
        let service = Arc::new(Service {
            apps,
            admission: Admission::new(
                config.server.trusted_proxies.clone(),
                gates.chain([metrics]).collect(),
                config.server.failed_authentications_per_minute,
                clock.clone(),
            ),
            store: store.clone(),
            metrics: Metrics::default().with(|registry| calls.register(registry)),
            metrics_readers: metrics_readers(&config.metrics, &clock),
            clock: clock.clone(),
            max_body_bytes: config.server.max_body_bytes,
            request_timeout: config.server.request_timeout,
        });
        let notify = config.notify.as_ref();
        let notifying = notify
            .map(|notify| Delivery::new(notify, clock.clone()))
            .transpose()
            .map_err(StartError::Notify)?;
        let refreshing = Refreshing {
            credentials,
            metrics_readers: service.metrics_readers.credentials().clone(),
            signing_keys: gives_tokens.then_some(signing_keys),
            store: store.clone(),
            clock: clock.clone(),
        };
        let (shutdown_grace, keep_events) = (config.server.shutdown_grace, config.database.keep_events);
        let reloads = watch::Sender::new(0);
        Ok(Self {
            service,
            transport,
            background,
            replica,
            refreshing,
            notifying,
            reloads,
            store,
            clock,
            shutdown_grace,
            keep_events,
        })
    }

    /// What has the running bridge look at once at the files that it looks at now and then: certificates and API keys.
    pub fn reload(&self) -> impl Fn() + Send + 'static + use<> {
        let (reloads, certificates) = (self.reloads.clone(), self.transport.certificates.clone());
        move || {
            reloads.send_modify(|reloads| *reloads += 1);
            if let Some(certificates) = &certificates {
                certificates.look();
            }
        }
    }

    /// What tells whether the database is at work. Whoever moves the bridge's clock by hand lets no time pass meanwhile: how fast
    /// a disk is would decide what comes too late.
    pub fn database_activity(&self) -> Activity {
        self.store.activity()
    }

    /// Waits until the accounts of every target are known, which takes [`run`](App::run).
    pub fn accounts_known(&self) -> impl Future<Output = ()> + Send + use<> {
        let rosters: Vec<_> = self.background.iter().map(|background| background.roster.clone()).collect();
        async move {
            for roster in rosters {
                roster.known().await;
            }
        }
    }

    /// Serves until `stopping`, then ends in order: no new connections, requests in flight are answered, the work that is
    /// out at targets is recorded, the database is closed. All of it within 15 seconds after the configured grace.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn run(self, listener: TcpListener, stopping: CancellationToken) -> io::Result<()> {
        // Requests in flight wait for the workers, so these stop after them.
        let workers_stopping = CancellationToken::new();
        let tasks = TaskTracker::new();
        if let Some(delivery) = self.notifying {
            let passed_through = self.service.apps.values().filter_map(|app| match app {
                Mounted::PassedThrough(mount) => Some(mount.app.clone()),
                Mounted::Bridged(_) => None,
            });
            let watch = Watch {
                targets: self.background.iter().map(|background| background.target.clone()).collect(),
                passed_through: passed_through.collect(),
                credentials: self.refreshing.credentials.clone(),
                metrics_readers: self.refreshing.metrics_readers.clone(),
                store: self.store.clone(),
                clock: self.clock.clone(),
            };
            tasks.spawn(watch.run(workers_stopping.clone()));
            tasks.spawn(delivery.run(self.store.clone(), workers_stopping.clone()));
        }
        let replica = self.replica.clone();
        // Until all else has ended: what is in hand is this process's own as long as it is known to be there.
        let living = tokio::spawn(async move { replica.live().await });
        let mut credentials: Vec<_> =
            self.background.iter().filter_map(|background| background.target.credentials.clone()).collect();
        // Those by which a person logs in are others than those that renew.
        credentials.extend(self.service.apps.values().filter_map(|app| match app {
            Mounted::Bridged(app) => app.login.clone().map(|login| login as Arc<dyn Credentials>),
            Mounted::PassedThrough(_) => None,
        }));
        for Background { target, roster, roster_every } in self.background {
            tasks.spawn(worker::run(target.clone(), workers_stopping.clone()));
            tasks.spawn(elsewhere::listen(target.clone(), workers_stopping.clone()));
            if let Some(credentials) = target.credentials.clone() {
                let asked = self.reloads.subscribe();
                tasks.spawn(rotation::run(target.clone(), credentials, asked, workers_stopping.clone()));
            }
            if let Some(every) = roster_every {
                tasks.spawn(roster::run(target, every, roster, workers_stopping.clone()));
            }
        }
        for app in self.service.apps.values() {
            if let Mounted::PassedThrough(mount) = app {
                tasks.spawn(passthrough::watch_key(mount.app.clone(), workers_stopping.clone()));
            }
        }
        tasks.spawn(self.refreshing.run(workers_stopping.clone()));
        let (store, clock) = (self.store.clone(), self.clock.clone());
        tasks.spawn(retention::run(store, self.keep_events, clock, workers_stopping.clone()));
        tasks.close();
        let mut serving = tokio::spawn(http::serve(listener, self.service, self.transport, stopping.clone()));
        let mut deadline = self.clock.now();
        let served = tokio::select! {
            served = &mut serving => served,
            () = stopping.cancelled() => {
                deadline = self.clock.now() + self.shutdown_grace;
                end_in_order(&*self.clock, deadline, serving).await
            }
        };
        workers_stopping.cancel();
        if until(&*self.clock, self.clock.now() + END_WITHIN, tasks.wait()).await.is_none() {
            tracing::warn!(
                "calls to targets were still out at the end, or notifications; these are looked up at the next start, or sent again"
            );
        }
        let settled = join_all(credentials.iter().map(|credentials| credentials.settle()));
        let settle_until = deadline.max(self.clock.now() + SETTLE_WITHIN);
        if until(&*self.clock, settle_until, settled).await.is_none() {
            tracing::warn!(
                "the token of a login was still being renewed at the end; a person may have to log in again"
            );
        }
        // Whatever else hangs: what was promised is written down, and the others need not wait for this one's lease to end.
        let closed = until(&*self.clock, self.clock.now() + CLOSE_WITHIN, async {
            living.abort();
            if let Err(error) = self.replica.leave().await {
                tracing::warn!(%error, "the other replicas could not be told that this one has ended");
            }
            self.store.close().await;
        })
        .await;
        if closed.is_none() {
            tracing::warn!(
                "the database did not come to an end; what is in it is looked through at the next start"
            );
        }
        served.unwrap_or_else(|panic| Err(io::Error::other(panic)))
    }
}

type Serving = tokio::task::JoinHandle<io::Result<()>>;

async fn end_in_order(
    clock: &dyn Clock,
    deadline: Time,
    mut serving: Serving,
) -> Result<io::Result<()>, tokio::task::JoinError> {
    match until(clock, deadline, &mut serving).await {
        Some(served) => served,
        None => {
            tracing::warn!("requests were still in flight at the end of the grace period");
            serving.abort();
            Ok(Ok(()))
        }
    }
}

async fn mount(
    app: &config::App,
    public_url: &str,
    authenticator: Authenticator,
    cursor_key: &hmac::Key,
    shared: &Shared<'_>,
) -> Result<(MountedApp, Background), StartError> {
    let Shared { store, clock, calls, .. } = shared;
    let name = app.name.as_str().to_owned();
    let target = working_target(app, shared)?;
    roster::recall(&target).await?;
    let roster_every = roster_every(app);
    let known = roster_every.is_none() || rosters::find(store, &name).await?.is_some();
    let roster = Progress::new(if known { RosterState::Known } else { RosterState::First });
    let bridged = BridgedApp {
        base_url: format!("{public_url}/{name}/scim/v2"),
        registry: Arc::new(registry(app)?),
        confirm_within: app.confirm_within,
        unknown_members: match app.unknown_members {
            config::UnknownMembers::Refuse => UnknownMembers::Refused,
            config::UnknownMembers::Keep => UnknownMembers::Kept,
        },
        target: target.clone(),
        roster: roster.clone(),
        cursors: Cursors::of(&name, cursor_key),
    };
    let patch_answers = PatchAnswers { user: app.user_patch_answer, group: app.group_patch_answer };
    let login = counted_login(app, store, clock, calls)
        .map_err(|source| StartError::Target { app: name, source })?
        .map(Arc::new);
    let hook_secret =
        app.connector.aha_account().and_then(|aha| aha.hook_secret.as_ref()).map(HookSecret::of);
    let mounted = MountedApp { bridged, authenticator, patch_answers, hook_secret, login };
    Ok((mounted, Background { target, roster, roster_every }))
}

/// Nobody else works in the database: whoever held a lease in it is gone. A call that was out when it died has been
/// carried out by now and twice the time that it may take, or never will be. How many invitations are sent may have been
/// changed, and the clock may have been set back.
async fn start_anew(targets: Vec<Arc<Target>>, transaction: &mut Transaction) -> Result<(), StoreError> {
    // Whole tables would have to be looked through for times that lie ahead. The calls of several apps are those of one account,
    // and to bring them back shows it only once: the clock is that of all.
    let mut was_set_back = false;
    for target in &targets {
        was_set_back |= target.budget.start_anew(transaction).await?;
    }
    for target in targets {
        let (app, now) = (&target.app, target.clock.now());
        let calls_seen_at = target.in_doubt_until(now);
        let latest_due = calls_seen_at.max(now + LONGEST_WAIT);
        users::release_all(transaction, app, calls_seen_at).await?;
        admissions::forget_turns(transaction, app, now).await?;
        if was_set_back {
            users::bring_back(transaction, app, now, latest_due, calls_seen_at).await?;
            admissions::bring_back(transaction, app, now).await?;
            notifications::bring_back(transaction, app, now).await?;
        }
        roster::abandon_turns_of_servers(transaction, app).await?;
    }
    Ok(())
}

fn registry(app: &config::App) -> Result<Registry, StartError> {
    let problem = |problems: Vec<extension::Problem>| StartError::Schemas {
        app: app.name.as_str().to_owned(),
        problems: problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    };
    let parse = |schemas: &[config::ExtensionSchema]| {
        schemas.iter().map(|schema| extension::parse(&schema.text)).collect::<Result<Vec<_>, _>>()
    };
    let users = parse(&app.schemas).map_err(problem)?;
    let groups = parse(&app.group_schemas).map_err(problem)?;
    Registry::extended(users, groups).map_err(problem)
}
