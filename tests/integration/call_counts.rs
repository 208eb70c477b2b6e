//! How many calls of the target each operation may cost (Aha! allows 300 a minute for a whole account).

use std::collections::BTreeMap;

use rstest::rstest;
use scim_bridge::sim::aha::Person;
use serde_json::json;

use crate::harness::{ADMINISTRATOR, Bridge, Setup, asserted, user};

const NO_CALLS: [&str; 0] = [];

fn counts(bridge: &Bridge) -> BTreeMap<String, usize> {
    bridge.aha.take_calls().counts()
}

fn expected<const N: usize>(calls: [(&str, usize); N]) -> BTreeMap<String, usize> {
    calls.into_iter().map(|(template, count)| (template.to_owned(), count)).collect()
}

#[tokio::test]
async fn create_two_update_one_deactivate_one_reactivate_one_delete_one_reads_none() {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &user("sam.doe@example.com")).await;
    assert_eq!(counts(&bridge), expected([("GET /users?email", 1), ("POST /products/:id/users", 1)]));

    // All that Aha! holds, in one call.
    let mut changed = user("sam.new@example.com");
    changed["name"] = json!({ "givenName": "Samuel", "familyName": "Dough" });
    bridge.put(&created.path(), &changed).await.written(200);
    assert_eq!(counts(&bridge), expected([("PUT /users/:id", 1)]));

    // What Aha! does not hold.
    let title = json!([{ "op": "replace", "path": "title", "value": "Clerk" }]);
    bridge.patch(&created.path(), title).await.written(200);
    assert_eq!(counts(&bridge), expected([]));

    for active in [false, true] {
        let set = json!([{ "op": "replace", "path": "active", "value": active }]);
        bridge.patch(&created.path(), set).await.written(200);
        assert_eq!(counts(&bridge), expected([("PUT /users/:id", 1)]));
    }

    for path in [
        created.path(),
        "/Users".to_owned(),
        "/Users?filter=userName+eq+%22sam.new@example.com%22".to_owned(),
        "/Users?filter=emails.value+co+%22sam%22&attributes=userName".to_owned(),
        "/Groups".to_owned(),
        "/Schemas".to_owned(),
        "/ResourceTypes".to_owned(),
        "/ServiceProviderConfig".to_owned(),
    ] {
        assert_eq!(bridge.get(&path).await.status, 200, "{path}");
    }
    assert_eq!(counts(&bridge), expected([]));

    bridge.delete(&created.path()).await.no_content();
    assert_eq!(counts(&bridge), expected([("PUT /users/:id", 1)]));
}

#[tokio::test]
async fn adopting_an_account_that_appeared_since_the_last_roster_pass_is_one_look_up() {
    let bridge = Setup::aha().start().await;
    bridge.aha.seed(Person::new("sam", "doe", "Sam.Doe@example.com"));
    let created = bridge.post("/Users", &user("sam.doe@example.com")).await;
    assert_eq!(created.written(201), user("sam.doe@example.com"));
    assert_eq!(bridge.calls(), ["GET /users?email=sam.doe@example.com"]);
    assert_eq!(bridge.aha.invitations(), []);
}

#[tokio::test]
async fn adopting_an_account_that_differs_is_a_look_up_and_an_update() {
    let bridge = Setup::aha().start().await;
    bridge.aha.seed(Person::new("Samuel", "Doe", "sam.doe@example.com").disabled());
    bridge.post("/Users", &user("sam.doe@example.com")).await.written(201);
    assert_eq!(
        bridge.calls(),
        [
            "GET /users?email=sam.doe@example.com",
            "PUT /users/<sam.doe@example.com> {\"user\":{\"first_name\":\"sam\",\"last_name\":\"doe\",\"enabled\":true}}",
        ]
    );
    assert_eq!(bridge.aha.invitations(), []);
}

#[tokio::test]
async fn adopting_an_account_that_is_known_costs_what_differs() {
    let bridge = Setup::aha()
        .with(|aha| {
            aha.seed(Person::new("sam", "doe", "sam.doe@example.com"));
            aha.seed(Person::new("Kim", "Lee", "kim.lee@example.com"));
        })
        .start()
        .await;
    // The same account under another userName keeps the id under which it was found.
    let found = bridge.filter("/Users", "userName eq \"sam.doe@example.com\"").await;
    let id = found.only()["id"].clone();
    let mut sam = user("sam.doe@example.com");
    sam["userName"] = json!("sam.doe");
    let adopted = bridge.post("/Users", &sam).await;
    assert_eq!((adopted.written(201), &adopted.body["id"]), (sam, &id));
    assert_eq!(bridge.calls(), NO_CALLS);
    let found = bridge.filter("/Users", "userName eq \"kim.lee@example.com\"").await;
    let path = format!("/Users/{}", found.only()["id"].as_str().unwrap());
    bridge.put(&path, &user("kim.lee@example.com")).await.written(200);
    assert_eq!(
        bridge.calls(),
        ["PUT /users/<kim.lee@example.com> {\"user\":{\"first_name\":\"kim\",\"last_name\":\"lee\"}}"]
    );
    assert_eq!(bridge.aha.invitations(), []);
}

#[tokio::test]
async fn a_user_that_is_deleted_while_disabled_costs_nothing_more() {
    let bridge = Setup::aha().start().await;
    let id = bridge.create_user("sam.doe@example.com").await;
    let disable = json!([{ "op": "replace", "path": "active", "value": false }]);
    bridge.patch(&format!("/Users/{id}"), disable).await.written(200);
    bridge.calls();
    bridge.delete(&format!("/Users/{id}")).await.no_content();
    assert_eq!(bridge.calls(), NO_CALLS);
}

#[rstest]
#[case::the_owner_alone(0, 1)]
#[case::one_short_of_a_page(198, 1)]
#[case::a_full_page(199, 1)]
#[case::one_more_than_a_page(200, 2)]
#[case::three_pages(450, 3)]
#[tokio::test]
async fn a_roster_of_n_accounts_is_a_call_for_each_200_of_them(#[case] seeded: usize, #[case] pages: usize) {
    let bridge = Setup::aha().with(|aha| {
        for number in 0..seeded {
            aha.seed(Person::new("Person", "Number", &format!("person{number}@example.com")));
        }
    });
    let bridge = bridge.start_unready().await;
    bridge.wait_until_ready().await;
    assert_eq!(counts(&bridge), expected([("GET /me", 1), ("GET /users?page&per_page", pages)]));
    bridge.get("/Users?count=1").await.list(seeded + 1, 1);
    let administrator = bridge.filter("/Users", &format!("userName eq \"{ADMINISTRATOR}\"")).await;
    assert_eq!(asserted(administrator.only())["displayName"], "Key Owner");
    assert_eq!(bridge.calls(), NO_CALLS);
}
