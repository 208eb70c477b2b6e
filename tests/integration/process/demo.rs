//! `demo`: what it prints works when pasted, and it leaves nothing behind.

use std::{
    collections::HashMap,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
};

use rstest::rstest;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::harness::{eventually, process::Process};

/// A demo that runs, and what it printed.
struct Demo {
    process: Process,
    printed: String,
}

impl Demo {
    async fn start(folder: &Path, listen: &str) -> Self {
        let mut process = Process::start(folder, &["demo", "--listen", listen], &[]);
        process.output_line(|line| line.starts_with("Ctrl-C")).await;
        let printed = process.said();
        Self { process, printed }
    }

    /// What follows this label.
    fn printed(&self, label: &str) -> &str {
        let line = self.printed.lines().find(|line| line.contains(label)).expect(label);
        line.split_once(label).unwrap().1.trim()
    }

    fn curl_lines(&self) -> Vec<&str> {
        self.printed.lines().map(str::trim).filter(|line| line.starts_with("curl ")).collect()
    }
}

#[tokio::test]
async fn the_three_lines_that_it_prints_work_when_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), "127.0.0.1:0").await;
    let tenant_url = demo.printed("SCIM connector base URL (Okta):");
    assert!(
        tenant_url.starts_with("http://127.0.0.1:") && tenant_url.ends_with("/aha/scim/v2"),
        "{tenant_url}"
    );
    let token = demo.printed("Secret token / API token:");
    assert_eq!(token.len(), 32);
    let [look, join, leave] = demo.curl_lines()[..] else { panic!("three lines: {}", demo.printed) };
    for line in [look, join, leave] {
        assert!(line.contains(tenant_url) && line.contains(token), "{line}");
    }

    let found = paste(look).await;
    assert_eq!(found["totalResults"], 1, "{found}");
    assert_eq!(found["Resources"][0]["userName"], "ada.lovelace@example.com", "{found}");
    let joined = paste(join).await;
    assert_eq!(
        (&joined["userName"], &joined["active"]),
        (&json!("sam.doe@example.com"), &json!(true)),
        "{joined}"
    );
    let left = paste(leave).await;
    assert_eq!(
        (&left["userName"], &left["active"]),
        (&json!("alan.turing@example.com"), &json!(false)),
        "{left}"
    );
    // Joining twice is refused in a way that can be read.
    assert_eq!(paste(join).await["status"], "409");

    // The simulated Aha! can be looked at with what is printed about it.
    let behind = demo.printed("if you want to look behind:");
    let (url, key) = behind.split_once("(API key:").unwrap();
    let key = key.trim_end_matches(')').trim();
    let users: Value = reqwest::Client::new()
        .get(url.trim())
        .query(&[("email", "alan.turing@example.com")])
        .bearer_auth(key)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(users["users"][0]["enabled"], false, "{users}");
}

#[rstest]
#[tokio::test]
async fn a_signal_ends_it_with_0_and_nothing_is_left_behind(#[values("INT", "TERM")] signal: &str) {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), "127.0.0.1:0").await;
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files(), 1, "one temporary folder");
    paste(demo.curl_lines()[1]).await;
    let token = demo.printed("Secret token / API token:").to_owned();
    demo.process.signal(signal);
    let ended = demo.process.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(files(), 0);
    // What it prints is for the person at the terminal; the log is for whoever reads logs.
    assert!(!ended.log.contains(&token), "{}", ended.log);
    assert!(!ended.log.contains("demo-api-key"), "{}", ended.log);
}

#[tokio::test]
async fn a_signal_before_it_is_ready_ends_it_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(folder.path(), &["demo", "--listen", "127.0.0.1:0"], &[]);
    // The temporary folder is made once signals are heard.
    process
        .poll("the temporary folder", |_| {
            (std::fs::read_dir(folder.path()).unwrap().count() > 0).then_some(())
        })
        .await;
    process.signal("TERM");
    assert_eq!(process.ended().await.code, Some(0));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once_and_nothing_is_left_behind_either() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), "127.0.0.1:0").await;
    let address = demo.printed("SCIM connector base URL (Okta):");
    let address = address.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    // A request that never ends keeps it from ending in order.
    let mut stuck = TcpStream::connect(&address).await.unwrap();
    let token = demo.printed("Secret token / API token:");
    let head = format!(
        "POST /aha/scim/v2/Users HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Length: 9\r\n\r\n{{"
    );
    stuck.write_all(head.as_bytes()).await.unwrap();
    paste(demo.curl_lines()[0]).await;
    demo.process.signal("INT");
    eventually("no new connection", || async { TcpStream::connect(&address).await.is_err() }).await;
    demo.process.signal("INT");
    assert_eq!(demo.process.ended().await.code, Some(130));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_second_app_is_passed_through_to_a_scim_target_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), "127.0.0.1:0").await;
    let (url, token) = demo.printed("passed through to a SCIM target:").split_once(" ").unwrap();
    let token = token.trim().trim_start_matches("(token: ").trim_end_matches(')');
    assert!(url.ends_with("/ahrefs/scim/v2"), "{url}");
    let list =
        reqwest::Client::new().get(format!("{url}/Users?count=1")).bearer_auth(token).send().await.unwrap();
    let list: Value = list.json().await.unwrap();
    assert_eq!(list["totalResults"], 4, "{list}");
    let location = list["Resources"][0]["meta"]["location"].as_str().unwrap();
    assert!(location.starts_with(url), "{location}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_replaced_by_another_and_the_lines_name_it() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let demo = Demo::start(folder.path(), &address).await;
    assert!(!demo.printed.contains(&address), "{}", demo.printed);
    assert_eq!(paste(demo.curl_lines()[0]).await["totalResults"], 1);
}

/// What the line prints in a shell; where there is no curl, what the same request is answered.
async fn paste(line: &str) -> Value {
    let has_curl = Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_ok();
    let line = line.to_owned();
    let printed = if has_curl {
        let shell = move || Command::new("sh").args(["-c", &line]).output().unwrap();
        let output = tokio::task::spawn_blocking(shell).await.unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    } else {
        send(&line).await
    };
    serde_json::from_slice(&printed).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&printed)))
}

/// Understands as much of curl as the lines use.
async fn send(line: &str) -> Vec<u8> {
    let mut words = shell_words(line).into_iter().skip(1);
    let (mut method, mut url, mut body) = ("GET".to_owned(), String::new(), None);
    let mut headers = HashMap::new();
    let mut query = Vec::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-s" | "-G" => {}
            "-H" => {
                let header = words.next().unwrap();
                let (name, value) = header.split_once(": ").unwrap();
                headers.insert(name.to_owned(), value.to_owned());
            }
            "-X" => method = words.next().unwrap(),
            "-d" => body = words.next(),
            "--data-urlencode" => {
                let pair = words.next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                query.push((name.to_owned(), value.to_owned()));
            }
            _ => url = word,
        }
    }
    if body.is_some() && method == "GET" {
        method = "POST".to_owned();
    }
    let mut request = reqwest::Client::new().request(method.parse().unwrap(), url).query(&query);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(body.unwrap_or_default()).send().await.unwrap().bytes().await.unwrap().to_vec()
}

/// The words of a line whose only quotes are single ones.
fn shell_words(line: &str) -> Vec<String> {
    let outside_and_inside = line.split('\'').enumerate();
    let mut words = vec![String::new()];
    for (index, part) in outside_and_inside {
        if index % 2 == 1 {
            words.last_mut().unwrap().push_str(part);
            continue;
        }
        for (index, word) in part.split(' ').enumerate() {
            if index > 0 {
                words.push(String::new());
            }
            words.last_mut().unwrap().push_str(word);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[tokio::test]
async fn without_curl_the_same_requests_are_sent() {
    assert_eq!(
        shell_words("curl -s -H 'a: b c' 'x'-d '{\"y\":1}'"),
        ["curl", "-s", "-H", "a: b c", "x-d", "{\"y\":1}"]
    );
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), "127.0.0.1:0").await;
    let [look, join, _] = demo.curl_lines()[..] else { panic!("three lines: {}", demo.printed) };
    for (line, key, value) in
        [(look, "totalResults", json!(1)), (join, "userName", json!("sam.doe@example.com"))]
    {
        let answered: Value = serde_json::from_slice(&send(line).await).unwrap();
        assert_eq!(answered[key], value, "{answered}");
    }
}
