//! A user's life, event by event.

use scim_bridge::{
    sim::aha::Person,
    store::events::{EventKind, Subject},
};
use serde_json::{Value, json};

use super::record::{id_of, of_name, of_user, recorded};
use crate::harness::{ADMINISTRATOR, Setup, user};

const SAM: &str = "sam.doe@example.com";

fn replace(path: &str, value: impl Into<Value>) -> Value {
    json!([{ "op": "replace", "path": path, "value": value.into() }])
}

#[tokio::test]
async fn each_step_of_a_life_leaves_an_event_and_a_write_that_changes_nothing_leaves_none() {
    let (setup, _clock) = Setup::aha_with_manual_clock();
    let bridge = setup.start().await;
    let id = bridge.create_user(SAM).await;
    let path = format!("/Users/{id}");
    for _ in 0..3 {
        bridge.patch(&path, replace("name.familyName", "Jones")).await;
    }
    bridge.patch(&path, replace("title", "Chief")).await;
    bridge.patch(&path, replace("active", false)).await;
    bridge.delete(&path).await;
    assert_eq!(
        of_user(&bridge, &id).await,
        [
            "created idp 1: userName, externalId, name.givenName, name.familyName, emails, active; gives access",
            "called worker 1: look for the account by its e-mail: there is none",
            "called worker 1: create the account, which sends an invitation: account <sam.doe@example.com>, enabled",
            "applied worker 1",
            "changed idp 2: name.familyName; changes the account",
            "called worker 2: change the last name of account <sam.doe@example.com>: account <sam.doe@example.com>, enabled",
            "applied worker 2",
            "changed idp 3: title; nothing is left to do at the target",
            "changed idp 4: active; takes access away",
            "called worker 4: disable account <sam.doe@example.com>: account <sam.doe@example.com>, disabled",
            "applied worker 4",
            "deleted idp 5: nothing is left to do at the target",
        ]
    );

    // The same person comes back under another id, and the story goes on under its name.
    assert!(of_name(&bridge, SAM).await.is_empty());
    let again = bridge.create_user(SAM).await;
    let continued = recorded(&bridge, Subject::Name(SAM)).await;
    assert_eq!(continued.len(), 1, "{continued:?}");
    assert_eq!(
        (continued[0].kind, continued[0].related.as_deref()),
        (Some(EventKind::Continued), Some(&*id))
    );
    assert_eq!(of_user(&bridge, &again).await.last().unwrap(), "applied worker 1");
}

#[tokio::test]
async fn who_is_found_at_the_target_and_adopted_and_vanishes_is_told() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup
        .with(|aha| {
            aha.seed(Person::new("Ann", "Lee", "ann.lee@example.com"));
            aha.seed(Person::new("Eve", "Roe", "eve.roe@example.com"));
        })
        .start()
        .await;
    let (ann, eve) =
        (id_of(&bridge, "ann.lee@example.com").await, id_of(&bridge, "eve.roe@example.com").await);
    let title = replace("title", "Chief");
    assert_eq!(bridge.patch(&format!("/Users/{ann}"), title).await.status, 200);
    bridge.aha.vanish(bridge.aha.find_user_by_email("ann.lee@example.com").unwrap().id);
    bridge.next_roster(&clock, std::time::Duration::from_secs(15 * 60)).await;
    assert_eq!(
        of_user(&bridge, &ann).await[..3],
        [
            "found roster",
            "changed idp 2: title; nothing is left to do at the target; it is managed from now on",
            "vanished roster",
        ]
    );
    assert_eq!(of_user(&bridge, &eve).await, ["found roster"]);

    // One that was made since the roster: the look-up finds it.
    bridge.aha.seed(Person::new("New", "Comer", "new.comer@example.com"));
    let id = bridge.create_user("new.comer@example.com").await;
    let events = of_user(&bridge, &id).await;
    let adopted =
        "applied worker 1: the account was there before, so it is adopted and no invitation was sent";
    assert_eq!(events.last().unwrap(), adopted);

    // One of another userName is the account that an unmanaged user stands for.
    let mut body = user("eve");
    body["emails"][0]["value"] = json!("eve.roe@example.com");
    assert_eq!(bridge.post("/Users", &body).await.id(), eve);
    let events = of_user(&bridge, &eve).await;
    assert!(events[1].starts_with("adopted idp 2: userName, "), "{events:?}");
}

#[tokio::test]
async fn a_refused_write_is_told_under_the_user_or_under_the_name_that_was_asked_for() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup.start().await;
    let id = bridge.create_user(SAM).await;
    let path = format!("/Users/{id}");
    let before = of_user(&bridge, &id).await.len();
    // An identity provider repeats itself.
    for _ in 0..3 {
        bridge.post("/Users", &user("SAM.doe@example.com")).await.error(409, "uniqueness");
        bridge
            .post("/Users", &json!({ "username": "bob", "active": "perhaps" }))
            .await
            .error(400, "invalidValue");
        bridge.patch(&path, replace("active", "perhaps")).await.error(400, "invalidValue");
    }
    assert_eq!(
        of_name(&bridge, SAM).await,
        [format!("refused idp: create the user: A user with this userName exists already; its id is {id}.")]
    );
    assert_eq!(
        of_name(&bridge, "Bob").await,
        ["refused idp: create the user: `active` must be a boolean, true or false, not this string."]
    );
    let refused = &of_user(&bridge, &id).await[before..];
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].starts_with("refused idp: change it: "), "{refused:?}");
    clock.advance(std::time::Duration::from_secs(61 * 60));
    bridge.post("/Users", &user(SAM)).await.error(409, "uniqueness");
    assert_eq!(of_name(&bridge, SAM).await.len(), 2, "the next hour tells it again");

    let owner = id_of(&bridge, ADMINISTRATOR).await;
    bridge.delete(&format!("/Users/{owner}")).await.error(403, "");
    let refused = of_user(&bridge, &owner).await.pop().unwrap();
    assert!(refused.starts_with("refused idp: delete it: This account must not be disabled: "), "{refused}");
    // Nobody is meant by these.
    bridge.patch("/Users/nobody", replace("title", "x")).await.error(404, "");
    bridge.post("/Users", &json!({ "userName": {} })).await.error(400, "invalidValue");
    assert!(of_user(&bridge, "nobody").await.is_empty() && of_name(&bridge, "").await.is_empty());
}

#[tokio::test]
async fn no_password_and_no_value_of_an_attribute_is_remembered() {
    let bridge = Setup::aha().start().await;
    let mut body = user(SAM);
    body["password"] = json!("hunter2-in-a-post");
    body["title"] = json!("value-of-a-title");
    let id = bridge.post("/Users", &body).await.id();
    let path = format!("/Users/{id}");
    for operation in [
        json!([{ "op": "replace", "path": "password", "value": "hunter2-in-a-patch" }]),
        json!([{ "op": "replace", "path": "password", "value": { "is": "hunter2-in-an-object" } }]),
        json!([{ "op": "replace", "path": "password[value eq \"hunter2-in-a-path\"]", "value": "x" }]),
        json!([{ "op": "replace", "path": "password.hunter2-in-a-path", "value": "x" }]),
        json!([{ "op": "replace", "value": { "password": "hunter2-without-a-path", "title": "value-of-another" } }]),
    ] {
        bridge.patch(&path, operation).await;
    }
    body["password"] = json!(["hunter2-in-an-array"]);
    bridge.put(&path, &body).await;
    bridge.post("/Users", &body).await;
    let told = [of_user(&bridge, &id).await, of_name(&bridge, SAM).await].concat();
    assert!(told.iter().any(|line| line.contains("what it says of the password is not right")), "{told:?}");
    for line in told {
        assert!(!line.contains("hunter2") && !line.contains("value-of"), "{line}");
    }
}
