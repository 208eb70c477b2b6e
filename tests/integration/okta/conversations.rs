//! Whole conversations: what Okta does in a row, and what Aha! sees of it.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use http::Method;
use scim_bridge::{
    clock::{Clock, ManualClock, SystemClock},
    sim::aha::Person,
};
use serde_json::{Value, json};

use super::{NO_CALLS, find, get, joiner, joiner_as_read, put, send};
use crate::harness::{Setup, asserted, user};

#[tokio::test]
async fn test_connector_gets_a_full_list_okt_seq_1_q_02() {
    let bridge = Setup::memory().start().await;
    let page = get(&bridge, "/Users?startIndex=1&count=2").await;
    assert_eq!(page.list(0, 1), [] as [Value; 0]);
    let groups = get(&bridge, "/Groups?startIndex=1&count=100").await;
    assert_eq!(groups.list(0, 1), [] as [Value; 0]);
    for name in ["one", "two", "three"] {
        bridge.create_user(&format!("{name}@example.com")).await;
    }
    assert_eq!(get(&bridge, "/Users?startIndex=1&count=2").await.list(3, 1).len(), 2);
}

#[tokio::test]
async fn assign_new_okt_seq_2() {
    let bridge = Setup::aha().start().await;
    find(&bridge, "test.joiner@Example.com").await.list(0, 1);
    assert_eq!(bridge.calls(), NO_CALLS);
    let created = send(&bridge, Method::POST, "/Users", Some(&joiner())).await;
    assert_eq!(created.written(201), joiner_as_read());
    assert_eq!(bridge.calls().len(), 2);
    let invited: Vec<_> = bridge.aha.invitations().into_iter().map(|invitation| invitation.email).collect();
    assert_eq!(invited, ["test.joiner@Example.com"]);
}

#[tokio::test]
async fn assign_existing_invites_nobody_okt_seq_3() {
    let bridge = Setup::aha()
        .with(|aha| {
            aha.seed(Person::new("Jonah", "Hale", "jonah.hale@example.com"));
        })
        .start()
        .await;
    let found = find(&bridge, "Jonah.Hale@example.com").await;
    let known = get(&bridge, &format!("/Users/{}", found.only()["id"].as_str().unwrap())).await;
    assert_eq!(&known.body, found.only());
    // Okta's values over what was read.
    let mut sent = known.body.clone();
    sent["userName"] = json!("Jonah.Hale@example.com");
    sent["externalId"] = json!("00u1");
    sent["name"] = json!({ "givenName": "Jonah", "familyName": "Hale", "formatted": "Jonah Hale" });
    sent["emails"] = json!([{ "primary": true, "value": "jonah.hale@example.com" }]);
    sent["password"] = json!("Geheim-1");
    sent["active"] = json!(true);
    let replaced = put(&bridge, &known.path(), &sent).await;
    let mut expected = asserted(&known.body);
    for name in ["userName", "externalId", "name", "emails"] {
        expected[name] = sent[name].clone();
    }
    assert_eq!(replaced.written(200), expected);
    assert_eq!(replaced.id(), known.id());
    // The account is as Okta wants it already.
    assert_eq!(bridge.calls(), NO_CALLS);
    // From now on it is Okta's to change.
    sent["name"]["familyName"] = json!("Hill");
    put(&bridge, &known.path(), &sent).await.written(200);
    assert_eq!(
        bridge.calls(),
        ["PUT /users/<jonah.hale@example.com> {\"user\":{\"first_name\":\"Jonah\",\"last_name\":\"Hill\"}}"]
    );
    assert_eq!(bridge.aha.invitations(), []);
}

#[tokio::test]
async fn assign_existing_who_is_disabled_enables_the_account_with_one_call_okt_seq_3() {
    let bridge = Setup::aha()
        .with(|aha| {
            aha.seed(Person::new("Jonah", "Hale", "jonah.hale@example.com").disabled());
        })
        .start()
        .await;
    let found = find(&bridge, "jonah.hale@example.com").await;
    assert_eq!(found.only()["active"], false);
    let mut sent = found.only().clone();
    sent["active"] = json!(true);
    let path = format!("/Users/{}", sent["id"].as_str().unwrap());
    assert_eq!(put(&bridge, &path, &sent).await.written(200)["active"], true);
    assert_eq!(bridge.calls(), ["PUT /users/<jonah.hale@example.com> {\"user\":{\"enabled\":true}}"]);
    assert_eq!(bridge.aha.invitations(), []);
}

#[tokio::test]
async fn a_profile_update_that_echoes_all_it_read_changes_nothing_okt_seq_4_q_33_q_85() {
    let clock = ManualClock::new(SystemClock.now());
    let bridge = Setup::aha_with_clock(Arc::new(clock.clone()))
        .app_keys("roster_every = '24h'")
        .with(|aha| {
            aha.seed(Person::new("Mary Ann", "Smith", "Mary@example.com"));
            aha.seed(Person::new("", "Cher", "cher@example.com"));
            aha.seed(Person::new("Left", "Long Ago", "left@example.com").disabled());
        })
        .start()
        .await;
    let mut full = joiner();
    full["displayName"] = json!("Test Joiner");
    full["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] = json!({ "department": "IT" });
    send(&bridge, Method::POST, "/Users", Some(&full)).await.written(201);
    bridge.calls();
    // Also of users that Okta never wrote to, and of the owner of the API key.
    for user in get(&bridge, "/Users").await.list(5, 1) {
        let path = format!("/Users/{}", user["id"].as_str().unwrap());
        let read = get(&bridge, &path).await;
        clock.advance(Duration::from_secs(60));
        let mut echoed = read.body.clone();
        echoed["groups"] = json!([]);
        let replaced = put(&bridge, &path, &echoed).await;
        replaced.written(200);
        assert_eq!(replaced.body, read.body);
        assert_eq!(get(&bridge, &path).await.body, read.body);
    }
    assert_eq!(bridge.calls(), NO_CALLS);
    // And a change is one call.
    let mut read = find(&bridge, "test.joiner@Example.com").await.only().clone();
    read["name"]["givenName"] = json!("changed");
    let path = format!("/Users/{}", read["id"].as_str().unwrap());
    put(&bridge, &path, &read).await.written(200);
    assert_eq!(
        bridge.calls(),
        ["PUT /users/<test.joiner@Example.com> {\"user\":{\"first_name\":\"changed\"}}"]
    );
}

#[tokio::test]
async fn deactivate_and_reactivate_with_the_same_id_okt_seq_5_okt_seq_6_q_10() {
    let bridge = Setup::aha().start().await;
    let created = send(&bridge, Method::POST, "/Users", Some(&joiner())).await;
    bridge.calls();

    let mut read = get(&bridge, &created.path()).await.body;
    read["active"] = json!(false);
    assert_eq!(put(&bridge, &created.path(), &read).await.written(200)["active"], false);
    assert_eq!(bridge.calls(), ["PUT /users/<test.joiner@Example.com> {\"user\":{\"enabled\":false}}"]);

    // Reassigned: the inactive user is found, and read, and a create for it would be refused.
    let found = find(&bridge, "test.joiner@Example.com").await;
    assert_eq!((&found.only()["id"], &found.only()["active"]), (&json!(created.id()), &json!(false)));
    let refused = send(&bridge, Method::POST, "/Users", Some(&joiner())).await;
    assert!(refused.error(409, "uniqueness").contains(&created.id()), "{refused}");
    let mut read = get(&bridge, &created.path()).await.body;
    read["active"] = json!(true);
    let reactivated = put(&bridge, &created.path(), &read).await;
    assert_eq!(reactivated.written(200), joiner_as_read());
    assert_eq!(reactivated.id(), created.id());
    assert_eq!(bridge.calls(), ["PUT /users/<test.joiner@Example.com> {\"user\":{\"enabled\":true}}"]);
    assert_eq!(bridge.aha.invitations().len(), 1);
}

#[tokio::test]
async fn a_new_user_name_by_put_keeps_the_user_okt_seq_11() {
    let bridge = Setup::aha().start().await;
    let created = send(&bridge, Method::POST, "/Users", Some(&joiner())).await;
    bridge.calls();
    let mut read = get(&bridge, &created.path()).await.body;
    read["userName"] = json!("test.mover@example.com");
    read["emails"] = json!([{ "primary": true, "value": "test.mover@example.com" }]);
    let renamed = put(&bridge, &created.path(), &read).await;
    assert_eq!(
        (renamed.id(), renamed.written(200)),
        (
            created.id(),
            asserted(&{
                let mut expected = read.clone();
                expected["meta"] = renamed.body["meta"].clone();
                expected
            })
        )
    );
    assert_eq!(
        bridge.calls(),
        ["PUT /users/<test.mover@example.com> {\"user\":{\"email\":\"test.mover@example.com\"}}"]
    );
    find(&bridge, "test.joiner@Example.com").await.list(0, 1);
    assert_eq!(find(&bridge, "test.mover@example.com").await.only(), &renamed.body);
}

#[tokio::test]
async fn a_new_user_name_by_deactivation_and_create_is_another_user_okt_seq_11() {
    let bridge = Setup::aha().start().await;
    let created = send(&bridge, Method::POST, "/Users", Some(&joiner())).await;
    let mut read = created.body.clone();
    read["active"] = json!(false);
    put(&bridge, &created.path(), &read).await.written(200);
    let mut sent = joiner();
    sent["userName"] = json!("test.mover@example.com");
    // While the old user has the e-mail, which is the login, the new one cannot have it.
    let refused = send(&bridge, Method::POST, "/Users", Some(&sent)).await;
    assert!(refused.error(409, "uniqueness").contains(&created.id()), "{refused}");
    sent["emails"] = json!([{ "primary": true, "value": "test.mover@example.com" }]);
    let other = send(&bridge, Method::POST, "/Users", Some(&sent)).await;
    other.written(201);
    assert_ne!(other.id(), created.id());
    let found = bridge.filter("/Users", "externalId eq \"00u18ep2sjmnGT1wk698\"").await;
    assert_eq!(found.list(2, 1).len(), 2);
    assert_eq!(bridge.aha.invitations().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_burst_of_concurrent_assignments_creates_each_user_once_okt_seq_12() {
    let bridge = Setup::aha()
        .with(|aha| {
            for number in 0..5 {
                aha.seed(Person::new("Here", "Already", &format!("present{number}@example.com")));
            }
        })
        .start()
        .await;
    let assign = async |email: String| {
        let sent = user(&email);
        let found = find(&bridge, &email).await;
        match found.body["Resources"].as_array().unwrap().as_slice() {
            [] => assert_eq!(send(&bridge, Method::POST, "/Users", Some(&sent)).await.written(201), sent),
            [known] => {
                let path = format!("/Users/{}", known["id"].as_str().unwrap());
                put(&bridge, &path, &sent).await.written(200);
            }
            _ => panic!("{found}"),
        }
    };
    let new = (0..30).map(|number| format!("new{number}@example.com"));
    let present = (0..5).map(|number| format!("present{number}@example.com"));
    join_all(new.chain(present).map(assign)).await;
    let mut invited: Vec<_> =
        bridge.aha.invitations().into_iter().map(|invitation| invitation.email).collect();
    invited.sort();
    let mut expected: Vec<_> = (0..30).map(|number| format!("new{number}@example.com")).collect();
    expected.sort();
    assert_eq!(invited, expected);
    get(&bridge, "/Users").await.list(36, 1);
    let counts = bridge.aha.take_calls().counts();
    assert_eq!(counts.get("GET /users?email"), Some(&30));
    assert_eq!(counts.get("POST /products/:id/users"), Some(&30));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_the_same_create_many_times_at_once_one_succeeds_okt_seq_12_okt_03() {
    let bridge = Setup::aha().start().await;
    let sent = joiner();
    let answers = join_all((0..20).map(|_| send(&bridge, Method::POST, "/Users", Some(&sent)))).await;
    let (created, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((created.len(), refused.len()), (1, 19));
    for refused in refused {
        assert!(refused.error(409, "uniqueness").contains(&created[0].id()), "{refused}");
    }
    assert_eq!(bridge.aha.invitations().len(), 1);
    assert_eq!(bridge.calls().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_the_same_change_many_times_at_once_aha_sees_one_okt_seq_12() {
    let bridge = Setup::aha().start().await;
    let created = send(&bridge, Method::POST, "/Users", Some(&joiner())).await;
    bridge.calls();
    let mut sent = created.body.clone();
    sent["active"] = json!(false);
    let path = created.path();
    let answers = join_all((0..20).map(|_| put(&bridge, &path, &sent))).await;
    for answer in &answers {
        assert_eq!((answer.written(200), answer.meta("version")), (answers[0].written(200), "W/\"2\""));
    }
    assert_eq!(bridge.calls(), ["PUT /users/<test.joiner@Example.com> {\"user\":{\"enabled\":false}}"]);
}
