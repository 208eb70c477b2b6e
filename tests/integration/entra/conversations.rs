//! Whole conversations: what Entra ID does in a row, and what Aha! sees of it.

use std::time::Duration;

use scim_bridge::sim::aha::{Fault, Person};
use serde_json::{Value, json};

use super::{ENTERPRISE, NO_CALLS, USER, bridge_with_clock, test_user, test_user_as_read};
use crate::harness::{Answer, Bridge, Setup, asserted, user};

/// What opens every cycle, and is all of "Test connection" (`ENT-SEQ-1`).
async fn probe(bridge: &Bridge) {
    let nobody = "5f9d7a0e-5a1f-4f0e-9a53-0c9b2a6c0a11";
    let users = bridge.get(&format!("/Users?filter=userName+eq+%22{nobody}%22")).await;
    assert_eq!(users.list(0, 1), [] as [Value; 0]);
    let groups = format!("/Groups?excludedAttributes=members&filter=displayName+eq+%22{nobody}%22");
    assert_eq!(bridge.get(&groups).await.list(0, 1), [] as [Value; 0]);
}

async fn find(bridge: &Bridge, user_name: &str) -> Answer {
    bridge.filter("/Users", &format!("userName eq \"{user_name}\"")).await
}

#[tokio::test]
async fn initial_cycle_probe_match_create_and_the_manager_later_ent_seq_1_ent_seq_3_ent_seq_4_ent_seq_5() {
    let bridge = Setup::aha()
        .with(|aha| {
            aha.seed(Person::new("The", "Boss", "the.boss@example.com"));
        })
        .start()
        .await;
    probe(&bridge).await;
    assert_eq!(bridge.get("/Schemas").await.status, 200);

    // The one is there: matched, read, and told what Entra ID knows beside. Nobody is invited.
    let found = find(&bridge, "The.Boss@example.com").await;
    let id = found.only()["id"].as_str().unwrap().to_owned();
    let boss = bridge.get(&format!("/Users/{id}")).await;
    assert_eq!(&boss.body, found.only());
    let differences = json!([
        { "op": "Add", "path": "externalId", "value": "boss" },
        { "op": "Replace", "path": "displayName", "value": "The Big Boss" },
        { "op": "Add", "path": format!("{ENTERPRISE}:department"), "value": "Head Office" },
    ]);
    let patched = bridge.patch(&boss.path(), differences).await;
    let mut expected = asserted(&boss.body);
    expected["schemas"] = json!([USER, ENTERPRISE]);
    expected["externalId"] = json!("boss");
    expected["displayName"] = json!("The Big Boss");
    expected[ENTERPRISE] = json!({ "department": "Head Office" });
    assert_eq!(patched.written(200), expected);
    assert_eq!(bridge.calls(), NO_CALLS);

    // The other is not: created.
    find(&bridge, "Test_User_00aa").await.list(0, 1);
    let created = bridge.post("/Users", &test_user()).await;
    assert_eq!(created.written(201), test_user_as_read());
    assert_eq!(bridge.calls().len(), 2);

    // References come when all users are there.
    let manager = json!([{ "op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": boss.id() }]);
    let patched = bridge.patch(&created.path(), manager).await;
    assert_eq!(patched.written(200)[ENTERPRISE], json!({ "manager": { "value": boss.id() } }));
    assert_eq!(bridge.calls(), NO_CALLS);
    let invited: Vec<_> = bridge.aha.invitations().into_iter().map(|invitation| invitation.email).collect();
    assert_eq!(invited, ["Test_User_11bb@testuser.com"]);
}

#[tokio::test]
async fn a_thousand_probes_leave_nothing_behind_ent_seq_2() {
    let bridge = Setup::aha().start().await;
    for _ in 0..500 {
        probe(&bridge).await;
    }
    bridge.get("/Users").await.list(1, 1);
    assert_eq!(bridge.calls(), NO_CALLS);
}

#[tokio::test]
async fn incremental_cycle_by_the_cached_id_until_it_is_gone_ent_seq_6() {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &test_user()).await;
    let title = |title: &str| json!([{ "op": "Replace", "path": "title", "value": title }]);
    assert_eq!(bridge.patch(&created.path(), title("A")).await.written(200)["title"], "A");
    // Somebody else deletes the user; Entra ID matches again, and creates.
    bridge.delete(&created.path()).await.no_content();
    bridge.patch(&created.path(), title("B")).await.error(404, "");
    find(&bridge, "Test_User_00aa").await.list(0, 1);
    let again = bridge.post("/Users", &test_user()).await;
    assert_eq!(again.written(201), test_user_as_read());
    assert_ne!(again.id(), created.id());
    assert_eq!(bridge.aha.invitations().len(), 1);
}

#[tokio::test]
async fn hard_delete_and_create_again_is_the_same_account_without_another_invitation_ent_seq_9_q_11() {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &test_user()).await;
    let account = bridge.aha.find_user_by_email("Test_User_11bb@testuser.com").unwrap();
    bridge.calls();
    // First it is disabled, and when it is purged, deleted.
    let disable = json!([{ "op": "Replace", "path": "active", "value": "False" }]);
    bridge.patch(&created.path(), disable).await.written(200);
    assert_eq!(bridge.calls().len(), 1);
    bridge.delete(&created.path()).await.no_content();
    assert_eq!(bridge.calls(), NO_CALLS);
    bridge.get(&created.path()).await.error(404, "");
    find(&bridge, "Test_User_00aa").await.list(0, 1);
    assert!(!bridge.aha.find_user(account.id).unwrap().enabled);

    let again = bridge.post("/Users", &test_user()).await;
    assert_eq!(again.written(201), test_user_as_read());
    assert_ne!(again.id(), created.id());
    assert_eq!(bridge.calls(), ["PUT /users/<Test_User_11bb@testuser.com> {\"user\":{\"enabled\":true}}"]);
    assert!(bridge.aha.find_user(account.id).unwrap().enabled);
    assert_eq!(bridge.aha.invitations().len(), 1);
    bridge.get(&created.path()).await.error(404, "");
    assert_eq!(find(&bridge, "test_user_00aa").await.only(), &again.body);
}

#[tokio::test]
async fn a_user_that_was_deleted_stays_deleted_over_restarts_and_roster_passes_ent_seq_9() {
    let mut bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &test_user()).await;
    bridge.delete(&created.path()).await.no_content();
    let before = bridge.roster_completed_at().await;
    bridge.restart().await;
    // The pass of the restart sees the disabled account, and shows it to nobody.
    bridge.wait_for_roster_after(&before).await;
    find(&bridge, "Test_User_00aa").await.list(0, 1);
    bridge.filter("/Users", "emails.value eq \"test_user_11bb@testuser.com\"").await.list(0, 1);
    let again = bridge.post("/Users", &test_user()).await;
    assert_eq!(again.written(201), test_user_as_read());
    assert_eq!(bridge.aha.invitations().len(), 1);
}

#[tokio::test]
async fn a_restart_of_the_job_matches_everything_again_and_changes_nothing_ent_seq_12() {
    let (mut bridge, clock) = bridge_with_clock().await;
    let mut users = Vec::new();
    for number in 0..10 {
        users.push(bridge.post("/Users", &user(&format!("user{number}@example.com"))).await);
    }
    clock.advance(Duration::from_secs(3600));
    // The bridge may have been restarted as well.
    let before = bridge.roster_completed_at().await;
    bridge.restart().await;
    bridge.wait_for_roster_after(&before).await;
    bridge.calls();
    probe(&bridge).await;
    for known in &users {
        let found = find(&bridge, known.body["userName"].as_str().unwrap()).await;
        assert_same(found.only(), &known.body);
        let patched = bridge
            .patch(
                &known.path(),
                json!([
                    { "op": "Replace", "path": "active", "value": "True" },
                    { "op": "Replace", "path": "externalId", "value": known.body["externalId"] },
                    { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": known.body["userName"] },
                    { "op": "Replace", "path": "name.givenName", "value": known.body["name"]["givenName"] },
                ]),
            )
            .await;
        patched.written(200);
        assert_same(&patched.body, &known.body);
    }
    assert_eq!(bridge.calls(), NO_CALLS);
}

/// The same user at the same version; a restarted bridge of a test has another port, and so another location.
#[track_caller]
fn assert_same(user: &Value, known: &Value) {
    assert_eq!((asserted(user), &user["id"]), (asserted(known), &known["id"]));
    for name in ["version", "created", "lastModified"] {
        assert_eq!(user["meta"][name], known["meta"][name]);
    }
}

#[tokio::test]
async fn a_create_that_took_too_long_is_found_by_the_409_of_its_repetition_q_66() {
    let (bridge, clock) = bridge_with_clock().await;
    bridge.aha.fault(Fault::delay(Duration::from_secs(60)).on("POST /products/:id/users"));
    let (bridge, sent) = (std::sync::Arc::new(bridge), test_user());
    let first = tokio::spawn({
        let (bridge, sent) = (bridge.clone(), sent.clone());
        async move { bridge.post("/Users", &sent).await }
    });
    let asked = async {
        while bridge.aha.calls().to("POST /products/:id/users").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asked).await.expect("the create arrives");
    // The client gives up and repeats while the first create still waits.
    let repeated = bridge.post("/Users", &sent).await;
    let detail = repeated.error(409, "uniqueness").to_owned();
    clock.advance(Duration::from_secs(8));
    let first = first.await.unwrap();
    assert_eq!(first.written(201), test_user_as_read());
    assert!(detail.contains(&first.id()), "{detail}");
    clock.advance(Duration::from_secs(60));
    bridge.wait_until_idle().await;
    assert_eq!(bridge.aha.invitations().len(), 1);
    assert_eq!(bridge.get(&first.path()).await.read(), test_user_as_read());
}
