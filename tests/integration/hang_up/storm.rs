//! Clients that hang up.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::harness::{TOKEN, random::Random, user};

/// How many are connected at a time.
const AT_ONCE: usize = 50;

/// Where clients write to.
pub(super) struct Storm {
    address: String,
    base_path: String,
    token: String,
    people: Vec<String>,
    /// Numbers new people.
    next: AtomicUsize,
}

/// What was answered to those who waited for it.
#[derive(Debug, Default)]
pub(super) struct Toll {
    /// The ids and e-mails of created users.
    pub(super) created: Vec<(String, String)>,
    /// The ids of deleted users.
    pub(super) deleted: Vec<String>,
}

/// When a client hangs up.
#[derive(Clone, Copy)]
enum Moment {
    WithinHead,
    WithinBody,
    BeforeAnswer,
    WithinAnswer,
    AfterAnswer,
}

/// What it asks for.
struct Ask {
    method: &'static str,
    path: String,
    body: Value,
    /// The e-mail of a create.
    email: Option<String>,
    /// The id that is deleted.
    deletes: Option<String>,
}

impl Storm {
    /// Of clients of the app at `base_path`, who also write to the users of these ids.
    pub(super) fn new(root: &str, base_path: &str, people: &[String]) -> Self {
        Self {
            address: root.trim_start_matches("http://").to_owned(),
            base_path: base_path.to_owned(),
            token: TOKEN.to_owned(),
            people: people.to_vec(),
            next: AtomicUsize::new(0),
        }
    }

    pub(super) fn with_token(self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self }
    }

    /// That many clients, each with one request.
    pub(super) async fn blow(&self, clients: usize, random: &mut Random) -> Toll {
        let randoms: Vec<_> = (0..clients).map(|_| random.fork()).collect();
        let mut toll = Toll::default();
        let mut answers =
            stream::iter(randoms.into_iter().map(|random| self.client(random))).buffer_unordered(AT_ONCE);
        while let Some((ask, answer)) = answers.next().await {
            match (answer, ask.email, ask.deletes) {
                (Some((201, body)), Some(email), _) => {
                    toll.created.push((body["id"].as_str().unwrap().to_owned(), email));
                }
                (Some((204, _)), _, Some(id)) => toll.deleted.push(id),
                (Some((status, body)), ..) => assert!(matches!(status, 200 | 404), "{status} {body}"),
                (None, ..) => {}
            }
        }
        toll
    }

    /// Sends a whole request and hangs up at once.
    pub(super) async fn send_and_hang_up(&self, method: &'static str, path: &str, body: &Value) {
        let (head, body) = self.text(method, path, body);
        let mut connection = TcpStream::connect(&self.address).await.unwrap();
        connection.write_all((head + &body).as_bytes()).await.unwrap();
        // What was not read yet when a connection is reset is lost; this way it is read.
        connection.shutdown().await.unwrap();
    }

    async fn client(&self, mut random: Random) -> (Ask, Option<(u16, Value)>) {
        let ask = self.ask(&mut random);
        let (head, body) = self.text(ask.method, &ask.path, &ask.body);
        let moment = random.weighted(&[
            (15, Moment::WithinHead),
            (20, Moment::WithinBody),
            (45, Moment::BeforeAnswer),
            (5, Moment::WithinAnswer),
            (15, Moment::AfterAnswer),
        ]);
        let whole = format!("{head}{body}");
        let sent = match moment {
            Moment::WithinHead => random.below(head.len()),
            Moment::WithinBody => head.len() + random.below(body.len() + 1),
            _ => whole.len(),
        };
        let mut connection = TcpStream::connect(&self.address).await.unwrap();
        // In two parts, so that they also come apart.
        let (first, second) = whole.as_bytes()[..sent].split_at(random.below(sent + 1));
        connection.write_all(first).await.unwrap();
        if random.percent(30) {
            tokio::time::sleep(random.milliseconds(0..10)).await;
        }
        connection.write_all(second).await.unwrap();
        let answer = match moment {
            Moment::AfterAnswer => Some(answer(&mut connection).await),
            Moment::WithinAnswer => {
                connection.read_u8().await.unwrap();
                None
            }
            _ if random.percent(50) => {
                tokio::time::sleep(random.milliseconds(0..8)).await;
                None
            }
            _ => None,
        };
        (ask, answer)
    }

    fn ask(&self, random: &mut Random) -> Ask {
        if self.people.is_empty() || random.percent(50) {
            let email = format!("new.{}@example.com", self.next.fetch_add(1, Ordering::Relaxed));
            let body = user(&email);
            return Ask { method: "POST", path: "/Users".into(), body, email: Some(email), deletes: None };
        }
        let index = random.below(self.people.len());
        let id = &self.people[index];
        let path = format!("/Users/{id}");
        let ask = |method, body, deletes| Ask { method, path, body, email: None, deletes };
        match random.below(10) {
            0..4 => {
                let active = random.percent(50);
                ask(
                    "PATCH",
                    json!({ "Operations": [{ "op": "Replace", "path": "active", "value": active }] }),
                    None,
                )
            }
            4..9 => {
                let mut body = user(&format!("there.{index}@example.com"));
                body["name"]["familyName"] = format!("Renamed {}", random.below(1000)).into();
                ask("PUT", body, None)
            }
            _ => ask("DELETE", Value::Null, Some(id.clone())),
        }
    }

    fn text(&self, method: &str, path: &str, body: &Value) -> (String, String) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let head = format!(
            "{method} {}{path} HTTP/1.1\r\nHost: bridge\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n",
            self.base_path,
            self.token,
            body.len()
        );
        (head, body)
    }
}

/// Reads one whole answer.
async fn answer(connection: &mut TcpStream) -> (u16, Value) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    connection.read_exact(&mut body).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}
