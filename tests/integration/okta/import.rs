//! Import: the whole list, page by page.

use std::collections::BTreeSet;

use scim_bridge::sim::aha::Person;
use serde_json::json;

use super::{NO_CALLS, get};
use crate::harness::{ADMINISTRATOR, Setup};

#[tokio::test]
async fn every_account_is_imported_exactly_once_also_disabled_ones_okt_seq_7_q_13_q_21() {
    let bridge = Setup::aha()
        .with(|aha| {
            for number in 0..260 {
                let email = format!("person{number:03}@example.com");
                let person = Person::new("Person", &format!("Number{number}"), &email);
                aha.seed(if number % 10 == 0 { person.disabled() } else { person });
            }
        })
        .start()
        .await;
    let (mut names, mut ids, mut inactive) = (BTreeSet::new(), BTreeSet::new(), 0);
    for (start, expected) in [(1, 100), (101, 100), (201, 61)] {
        let page = get(&bridge, &format!("/Users?startIndex={start}&count=100")).await;
        let users = page.list(261, start);
        assert_eq!(users.len(), expected);
        for user in users {
            assert!(ids.insert(user["id"].as_str().unwrap().to_owned()), "{user}");
            assert!(names.insert(user["userName"].as_str().unwrap().to_owned()), "{user}");
            inactive += usize::from(user["active"] == json!(false));
        }
        // The order is the same each time.
        let again = get(&bridge, &format!("/Users?startIndex={start}&count=100")).await;
        assert_eq!(again.body, page.body);
    }
    let expected: BTreeSet<_> = (0..260)
        .map(|number| format!("person{number:03}@example.com"))
        .chain([ADMINISTRATOR.to_owned()])
        .collect();
    assert_eq!((names, inactive), (expected, 26));
    assert_eq!(bridge.calls(), NO_CALLS);
    assert_eq!(bridge.aha.invitations(), []);
}

#[tokio::test]
async fn who_comes_between_two_pages_comes_last_q_13() {
    let bridge = Setup::memory().start().await;
    for number in 0..6 {
        bridge.create_user(&format!("person{number}@example.com")).await;
    }
    let first = get(&bridge, "/Users?startIndex=1&count=3").await;
    bridge.create_user("a.newcomer@example.com").await;
    let second = get(&bridge, "/Users?startIndex=4&count=100").await;
    let all: Vec<_> =
        first.list(6, 1).iter().chain(second.list(7, 4)).map(|user| user["userName"].clone()).collect();
    let expected: Vec<_> = (0..6)
        .map(|number| json!(format!("person{number}@example.com")))
        .chain([json!("a.newcomer@example.com")])
        .collect();
    assert_eq!(all, expected);
}
