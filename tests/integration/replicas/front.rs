//! A load balancer: one request here, the next one there, to those alone that say they are ready.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use http::{StatusCode, header};
use scim_bridge::clock::{Clock, SystemClock, Time};
use tokio::{net::TcpListener, task::JoinHandle};

/// How often each is asked whether it is ready, and for how long its answer is waited for.
const ASK_EVERY: Duration = Duration::from_millis(100);
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// The load balancer. Stops when dropped.
pub(super) struct Front {
    /// `http://127.0.0.1:<port>`.
    pub(super) root: String,
    behind: Arc<Behind>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Behind {
    members: Mutex<Vec<Member>>,
    requests: AtomicUsize,
    failures: AtomicUsize,
    looks: Mutex<Vec<Look>>,
    http: reqwest::Client,
}

struct Member {
    root: String,
    is_ready: bool,
    asking: JoinHandle<()>,
}

/// One look at `/readyz`.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// Of whom.
    pub(super) root: String,
    /// When it was asked.
    pub(super) from: Time,
    /// When it was answered, or waited for no longer.
    pub(super) to: Time,
    /// What was answered, if anything.
    pub(super) status: Option<u16>,
}

impl Front {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let behind = Arc::new(Behind::default());
        let router = Router::new().fallback(pass).with_state(behind.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { root, behind, serving }
    }

    /// Somebody listens at `root` from now on.
    pub(super) fn add(&self, root: &str) {
        let asking = tokio::spawn(ask(self.behind.clone(), root.to_owned()));
        let member = Member { root: root.to_owned(), is_ready: false, asking };
        self.behind.members.lock().unwrap().push(member);
    }

    /// Nobody listens there any more.
    pub(super) fn remove(&self, root: &str) {
        let mut members = self.behind.members.lock().unwrap();
        members.iter().filter(|member| member.root == root).for_each(|member| member.asking.abort());
        members.retain(|member| member.root != root);
    }

    /// Whether anybody is ready is to be seen anew.
    pub(super) fn forget(&self) {
        self.behind.members.lock().unwrap().iter_mut().for_each(|member| member.is_ready = false);
    }

    /// Whether requests go there.
    pub(super) fn is_ready(&self, root: &str) -> bool {
        let members = self.behind.members.lock().unwrap();
        members.iter().any(|member| member.root == root && member.is_ready)
    }

    /// How many answers of the replicas were 5xx.
    pub(super) fn failures(&self) -> usize {
        self.behind.failures.load(Ordering::Relaxed)
    }

    /// All looks so far.
    pub(super) fn looks(&self) -> Vec<Look> {
        self.behind.looks.lock().unwrap().clone()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.serving.abort();
        self.behind.members.lock().unwrap().iter().for_each(|member| member.asking.abort());
    }
}

async fn ask(behind: Arc<Behind>, root: String) {
    loop {
        let from = SystemClock.now();
        let asked = behind.http.get(format!("{root}/readyz")).timeout(ANSWER_WITHIN).send().await;
        let status = asked.ok().map(|answer| answer.status().as_u16());
        let look = Look { root: root.clone(), from, to: SystemClock.now(), status };
        behind.looks.lock().unwrap().push(look);
        for member in behind.members.lock().unwrap().iter_mut().filter(|member| member.root == root) {
            member.is_ready = status == Some(200);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// The next one's answer. Where that one breaks off it is not asked of another: it may have done what was asked.
async fn pass(State(behind): State<Arc<Behind>>, request: Request) -> Response {
    let Some(root) = behind.next() else {
        // Clients that come again at once would do nothing else.
        tokio::time::sleep(ASK_EVERY).await;
        return empty(StatusCode::SERVICE_UNAVAILABLE);
    };
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.remove(header::HOST);
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let passed = behind.http.request(parts.method, format!("{root}{path}")).headers(parts.headers).body(body);
    let Ok(answer) = passed.send().await else { return empty(StatusCode::BAD_GATEWAY) };
    let (status, headers) = (answer.status(), answer.headers().clone());
    if status.is_server_error() {
        behind.failures.fetch_add(1, Ordering::Relaxed);
    }
    let Ok(body) = answer.bytes().await else { return empty(StatusCode::BAD_GATEWAY) };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

impl Behind {
    fn next(&self) -> Option<String> {
        let members = self.members.lock().unwrap();
        let ready: Vec<_> = members.iter().filter(|member| member.is_ready).collect();
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        ready.get(number % ready.len().max(1)).map(|member| member.root.clone())
    }
}
