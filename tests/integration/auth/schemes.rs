//! `/ServiceProviderConfig` tells the ways in that there are.

use rstest::rstest;

use super::{TENANT, setup};

const OAUTH: &str = "oauth = { clients = [{ id = 'x' }] }";

#[rstest]
#[case::a_token_alone("", &["OAuth Bearer Token"])]
#[case::raw("raw_token = true", &["OAuth Bearer Token", "Token"])]
#[case::basic("basic = true", &["OAuth Bearer Token", "HTTP Basic"])]
#[case::entra(&format!("entra = {{ tenant = '{TENANT}' }}"), &["JSON Web Token", "OAuth Bearer Token"])]
#[case::oauth(OAUTH, &["OAuth 2.0 Client Credentials", "OAuth Bearer Token"])]
#[tokio::test]
async fn it_tells_the_schemes_that_this_app_accepts_c_20(#[case] auth: &str, #[case] expected: &[&str]) {
    let (setup, _) = setup(auth);
    let bridge = setup.start().await;
    let config = bridge.get("/ServiceProviderConfig").await.body;
    let schemes = config["authenticationSchemes"].as_array().unwrap();
    let names: Vec<_> = schemes.iter().map(|scheme| scheme["name"].as_str().unwrap()).collect();
    assert_eq!(names, expected);
    let primary: Vec<_> = schemes.iter().map(|scheme| scheme["primary"].as_bool().unwrap()).collect();
    assert!(primary[0] && primary[1..].iter().all(|is_primary| !is_primary), "{primary:?}");
}
