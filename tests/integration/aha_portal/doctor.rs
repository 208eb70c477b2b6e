//! `scim-bridge doctor` on apps that call an Aha! account.

use std::sync::Arc;

use rstest::rstest;
use scim_bridge::{
    clock::SystemClock,
    sim::aha::{DEMO_API_KEY, SimulatedAha},
};

use crate::harness::process::Process;

/// What it says of an app with these keys at the demonstration's account, where Alan is no administrator.
async fn doctor(keys: &str, api_key: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let aha = SimulatedAha::demo(Arc::new(SystemClock));
    aha.add_api_key("alans-key", aha.find_user_by_email("alan.turing@example.com").unwrap().id);
    let running = aha.start().await.unwrap();
    let config = format!(
        "[database]\nurl = 'sqlite:bridge.db'\n[apps.customers]\n{keys}\nbase_url = '{}'\napi_key = '{api_key}'\n\
         tokens = [{{ name = 'idp', token = 'customers-token-0123456789abcdef0123456789ab' }}]\n",
        running.base_url()
    );
    std::fs::write(folder.path().join("bridge.toml"), config).unwrap();
    let ended = Process::run(folder.path(), &["doctor", "--config", "bridge.toml"], &[]).await;
    assert_eq!(aha.calls().writes().len(), 0);
    let line = ended.output.lines().find(|line| line.contains("app customers")).unwrap_or_default();
    (ended.code, line.to_owned())
}

const IDEAS: &str = "connector = 'aha-portal'\nportal_id = 'IDEAS'";
const NO_PORTAL: &str = "connector = 'aha-portal'\nportal_id = 'NOPE'";
const ACCOUNT: &str = "connector = 'aha'\ndefault_workspace = 'PRJ1'";

#[rstest]
#[case::a_portal(
    IDEAS,
    DEMO_API_KEY,
    Some(0),
    "lists its accounts to the API key, which is that of ada.lovelace@example.com"
)]
#[case::an_account(ACCOUNT, DEMO_API_KEY, Some(0), "the bridge never disables it")]
#[case::no_such_portal(NO_PORTAL, DEMO_API_KEY, Some(1), "Aha! does not find the ideas portal NOPE")]
#[case::no_administrator_of_the_portal(IDEAS, "alans-key", Some(1), "must be an administrator of the Aha!")]
#[case::no_administrator_of_the_account(
    ACCOUNT,
    "alans-key",
    Some(1),
    "must be an administrator of the Aha!"
)]
#[case::no_such_key(IDEAS, "another-key", Some(1), "Aha! does not accept the API key (401)")]
#[tokio::test]
async fn it_says_whether_the_key_is_good_for_the_accounts(
    #[case] keys: &str,
    #[case] api_key: &str,
    #[case] code: Option<i32>,
    #[case] text: &str,
) {
    let (ended, line) = doctor(keys, api_key).await;
    assert_eq!(ended, code, "{line}");
    assert!(line.starts_with(if code == Some(0) { "ok " } else { "problem " }), "{line}");
    assert!(line.contains(text), "{line}");
}
