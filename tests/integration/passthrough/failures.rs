//! A target that is down, late, broken, or not what it should be: the client gets a SCIM Error that says so.

use std::{sync::Arc, time::Duration};

use rstest::rstest;
use scim_bridge::clock::{ManualClock, Time};

use super::{
    IDP_TOKEN, Passed, app, head,
    urls::coded,
    wire::{Client, Message, Reply},
};
use crate::harness::{Setup, as_time_passes, eventually};

/// An address where nobody listens.
async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

async fn ask(base_url: &str, keys: &str) -> Message {
    let bridge = Setup::memory().config(&app(base_url, keys)).start().await;
    let mut client = Client::connect(bridge.root()).await;
    client.send(head("GET", "/Users") + "\r\n").await;
    client.answer().await
}

#[tokio::test]
async fn a_target_where_nobody_listens_is_502_with_a_time_to_retry() {
    let address = nobody().await;
    let answer = ask(&format!("http://{address}/scim/v2"), "").await;
    let detail = answer.error(502);
    assert!(
        detail.contains("cannot be reached, so nothing was sent: no connection could be made to 127.0.0.1: "),
        "{detail}"
    );
    assert_eq!(answer.header("retry-after").as_deref(), Some("30"));
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_told() {
    let answer = ask("https://target.invalid/scim/v2", "").await;
    let detail = answer.error(502);
    assert!(detail.contains("the name target.invalid cannot be resolved"), "{detail}");
}

#[tokio::test]
async fn a_name_that_leads_into_the_private_network_is_refused_unless_that_is_allowed() {
    let address = nobody().await;
    let port = address.rsplit(':').next().unwrap();
    let base_url = format!("http://localhost:{port}/scim/v2");
    let answer = ask(&base_url, "").await;
    let detail = answer.error(502);
    assert!(detail.contains("an address of a private network; set allow_private = true"), "{detail}");
    assert_eq!(answer.header("retry-after"), None);
    let detail = ask(&base_url, "allow_private = true").await.error(502);
    assert!(detail.contains("no connection could be made to localhost"), "{detail}");
}

#[rstest]
#[case(404, None, 502, None)]
#[case(403, None, 502, None)]
#[case(200, None, 502, None)]
#[case(500, None, 502, Some("30"))]
#[case(502, None, 502, Some("30"))]
#[case(503, Some("7"), 503, Some("7"))]
#[case(429, Some("9"), 503, Some("9"))]
#[case(504, None, 504, Some("30"))]
#[tokio::test]
async fn a_web_page_becomes_a_scim_error_q_68(
    #[case] status: u16,
    #[case] wait: Option<&str>,
    #[case] expected: u16,
    #[case] retry_after: Option<&str>,
) {
    let passed = Passed::start().await;
    let wait = wait.map(|wait| format!("\r\nretry-after: {wait}")).unwrap_or_default();
    let head = format!("{status} Sorry{wait}\r\ncontent-type: Text/HTML; charset=utf-8");
    passed.target.reply(Reply::new(&head, b"<html>sorry</html>"));
    let answer = passed.get("/Users").await;
    let detail = answer.error(expected);
    assert!(detail.contains(&format!("answered {status} with a web page instead of SCIM. ")), "{detail}");
    assert_eq!(answer.header("retry-after").as_deref(), retry_after);
}

#[rstest]
#[case("https://elsewhere.example/scim/v2/Users")]
#[case("//elsewhere.example/scim/v2/Users")]
#[case("/login")]
#[case(r"\\elsewhere.example/scim/v2/Users")]
#[case(r"\Users")]
#[tokio::test]
async fn a_redirect_to_elsewhere_is_not_followed_and_not_passed_on(#[case] location: &str) {
    let passed = Passed::start().await;
    passed.target.reply(Reply::new(&format!("302 Found\r\nlocation: {location}"), b""));
    let detail = passed.get("/Users").await.error(502);
    assert!(detail.contains(&format!("redirects to {location}, which is not followed")), "{detail}");
    assert_eq!(passed.target.seen().len(), 1);
}

#[tokio::test]
async fn of_several_locations_none_may_lead_elsewhere() {
    let passed = Passed::start().await;
    let base = passed.target.base_url();
    let good = format!("location: {base}/Groups");
    let bad = "location: https://elsewhere.example/x";
    for locations in [format!("{good}\r\n{bad}"), format!("{bad}\r\n{good}")] {
        passed.target.reply(Reply::new(&format!("302 Found\r\n{locations}"), b""));
        let detail = passed.get("/Users").await.error(502);
        assert!(detail.contains("redirects to https://elsewhere.example/x, which"), "{detail}");
    }
    passed.target.reply(Reply::new(&format!("302 Found\r\n{good}\r\n{good}"), b""));
    assert_eq!(passed.get("/Users").await.status(), 302);
}

#[tokio::test]
async fn a_redirect_below_the_base_is_passed_on_and_one_in_a_circle_is_not() {
    let passed = Passed::start().await;
    let location = format!("{}/Users/", passed.target.base_url());
    passed.target.reply(Reply::new(&format!("308 Permanent Redirect\r\nlocation: {location}"), b""));
    let answer = passed.get("/Users").await;
    assert_eq!(
        (answer.status(), answer.header("location")),
        (308, Some(format!("{}/Users/", passed.base_url())))
    );
    let secure = passed.target.base_url().replace("http:", "https:");
    passed.target.reply(Reply::new(&format!("301 Moved\r\nlocation: {secure}/Users"), b""));
    let detail = passed.get("/Users").await.error(502);
    assert!(detail.contains("change base_url"), "{detail}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_504() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let passed = Passed::with_clock("request_timeout = '10s'", Arc::new(clock.clone())).await;
    passed.target.reply(Reply::Silence);
    let answer =
        as_time_passes(&clock, Duration::from_millis(500), passed.send_json("POST", "/Users", "{}")).await;
    let detail = answer.error(504);
    assert!(
        detail.contains("did not answer within 10 seconds. Whether it did what was asked is not known."),
        "{detail}"
    );
    assert_eq!(answer.header("retry-after").as_deref(), Some("30"));
    // A write is not repeated.
    assert_eq!(passed.target.seen().len(), 1);
}

#[tokio::test]
async fn clients_that_are_slow_to_send_are_not_the_targets_fault() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let passed = Passed::with_clock("request_timeout = '10s'", Arc::new(clock.clone())).await;
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut client = passed.connect().await;
        client.send(head("POST", "/Users") + "content-type: text/csv\r\ncontent-length: 4\r\n\r\nab").await;
        slow.push(client);
    }
    let reached = async {
        while passed.target.connections() < 8 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reached).await.expect("their heads reach the target");
    for _ in 0..25 {
        clock.advance(Duration::from_secs(1));
        assert_eq!(passed.get("/Users").await.status(), 204);
    }
    let mut patient = slow.swap_remove(0);
    patient.send("cd").await;
    assert_eq!(patient.answer().await.status(), 204);
    assert!(super::status(&passed).await["target"]["state"].as_str().unwrap().starts_with("working"));
}

#[tokio::test]
async fn a_small_answer_that_stops_in_the_middle_is_an_error_and_not_half_an_answer() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let passed = Passed::with_clock("idle_timeout = '3s'", Arc::new(clock.clone())).await;
    let half = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"a\"";
    passed.target.reply(Reply::Bytes(half.into()));
    let answer =
        as_time_passes(&clock, Duration::from_millis(500), passed.send_json("POST", "/Users", "{}")).await;
    answer.error(504);
    passed.target.reply(Reply::BytesAndEnd(half.into()));
    let answer =
        as_time_passes(&clock, Duration::from_millis(50), passed.send_json("POST", "/Users", "{}")).await;
    let detail = answer.error(502);
    assert!(detail.contains("broke off in the middle of its answer"), "{detail}");
}

#[rstest]
#[case::before_the_request_is_read(Reply::HangUp)]
#[case::before_the_answer(Reply::BytesAndEnd(Vec::new()))]
#[case::within_its_head(Reply::BytesAndEnd(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()))]
#[case::within_its_body(Reply::BytesAndEnd(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{".to_vec()))]
#[case::within_a_chunk(Reply::BytesAndEnd(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{".to_vec()))]
#[case::between_two_chunks(Reply::BytesAndEnd(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n".to_vec()))]
#[case::within_what_is_compressed(Reply::BytesAndEnd(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n3\r\n\x1f\x8b\x08\r\n".to_vec()))]
#[tokio::test]
async fn a_get_is_repeated_once_when_the_connection_breaks_and_a_write_is_not(#[case] broken: Reply) {
    let passed = Passed::start().await;
    passed.target.reply(broken.clone());
    passed.target.reply(Reply::json(r#"{"totalResults":0}"#));
    let answer = passed.get("/Users").await;
    assert_eq!((answer.status(), answer.body.as_slice()), (200, br#"{"totalResults":0}"#.as_slice()));
    assert_eq!(passed.target.seen().len(), 2);

    passed.target.reply(broken.clone());
    passed.target.reply(broken.clone());
    passed.get("/Users").await.error(502);
    assert_eq!(passed.target.seen().len(), 2);

    for method in ["POST", "PATCH", "PUT", "DELETE"] {
        passed.target.reply(broken.clone());
        let answer = passed.send_json(method, "/Users/1", "{}").await;
        let detail = answer.error(502);
        assert!(detail.ends_with("Whether it did what was asked is not known."), "{detail}");
        assert_eq!(passed.target.seen().len(), 1, "{method}");
        // Else the target would be left alone after so many.
        assert_eq!(passed.get("/Users").await.status(), 204);
        passed.target.seen();
    }
}

#[tokio::test]
async fn a_write_never_leaves_on_a_kept_connection_that_the_target_has_closed() {
    let passed = Passed::start().await;
    for number in 1..=100 {
        passed.target.reply(Reply::BytesAndEnd(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()));
        assert_eq!(passed.send_json("POST", "/Users", "{}").await.status(), 200);
        eventually("the target has closed it", async || passed.target.closed() == number).await;
    }
    assert_eq!((passed.target.seen().len(), passed.target.connections()), (100, 100));
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_told_whether_it_says_so_or_not() {
    let passed = Passed::with("max_answer_bytes = 2048").await;
    let compressed = coded("gzip", &[b' '; 4096]).await;
    assert!(compressed.len() < 2048);
    let chunked = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    for reply in [
        Reply::new("200 OK\r\ncontent-type: application/json", &[b' '; 2049]),
        Reply::new("200 OK\r\ncontent-type: text/csv", &[b' '; 2049]),
        Reply::new("200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip", &compressed),
        Reply::Endless(chunked.into(), b"4\r\n    \r\n".to_vec()),
    ] {
        passed.target.reply(reply);
        let detail = passed.get("/Users").await.error(502);
        assert!(
            detail.contains("larger than the 2048 bytes that are allowed; raise max_answer_bytes"),
            "{detail}"
        );
    }
}

/// What went on to the client already cannot be taken back.
#[tokio::test]
async fn an_answer_that_becomes_too_large_on_the_way_breaks_off() {
    let passed = Passed::with("max_answer_bytes = 1_000_000").await;
    let first =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    passed.target.reply(Reply::Endless(first, [b"1000\r\n".as_slice(), &[b' '; 0x1000], b"\r\n"].concat()));
    let mut client = passed.connect().await;
    client.send(head("GET", "/Users") + "\r\n").await;
    let answer = client.reader.head().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(client.reader.rest_of_answer(answer).await.is_none());
}

#[tokio::test]
async fn a_compressed_answer_that_cannot_be_read_is_told() {
    let passed = Passed::start().await;
    passed.target.reply(Reply::new(
        "200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip",
        b"not compressed at all",
    ));
    let detail = passed.get("/Users").await.error(502);
    assert!(detail.contains("cannot be read"), "{detail}");
}

#[tokio::test]
async fn what_is_no_http_is_told() {
    let passed = Passed::start().await;
    for _ in 0..2 {
        passed.target.reply(Reply::BytesAndEnd(b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec()));
    }
    let detail = passed.get("/Users").await.error(502);
    assert!(detail.contains("the connection broke before the answer came"), "{detail}");
}

#[tokio::test]
async fn a_target_that_fails_again_and_again_is_left_alone_and_asked_once_to_see() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let passed = Passed::with_clock("", Arc::new(clock.clone())).await;
    for _ in 0..5 {
        passed.target.reply(Reply::HangUp);
        passed.send_json("POST", "/Users", "{}").await.error(502);
    }
    assert_eq!(passed.target.seen().len(), 5);
    let answer = passed.get("/Users").await;
    let detail = answer.error(503);
    assert!(
        detail.contains(
            "does not answer, so nothing is sent for now; what it failed with: the connection broke"
        ),
        "{detail}"
    );
    assert_eq!(answer.header("retry-after").as_deref(), Some("5"));
    assert!(passed.target.seen().is_empty());
    let status = super::status(&passed).await;
    assert!(status["target"]["state"].as_str().unwrap().starts_with("failed often"), "{status}");

    clock.advance(Duration::from_secs(5));
    passed.target.reply(Reply::HangUp);
    passed.send_json("POST", "/Users", "{}").await.error(502);
    assert_eq!(passed.get("/Users").await.header("retry-after").as_deref(), Some("10"));
    clock.advance(Duration::from_secs(10));
    assert_eq!(passed.get("/Users").await.status(), 204);
    assert_eq!(passed.get("/Users").await.status(), 204);
    assert!(super::status(&passed).await["target"]["state"].as_str().unwrap().starts_with("working"));
}

#[tokio::test]
async fn a_slow_client_whose_request_is_the_one_that_looks_does_not_stop_all_others() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let passed = Passed::with_clock("request_timeout = '10s'", Arc::new(clock.clone())).await;
    for _ in 0..5 {
        passed.target.reply(Reply::HangUp);
        passed.send_json("POST", "/Users", "{}").await.error(502);
    }
    clock.advance(Duration::from_secs(5));
    let mut slow = passed.connect().await;
    let headers = "content-type: text/csv\r\ntransfer-encoding: chunked\r\n\r\n";
    slow.send(head("POST", "/Users") + headers + "1\r\na\r\n").await;
    eventually("it is on its way", async || passed.target.connections() == 6).await;
    for _ in 0..9 {
        slow.send("1\r\na\r\n").await;
        passed.get("/Users").await.error(503);
        clock.advance(Duration::from_secs(1));
    }
    clock.advance(Duration::from_secs(1));
    assert_eq!(passed.get("/Users").await.status(), 204);
    assert_eq!(passed.get("/Users").await.status(), 204);
    slow.send("0\r\n\r\n").await;
    assert_eq!(slow.answer().await.status(), 204);
}

#[tokio::test]
async fn a_target_that_never_ends_its_answers_is_left_alone_too() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let passed = Passed::with_clock("", Arc::new(clock.clone())).await;
    let half = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"a\"";
    for reply in [Reply::BytesAndEnd(half.into()), Reply::Bytes(half.into())] {
        for _ in 0..5 {
            passed.target.reply(reply.clone());
            let asking = passed.send_json("POST", "/Users", "{}");
            let status = as_time_passes(&clock, Duration::from_secs(1), asking).await.status();
            assert!(status == 502 || status == 504, "{status}");
        }
        passed.get("/Users").await.error(503);
        clock.advance(Duration::from_mins(2));
        assert_eq!(passed.get("/Users").await.status(), 204);
    }
}

#[tokio::test]
async fn errors_of_the_target_itself_pass_as_they_are_and_do_not_count() {
    let passed = Passed::start().await;
    for _ in 0..20 {
        passed.target.reply(Reply::new(
            "503 Busy\r\nretry-after: 3\r\ncontent-type: application/json",
            b"{\"detail\":\"busy\"}",
        ));
        let answer = passed.send_json("POST", "/Users", "{}").await;
        assert_eq!(
            (answer.line.as_str(), answer.body.as_slice()),
            ("HTTP/1.1 503 Busy", b"{\"detail\":\"busy\"}".as_slice())
        );
        assert_eq!(answer.header("retry-after").as_deref(), Some("3"));
    }
}

#[tokio::test]
async fn a_target_that_is_down_does_not_make_the_bridge_unready() {
    let address = nobody().await;
    let bridge = Setup::memory().config(&app(&format!("http://{address}"), "")).start().await;
    for _ in 0..10 {
        let mut client = Client::connect(bridge.root()).await;
        client.send(head("GET", "/Users") + "\r\n").await;
        assert!(client.answer().await.status() >= 500);
    }
    eventually("readiness", async || bridge.ready().await.status == 200).await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_on_the_way_counts_as_none() {
    let passed = Passed::start().await;
    let half = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\nhalf";
    passed.target.reply(Reply::BytesAndEnd(half.into()));
    let mut client = passed.connect().await;
    client.send(head("GET", "/Users") + "\r\n").await;
    assert!(client.reader.answer(false).await.is_none());
    passed.get("/Users").await;
    let counted = async |outcome: &str| {
        let url = format!("{}/metrics", passed.bridge.root());
        let answer = reqwest::Client::new().get(url).bearer_auth(IDP_TOKEN).send().await.unwrap();
        let text = answer.text().await.unwrap();
        let of_calls = text.lines().filter(|line| line.starts_with("scim_bridge_upstream_calls_total"));
        of_calls
            .filter(|line| {
                line.contains(r#"app="passed""#) && line.contains(&format!(r#"outcome="{outcome}""#))
            })
            .map(|line| line.rsplit(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    eventually("it is counted", async || counted("unanswered").await == ["1"]).await;
    assert_eq!(counted("done").await, ["1"]);
}
