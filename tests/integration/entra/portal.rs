//! Entra ID's conversations about the users of an ideas portal.

use scim_bridge::sim::aha::PortalPerson;
use serde_json::{Value, json};

use super::{NO_CALLS, test_user, test_user_as_read};
use crate::harness::{PORTAL, Setup};

const EMAIL: &str = "Test_User_11bb@testuser.com";

#[tokio::test]
async fn probe_match_create_change_disable_and_hard_delete_ent_seq_1_ent_seq_4_ent_seq_9() {
    let bridge = Setup::portal().start().await;
    let portal = bridge.aha.find_portal(PORTAL).unwrap();
    let probe = bridge.filter("/Users", "userName eq \"5f9d7a0e-5a1f-4f0e-9a53-0c9b2a6c0a11\"").await;
    assert_eq!(probe.list(0, 1), [] as [Value; 0]);
    bridge.filter("/Users", "userName eq \"Test_User_00aa\"").await.list(0, 1);
    let created = bridge.post("/Users", &test_user()).await;
    assert_eq!(created.written(201), test_user_as_read());
    assert_eq!(bridge.calls().len(), 2);
    let account = bridge.aha.find_portal_user_by_email(portal, EMAIL).unwrap();
    let path = format!("/idea_portals/{PORTAL}/portal_users/{}", account.id);

    let change = json!([
        { "op": "Replace", "path": "name.givenName", "value": "Anna" },
        { "op": "Add", "path": "title", "value": "Clerk" },
    ]);
    bridge.patch(&created.path(), change).await.written(200);
    assert_eq!(bridge.calls(), [format!("PUT {path} {{\"portal_user\":{{\"first_name\":\"Anna\"}}}}")]);

    let disable = json!([{ "op": "Replace", "path": "active", "value": "False" }]);
    assert_eq!(bridge.patch(&created.path(), disable).await.written(200)["active"], false);
    assert_eq!(bridge.calls(), [format!("PUT {path} {{\"portal_user\":{{\"enabled\":false}}}}")]);

    // After 30 days the user is purged.
    bridge.delete(&created.path()).await.no_content();
    assert_eq!(bridge.calls(), [format!("DELETE {path}")]);
    assert_eq!(bridge.aha.portal_users(portal), []);
    bridge.get(&created.path()).await.error(404, "");
    bridge.filter("/Users", "userName eq \"Test_User_00aa\"").await.list(0, 1);
}

#[tokio::test]
async fn who_is_there_is_matched_by_name_or_adopted_by_email_ent_seq_3() {
    let bridge = Setup::portal()
        .with(|aha| {
            let portal = aha.find_portal(PORTAL).unwrap();
            aha.seed_portal_user(portal, PortalPerson::new("givenName", "familyName", EMAIL));
        })
        .start()
        .await;
    let found = bridge.filter("/Users", &format!("userName eq \"{EMAIL}\"")).await;
    let id = found.only()["id"].clone();
    // The user principal name is not the e-mail, so Entra ID creates.
    let created = bridge.post("/Users", &test_user()).await;
    assert_eq!((created.written(201), &created.body["id"]), (test_user_as_read(), &id));
    assert_eq!(bridge.calls(), NO_CALLS);
    assert_eq!(bridge.aha.portal_invitations(), []);
}
