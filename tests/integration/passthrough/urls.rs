//! URLs that would lead around the bridge, in bodies of all kinds.

use async_compression::tokio::bufread::{BrotliEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
use rstest::rstest;
use tokio::io::AsyncReadExt;

use super::{Passed, wire::Reply};

/// The text with a coding.
pub async fn coded(coding: &str, text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    match coding {
        "gzip" => GzipEncoder::new(text).read_to_end(&mut bytes).await,
        "deflate" => ZlibEncoder::new(text).read_to_end(&mut bytes).await,
        "br" => BrotliEncoder::new(text).read_to_end(&mut bytes).await,
        _ => ZstdEncoder::new(text).read_to_end(&mut bytes).await,
    }
    .unwrap();
    bytes
}

#[rstest]
#[tokio::test]
async fn a_compressed_json_answer_is_read_and_goes_on_with_its_urls_replaced(
    #[values("gzip", "deflate", "br", "zstd")] coding: &str,
    #[values(1, 1_000)] users: usize,
) {
    let passed = Passed::start().await;
    let text = |base: &str| {
        let user = format!(
            r#"{{"id": 1.0,"meta":{{"location":"{base}/Users/1"}},"url":"{}"}}"#,
            passed.target.base_url()
        );
        format!("[{}]", vec![user; users].join(","))
    };
    let body = coded(coding, text(&passed.target.base_url()).as_bytes()).await;
    let head = format!(
        "200 OK\r\netag: W/\"1\"\r\ncontent-encoding: {coding}\r\ncontent-type: application/scim+json"
    );
    passed.target.reply(Reply::new(&head, &body));
    let answer = passed.send("GET", "/Users", format!("accept-encoding: {coding}\r\n\r\n").as_bytes()).await;
    assert_eq!(String::from_utf8(answer.body.clone()).unwrap(), text(&passed.base_url()));
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(answer.header("etag").as_deref(), Some("W/\"1\""));
    assert_eq!(passed.target.seen()[0].header("accept-encoding").as_deref(), Some(coding));
}

#[tokio::test]
async fn a_compressed_body_that_is_not_json_passes_as_it_is() {
    let passed = Passed::start().await;
    let body = coded("gzip", b"location: somewhere").await;
    passed.target.reply(Reply::new("200 OK\r\ncontent-encoding: gzip\r\ncontent-type: text/plain", &body));
    let answer = passed.get("/Users").await;
    assert_eq!((&answer.body, answer.header("content-encoding").as_deref()), (&body, Some("gzip")));
}

#[tokio::test]
async fn a_compressed_request_passes_as_it_is_unless_it_has_urls_of_ours() {
    let passed = Passed::start().await;
    let with_url = format!(r#"{{"manager":{{"$ref":"{}/Users/7","value":"7"}}}}"#, passed.base_url());
    for (text, is_changed) in [(r#"{"userName":"b"}"#, false), (with_url.as_str(), true)] {
        let body = coded("gzip", text.as_bytes()).await;
        let mut rest = format!(
            "content-type: application/scim+json\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        rest.extend_from_slice(&body);
        assert_eq!(passed.send("POST", "/Users", &rest).await.status(), 204);
        let seen = &passed.target.seen()[0];
        if is_changed {
            let expected = text.replace(&passed.base_url(), &passed.target.base_url());
            assert_eq!(String::from_utf8_lossy(&seen.body), expected);
            assert_eq!(seen.header("content-encoding"), None);
        } else {
            assert_eq!((&seen.body, seen.header("content-encoding").as_deref()), (&body, Some("gzip")));
        }
    }
}

#[rstest]
#[case::called_text("content-type: Text/Plain; charset=utf-8\r\n")]
#[case::called_nothing("")]
#[tokio::test]
async fn json_that_is_not_called_so_has_its_urls_replaced_and_other_text_passes_as_it_is(
    #[case] media_type: &str,
    #[values(1, 2_000)] users: usize,
) {
    let passed = Passed::start().await;
    let text = |base: &str| {
        let user = format!(r#"{{"$ref":"{base}/Users/1"}}"#);
        format!(" [{}]", vec![user; users].join(","))
    };
    let (ours, theirs) = (text(&passed.base_url()), text(&passed.target.base_url()));
    passed.target.reply(Reply::new(&format!("200 OK\r\n{media_type}x: y"), theirs.as_bytes()));
    assert_eq!(String::from_utf8(passed.get("/Users").await.body).unwrap(), ours);
    let of_length = format!("{media_type}content-length: {}\r\n\r\n{ours}", ours.len());
    let chunked =
        format!("{media_type}transfer-encoding: chunked\r\n\r\n{:x}\r\n{ours}\r\n0\r\n\r\n", ours.len());
    for rest in [of_length, chunked] {
        assert_eq!(passed.send("POST", "/Users", rest.as_bytes()).await.status(), 204);
    }
    let seen = passed.target.seen();
    assert!(seen[1..].iter().all(|seen| seen.body == theirs.as_bytes()), "{seen:?}");

    // What is no JSON keeps its length and what is said of its bytes, also where it is long.
    let other = format!("location: {theirs}");
    let head = format!("200 OK\r\n{media_type}content-digest: sha-256=:x:");
    passed.target.reply(Reply::new(&head, other.as_bytes()));
    let answer = passed.get("/Users").await;
    assert_eq!(String::from_utf8(answer.body.clone()).unwrap(), other);
    assert_eq!(answer.header("content-length"), Some(other.len().to_string()));
    assert_eq!(answer.header("content-digest").as_deref(), Some("sha-256=:x:"));
}

#[rstest]
#[case(r#"{"op":"replace","path":"manager.$ref","value":"{bridge}/Users/7"}"#, true)]
#[case(r#"{"value":"{bridge}/Users/7","path":"members[value eq \"7\"].$Ref","op":"add"}"#, true)]
#[case(r#"{"op":"add","value":{"manager.$ref":"{bridge}/Users/7"}}"#, true)]
#[case(r#"{"op":"replace","path":"profileUrl","value":"{bridge}/Users/7"}"#, false)]
#[tokio::test]
async fn a_patch_that_sets_a_reference_by_its_path_sets_the_targets(
    #[case] operation: &str,
    #[case] is_reference: bool,
    #[values("/Users/1", "/Groups/1")] below: &str,
) {
    let passed = Passed::start().await;
    let text = |base: &str| format!(r#"{{"Operations":[{}]}}"#, operation.replace("{bridge}", base));
    let body = text(&passed.base_url());
    assert_eq!(passed.send_json("PATCH", below, &body).await.status(), 204);
    let rest = format!(
        "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    assert_eq!(passed.send("PATCH", below, rest.as_bytes()).await.status(), 204);
    let expected = if is_reference { text(&passed.target.base_url()) } else { body };
    for seen in passed.target.seen() {
        assert_eq!(String::from_utf8(seen.body).unwrap(), expected);
    }
}

#[tokio::test]
async fn a_coding_that_the_bridge_does_not_know_is_told_instead_of_a_url_that_leads_around_it() {
    let passed = Passed::start().await;
    passed
        .target
        .reply(Reply::new("200 OK\r\ncontent-encoding: compress\r\ncontent-type: application/json", b"xyz"));
    let detail = passed.get("/Users").await.error(502);
    assert!(detail.contains("it has the content coding \"compress\""), "{detail}");
}

#[rstest]
#[case::absolute("http://{target}/scim/v2/Users/1", "http://{bridge}/passed/scim/v2/Users/1")]
#[case::with_another_scheme("https://{target}/scim/v2/Users/1", "http://{bridge}/passed/scim/v2/Users/1")]
#[case::without_a_host("/scim/v2/Users/1", "http://{bridge}/passed/scim/v2/Users/1")]
#[case::relative("Users/1", "Users/1")]
#[case::elsewhere("https://elsewhere.example/1", "https://elsewhere.example/1")]
#[tokio::test]
async fn the_location_of_what_was_created_leads_through_the_bridge(
    #[case] sent: &str,
    #[case] expected: &str,
) {
    let passed = Passed::start().await;
    let of = |text: &str| {
        let bridge = passed.bridge.root().trim_start_matches("http://");
        text.replace("{target}", passed.target.address()).replace("{bridge}", bridge)
    };
    passed.target.reply(Reply::new(&format!("201 Created\r\nlocation: {}", of(sent)), b""));
    let answer = passed.send_json("POST", "/Users", "{}").await;
    assert_eq!((answer.status(), answer.header("location")), (201, Some(of(expected))));
}
