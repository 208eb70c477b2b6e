//! A user's whole life, also where the target is not as expected, or where requests meet.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use rstest::rstest;
use scim_bridge::{
    clock::{Clock, ManualClock, SystemClock},
    sim::aha::{
        Fault, Person, Switches,
        switches::{
            DisabledUsers, DuplicateEmail, EmailFilter, ProductNames, PutAnswer, StoredEmail, UpdatedAt,
            ValidationStatus,
        },
    },
};
use serde_json::{Value, json};

use crate::harness::{Bridge, Setup, asserted, user};

const NO_CALLS: [&str; 0] = [];

fn set(path: &str, value: impl Into<Value>) -> Value {
    json!([{ "op": "Replace", "path": path, "value": value.into() }])
}

/// What is not known about Aha! makes no difference to an IdP, nor to who is invited.
#[rstest]
#[case::documented(|_: &mut Switches| {})]
#[case::put_answers_wrapped(|switches: &mut Switches| switches.put_answer = PutAnswer::Wrapped)]
#[case::emails_in_lower_case(|switches: &mut Switches| switches.stored_email = StoredEmail::LowerCased)]
#[case::email_filter_to_the_letter(|switches: &mut Switches| switches.email_filter = EmailFilter::Exact)]
#[case::email_filter_by_parts(|switches: &mut Switches| switches.email_filter = EmailFilter::Partial)]
#[case::duplicates_refused(|switches: &mut Switches| switches.duplicate_email = DuplicateEmail::Refuse)]
#[case::disabled_users_hidden(|switches: &mut Switches| switches.disabled_users = DisabledUsers::Hidden)]
#[case::updated_at_moves_little(|switches: &mut Switches| switches.updated_at = UpdatedAt::MovesOnNameAndEmail)]
#[case::validation_is_422(|switches: &mut Switches| switches.validation_status = ValidationStatus::UnprocessableEntity)]
#[case::product_names_shown(|switches: &mut Switches| switches.product_names = ProductNames::Always)]
#[tokio::test]
async fn a_life_is_the_same_whatever_aha_is_like(#[case] switch: fn(&mut Switches)) {
    let clock = ManualClock::new(SystemClock.now());
    let setup = Setup::aha_with_clock(Arc::new(clock.clone())).app_keys("roster_every = '1h'").with(|aha| {
        aha.change(switch);
        // Somebody whom a filter by parts of an e-mail finds too.
        aha.seed(Person::new("Not", "Sam", "not.sam.doe@example.com"));
    });
    let mut bridge = setup.start().await;
    let created = bridge.post("/Users", &user("Sam.Doe@Example.com")).await;
    assert_eq!(created.written(201), user("Sam.Doe@Example.com"));
    let path = created.path();
    let account = |bridge: &Bridge, email: &str| bridge.aha.find_user_by_email(email).expect("an account");
    let id = account(&bridge, "sam.doe@example.com").id;
    bridge.calls();

    let mut expected = user("Sam.Doe@Example.com");
    for (attribute, value) in
        [("name.familyName", "Dough"), ("emails[type eq \"work\"].value", "Samuel@Example.com")]
    {
        bridge.patch(&path, set(attribute, value)).await.written(200);
        assert_eq!(bridge.calls().len(), 1);
    }
    expected["name"]["familyName"] = json!("Dough");
    expected["emails"][0]["value"] = json!("Samuel@Example.com");
    let read = bridge.get(&path).await;
    assert_eq!(read.read(), expected);
    assert_eq!(account(&bridge, "samuel@example.com").id, id);

    bridge.patch(&path, set("active", "False")).await.written(200);
    assert!(!account(&bridge, "samuel@example.com").enabled);
    // A pass of the roster and a restart change nothing of what is read.
    let before = bridge.get(&path).await;
    pass_of_the_roster(&bridge, &clock).await;
    assert_eq!(bridge.get(&path).await.body, before.body);
    let listed = bridge.roster_completed_at().await;
    clock.advance(Duration::from_secs(1));
    bridge.restart().await;
    assert_eq!(bridge.get(&path).await.meta("version"), before.meta("version"));
    // A server begins with a pass.
    bridge.wait_for_roster_after(&listed).await;

    bridge.patch(&path, set("active", "True")).await.written(200);
    assert!(account(&bridge, "samuel@example.com").enabled);
    pass_of_the_roster(&bridge, &clock).await;
    let echoed = bridge.get(&path).await;
    assert_eq!(asserted(&echoed.body), expected);
    bridge.calls();
    assert_eq!(bridge.put(&path, &echoed.body).await.body, echoed.body);
    assert_eq!(bridge.calls(), NO_CALLS);

    bridge.delete(&path).await.no_content();
    assert!(!account(&bridge, "samuel@example.com").enabled);
    pass_of_the_roster(&bridge, &clock).await;
    bridge.filter("/Users", "emails.value eq \"samuel@example.com\"").await.list(0, 1);
    let again = bridge.post("/Users", &expected).await;
    assert_eq!(again.written(201), expected);
    assert_ne!(again.id(), created.id());
    assert!(account(&bridge, "samuel@example.com").enabled);
    assert_eq!(bridge.aha.invitations().len(), 1);
    assert_eq!(bridge.aha.users().len(), 3);
}

/// Moves the clock to the next pass, and waits until its answer was taken in.
async fn pass_of_the_roster(bridge: &Bridge, clock: &ManualClock) {
    let before = bridge.roster_completed_at().await;
    clock.advance(Duration::from_secs(3601));
    bridge.wait_for_roster_after(&before).await;
}

#[tokio::test]
async fn who_was_disabled_at_aha_by_hand_reads_so_and_is_enabled_by_the_next_reassertion_q_78() {
    let clock = ManualClock::new(SystemClock.now());
    let setup = Setup::aha_with_clock(Arc::new(clock.clone())).app_keys("roster_every = '1h'");
    let bridge = setup.start().await;
    let created = bridge.post("/Users", &user("sam.doe@example.com")).await;
    let account = bridge.aha.find_user_by_email("sam.doe@example.com").unwrap().id;
    bridge.aha.disable(account);
    pass_of_the_roster(&bridge, &clock).await;
    let read = bridge.get(&created.path()).await;
    let mut expected = user("sam.doe@example.com");
    expected["active"] = json!(false);
    assert_eq!(read.read(), expected);
    assert_ne!(read.meta("version"), created.meta("version"));
    bridge.calls();
    // Also a list by `active` knows it.
    bridge.filter("/Users", "active eq false").await.list(1, 1);
    let patched = bridge.patch(&created.path(), set("active", "True")).await;
    assert_eq!(patched.written(200), user("sam.doe@example.com"));
    assert_eq!(bridge.calls(), ["PUT /users/<sam.doe@example.com> {\"user\":{\"enabled\":true}}"]);
    // And who enables by hand somebody who left is answered by the next deactivation.
    bridge.patch(&created.path(), set("active", "False")).await.written(200);
    bridge.aha.enable(account);
    pass_of_the_roster(&bridge, &clock).await;
    assert_eq!(bridge.get(&created.path()).await.read(), user("sam.doe@example.com"));
    bridge.calls();
    bridge.patch(&created.path(), set("active", "False")).await.written(200);
    assert_eq!(bridge.calls(), ["PUT /users/<sam.doe@example.com> {\"user\":{\"enabled\":false}}"]);
}

#[tokio::test]
async fn without_an_email_the_user_name_is_the_login_and_is_renamed_with_it_ent_14() {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &json!({ "userName": "sam.doe@example.com" })).await;
    bridge.calls();
    bridge.patch(&created.path(), set("userName", "sam.new@example.com")).await.written(200);
    assert_eq!(
        bridge.calls(),
        ["PUT /users/<sam.new@example.com> {\"user\":{\"email\":\"sam.new@example.com\"}}"]
    );
    // Only its case is other: Aha! need not hear of it.
    let patched = bridge.patch(&created.path(), set("userName", "Sam.NEW@example.com")).await;
    assert_eq!(patched.written(200)["userName"], "Sam.NEW@example.com");
    assert_eq!(bridge.calls(), NO_CALLS);
}

#[tokio::test]
async fn a_create_for_an_account_that_is_visible_names_the_user_to_write_to_q_66() {
    let bridge = Setup::aha()
        .with(|aha| {
            aha.seed(Person::new("Sam", "Doe", "sam.doe@example.com"));
        })
        .start()
        .await;
    let found = bridge.filter("/Users", "userName eq \"sam.doe@example.com\"").await;
    let id = found.only()["id"].as_str().unwrap();
    let refused = bridge.post("/Users", &user("Sam.Doe@example.com")).await;
    assert!(refused.error(409, "uniqueness").contains(id), "{refused}");
    assert_eq!(bridge.calls(), NO_CALLS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_users_with_one_email_at_once_one_is_created() {
    let bridge = Setup::aha().start().await;
    let bodies: Vec<_> = (0..12)
        .map(|number| {
            let mut body = user("sam.doe@example.com");
            body["userName"] = json!(format!("sam{number}"));
            body
        })
        .collect();
    let answers = join_all(bodies.iter().map(|body| bridge.post("/Users", body))).await;
    let (created, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((created.len(), refused.len()), (1, 11));
    for refused in refused {
        assert!(refused.error(409, "uniqueness").contains(&created[0].id()), "{refused}");
    }
    assert_eq!(bridge.aha.invitations().len(), 1);
    bridge.get("/Users").await.list(2, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_deletes_at_once_one_succeeds_and_aha_hears_once() {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &user("sam.doe@example.com")).await;
    bridge.calls();
    let path = created.path();
    let answers = join_all((0..10).map(|_| bridge.delete(&path))).await;
    let (deleted, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 204);
    assert_eq!((deleted.len(), refused.len()), (1, 9));
    for refused in refused {
        refused.error(404, "");
    }
    assert_eq!(bridge.calls(), ["PUT /users/<sam.doe@example.com> {\"user\":{\"enabled\":false}}"]);
}

/// A delete is on its way to Aha! when the IdP creates the user again: the last word counts.
#[tokio::test]
async fn a_create_that_overtakes_a_delete_on_its_way_leaves_the_account_enabled_q_11() {
    let clock = ManualClock::new(SystemClock.now());
    let setup = Setup::aha_with_clock(Arc::new(clock.clone())).app_keys("roster_every = '24h'");
    let bridge = Arc::new(setup.start().await);
    let created = bridge.post("/Users", &user("sam.doe@example.com")).await;
    bridge.calls();
    bridge.aha.fault(Fault::delay(Duration::from_secs(4)).on("PUT /users/:id"));
    let deleting = tokio::spawn({
        let (bridge, path) = (bridge.clone(), created.path());
        async move { bridge.delete(&path).await }
    });
    wait_for_call(&bridge, "PUT /users/:id").await;
    let creating = tokio::spawn({
        let bridge = bridge.clone();
        async move { bridge.post("/Users", &user("sam.doe@example.com")).await }
    });
    // The create is stored before time goes on: its user is found.
    let found = async {
        loop {
            let found = bridge.filter("/Users", "userName eq \"sam.doe@example.com\"").await;
            if found.body["totalResults"] == 1 && found.body["Resources"][0]["id"] != created.id() {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), found).await.expect("the new user is there");
    clock.advance(Duration::from_secs(4));
    deleting.await.unwrap().no_content();
    let again = creating.await.unwrap();
    assert_eq!(
        bridge.calls(),
        [
            "PUT /users/<sam.doe@example.com> {\"user\":{\"enabled\":false}}",
            "PUT /users/<sam.doe@example.com> \
             {\"user\":{\"email\":\"sam.doe@example.com\",\"first_name\":\"sam\",\"last_name\":\"doe\",\"enabled\":true}}",
        ]
    );
    assert_eq!(again.written(201), user("sam.doe@example.com"));
    assert_eq!(bridge.get(&again.path()).await.read(), user("sam.doe@example.com"));
    assert!(bridge.aha.find_user_by_email("sam.doe@example.com").unwrap().enabled);
    assert_eq!(bridge.aha.invitations().len(), 1);
}

async fn wait_for_call(bridge: &Bridge, template: &str) {
    let called = async {
        while bridge.aha.calls().to(template).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), called).await.expect("the call arrives");
}

/// Aha! should not have two accounts with one e-mail; if it has, a user stays with the one that it was found with.
#[rstest]
#[case::unmanaged(false)]
#[case::managed(true)]
#[tokio::test]
async fn a_second_account_with_the_same_email_does_not_take_a_users_place(#[case] managed: bool) {
    let clock = ManualClock::new(SystemClock.now());
    let bridge = Setup::aha_with_clock(Arc::new(clock.clone()))
        .app_keys("roster_every = '1h'")
        .with(|aha| {
            aha.seed(Person::new("Sam", "Doe", "sam.doe@example.com"));
            aha.seed(Person::new("Twin", "Doe", "Sam.Doe@example.com").disabled());
        })
        .start()
        .await;
    let found = bridge.filter("/Users", "userName eq \"sam.doe@example.com\"").await.only().clone();
    let path = format!("/Users/{}", found["id"].as_str().unwrap());
    if managed {
        bridge.patch(&path, set("title", "Clerk")).await.written(200);
    }
    let before = bridge.get(&path).await;
    for _ in 0..3 {
        pass_of_the_roster(&bridge, &clock).await;
        assert_eq!(bridge.get(&path).await.body, before.body);
        bridge.get("/Users").await.list(2, 1);
    }
}

#[tokio::test]
async fn an_account_that_was_deleted_at_aha_by_hand_and_made_again_is_the_users_again() {
    let clock = ManualClock::new(SystemClock.now());
    let setup = Setup::aha_with_clock(Arc::new(clock.clone())).app_keys("roster_every = '1h'");
    let bridge = setup.start().await;
    let created = bridge.post("/Users", &user("sam.doe@example.com")).await;
    bridge.aha.vanish(bridge.aha.find_user_by_email("sam.doe@example.com").unwrap().id);
    let account = bridge.aha.seed(Person::new("sam", "doe", "sam.doe@example.com"));
    pass_of_the_roster(&bridge, &clock).await;
    pass_of_the_roster(&bridge, &clock).await;
    assert_eq!(bridge.get(&created.path()).await.read(), user("sam.doe@example.com"));
    bridge.get("/Users").await.list(2, 1);
    bridge.patch(&created.path(), set("active", "False")).await.written(200);
    assert!(!bridge.aha.find_user(account).unwrap().enabled);
    assert_eq!(bridge.aha.invitations().len(), 1);
}
