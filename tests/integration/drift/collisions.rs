//! Accounts whose e-mail is a user's: not shown, told, and never in the way of a listing.

use scim_bridge::sim::aha::Person;
use serde_json::{Value, json};

use super::{EVERY, SAM, account, open, open_kinds, reporting};
use crate::harness::{Bridge, user};

/// The users of this `userName`, by their ids.
async fn ids_of(bridge: &Bridge, user_name: &str) -> Vec<Value> {
    let list = bridge.filter("/Users", &format!("userName eq \"{user_name}\"")).await;
    list.body["Resources"].as_array().unwrap().iter().map(|user| user["id"].clone()).collect()
}

#[tokio::test]
async fn a_second_account_with_a_users_email_is_told_and_not_shown() {
    let (bridge, clock) = reporting().await;
    let id = bridge.create_user(SAM).await;
    let second = bridge.aha.seed(Person::new("Sam", "Twice", "SAM.Doe@example.com"));
    for _ in 0..2 {
        bridge.next_roster(&clock, EVERY).await;
        let [found] = open(&bridge).await.try_into().unwrap();
        assert_eq!(found.kind.as_str(), "second_account");
        assert_eq!(found.account_id, Some(second.to_string()));
        assert!(
            found.sentence.contains("second account with the e-mail SAM.Doe@example.com"),
            "{}",
            found.sentence
        );
    }
    assert_eq!(ids_of(&bridge, SAM).await, [json!(id)]);
    bridge.aha.change_email(second, "sam.twice@example.com");
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open(&bridge).await, []);
    assert_eq!(ids_of(&bridge, "sam.twice@example.com").await.len(), 1, "it is shown from then on");
}

#[tokio::test]
async fn an_account_whose_email_is_the_user_name_of_a_user_with_another_email_is_told_and_not_shown() {
    let (bridge, clock) = reporting().await;
    let mut body = user(SAM);
    body["emails"][0]["value"] = json!("sam@corp.example.com");
    let id = bridge.post("/Users", &body).await.id();
    let other = bridge.aha.seed(Person::new("Sam", "Other", SAM));
    bridge.next_roster(&clock, EVERY).await;
    let [found] = open(&bridge).await.try_into().unwrap();
    assert_eq!((found.kind.as_str(), found.account_id), ("user_name_taken", Some(other.to_string())));
    assert_eq!(found.user_id.unwrap().as_str(), id);
    assert_eq!(ids_of(&bridge, SAM).await, [json!(id)]);
    bridge.aha.vanish(other);
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open(&bridge).await, []);
}

#[tokio::test]
async fn an_unmanaged_account_that_is_given_the_email_of_a_user_does_not_stop_the_listing() {
    let (bridge, clock) = reporting().await;
    let id = bridge.create_user(SAM).await;
    let old = bridge.aha.seed(Person::new("Old", "Timer", "old@example.com"));
    bridge.next_roster(&clock, EVERY).await;
    bridge.aha.change_email(old, SAM);
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open_kinds(&bridge).await, ["second_account"]);
    assert_eq!(bridge.status().await["roster"]["last_failure"], Value::Null);
    assert_eq!(ids_of(&bridge, SAM).await, [json!(id)]);
    assert_eq!(ids_of(&bridge, "old@example.com").await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_unmanaged_account_that_is_given_the_user_name_of_a_user_does_not_stop_the_listing() {
    let (bridge, clock) = reporting().await;
    let mut body = user(SAM);
    body["emails"][0]["value"] = json!("sam@corp.example.com");
    let id = bridge.post("/Users", &body).await.id();
    let old = bridge.aha.seed(Person::new("Old", "Timer", "old@example.com"));
    bridge.next_roster(&clock, EVERY).await;
    bridge.aha.change_email(old, SAM);
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open_kinds(&bridge).await, ["user_name_taken"]);
    assert_eq!(ids_of(&bridge, SAM).await, [json!(id)]);
    bridge.aha.change_email(old, "old@example.com");
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(ids_of(&bridge, "old@example.com").await.len(), 1);
    assert_eq!(open(&bridge).await, []);
}

#[tokio::test]
async fn unmanaged_accounts_that_exchange_their_emails_are_both_shown_after_the_next_listing() {
    let (bridge, clock) = reporting().await;
    let [one, two] = ["one", "two"]
        .map(|name| bridge.aha.seed(Person::new(name, "Person", &format!("{name}@example.com"))));
    bridge.next_roster(&clock, EVERY).await;
    bridge.aha.change_email(one, "somewhere@example.com");
    bridge.aha.change_email(two, "one@example.com");
    bridge.aha.change_email(one, "two@example.com");
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open(&bridge).await, [], "that was a moment's impression");
    assert_eq!(bridge.get("/Users").await.body["totalResults"], 3, "these and the owner of the key");
    for (email, name) in [("one@example.com", "two Person"), ("two@example.com", "one Person")] {
        let found = bridge.filter("/Users", &format!("userName eq \"{email}\"")).await;
        assert_eq!(found.only()["displayName"], name);
    }
}

#[tokio::test]
async fn an_account_made_by_hand_for_a_user_whose_account_vanished_becomes_the_users() {
    let (bridge, clock) = reporting().await;
    let id = bridge.create_user(SAM).await;
    bridge.aha.vanish(account(&bridge, SAM));
    let old = bridge.aha.seed(Person::new("Old", "Timer", "old@example.com"));
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open_kinds(&bridge).await, ["account_vanished"]);
    bridge.aha.change_email(old, SAM);
    bridge.aha.rename(old, "sam", "doe");
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open(&bridge).await, []);
    let sam = bridge.get(&format!("/Users/{id}")).await;
    assert_eq!((&sam.body["active"], ids_of(&bridge, "old@example.com").await.len()), (&json!(true), 0));
}
