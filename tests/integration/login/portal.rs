//! An ideas portal is an app of its own, and so is the login that it is called with, although the account is one.

use http::Method;

use super::*;
use crate::harness::{Answer, PORTAL, user};

#[tokio::test]
async fn an_app_of_a_portal_has_a_login_of_its_own_beside_that_of_the_account() {
    let portal = format!(
        "[apps.portal]\nconnector = 'aha-portal'\nbase_url = '{{aha}}'\nportal_id = '{PORTAL}'\n\
         login = {{ client_id = 'portal-client', client_secret = 'planted-portal-secret-0123456789' }}\n\
         tokens = [{{ name = 'idp', token = 'planted-portal-token-0123456789abcdef' }}]"
    );
    let setup = setup(Arc::new(SystemClock), OAuthRules::default()).config(&portal);
    let bridge = setup.start_unready().await;
    let portal_id = bridge.aha.add_portal(PORTAL);
    register(&bridge, "test");
    let redirect = redirect_uri(&bridge, "portal");
    bridge.aha.add_application("portal-client", "planted-portal-secret-0123456789", &redirect);
    let create = async |email: &str| {
        let request = bridge.anonymous(Method::POST, "/portal/scim/v2/Users").json(&user(email));
        Answer::of(request.bearer_auth("planted-portal-token-0123456789abcdef")).await
    };

    assert_eq!(log_in(&bridge).await.0, 200);
    wait_for_state(&bridge, "working").await;
    // Nobody has logged in for the portal.
    create("sam.doe@example.com").await.error(503, "");
    let (status, page) = log_in_for(&bridge, "portal").await;
    assert_eq!(status, 200, "{page}");
    bridge.wait_until_ready().await;
    eventually("users of the portal are created", async || create("ann.lee@example.com").await.status == 201)
        .await;
    assert!(bridge.aha.find_portal_user_by_email(portal_id, "ann.lee@example.com").is_some());
}
