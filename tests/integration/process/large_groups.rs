//! What a change of a group costs, counted in statements and rows: the log at its finest tells each of them.

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use super::{Installation, Server};
use crate::harness::user;

/// A statement, with how many rows it changed and how many it answered.
type Statement = (String, u64, u64);

/// The statements of one request: those of the cheapest of a few that are alike, since others may log in between.
async fn cost(server: &mut Server, path: &str, requests: [Value; 2]) -> [Vec<Statement>; 2] {
    let mut cheapest: [Option<Vec<Statement>>; 2] = [None, None];
    for _ in 0..5 {
        for (operations, cheapest) in requests.iter().zip(&mut cheapest) {
            let before = server.process.said().len();
            let body = json!({ "Operations": operations });
            let answer = server.send(Method::PATCH, path, Some(&body)).await;
            assert_eq!(answer.status, 204, "{answer}");
            let is_answered = |said: &str| said[before..].contains("\"http.status\":204");
            server.process.poll("its line", |process| is_answered(&process.said()).then_some(())).await;
            let statements = statements(&server.process.said()[before..]);
            if cheapest.as_ref().is_none_or(|cheapest| cheapest.len() > statements.len()) {
                *cheapest = Some(statements);
            }
        }
    }
    cheapest.map(Option::unwrap)
}

fn statements(log: &str) -> Vec<Statement> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut statements: Vec<_> = lines
        .filter(|line| line["target"] == "sqlx::query")
        .map(|line| {
            let text =
                [&line["summary"], &line["db.statement"]].map(|part| part.as_str().unwrap_or_default());
            let rows = |name: &str| line[name].as_u64().unwrap();
            (text.concat(), rows("rows_affected"), rows("rows_returned"))
        })
        .collect();
    statements.sort();
    statements
}

async fn group(server: &Server, name: &str, members: usize) -> String {
    let member = |number| json!({ "value": format!("0198c0de-0000-7000-8000-{number:012}") });
    let members: Value = (0..members).map(member).collect();
    let body = json!({ "displayName": name, "members": members });
    let created = server.send(Method::POST, "/Groups", Some(&body)).await;
    assert_eq!(created.status, 201, "{}", created.status);
    format!("/Groups/{}", created.id())
}

/// Both groups give a role. Nothing is carried out, so that only requests write.
#[rstest]
#[case::by_path("members[value eq \"USER\"]")]
#[case::by_value("members")]
#[tokio::test]
async fn one_member_more_or_less_takes_the_same_statements_and_rows_in_a_group_of_10_and_of_10_000(
    #[case] removed_by: &str,
) {
    let installation = Installation::with_keys("mode = 'plan'\nunknown_members = 'keep'").await;
    let mut server = installation.serve().await;
    let id = server.send(Method::POST, "/Users", Some(&user("sam.doe@example.com"))).await.id();
    let small = group(&server, "PRJ1: viewer", 10).await;
    let large = group(&server, "PRJ1: contributor", 10_000).await;
    let members = json!([{ "value": id }]);
    let add = json!([{ "op": "Add", "path": "members", "value": members }]);
    let mut remove = json!([{ "op": "Remove", "path": removed_by.replace("USER", &id) }]);
    if removed_by == "members" {
        remove[0]["value"] = members;
    }
    let in_small = cost(&mut server, &small, [add.clone(), remove.clone()]).await;
    let in_large = cost(&mut server, &large, [add, remove]).await;
    assert_eq!(in_small, in_large);
    for statements in &in_large {
        let touched = |(text, rows, _): &Statement| text.contains("touched = touched + 1") && *rows == 1;
        assert!(statements.iter().any(touched), "{statements:#?}");
        let rows: u64 = statements.iter().map(|(_, changed, answered)| changed + answered).sum();
        assert!(rows < 30, "{statements:#?}");
    }
}
