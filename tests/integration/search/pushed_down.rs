//! Whatever the database finds is what a naive reading of the filter finds.

use std::sync::Arc;

use proptest::{
    prelude::*,
    sample::select,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use scim_bridge::{
    clock::{Clock, ManualClock, Time},
    scim::{filter::Filter, registry::Registry},
};
use serde_json::{Value, json};

use super::{create_group, resources};
use crate::harness::{Answer, Bridge, Setup};

const FILTERS: usize = 400;

/// Values that are close to one another, so that filters often match some users and not others.
const NAMES: [&str; 9] = ["ann", "ANN.lee", "anna", "Bob", "bo", "b%", "b_", "öz", "\u{10ffff}x"];
const EMAILS: [&str; 5] = ["ann@x.test", "ANN@X.test", "a+b@x.test", "bob@x.test", "Öz@x.test"];

fn text() -> impl Strategy<Value = String> {
    let texts: Vec<&str> =
        NAMES.into_iter().chain(EMAILS).chain(["", "a", "E-1", "e-1", "Staff", "STAFF"]).collect();
    select(texts).prop_map(|text| Value::from(text).to_string())
}

fn test() -> impl Strategy<Value = String> {
    let attribute =
        select(vec!["userName", "externalId", "emails.value", "emails", "title", "displayName", "id"]);
    let operator = select(vec!["eq", "eq", "eq", "ne", "sw", "sw", "co", "ew", "gt", "le"]);
    prop_oneof![
        6 => (attribute, operator, text()).prop_map(|(name, operator, value)| format!("{name} {operator} {value}")),
        1 => any::<bool>().prop_map(|active| format!("active eq {active}")),
        1 => any::<bool>().prop_map(|active| format!("active ne {active}")),
        2 => (select(vec!["gt", "ge", "lt", "le", "eq", "ne"]), 0..14_i64).prop_map(|(operator, step)| {
            // Users are made 700 µs apart: some of these times fall into the same millisecond.
            let time = jiff::Timestamp::from_microsecond(START + step * 500).unwrap();
            format!("meta.lastModified {operator} \"{time}\"")
        }),
        1 => (select(vec!["work", "home"]), text())
            .prop_map(|(kind, value)| format!("emails[type eq \"{kind}\"].value eq {value}")),
        1 => select(vec!["title pr", "emails pr", "groups pr", "groups.display eq \"Staff\""]).prop_map(str::to_owned),
    ]
}

fn filter() -> impl Strategy<Value = String> {
    test().prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} and {b}")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            1 => inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

const START: i64 = 1_700_000_000_000_000;

async fn population() -> Bridge {
    let clock = ManualClock::new(Time::from_micros(START));
    let bridge = Setup::memory_with_clock(Arc::new(clock.clone())).start().await;
    let mut ids = Vec::new();
    for (number, name) in NAMES.into_iter().enumerate() {
        let mut body = json!({ "userName": name, "active": number % 3 != 0 });
        if number % 2 == 0 {
            body["externalId"] = json!(["E-1", "e-1", "a"][number % 3]);
            body["emails"] = json!([
                { "type": "work", "value": EMAILS[number % 5] },
                { "type": "home", "value": EMAILS[(number + 1) % 5] },
            ]);
        }
        if number % 4 == 1 {
            body["title"] = json!(NAMES[number - 1]);
            body["displayName"] = json!("Staff");
        }
        let answer = bridge.post("/Users", &body).await;
        assert_eq!(answer.status, 201, "{answer}");
        ids.push(answer.id());
        clock.advance(std::time::Duration::from_micros(700));
    }
    assert!(clock.now() > Time::from_micros(START));
    create_group(&bridge, "Staff", &[&ids[0], &ids[3]]).await;
    create_group(&bridge, "a", &[&ids[3]]).await;
    bridge
}

#[tokio::test]
async fn any_filter_finds_the_same_in_the_database_and_by_trying_each_user() {
    let bridge = population().await;
    let registry = Registry::default();
    let everybody = bridge.get("/Users").await;
    let everybody = resources(&everybody);
    assert_eq!(everybody.len(), NAMES.len());
    // Not random from run to run: what fails once fails again.
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let (mut some, mut none) = (0, 0);
    for _ in 0..FILTERS {
        let filter = filter().new_tree(&mut runner).unwrap().current();
        let parsed = Filter::parse(&filter, registry.user()).unwrap();
        let expected: Vec<&Value> = everybody.iter().filter(|user| parsed.matches(user)).collect();
        if expected.is_empty() {
            none += 1
        } else {
            some += 1
        }
        let found = bridge.filter("/Users", &filter).await;
        assert_eq!(resources(&found).iter().collect::<Vec<_>>(), expected, "{filter}");
        assert_eq!(found.body["totalResults"], json!(expected.len()), "{filter}");
        // The same page by page: by index, by cursor, and in another order.
        let (mut cursor, mut walked) = (String::new(), Vec::new());
        loop {
            let query = [("filter", filter.as_str()), ("cursor", &cursor), ("count", "2")];
            let page = Answer::of(bridge.request(http::Method::GET, "/Users").query(&query)).await;
            assert_eq!(page.body["totalResults"], json!(expected.len()), "{filter}");
            walked.extend(resources(&page).iter().cloned());
            match page.body["nextCursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
        }
        assert_eq!(walked.iter().collect::<Vec<_>>(), expected, "{filter}");
        let query = [("filter", filter.as_str()), ("startIndex", "2"), ("count", "2"), ("attributes", "id")];
        let page = Answer::of(bridge.request(http::Method::GET, "/Users").query(&query)).await;
        let ids = |users: &[&Value]| users.iter().map(|user| user["id"].clone()).collect::<Vec<_>>();
        let second: Vec<&Value> = expected.iter().copied().skip(1).take(2).collect();
        assert_eq!(ids(&resources(&page).iter().collect::<Vec<_>>()), ids(&second), "{filter}");
        assert_eq!(page.body["totalResults"], json!(expected.len()), "{filter}");
    }
    assert!(some > 50 && none > 50, "{some} filters match, {none} do not");
}
