//! What an admin may write in `[apps.NAME.auth]`, and is told of what is wrong in it.

use std::{path::Path, time::Duration};

use rstest::rstest;

use super::{super::Config, *};

const TENANT: &str = "01234567-89ab-cdef-0123-456789abcdef";

const SECRET_KEY: &str = "[server]\nsecret_key = '0123456789abcdef0123456789abcdef'\n";

/// A file with these lines in the section, which begin on line 5.
fn file(lines: &str) -> String {
    format!("{SECRET_KEY}[apps.lab]\nconnector = 'memory'\nauth = {{ {lines} }}\n")
}

fn parse(text: &str) -> Result<Auth, String> {
    let config = Config::parse(text, "bridge.toml", Path::new("/nowhere"), &|_| None);
    let config = config.map_err(|problems| problems.to_string())?;
    Ok(config.apps["lab"].auth.clone())
}

#[test]
fn nothing_is_opened_that_is_not_written() {
    let auth = parse("[apps.lab]\nconnector = 'memory'\n").unwrap();
    assert!(!auth.raw_token && auth.basic.is_none() && auth.entra.is_none());
    assert!(auth.jwt.is_empty() && auth.oauth.is_none());
}

#[test]
fn every_key_means_what_it_says() {
    let auth = parse(&file(&format!(
        "raw_token = true, basic_user = 'okta', entra = {{ tenant = '{}' }}, \
         jwt = [{{ name = 'corp', issuer = 'https://login.example.com/', audience = ['a', 'b'], \
         claims = {{ sub = 'x', scope = ['y', 'z'] }} }}], \
         oauth = {{ token_lifetime = '2h', clients = [{{ id = 'c', secrets = [{{ name = '1', secret = 's3cr3t', \
         expires = '2030-01-31' }}] }}], federated = [{{ id = 'f', tenant = '{TENANT}', audience = 'api://x', \
         subject = 'sp', replay = 'allow' }}] }}",
        TENANT.to_uppercase()
    )))
    .unwrap();
    assert!(auth.raw_token);
    assert_eq!(auth.basic.unwrap().user.as_deref(), Some("okta"));
    let entra = auth.entra.unwrap();
    assert_eq!((entra.tenant.as_str(), entra.audiences[0].as_str()), (TENANT, NON_GALLERY_APPS));
    assert_eq!((entra.app_id.as_str(), entra.authority.as_str()), (PROVISIONING_SERVICE, AUTHORITY));
    // A slash at the end is part of an issuer's name.
    assert_eq!(auth.jwt[0].issuer, "https://login.example.com/");
    assert_eq!(auth.jwt[0].audiences, ["a", "b"]);
    let scopes = ClaimRule { name: "scope".into(), values: vec!["y".into(), "z".into()] };
    assert!(auth.jwt[0].claims.contains(&scopes) && auth.jwt[0].claims.len() == 2);
    let oauth = auth.oauth.unwrap();
    assert_eq!(oauth.token_lifetime, Duration::from_hours(2));
    let secret = &oauth.clients[0].secrets[0];
    assert_eq!((secret.name.as_str(), secret.secret.expose()), ("1", "s3cr3t"));
    assert_eq!(secret.expires.unwrap().to_string(), "2030-01-31T00:00:00.000Z");
    assert!(matches!(&oauth.federated[0].issuer, AssertionIssuer::Entra { tenant, .. } if tenant == TENANT));
    assert_eq!(oauth.federated[0].replay, Replay::Allow);
}

#[rstest]
#[case("raw_token = 'yes'", "raw_token: expected true or false, found a string")]
#[case("basic = false, basic_user = 'x'", "basic_user: has no effect with basic = false")]
#[case("basic_user = 'a:b'", "basic_user: must not have a \":\", which ends the user name of HTTP Basic")]
#[case("entra = {}", "entra.tenant: missing: the id of the Entra tenant, a GUID")]
#[case(
    "entra = { tenant = 'acme.onmicrosoft.com' }",
    "entra.tenant: \"acme.onmicrosoft.com\" is not an id such as \"01234567-89ab-cdef-0123-456789abcdef\""
)]
#[case(
    "entra = { tenant = '01234567-89ab-cdef-0123-456789abcdef', authority = 'http://example.com' }",
    "entra.authority: must begin with https://: what is fetched there decides who is let in"
)]
#[case(
    "entra = { tenant = '01234567-89ab-cdef-0123-456789abcdef', audience = [] }",
    "entra.audience: is empty; write an audience"
)]
#[case(
    "jwt = [{ name = 'a', issuer = 'https://i.example', audience = 'x', claims = {} }]",
    "jwt[0].claims: is empty: everybody to whom the issuer gives tokens would be let in; name a claim, such as sub"
)]
#[case(
    "jwt = [{ name = 'a', issuer = 'login.example.com', audience = 'x', claims = { sub = 'x' } }]",
    "jwt[0].issuer: is not a URL such as \"https://example.com\" (relative URL without a base)"
)]
#[case(
    "jwt = [{ name = 'a', issuer = 'https://i.example', audience = 'x', claims = { sub = 7 } }]",
    "jwt[0].claims.sub: expected an array, found an integer"
)]
#[case("oauth = {}", "oauth: has neither clients nor federated: nobody could get a token")]
#[case(
    "oauth = { token_lifetime = '5m', clients = [{ id = 'c' }] }",
    "oauth.token_lifetime: must be from 1h to 6h"
)]
#[case("oauth = { clients = [{ id = 'c' }, { id = 'c' }] }", "oauth.clients[1].id: \"c\" is there twice")]
#[case(
    "oauth = { clients = [{ id = 'c', secrets = ['s3cr3t'] }] }",
    "oauth.clients[0].secrets[0]: expected a table, found a string"
)]
#[case(
    "oauth = { clients = [{ id = 'c', secrets = [{ name = '1', secret = 's3cr3t x' }] }] }",
    "oauth.clients[0].secrets[0].secret: holds a space, a line break or another character that no token has"
)]
#[case(
    "oauth = { clients = [{ id = 'c', secrets = [{ name = '1', secret = 'x', expires = 'soon' }] }] }",
    "oauth.clients[0].secrets[0].expires: \"soon\" is not a day or a time; write it as in \"2027-01-31\" or \"2027-01-31T12:00:00Z\""
)]
#[case(
    "oauth = { federated = [{ id = 'f', audience = 'a', subject = 's' }] }",
    "oauth.federated[0]: expected tenant (for Entra ID) or issuer"
)]
#[case(
    "oauth = { federated = [{ id = 'f', tenant = '01234567-89ab-cdef-0123-456789abcdef', issuer = 'https://i.example', audience = 'a', subject = 's' }] }",
    "oauth.federated[0]: expected tenant, or issuer (and keys), not both"
)]
#[case(
    "tokens = []",
    "tokens: unknown key; the keys here are raw_token, basic, basic_user, entra, jwt, oauth"
)]
fn a_problem_is_told_with_its_place_and_without_secrets(#[case] lines: &str, #[case] expected: &str) {
    let problem = parse(&file(lines)).unwrap_err();
    assert_eq!(problem, format!("bridge.toml:5: apps.lab.auth.{expected}"));
    assert!(!problem.contains("s3cr3t"), "{problem}");
}

#[test]
fn a_token_endpoint_needs_a_secret_key_of_some_length() {
    let text = file("oauth = { clients = [{ id = 'c' }] }");
    let problem = parse(&text.replace(SECRET_KEY, "")).unwrap_err();
    assert!(problem.contains("server.secret_key is missing"), "{problem}");
    let problem = parse(&text.replace("abcdef'", "'")).unwrap_err();
    assert!(problem.contains("server.secret_key: is shorter than 32 characters"), "{problem}");
}
