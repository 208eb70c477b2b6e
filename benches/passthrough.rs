//! What passing through costs: requests per second that a simulated SCIM target answers directly, and through the bridge.
//!
//! Client, bridge and target share this machine's cores, so what the bridge takes is missing for the others. A target that has its
//! answer ready at once shows that alone: each exchange crosses the loopback twice as often, so with all cores busy half is out of
//! reach. One that takes its time, as those with a database at the other end of a network do, shows what clients notice.
//!
//! ```text
//! cargo bench --bench passthrough
//! cargo bench --bench passthrough -- "one user"     # only what has this in its name
//! ```

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]
#![expect(dead_code, reason = "the support of other measurements is compiled in")]

mod support;

use std::{sync::Arc, time::Duration};

use scim_bridge::{
    app::App,
    clock::SystemClock,
    config::Config,
    sim::scim::{SimulatedScim, Switches},
};
use support::load::load;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const TARGET_TOKEN: &str = "target-token-for-measurements-0123456789";
const TOKEN: &str = "a-token-for-measurements-0123456789abcdef";

/// How long each figure is measured; both ways in turn, so that a busy machine is as busy for one as for the other.
const SPAN: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;

/// How long the target waits before it answers. 5 ms is short for an app somewhere in the internet.
const DELAYS: [Duration; 2] = [Duration::ZERO, Duration::from_millis(5)];

/// How many clients ask at a time, each on a connection of its own.
const CLIENTS: usize = 16;

#[tokio::main]
async fn main() {
    let clock = Arc::new(SystemClock);
    let target = SimulatedScim::new(Switches::default(), TARGET_TOKEN, clock.clone());
    let ids: Vec<String> =
        (0..200).map(|number| target.add_person("Person", &format!("Number{number}"))).collect();
    let running = target.start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[database]\nurl = 'sqlite:{}'\n[apps.bench]\nconnector = 'scim'\nbase_url = '{}'\ntoken = '{TARGET_TOKEN}'\n\
         tokens = [{{ name = 'bench', token = '{TOKEN}' }}]\nbrake = {{ max_revocations = 1_000_000 }}\n",
        folder.path().join("bridge.db").display(),
        running.base_url()
    );
    let config = Config::parse(&config, "bench.toml", folder.path(), &|_| None).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let app = App::open(&config, &format!("http://{address}"), clock).await.unwrap();
    let stopping = CancellationToken::new();
    let serving = tokio::spawn(app.run(listener, stopping.clone()));

    let direct = Way { address: host(running.base_url()), base: "/scim/v2", token: TARGET_TOKEN };
    let through = Way { address, base: "/bench/scim/v2", token: TOKEN };
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    for delay in DELAYS {
        target.switch(|switches| switches.delay = delay);
        println!("A target that takes {delay:?} beside its work:");
        println!("{:<32} {:>12} {:>12} {:>8}", "  requests a second", "directly", "through", "share");
        for (what, requests) in [
            ("GET one user", ids.iter().map(|id| get(&format!("/Users/{id}"))).collect()),
            (
                "GET by userName",
                vec![get("/Users?filter=userName%20eq%20%22person.number7%40example.com%22")],
            ),
            ("GET a page of 100 users", vec![get("/Users?count=100")]),
            ("PATCH one user, recorded", ids.iter().map(|id| patch(id)).collect::<Vec<_>>()),
        ]
        .into_iter()
        .filter(|(what, _)| what.contains(&wanted))
        {
            let (mut directly, mut passed) = (0.0, 0.0);
            for _ in 0..ROUNDS {
                directly += measure(&target, &direct, &requests).await;
                passed += measure(&target, &through, &requests).await;
            }
            let rounds = ROUNDS as f64;
            println!(
                "  {what:<30} {:>12.0} {:>12.0} {:>6.1} %",
                directly / rounds,
                passed / rounds,
                100.0 * passed / directly
            );
        }
    }
    stopping.cancel();
    serving.await.unwrap().unwrap();
}

/// How the target is reached.
struct Way {
    address: String,
    base: &'static str,
    token: &'static str,
}

/// A request without what depends on the way.
type Request = (&'static str, String, String);

fn get(path: &str) -> Request {
    ("GET", path.to_owned(), String::new())
}

fn patch(id: &str) -> Request {
    let body = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"T"}]}"#;
    ("PATCH", format!("/Users/{id}"), body.to_owned())
}

async fn measure(target: &SimulatedScim, way: &Way, requests: &[Request]) -> f64 {
    let requests = requests
        .iter()
        .map(|(method, path, body)| {
            let (address, base, token) = (&way.address, way.base, way.token);
            let body = match body.len() {
                0 => "\r\n".to_owned(),
                length => {
                    format!("content-type: application/scim+json\r\ncontent-length: {length}\r\n\r\n{body}")
                }
            };
            format!(
                "{method} {base}{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n{body}"
            )
        })
        .collect();
    let answered = load(&way.address, requests, CLIENTS, SPAN).await.len();
    // The target remembers what it saw.
    target.take_requests();
    answered as f64 / SPAN.as_secs_f64()
}

fn host(url: &str) -> String {
    url.trim_start_matches("http://").split('/').next().unwrap().to_owned()
}
