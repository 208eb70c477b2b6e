//! Two replicas, one of which cannot reach Aha!: what it takes on, the other carries out.

use std::time::Duration;

use http::Method;
use scim_bridge::{
    clock::{Clock, SystemClock},
    sim::aha::Fault,
};
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::{
    harness::{Answer, TOKEN, process::Process, user},
    process::{API_KEY, Installation},
};

use super::{cluster::Cluster, fleet::configure};

/// A write waits for long: what is answered sooner was answered because it was done.
const APP_KEYS: &str = "confirm_within = '25s'";

const SAM: &str = "sam.doe@example.com";

struct Pair {
    installation: Installation,
    cluster: Cluster,
    http: reqwest::Client,
    /// It reaches Aha!.
    near: (Process, String),
    /// It does not.
    far: (Process, String),
}

impl Pair {
    async fn start() -> Self {
        let cluster = Cluster::start();
        let installation = Installation::with(&format!("'{API_KEY}'"), &format!("'{TOKEN}'"), APP_KEYS).await;
        configure(&installation, &cluster.url(), "https://scim.example.com");
        let file = installation.folder().join("bridge.toml");
        let text = std::fs::read_to_string(file).unwrap();
        let base_url = text.lines().find(|line| line.starts_with("base_url")).unwrap();
        // Port 9 discards, where anybody listens at all.
        let cut_off = text.replace(base_url, "base_url = 'http://127.0.0.1:9'");
        std::fs::write(installation.folder().join("far.toml"), cut_off).unwrap();
        let http = reqwest::Client::new();
        let mut sides = Vec::new();
        for config in ["bridge.toml", "far.toml"] {
            let mut process = Process::serve(installation.folder(), config, &[]);
            let root = process.root().await;
            let ready = async {
                while http.get(format!("{root}/readyz")).send().await.unwrap().status() != 200 {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(60), ready).await.expect("it becomes ready");
            sides.push((process, root));
        }
        let far = sides.pop().unwrap();
        let near = sides.pop().unwrap();
        Self { installation, cluster, http, near, far }
    }

    async fn send(&self, side: &(Process, String), method: Method, path: &str, body: &Value) -> Answer {
        let request = self.http.request(method, format!("{}/aha/scim/v2{path}", side.1)).bearer_auth(TOKEN);
        Answer::of(request.header("content-type", "application/scim+json").body(body.to_string())).await
    }

    /// How many events of that kind there are.
    async fn events(&self, kind: &str) -> i64 {
        let mut database = sqlx::AnyConnection::connect(&self.cluster.url()).await.unwrap();
        let events = sqlx::query_scalar("SELECT COUNT(*) FROM events WHERE kind = $1").bind(kind.to_owned());
        events.fetch_one(&mut database).await.unwrap()
    }
}

fn switch(active: bool) -> Value {
    let operations = json!([{ "op": "replace", "path": "active", "value": active }]);
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_is_answered_as_soon_as_another_replica_has_carried_it_out() {
    let pair = Pair::start().await;
    let created = pair.send(&pair.far, Method::POST, "/Users", &user(SAM)).await;
    let answered_at = SystemClock.now();
    assert_eq!(created.status, 201, "{created} {}", pair.far.0.said());
    let aha = &pair.installation.aha;
    let create = aha.calls().to("POST /products/:id/users").first().cloned().expect("a create");
    let late = answered_at.since(create.at);
    assert!(late < Duration::from_secs(2), "it was answered {late:?} after the call");

    let path = format!("/Users/{}", created.id());
    let left = pair.send(&pair.far, Method::PATCH, &path, &switch(false)).await;
    assert_eq!((left.status, &left.body["active"]), (200, &json!(false)), "{left}");
    assert!(!aha.find_user_by_email(SAM).unwrap().enabled);
    // None was answered because the time was over.
    assert_eq!(pair.events("promised").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_aha_refuses_another_replica_is_refused_with_its_reason_and_undone() {
    let pair = Pair::start().await;
    let no = json!({ "errors": { "message": "Email is not allowed in this account" } });
    pair.installation.aha.fault(Fault::json(422, &no).on_method(Method::POST));
    let refused = pair.send(&pair.far, Method::POST, "/Users", &user(SAM)).await;
    assert!(refused.error(400, "invalidValue").contains("Email is not allowed in this account"), "{refused}");
    for side in [&pair.near, &pair.far] {
        let found = pair.http.get(format!("{}/aha/scim/v2/Users?filter=userName%20eq%20%22{SAM}%22", side.1));
        assert_eq!(Answer::of(found.bearer_auth(TOKEN)).await.body["totalResults"], 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_made_at_one_replica_is_known_at_the_other() {
    let pair = Pair::start().await;
    let created = pair.send(&pair.near, Method::POST, "/Users", &user(SAM)).await;
    let path = format!("/Users/{}", created.id());
    // At once: what is answered stands in the database that both read.
    let read = pair.http.get(format!("{}/aha/scim/v2{path}", pair.far.1)).bearer_auth(TOKEN);
    assert_eq!(Answer::of(read).await.body["userName"], SAM);
    let again = pair.send(&pair.far, Method::POST, "/Users", &user(SAM)).await;
    assert!(again.error(409, "uniqueness").contains(&created.id()), "{again}");

    // A token that is made with the command opens both soon, and once it is revoked neither.
    let folder = pair.installation.folder();
    let arguments = ["--config", "bridge.toml", "--app", "aha"];
    let made =
        Process::run(folder, &[&["token", "create"], &arguments[..], &["--name", "second"]].concat(), &[])
            .await;
    let token = made.output.split_whitespace().find(|word| word.len() > 40).expect("a token").to_owned();
    for (command, opens) in [(None, true), (Some("revoke"), false)] {
        if let Some(command) = command {
            let revoke = [&["token", command], &arguments[..], &["--name", "second"]].concat();
            assert_eq!(Process::run(folder, &revoke, &[]).await.code, Some(0));
        }
        for side in [&pair.near, &pair.far] {
            let opened = async {
                let asked =
                    || pair.http.get(format!("{}/aha/scim/v2/Users?count=0", side.1)).bearer_auth(&token);
                while (asked().send().await.unwrap().status() == 200) != opens {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(15), opened).await.expect("it is seen by all");
        }
    }
}
