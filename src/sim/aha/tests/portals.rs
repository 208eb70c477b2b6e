use serde_json::{Value, json};

use super::{Lab, kind};
use crate::sim::aha::{
    Person, PortalId, PortalPerson,
    switches::{DuplicatePortalUser, PortalInvitations, PortalPermission},
};

/// The demonstration's portal, and its path.
fn portal(lab: &Lab) -> (PortalId, String) {
    let portal = lab.aha.add_portal("PRTL");
    (portal, format!("/idea_portals/{portal}/portal_users"))
}

fn sam() -> Option<Value> {
    Some(json!({"portal_user": {"email": "sam.doe@example.com", "first_name": "sam", "last_name": "doe"}}))
}

#[tokio::test]
async fn a_portal_user_is_made_read_changed_and_deleted_for_good() {
    let lab = Lab::new().await;
    let (portal, path) = portal(&lab);
    let (status, made) = lab.json(&format!("POST {path}"), sam()).await;
    let made = &made["portal_user"];
    assert_eq!((status, &made["enabled"], &made["employee"]), (200, &json!(true), &json!(false)));
    assert_eq!((&made["first_name"], &made["last_name"]), (&json!("sam"), &json!("doe")));
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    assert_eq!(&lab.json(&format!("GET {one}"), None).await.1["portal_user"], made);
    let change = json!({"portal_user": {"last_name": "jones", "enabled": false, "permission": "employee"}});
    let (_, changed) = lab.json(&format!("PUT {one}"), Some(change)).await;
    let changed = &changed["portal_user"];
    assert_eq!((&changed["first_name"], &changed["last_name"]), (&json!("sam"), &json!("jones")));
    assert_eq!((&changed["enabled"], &changed["employee"]), (&json!(false), &json!(true)));
    let gone = lab.send(&format!("DELETE {one}"), None).await.unwrap();
    assert_eq!(kind(&gone), (204, ""));
    assert_eq!(gone.text().await.unwrap(), "");
    for call in ["GET", "PUT", "DELETE"] {
        let (status, body) = lab.json(&format!("{call} {one}"), None).await;
        assert_eq!((status, &body["error"]), (404, &json!("Record not found.")), "{call}");
    }
    assert_eq!(lab.aha.portal_users(portal), []);
}

#[tokio::test]
async fn portals_and_the_account_are_three_populations_where_an_email_may_stand_in_each() {
    let lab = Lab::new().await;
    let (one, path) = portal(&lab);
    let other = lab.aha.add_portal("OTHER");
    let user = lab.aha.seed(Person::new("Sam", "Doe", "sam.doe@example.com"));
    let there = lab.aha.seed_portal_user(other, PortalPerson::new("Sam", "Doe", "sam.doe@example.com"));
    assert_eq!(lab.status(&format!("POST {path}"), sam()).await, 200);
    let here = lab.aha.find_portal_user_by_email(one, "SAM.DOE@example.com").unwrap();
    assert_eq!(here.idea_user, lab.aha.portal_users(other)[0].idea_user, "one person");
    // An id of one population is none of another.
    for wrong in [format!("{path}/{there}"), format!("{path}/{user}"), format!("/users/{}", here.id)] {
        assert_eq!(lab.status(&format!("GET {wrong}"), None).await, 404, "{wrong}");
    }
    assert_eq!(lab.status(&format!("GET /portal_users/{there}"), None).await, 200);
    let (_, all) = lab.json("GET /portal_users?per_page=200", None).await;
    assert_eq!(
        all["pagination"]["total_records"],
        lab.aha.portal_users(one).len() + lab.aha.portal_users(other).len() + 3
    );
    assert_eq!(lab.aha.invitations(), [], "the account invited nobody");
    let invited: Vec<_> =
        lab.aha.portal_invitations().into_iter().map(|one| (one.portal, one.email)).collect();
    assert_eq!(invited, [(one, "sam.doe@example.com".to_owned())]);
}

#[tokio::test]
async fn a_portal_is_named_by_its_id_or_its_key_and_its_users_are_paged_and_filtered() {
    let lab = Lab::new().await;
    let (portal, path) = portal(&lab);
    for number in 0..31 {
        lab.aha.seed_portal_user(portal, PortalPerson::nameless(&format!("p{number}@example.com")));
    }
    let (_, page) = lab.json("GET /idea_portals/PRTL/portal_users?page=2", None).await;
    assert_eq!(page["portal_users"].as_array().unwrap().len(), 1);
    assert_eq!(page["pagination"], json!({"total_records": 31, "total_pages": 2, "current_page": 2}));
    assert_eq!(page["portal_users"][0]["first_name"], Value::Null);
    let (_, found) = lab.json(&format!("GET {path}?email=P7@example.com"), None).await;
    assert_eq!(
        (&found["portal_users"][0]["email"], found["portal_users"].as_array().unwrap().len()),
        (&json!("p7@example.com"), 1)
    );
    assert_eq!(lab.status("GET /idea_portals/NONE/portal_users", None).await, 404);
}

#[tokio::test]
async fn what_a_portal_does_about_an_email_twice_and_invitations_is_a_switch() {
    let lab = Lab::new().await;
    let (portal, path) = portal(&lab);
    lab.aha.seed_portal_user(portal, PortalPerson::new("Samuel", "D", "Sam.Doe@example.com").disabled());
    let (status, refused) = lab.json(&format!("POST {path}"), sam()).await;
    assert_eq!((status, &refused["errors"]["message"]), (400, &json!("Email has already been taken")));
    lab.aha.change(|switches| switches.duplicate_portal_user = DuplicatePortalUser::AnswerExisting);
    let (status, existing) = lab.json(&format!("POST {path}"), sam()).await;
    let existing = &existing["portal_user"];
    assert_eq!(
        (status, &existing["enabled"], &existing["first_name"]),
        (200, &json!(false), &json!("Samuel"))
    );
    lab.aha.change(|switches| switches.portal_invitations = PortalInvitations::NotSent);
    let pat = json!({"portal_user": {"email": "pat@example.com"}});
    assert_eq!(lab.status(&format!("POST {path}"), Some(pat)).await, 200);
    assert_eq!(lab.aha.portal_invitations(), []);
}

#[tokio::test]
async fn which_words_a_permission_has_is_a_switch() {
    for (switch, accepted) in [
        (PortalPermission::Any, ["employee", "true", "false"].as_slice()),
        (PortalPermission::Flags, &["true", "false"]),
        (PortalPermission::Words, &["employee"]),
    ] {
        let lab = Lab::with(|switches| switches.portal_permission = switch).await;
        let (_, path) = portal(&lab);
        for word in ["employee", "true", "false", "owner"] {
            let body = json!({"portal_user": {"email": format!("{word}@example.com"), "permission": word}});
            let (status, answer) = lab.json(&format!("POST {path}"), Some(body)).await;
            assert_eq!(status == 200, accepted.contains(&word), "{switch:?} {word}");
            if status == 200 {
                assert_eq!(answer["portal_user"]["employee"], word != "false", "{switch:?} {word}");
            }
        }
    }
}

#[tokio::test]
async fn who_is_no_administrator_sees_no_portal_users() {
    let lab = Lab::new().await;
    let (_, path) = portal(&lab);
    lab.aha.add_api_key("alans-key", lab.user("Alan").id);
    for call in [format!("GET {path}"), format!("POST {path}"), "GET /portal_users".to_owned()] {
        assert_eq!(lab.send_as("alans-key", &call, None).await.unwrap().status(), 403, "{call}");
    }
}
