//! Okta's conversations about the users of an ideas portal.

use http::Method;
use scim_bridge::sim::aha::PortalPerson;
use serde_json::json;

use super::{NO_CALLS, find, get, joiner, joiner_as_read, put, send};
use crate::harness::{PORTAL, Setup};

#[tokio::test]
async fn assign_update_deactivate_and_reactivate_okt_seq_2_okt_seq_4() {
    let bridge = Setup::portal().start().await;
    let portal = bridge.aha.find_portal(PORTAL).unwrap();
    get(&bridge, "/Users?startIndex=1&count=2").await.list(0, 1);
    find(&bridge, "test.joiner@Example.com").await.list(0, 1);
    let created = send(&bridge, Method::POST, "/Users", Some(&joiner())).await;
    assert_eq!(created.written(201), joiner_as_read());
    let [account] = bridge.aha.portal_users(portal).try_into().unwrap();
    assert_eq!(
        bridge.calls(),
        [
            format!("GET /idea_portals/{PORTAL}/portal_users?email=test.joiner@Example.com"),
            format!(
                "POST /idea_portals/{PORTAL}/portal_users {{\"portal_user\":{{\"email\":\"test.joiner@Example.com\",\
                 \"first_name\":\"test\",\"last_name\":\"joiner\"}}}}"
            ),
        ]
    );
    let one = format!("PUT /idea_portals/{PORTAL}/portal_users/{}", account.id);

    // Okta sends the whole user over what it read.
    let mut sent = get(&bridge, &created.path()).await.body;
    sent["name"]["familyName"] = json!("Jones");
    sent["title"] = json!("Clerk");
    assert_eq!(put(&bridge, &created.path(), &sent).await.written(200)["title"], "Clerk");
    assert_eq!(bridge.calls(), [format!("{one} {{\"portal_user\":{{\"last_name\":\"Jones\"}}}}")]);
    put(&bridge, &created.path(), &sent).await.written(200);
    assert_eq!(bridge.calls(), NO_CALLS);

    for active in [false, true] {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "replace", "value": { "active": active } }],
        });
        let patched = send(&bridge, Method::PATCH, &created.path(), Some(&body)).await;
        assert_eq!(patched.written(200)["active"], active);
        assert_eq!(bridge.calls(), [format!("{one} {{\"portal_user\":{{\"enabled\":{active}}}}}")]);
    }
    assert_eq!(bridge.aha.portal_invitations().len(), 1);
}

#[tokio::test]
async fn assign_existing_invites_nobody_okt_seq_3() {
    let bridge = Setup::portal()
        .with(|aha| {
            let portal = aha.find_portal(PORTAL).unwrap();
            aha.seed_portal_user(portal, PortalPerson::new("Jonah", "van Hale", "jonah@example.com"));
        })
        .start()
        .await;
    let found = find(&bridge, "Jonah@example.com").await;
    let mut sent = found.only().clone();
    let path = format!("/Users/{}", sent["id"].as_str().unwrap());
    sent["externalId"] = json!("00u1");
    sent["name"] = json!({ "givenName": "Jonah", "familyName": "van Hale" });
    put(&bridge, &path, &sent).await.written(200);
    assert_eq!(bridge.calls(), NO_CALLS);
    assert_eq!(bridge.aha.portal_invitations(), []);
}
