//! Every name that the dashboard and the alerts go by is one that `/metrics` answers, and every one that it answers is
//! documented.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use axum::{Router, routing::get};
use scim_bridge::{
    clock::SystemClock,
    sim::{
        aha::Person,
        scim::{SimulatedScim, Switches},
    },
};
use serde_json::{Value, json};

use super::scraped_by;
use crate::harness::{Bridge, Setup, eventually, user};

const TARGET_TOKEN: &str = "planted-target-token-0123456789abcdef0123456789ab";
const IDP_TOKEN: &str = "planted-idp-token-89abcdef0123456789abcdef01234567";
/// It reads figures alone.
const READER: &str = "reader-0123456789abcdef0123456789";

/// The names of series, each with those of its labels.
type Names = BTreeMap<String, BTreeSet<String>>;

/// A bridge in which everything has happened that is measured.
async fn eventful() -> Bridge {
    let other_api = Router::new().route(
        "/limits",
        get(|| async {
            let usage = json!({ "limits_and_usage": {
                "units_usage_workspace": 5, "units_limit_workspace": 100, "units_usage_api_key": 3,
                "units_limit_api_key": 50, "api_key_expiration_date": "2099-01-01T00:00:00Z",
            } });
            usage.to_string()
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other_address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, other_api).await });
    let scim = SimulatedScim::new(Switches::default(), TARGET_TOKEN, Arc::new(SystemClock));
    let running = scim.start().await.unwrap();
    let sections = format!(
        "[metrics]\ntokens = [{{ name = 'prometheus', token = '{READER}', expires = '2099-01-01T00:00:00Z' }}]\n\
         [apps.passed]\nconnector = 'scim'\nbase_url = '{}'\ntoken = '{TARGET_TOKEN}'\n\
         tokens = [{{ name = 'idp', token = '{IDP_TOKEN}' }}]\n\
         api_key = 'api-key-0123456789abcdef'\nusage_url = 'http://{other_address}/limits'\n",
        running.base_url()
    );
    let bridge = Setup::aha()
        .with(|aha| {
            aha.seed(Person::new("Kim", "Lee", "kim.lee@example.com"));
        })
        .brake("brake = { max_revocations = 1 }")
        .config(&sections)
        .start()
        .await;
    for name in ["sam.doe@example.com", "pat.roe@example.com"] {
        let created = bridge.post("/Users", &user(name)).await;
        bridge.delete(&created.path()).await;
    }
    let url = format!("{}/passed/scim/v2/Users", bridge.root());
    reqwest::Client::new().get(url).bearer_auth(IDP_TOKEN).send().await.unwrap();
    let key_is_known =
        || async { scraped_by(&bridge, READER).await.contains("scim_bridge_target_key_expires_in_seconds{") };
    eventually("the figures of the other API are there", key_is_known).await;
    // It serves as long as the test runs.
    std::mem::forget(running);
    bridge
}

/// What a scrape holds.
fn names_in(text: &str) -> Names {
    let mut names = Names::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let end = line.find(['{', ' ']).unwrap();
        let labels = names.entry(line[..end].to_owned()).or_default();
        let mut rest = &line[end..];
        // Values of labels have neither quotes nor backslashes here.
        while let Some((before, behind)) = rest.split_once("=\"") {
            labels.insert(before.trim_start_matches(['{', ',']).to_owned());
            rest = behind.split_once('"').unwrap().1;
        }
    }
    names
}

/// Everything that is wrong with a PromQL expression, as far as it is about names: which metrics and which labels it uses.
fn problems_of(expression: &str, known: &Names) -> Vec<String> {
    let mut problems = Vec::new();
    for (open, close) in [('(', ')'), ('{', '}'), ('[', ']')] {
        if expression.matches(open).count() != expression.matches(close).count() {
            problems.push(format!("{open} and {close} do not match"));
        }
    }
    let mut labels_of_all = BTreeSet::new();
    let mut is_ours = false;
    for (at, _) in expression.match_indices("scim_bridge_") {
        is_ours = true;
        let rest = &expression[at..];
        let end = rest.find(|character: char| !character.is_ascii_lowercase() && character != '_');
        let (name, rest) = rest.split_at(end.unwrap_or(rest.len()));
        let Some(labels) = known.get(name) else {
            problems.push(format!("there is no {name}"));
            continue;
        };
        labels_of_all.extend(labels);
        let matchers =
            rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(all, _)| all);
        for matcher in matchers.split(',').filter(|matcher| !matcher.is_empty()) {
            let label = matcher.split(['=', '!']).next().unwrap().trim();
            if !labels.contains(label) {
                problems.push(format!("{name} has no label {label}"));
            }
        }
    }
    if !is_ours && !expression.starts_with("up{") {
        problems.push("it uses no metric of ours".to_owned());
    }
    for (_, behind) in
        expression.split("by (").skip(1).filter_map(|rest| rest.split_once(')').map(|pair| ((), pair.0)))
    {
        for label in behind.split(',').map(str::trim) {
            if !labels_of_all.iter().any(|known| *known == label) {
                problems.push(format!("nothing in it has a label {label}"));
            }
        }
    }
    problems
}

/// The labels that a text of the alerts or the dashboard shows.
fn shown_labels<'t>(text: &'t str, before: &str) -> Vec<&'t str> {
    let end_of_label = |character: char| !character.is_ascii_lowercase() && character != '_';
    text.split(before).skip(1).map(|rest| rest.split(end_of_label).next().unwrap()).collect()
}

fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[tokio::test]
async fn the_dashboard_the_alerts_and_the_readme_name_what_there_is() {
    let bridge = eventful().await;
    let text = scraped_by(&bridge, READER).await;
    let known = names_in(&text);
    let mut problems = Vec::new();

    let rules = rules();
    assert!(rules.len() > 10, "the alerts were not found");
    for rule in &rules {
        let said = problems_of(&rule.expression, &known).into_iter();
        problems.extend(said.map(|problem| format!("alert {}: {problem}", rule.name)));
        for label in shown_labels(&rule.texts, "$labels.") {
            let is_kept = rule.expression.contains("by (") && is_grouped_by(&rule.expression, label);
            if !is_kept && label != "instance" {
                problems.push(format!("alert {}: it shows {label}, which its expression drops", rule.name));
            }
        }
        if !["critical", "warning", "info"].contains(&rule.severity.as_str()) {
            problems.push(format!("alert {}: nothing is known to be {}", rule.name, rule.severity));
        }
    }

    let dashboard: Value = serde_json::from_str(&file("config/grafana-dashboard.json")).unwrap();
    let mut panels = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            panels += 1;
            let (title, expression) = (&panel["title"], target["expr"].as_str().unwrap());
            let said = problems_of(expression, &known).into_iter();
            problems.extend(said.map(|problem| format!("panel {title}: {problem}")));
            for label in shown_labels(target["legendFormat"].as_str().unwrap(), "{{") {
                if !is_grouped_by(expression, label) {
                    problems
                        .push(format!("panel {title}: its legend shows {label}, which its expression drops"));
                }
            }
        }
    }
    assert!(panels > 20, "the panels were not found");

    // What is there is watched by somebody, and explained: `| name | labels | …`.
    let readme = file("README.md");
    let everything = format!("{}{}", file("config/alerts.yaml"), file("config/grafana-dashboard.json"));
    for family in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (family, kind) = family.split_once(' ').unwrap();
        let (name, series) = match kind {
            "counter" => (format!("{family}_total"), format!("{family}_total")),
            "info" => (format!("{family}_info"), format!("{family}_info")),
            "histogram" => (family.to_owned(), format!("{family}_count")),
            _ => (family.to_owned(), family.to_owned()),
        };
        let Some(labels) = known.get(&series) else {
            problems
                .push(format!("{name} is declared, and nothing that happened in this test gave it a value"));
            continue;
        };
        let mut labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        labels.sort();
        let row = format!("| `{name}` | {} |", labels.join(", "));
        if !readme.contains(&row) {
            problems.push(format!("README.md has no row that begins with {row}"));
        }
        if !everything.contains(&name) {
            problems.push(format!("neither the dashboard nor an alert uses {name}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Whether an outermost aggregation keeps the label: the first of the expression is the outermost.
fn is_grouped_by(expression: &str, label: &str) -> bool {
    let inner = expression.strip_prefix("histogram_quantile(").unwrap_or(expression);
    let labels =
        inner.split_once("by (").and_then(|(_, rest)| rest.split_once(')')).map_or("", |(all, _)| all);
    labels.split(',').any(|grouped| grouped.trim() == label)
}

/// An alerting rule.
struct Rule {
    name: String,
    expression: String,
    severity: String,
    /// What people read: a summary and a description.
    texts: String,
}

/// The rules of the file. One that lacks something, or has something that Prometheus does not know, is refused here.
fn rules() -> Vec<Rule> {
    let alerts: Value = serde_saphyr::from_str(&file("config/alerts.yaml")).unwrap();
    assert_eq!(keys(&alerts), ["groups"]);
    let rules = alerts["groups"].as_array().unwrap().iter().flat_map(|group| {
        assert_eq!(keys(group), ["name", "rules"]);
        group["rules"].as_array().unwrap()
    });
    let rule = |rule: &Value| {
        let known = ["alert", "annotations", "expr", "for", "labels"];
        assert!(keys(rule).iter().all(|key| known.contains(key)), "{rule}");
        assert_eq!(keys(&rule["annotations"]), ["description", "summary"], "{rule}");
        assert_eq!(keys(&rule["labels"]), ["severity"], "{rule}");
        let text =
            |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {value} in {rule}")).to_owned();
        let texts = ["summary", "description"].map(|name| text(&rule["annotations"][name]));
        Rule {
            name: text(&rule["alert"]),
            expression: text(&rule["expr"]),
            severity: text(&rule["labels"]["severity"]),
            texts: texts.join(" "),
        }
    };
    rules.map(rule).collect()
}

fn keys(table: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = table.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
