//! Administrators: who became one, or ceased to be one, since the last pass.

use rstest::rstest;
use scim_bridge::{
    clock::ManualClock,
    sim::aha::{AdministratorRoles, Person, UserId},
};
use serde_json::json;

use super::{EVERY, SAM, account, deactivate, open, open_kinds, reporting};
use crate::harness::{Bridge, Setup};

fn promote(bridge: &Bridge, id: UserId) {
    let billing = AdministratorRoles { billing: true, ..AdministratorRoles::default() };
    bridge.aha.set_administrator_roles(id, billing);
}

fn demote(bridge: &Bridge, id: UserId) {
    bridge.aha.set_administrator_roles(id, AdministratorRoles::default());
}

/// A bridge that has listed a managed user.
async fn with_sam() -> (Bridge, ManualClock, String) {
    let (bridge, clock) = reporting().await;
    let path = format!("/Users/{}", bridge.create_user(SAM).await);
    bridge.next_roster(&clock, EVERY).await;
    (bridge, clock, path)
}

#[tokio::test]
async fn who_is_an_administrator_at_the_first_pass_is_taken_for_granted() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup.with(|aha| _ = aha.seed(Person::new("A", "B", "a@example.com").administrator()));
    let bridge = bridge.start().await;
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open(&bridge).await, []);
}

#[tokio::test]
async fn a_managed_user_who_becomes_an_administrator_is_told_until_that_is_undone() {
    let (bridge, clock, _) = with_sam().await;
    promote(&bridge, account(&bridge, SAM));
    for _ in 0..2 {
        bridge.next_roster(&clock, EVERY).await;
        let [found] = open(&bridge).await.try_into().unwrap();
        assert_eq!(found.kind.as_str(), "became_administrator");
        assert_eq!(found.sentence, "sam.doe@example.com: the account became an administrator at Aha!");
    }
    demote(&bridge, account(&bridge, SAM));
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open_kinds(&bridge).await, ["no_longer_administrator"], "and that is a change, too");
    promote(&bridge, account(&bridge, SAM));
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open_kinds(&bridge).await, ["became_administrator"]);
}

#[tokio::test]
async fn a_new_administrator_whom_the_worker_saw_first_is_told_all_the_same() {
    let (bridge, clock, path) = with_sam().await;
    promote(&bridge, account(&bridge, SAM));
    let renamed = json!([{ "op": "replace", "path": "name.familyName", "value": "Jones" }]);
    assert_eq!(bridge.patch(&path, renamed).await.status, 200);
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open_kinds(&bridge).await, ["became_administrator"]);
}

#[tokio::test]
async fn who_must_not_have_access_need_not_stay_an_administrator() {
    let (bridge, clock, path) = with_sam().await;
    promote(&bridge, account(&bridge, SAM));
    bridge.next_roster(&clock, EVERY).await;
    deactivate(&bridge, &path).await;
    demote(&bridge, account(&bridge, SAM));
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open(&bridge).await, []);
}

#[rstest]
#[case::a_new_account(false)]
#[case::an_account_that_was_there(true)]
#[tokio::test]
async fn a_new_administrator_whom_nobody_manages_is_told_until_somebody_does(#[case] was_there: bool) {
    let (bridge, clock) = reporting().await;
    let person = Person::new("Root", "Kit", "root.kit@example.com");
    if was_there {
        let id = bridge.aha.seed(person);
        bridge.next_roster(&clock, EVERY).await;
        promote(&bridge, id);
    } else {
        bridge.aha.seed(person.administrator());
    }
    bridge.next_roster(&clock, EVERY).await;
    let [found] = open(&bridge).await.try_into().unwrap();
    assert_eq!(found.kind.as_str(), "unmanaged_administrator");
    assert_eq!(
        found.sentence,
        "root.kit@example.com: a new administrator at Aha!, whom no identity provider manages"
    );
    let path = format!("/Users/{}", found.user_id.unwrap());
    let adopted = bridge.patch(&path, json!([{ "op": "replace", "path": "title", "value": "Admin" }])).await;
    assert_eq!(adopted.status, 200, "{adopted}");
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open(&bridge).await, []);
}

#[tokio::test]
async fn a_disabled_administrator_is_told_once_it_is_enabled_and_not_once_it_is_disabled() {
    let (bridge, clock) = reporting().await;
    let id = bridge.aha.seed(Person::new("Root", "Kit", "root.kit@example.com").administrator().disabled());
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open(&bridge).await, []);
    bridge.aha.enable(id);
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open_kinds(&bridge).await, ["unmanaged_administrator"]);
    bridge.aha.disable(id);
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open(&bridge).await, []);
}

#[tokio::test]
async fn an_administrator_who_is_gone_is_told_no_more() {
    let (bridge, clock) = reporting().await;
    let id = bridge.aha.seed(Person::new("Root", "Kit", "root.kit@example.com").administrator());
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open_kinds(&bridge).await, ["unmanaged_administrator"]);
    bridge.aha.vanish(id);
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open(&bridge).await, []);
}

#[tokio::test]
async fn the_account_of_a_deleted_user_that_is_enabled_by_hand_is_told_until_it_is_disabled() {
    let (bridge, clock, path) = with_sam().await;
    assert_eq!(bridge.delete(&path).await.status, 204);
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open(&bridge).await, []);
    bridge.aha.enable(account(&bridge, SAM));
    for _ in 0..2 {
        bridge.next_roster(&clock, EVERY).await;
        let [found] = open(&bridge).await.try_into().unwrap();
        assert_eq!(found.kind.as_str(), "leaver_enabled");
        assert!(
            found.sentence.contains("deleted this user, and the account was enabled"),
            "{}",
            found.sentence
        );
    }
    bridge.aha.disable(account(&bridge, SAM));
    bridge.next_roster(&clock, EVERY).await;
    assert_eq!(open(&bridge).await, []);
}
