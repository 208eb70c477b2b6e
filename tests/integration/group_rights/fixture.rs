//! What the tests of rights share.

use std::collections::BTreeMap;

use scim_bridge::sim::aha::{Role, SimulatedAha, User};
use serde_json::{Value, json};

pub use crate::groups::fixture::{create_group, listed};
use crate::harness::{Bridge, Setup, eventually};

/// The rules of most tests.
const RULES: &str = r#"groups = [
    { name = "Aha PMs", grants = [{ workspace = "PRJ1", role = "contributor" }] },
    { name = "Aha Owners", grants = [{ workspace = "PRJ1", role = "owner" }, { workspace = "Project 2", role = "viewer" }] },
    { name = "Readers *", grants = [{ workspace = "PRJ2", role = "viewer" }] },
    { name = "Admins", grants = [{ administrator = "account" }] },
    { name = "Billing", grants = [{ administrator = "billing" }] },
    { name = "Scoped", grants = [{ custom_role = 409541421, workspace = "PRJ1" }] },
    { name = "Seats", grants = [{ seat_group = "Group 2" }] },
    { name = "More seats", grants = [{ seat_group = "Group 1" }] },
    { name = "Broken", grants = [{ workspace = "4711", role = "viewer" }] },
]"#;

/// An Aha! with the workspaces PRJ1, PRJ2 and PRJ3, a custom role and two seat groups. New people get no role.
pub fn setup() -> Setup {
    prepared(Setup::aha())
}

/// The same of another beginning.
pub fn prepared(setup: Setup) -> Setup {
    setup.app_keys("default_role = 'none'").app_keys(RULES).with(|aha| {
        aha.add_workspace("PRJ2", "Project 2");
        aha.add_workspace("PRJ3", "Project 3");
        aha.add_custom_role(409_541_421, "Scoped role");
        let owner = aha.users()[0].id;
        aha.add_seat_group("Group 1", 10, owner);
        aha.add_seat_group("Group 2", 10, owner);
    })
}

/// The user of this e-mail at Aha!.
pub fn at_aha(aha: &SimulatedAha, email: &str) -> User {
    aha.find_user_by_email(email).unwrap_or_else(|| panic!("{email} has no account"))
}

/// The roles of a user at Aha!, by the workspace's key. `none` is left out.
pub fn roles(bridge: &Bridge, email: &str) -> BTreeMap<&'static str, Role> {
    let user = at_aha(&bridge.aha, email);
    ["PRJ1", "PRJ2", "PRJ3"]
        .into_iter()
        .filter_map(|key| Some((key, *user.roles.get(&bridge.aha.find_workspace(key)?)?)))
        .filter(|(_, role)| *role != Role::None)
        .collect()
}

/// Waits until the user of this e-mail has these roles at Aha!, and nothing is left to do.
pub async fn expect_roles<const N: usize>(bridge: &Bridge, email: &str, expected: [(&'static str, Role); N]) {
    let expected = BTreeMap::from(expected);
    bridge.wait_until_idle().await;
    assert_eq!(roles(bridge, email), expected, "{email}");
}

/// Adds a member.
pub async fn join(bridge: &Bridge, group: &str, user: &str) {
    let add = json!([{ "op": "Add", "path": "members", "value": listed(&[user]) }]);
    bridge.patch(group, add).await.no_content();
}

/// Removes a member.
pub async fn leave(bridge: &Bridge, group: &str, user: &str) {
    let remove = json!([{ "op": "Remove", "path": "members", "value": listed(&[user]) }]);
    bridge.patch(group, remove).await.no_content();
}

/// The calls to Aha! since this was last asked that change something, once nothing is left to do.
pub async fn writes(bridge: &Bridge) -> Vec<String> {
    bridge.wait_until_idle().await;
    bridge.calls().into_iter().filter(|call| !call.starts_with("GET ")).collect()
}

/// Renames a group.
pub async fn rename(bridge: &Bridge, group: &str, name: &str) {
    let replace = json!([{ "op": "Replace", "path": "displayName", "value": name }]);
    bridge.patch(group, replace).await.no_content();
}

/// Activates or deactivates a user.
pub async fn set_active(bridge: &Bridge, user: &str, active: bool) {
    let set = json!([{ "op": "replace", "path": "active", "value": active }]);
    bridge.patch(&format!("/Users/{user}"), set).await.written(200);
}

/// Waits until a failure of the user is recorded, and answers it.
pub async fn failure(bridge: &Bridge, user: &str) -> String {
    eventually("a failure", || async { bridge.failure_of(user).await.is_some() }).await;
    bridge.failure_of(user).await.unwrap_or_default()
}

/// A value of `roles` or `entitlements`.
pub fn value(text: &str) -> Value {
    json!([{ "value": text }])
}
