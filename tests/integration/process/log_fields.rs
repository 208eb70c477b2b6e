//! The README names the fields of the log, and no others are there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
};

use http::Method;
use scim_bridge::{
    clock::SystemClock,
    sim::{
        aha::Fault,
        scim::{SimulatedScim, Switches},
    },
};
use serde_json::{Value, json};

use super::{API_KEY, Installation, Server};
use crate::harness::{Answer, TOKEN, eventually, user};

const PASSED_TOKEN: &str = "planted-idp-token-89abcdef0123456789abcdef01234567";
const SAM: &str = "sam.doe@example.com";
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What every line has, and what it has of the request that it is about.
const OF_ALL: [&str; 4] = ["timestamp", "level", "target", "message"];
const OF_SPANS: [&str; 3] = ["name", "request.id", "trace.id"];

type Fields = BTreeSet<String>;

/// What the README says: the fields of the lines that it names by their message, and those of all others.
struct Documented {
    of_messages: BTreeMap<String, Fields>,
    of_others: Fields,
}

impl Documented {
    fn read() -> Self {
        let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
        let section = readme.split("\n### Logs\n").nth(1).unwrap().split("\n### ").next().unwrap();
        let (lines, others) = section.split_once("| fields | of |").expect("the table of further fields");
        let of_messages = rows(lines).map(|(message, fields)| (quoted(message)[0].clone(), names_in(fields)));
        let of_others = rows(others).flat_map(|(fields, _)| names_in(fields)).collect();
        let documented = Self { of_messages: of_messages.skip(1).collect(), of_others };
        assert!(
            documented.of_messages.len() > 5 && documented.of_others.len() > 30,
            "the tables were not found"
        );
        documented
    }

    fn all(&self) -> Fields {
        self.of_messages.values().flatten().chain(&self.of_others).cloned().collect()
    }
}

/// The first two cells of each row of the tables in `text`.
fn rows(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split(" | ");
        (cells.next().unwrap(), cells.next().unwrap())
    })
}

/// What stands in `text` as code.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn names_in(text: &str) -> Fields {
    quoted(text).into_iter().filter(|name| is_name(name)).collect()
}

fn is_name(text: &str) -> bool {
    text.chars().all(|character| character.is_ascii_lowercase() || "._".contains(character))
}

/// The program, whatever it is told, up to its end: the lines that it wrote of itself.
async fn lines_of(installation: &Installation, tell: impl AsyncFnOnce(&Server)) -> Vec<Value> {
    let server = installation.serve().await;
    tell(&server).await;
    server.wait_until_idle().await;
    server.process.signal("TERM");
    let lines = server.process.ended().await.log;
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["target"].as_str().unwrap().starts_with("scim_bridge")).collect()
}

async fn create(server: &Server, email: &str) -> Answer {
    let body = user(email);
    let request = server.request(Method::POST, "/Users", Some(&body)).header("traceparent", TRACE);
    Answer::of(request).await
}

/// A conversation in which all lines come that the README names.
async fn conversation() -> Vec<Value> {
    let target = SimulatedScim::new(Switches::default(), TOKEN, Arc::new(SystemClock));
    let target = target.start().await.unwrap();
    let passed = format!(
        "[apps.passed]\nconnector = 'scim'\nbase_url = '{}'\ntoken = '{TOKEN}'\n\
         tokens = [{{ name = 'idp', token = '{PASSED_TOKEN}' }}]",
        target.base_url()
    );
    let installation = Installation::with(&format!("'{API_KEY}'"), &format!("'{TOKEN}'"), &passed).await;
    let aha = &installation.aha;
    let mut lines = lines_of(&installation, async |server| {
        let sam = create(server, SAM).await;
        assert_eq!(sam.status, 201, "{sam}");
        let operations = json!([{ "op": "replace", "path": "title", "value": "Clerk" }]);
        let patch =
            json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
        assert_eq!(server.send(Method::PATCH, &sam.path(), Some(&patch)).await.status, 200);

        aha.fault(Fault::drop_connection().on("PUT /users/:id").times(2));
        assert_eq!(server.send(Method::DELETE, &sam.path(), None).await.status, 204);
        let no = json!({ "errors": { "message": "Email is not allowed in this account" } });
        aha.fault(Fault::json(422, &no).on_method(Method::POST));
        create(server, "not.allowed@example.com").await.error(400, "invalidValue");

        assert_eq!(create(server, "pat.roe@example.com").await.status, 201);
        let root = &server.root;
        let http = reqwest::Client::new();
        for (path, token, status) in [
            ("/aha/scim/v2/Users", "wrong", 401),
            ("/nothing/here", TOKEN, 404),
            ("/passed/scim/v2/Users", PASSED_TOKEN, 200),
        ] {
            let answer = http.get(format!("{root}{path}")).bearer_auth(token).send().await.unwrap();
            assert_eq!(answer.status(), status, "{path}");
        }
    })
    .await;
    // What is changed at Aha! is found by the first listing, and what is changed back by the next.
    let pat = aha.find_user_by_email("pat.roe@example.com").unwrap().id;
    for change in [true, false] {
        if change {
            aha.disable(pat)
        } else {
            aha.enable(pat)
        };
        let listed = async |server: &Server| {
            eventually("a listing", async || server.process.said().contains("the roster is complete")).await;
        };
        lines.extend(lines_of(&installation, listed).await);
    }
    lines
}

#[tokio::test]
async fn each_line_has_the_fields_that_the_readme_names_and_each_of_these_is_in_one() {
    let documented = Documented::read();
    let all = documented.all();
    let mut seen: BTreeMap<&str, Fields> = BTreeMap::new();
    let lines = conversation().await;
    for line in &lines {
        let fields = line.as_object().unwrap();
        let names = fields.keys().filter(|name| !OF_ALL.contains(&name.as_str()) && *name != "span");
        let names: Fields = names.cloned().collect();
        assert!(names.is_subset(&all), "the README does not name all fields of {line}");
        assert!(OF_ALL.iter().all(|name| fields.contains_key(*name)), "{line}");
        for name in line["span"].as_object().into_iter().flat_map(|span| span.keys()) {
            assert!(OF_SPANS.contains(&name.as_str()), "{line}");
        }
        seen.entry(line["message"].as_str().unwrap()).or_default().extend(names);
    }
    for (message, fields) in &documented.of_messages {
        assert_eq!(seen.get(message.as_str()), Some(fields), "fields of `{message}`");
    }
    let spans: Fields = lines
        .iter()
        .filter_map(|line| line["span"].as_object())
        .flat_map(|span| span.keys().cloned())
        .collect();
    assert_eq!(spans, OF_SPANS.map(str::to_owned).into());
}

/// Most lines tell of what seldom happens: they are looked for where they are written.
#[test]
fn every_field_that_the_source_writes_is_in_the_readme_and_every_one_there_is_written() {
    let documented = Documented::read().all();
    let mut written = Fields::new();
    let mut undocumented = Vec::new();
    for (path, code) in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        for event in events_in(&code) {
            for name in fields_of(event) {
                if !documented.contains(&name) && !OF_SPANS.contains(&name.as_str()) {
                    undocumented.push(format!("{path} writes {name}"));
                }
                written.insert(name);
            }
        }
    }
    assert!(undocumented.is_empty(), "the README does not name\n{}", undocumented.join("\n"));
    let never: Vec<_> = documented.difference(&written).collect();
    assert!(never.is_empty(), "nothing writes {never:?}");
}

/// The files below a folder without their tests, and without what only simulates.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("src/sim") {
            sources.extend(self::sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
            sources.push((path.display().to_string(), code));
        }
    }
    sources
}

/// What stands in the macros that write lines.
fn events_in(code: &str) -> impl Iterator<Item = &str> {
    let levels = ["error!(", "warn!(", "info!(", "debug!(", "trace!("];
    code.split("tracing::")
        .skip(1)
        .filter_map(move |rest| levels.iter().find_map(|level| rest.strip_prefix(level)))
}

/// The names of the fields of an event, which stand before its message. No value but the last has a text in it.
fn fields_of(event: &str) -> Vec<String> {
    let (fields, _message) = event.split_once('"').expect("an event has a message");
    let mut depth = 0;
    let separated = fields.split(|character| {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    });
    let names = separated.map(|field| field.split('=').next().unwrap().trim().trim_start_matches(['%', '?']));
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[test]
fn fields_are_found_in_an_event() {
    let code =
        "tracing::info!(app, http.method = %method, %error, n = f(a, b), \"said\"); tracing::warn!(\"x\")";
    let found: Vec<_> = events_in(code).map(fields_of).collect();
    assert_eq!(found, [vec!["app", "http.method", "error", "n"], vec![]]);
}
