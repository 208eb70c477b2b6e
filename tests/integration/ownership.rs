//! How the bridge came by an account: it made it, the IdP took it over, or nobody manages it.

use std::time::Duration;

use scim_bridge::{
    sim::aha::Person,
    store::{UserId, rosters, users},
};
use serde_json::json;

use crate::harness::{Bridge, Setup, user};

const EVERY: Duration = Duration::from_secs(15 * 60);
const SAM: &str = "sam.doe@example.com";

async fn ownership(bridge: &Bridge, id: &str) -> String {
    let store = bridge.store().await;
    let found = users::find_any(&store, "test", &UserId::from(id)).await.unwrap().expect("a user");
    store.close().await;
    format!("{:?}", found.ownership).to_lowercase()
}

async fn id_of(bridge: &Bridge, email: &str) -> String {
    let found = bridge.filter("/Users", &format!("userName eq \"{email}\"")).await;
    found.only()["id"].as_str().unwrap().to_owned()
}

fn is_active() -> serde_json::Value {
    json!([{ "op": "replace", "path": "active", "value": true }])
}

#[tokio::test]
async fn a_user_whose_account_the_bridge_made_is_created() {
    let bridge = Setup::aha().start().await;
    let id = bridge.create_user(SAM).await;
    assert_eq!(ownership(&bridge, &id).await, "created");
}

#[tokio::test]
async fn a_user_whose_account_is_found_by_the_look_up_is_adopted() {
    let bridge = Setup::aha().start().await;
    bridge.aha.seed(Person::new("sam", "doe", SAM));
    let id = bridge.create_user(SAM).await;
    assert_eq!(ownership(&bridge, &id).await, "adopted");
    assert!(bridge.aha.invitations().is_empty());
}

#[tokio::test]
async fn a_user_that_a_listing_found_is_unmanaged_until_the_idp_writes_even_what_is_so_already() {
    let bridge = Setup::aha().with(|aha| _ = aha.seed(Person::new("sam", "doe", SAM))).start().await;
    let id = id_of(&bridge, SAM).await;
    bridge.get(&format!("/Users/{id}")).await;
    assert_eq!(ownership(&bridge, &id).await, "unmanaged", "to read is not to manage");
    assert_eq!(bridge.patch(&format!("/Users/{id}"), is_active()).await.status, 200);
    assert_eq!(ownership(&bridge, &id).await, "adopted");
    assert!(bridge.calls().is_empty());
}

#[tokio::test]
async fn a_user_that_a_listing_found_is_adopted_by_a_change() {
    let bridge = Setup::aha().with(|aha| _ = aha.seed(Person::new("sam", "doe", SAM))).start().await;
    let id = id_of(&bridge, SAM).await;
    assert_eq!(bridge.put(&format!("/Users/{id}"), &user(SAM)).await.status, 200);
    assert_eq!(ownership(&bridge, &id).await, "adopted");
}

#[tokio::test]
async fn a_write_that_aha_refuses_leaves_a_user_unmanaged() {
    let bridge = Setup::aha().with(|aha| _ = aha.seed(Person::new("sam", "doe", SAM))).start().await;
    let id = id_of(&bridge, SAM).await;
    let refusal = json!({ "error": "no" });
    bridge.aha.fault(scim_bridge::sim::aha::Fault::json(422, &refusal).on("PUT /users/:id"));
    let body = json!([{ "op": "replace", "path": "active", "value": false }]);
    bridge.patch(&format!("/Users/{id}"), body).await.error(400, "invalidValue");
    assert_eq!(ownership(&bridge, &id).await, "unmanaged");
}

#[tokio::test]
async fn a_user_that_is_made_again_after_it_was_deleted_takes_its_account_over() {
    let bridge = Setup::aha().start().await;
    let id = bridge.create_user(SAM).await;
    assert_eq!(bridge.delete(&format!("/Users/{id}")).await.status, 204);
    let again = bridge.create_user(SAM).await;
    assert_ne!(again, id);
    assert_eq!(ownership(&bridge, &again).await, "adopted");
    assert_eq!(bridge.aha.invitations().len(), 1);
}

#[tokio::test]
async fn a_user_whose_account_vanished_is_created_once_it_has_a_new_one() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup.with(|aha| _ = aha.seed(Person::new("sam", "doe", SAM))).start().await;
    let path = format!("/Users/{}", id_of(&bridge, SAM).await);
    assert_eq!(bridge.patch(&path, is_active()).await.status, 200);
    bridge.aha.vanish(bridge.aha.find_user_by_email(SAM).unwrap().id);
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(bridge.patch(&path, is_active()).await.body["active"], true);
    assert_eq!(ownership(&bridge, path.trim_start_matches("/Users/")).await, "created");
}

#[tokio::test]
async fn an_account_made_by_hand_for_a_user_that_had_lost_its_own_is_adopted() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup.start().await;
    let id = bridge.create_user(SAM).await;
    bridge.aha.vanish(bridge.aha.find_user_by_email(SAM).unwrap().id);
    bridge.next_roster(&clock, EVERY).await;
    bridge.aha.seed(Person::new("sam", "doe", SAM));
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(ownership(&bridge, &id).await, "adopted");
}

#[tokio::test]
async fn a_listing_counts_accounts_by_whose_they_are_and_whether_they_are_enabled() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup
        .with(|aha| {
            aha.seed(Person::new("Old", "Timer", "old@example.com").disabled());
            aha.seed(Person::new("Jane", "Roe", "jane.roe@example.com"));
        })
        .start()
        .await;
    // Created: one enabled, one disabled. Deleted: one. Adopted: one. A second account with Sam's e-mail.
    bridge.create_user(SAM).await;
    let body = json!([{ "op": "replace", "path": "active", "value": false }]);
    let off = bridge.create_user("off@example.com").await;
    assert_eq!(bridge.patch(&format!("/Users/{off}"), body).await.status, 200);
    let gone = bridge.create_user("gone@example.com").await;
    assert_eq!(bridge.delete(&format!("/Users/{gone}")).await.status, 204);
    let jane = id_of(&bridge, "jane.roe@example.com").await;
    assert_eq!(bridge.patch(&format!("/Users/{jane}"), is_active()).await.status, 200);
    bridge.aha.seed(Person::new("Sam", "Twice", SAM));
    bridge.next_roster(&clock, EVERY).await;
    let store = bridge.store().await;
    let roster = rosters::find(&store, "test").await.unwrap().unwrap();
    let counted: Vec<_> = roster
        .census
        .parts()
        .into_iter()
        .map(|(owner, count)| format!("{owner} {} {}", count.enabled, count.disabled))
        .collect();
    assert_eq!(counted, ["created 1 1", "adopted 1 0", "unmanaged 1 1", "deleted 0 1", "hidden 1 0"]);
    assert_eq!((roster.accounts, roster.calls), (7, 1));
}
