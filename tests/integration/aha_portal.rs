//! Users of an ideas portal: what each operation costs, what is never mixed with the account's own users, and what becomes of
//! those who are deleted.

mod answers;
mod deletion;
mod doctor;
mod two_apps;

use std::collections::BTreeMap;

use rstest::rstest;
use scim_bridge::sim::aha::{Person, PortalPerson, PortalUser};
use serde_json::{Value, json};

use crate::harness::{ADMINISTRATOR, Bridge, PORTAL, Setup, asserted, user};

const SAM: &str = "sam.doe@example.com";
const FIND: &str = "GET /idea_portals/:portal_id/portal_users?email";
const CREATE: &str = "POST /idea_portals/:portal_id/portal_users";
const READ: &str = "GET /idea_portals/:portal_id/portal_users/:id";
const UPDATE: &str = "PUT /idea_portals/:portal_id/portal_users/:id";
const DELETE: &str = "DELETE /idea_portals/:portal_id/portal_users/:id";

fn counts(bridge: &Bridge) -> BTreeMap<String, usize> {
    bridge.aha.take_calls().counts()
}

fn expected<const N: usize>(calls: [(&str, usize); N]) -> BTreeMap<String, usize> {
    calls.into_iter().map(|(template, count)| (template.to_owned(), count)).collect()
}

fn active(value: bool) -> Value {
    json!([{ "op": "replace", "path": "active", "value": value }])
}

/// Puts a person into the portal.
fn seed(bridge: &Bridge, person: PortalPerson) {
    bridge.aha.seed_portal_user(bridge.aha.find_portal(PORTAL).unwrap(), person);
}

/// The portal user with this e-mail.
fn portal_user(bridge: &Bridge, email: &str) -> Option<PortalUser> {
    bridge.aha.find_portal_user_by_email(bridge.aha.find_portal(PORTAL).unwrap(), email)
}

#[tokio::test]
async fn create_two_update_one_deactivate_one_reactivate_one_delete_one_reads_and_no_ops_none() {
    let bridge = Setup::portal().start().await;
    let created = bridge.post("/Users", &user(SAM)).await;
    assert_eq!(created.written(201), user(SAM));
    assert_eq!(counts(&bridge), expected([(FIND, 1), (CREATE, 1)]));
    bridge.put(&created.path(), &user(SAM)).await.written(200);
    assert_eq!(counts(&bridge), expected([]));

    // All that the portal holds, in one call.
    let mut changed = user("sam.new@example.com");
    changed["name"] = json!({ "givenName": "Samuel", "familyName": "van der Berg" });
    bridge.put(&created.path(), &changed).await.written(200);
    assert_eq!(counts(&bridge), expected([(UPDATE, 1)]));
    let account = portal_user(&bridge, "sam.new@example.com").unwrap();
    let names = (account.first_name.as_deref(), account.last_name.as_deref());
    assert_eq!(names, (Some("Samuel"), Some("van der Berg")));

    for value in [false, true] {
        bridge.patch(&created.path(), active(value)).await.written(200);
        assert_eq!(counts(&bridge), expected([(UPDATE, 1)]));
        assert_eq!(portal_user(&bridge, "sam.new@example.com").unwrap().enabled, value);
    }
    for path in [created.path(), "/Users".to_owned(), "/Groups".to_owned(), "/Schemas".to_owned()] {
        assert_eq!(bridge.get(&path).await.status, 200, "{path}");
    }
    bridge.patch(&created.path(), active(true)).await.written(200);
    assert_eq!(counts(&bridge), expected([]));

    bridge.delete(&created.path()).await.no_content();
    assert_eq!(counts(&bridge), expected([(DELETE, 1)]));
    assert_eq!(portal_user(&bridge, "sam.new@example.com"), None);
}

#[tokio::test]
async fn a_portal_user_who_is_there_is_adopted_with_both_names_and_without_an_invitation() {
    let bridge = Setup::portal()
        .with(|aha| {
            let portal = aha.find_portal(PORTAL).unwrap();
            aha.seed_portal_user(portal, PortalPerson::new("Mary Ann", "van der Berg", "mary@example.com"));
        })
        .start()
        .await;
    let found = bridge.filter("/Users", "userName eq \"mary@example.com\"").await;
    let name = json!({ "givenName": "Mary Ann", "familyName": "van der Berg", "formatted": "Mary Ann van der Berg" });
    assert_eq!(asserted(found.only())["name"], name);
    // What Okta or Entra ID sends of her is so already.
    let path = format!("/Users/{}", found.only()["id"].as_str().unwrap());
    let mut mary = user("mary@example.com");
    mary["name"] = json!({ "givenName": "Mary Ann", "familyName": "van der Berg" });
    bridge.put(&path, &mary).await.written(200);
    assert_eq!(counts(&bridge), expected([]));

    // She appeared after the listing, and is called otherwise.
    seed(&bridge, PortalPerson::new("Kimberly", "Lee", "Kim.Lee@example.com").disabled());
    bridge.post("/Users", &user("kim.lee@example.com")).await.written(201);
    assert_eq!(counts(&bridge), expected([(FIND, 1), (UPDATE, 1)]));
    let kim = portal_user(&bridge, "kim.lee@example.com").unwrap();
    assert_eq!((kim.enabled, kim.first_name.as_deref()), (true, Some("kim")));
    assert_eq!(bridge.aha.portal_invitations(), []);
}

#[rstest]
#[case::nobody(0, 1)]
#[case::a_full_page(200, 1)]
#[case::one_more_than_a_page(201, 2)]
#[tokio::test]
async fn a_roster_of_n_portal_users_is_a_call_for_each_200_of_them(
    #[case] seeded: usize,
    #[case] pages: usize,
) {
    let bridge = Setup::portal().with(|aha| {
        let portal = aha.find_portal(PORTAL).unwrap();
        for number in 0..seeded {
            aha.seed_portal_user(portal, PortalPerson::nameless(&format!("person{number}@example.com")));
        }
    });
    let bridge = bridge.start_unready().await;
    bridge.wait_until_ready().await;
    let list = "GET /idea_portals/:portal_id/portal_users?page&per_page";
    assert_eq!(counts(&bridge), expected([("GET /me", 1), (list, pages)]));
    bridge.get("/Users?count=1").await.list(seeded, 1);
}

#[tokio::test]
async fn who_has_an_account_of_aha_itself_is_another_person_to_the_portal() {
    let bridge = Setup::portal()
        .with(|aha| {
            aha.seed(Person::new("sam", "doe", SAM));
        })
        .start()
        .await;
    bridge.get("/Users").await.list(0, 1);
    let created = bridge.post("/Users", &user(SAM)).await;
    created.written(201);
    assert_eq!(bridge.aha.invitations(), [], "the account invited nobody");
    assert_eq!(bridge.aha.portal_invitations().len(), 1);
    bridge.patch(&created.path(), active(false)).await.written(200);
    assert!(!portal_user(&bridge, SAM).unwrap().enabled);
    assert!(bridge.aha.find_user_by_email(SAM).unwrap().enabled);
    // Nor does a portal user with the e-mail of the key's owner lock the bridge out.
    let owner = bridge.create_user(ADMINISTRATOR).await;
    bridge.delete(&format!("/Users/{owner}")).await.no_content();
    assert!(bridge.aha.find_user_by_email(ADMINISTRATOR).unwrap().enabled);
    bridge.post("/Users", &user("kim.lee@example.com")).await.written(201);
}

#[tokio::test]
async fn creates_are_paced_as_if_each_sent_an_invitation() {
    let keys = "invites_per_hour = 1\nmax_queue_wait = '2h'\nconfirm_within = '1s'";
    let bridge = Setup::portal().app_keys(keys).start().await;
    bridge.create_user(SAM).await;
    assert_eq!(counts(&bridge), expected([(FIND, 1), (CREATE, 1)]));
    let kim = bridge.create_user("kim.lee@example.com").await;
    assert_eq!(counts(&bridge), expected([]), "nobody is looked up before it is the turn of the create");
    // Who leaves does not wait for a turn.
    bridge.delete(&format!("/Users/{kim}")).await.no_content();
    bridge.wait_until_idle().await;
    assert_eq!(bridge.aha.portal_invitations().len(), 1);
}
