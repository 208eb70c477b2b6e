//! Accounts as SCIM users.

use serde_json::{Map, Value, json};

use crate::{
    connector::{Account, Connector, Desired, Name, Standing},
    scim::resource::Resource,
};

/// An account as a SCIM user, for one that no IdP describes.
pub(in crate::converge) fn resource_of(account: &Account) -> Resource {
    let known = account.written_name.clone().unwrap_or_else(|| Name::split(&account.name));
    let mut name = Map::new();
    for (part, value) in
        [("givenName", known.given), ("familyName", known.family), ("formatted", account.name.clone())]
    {
        if !value.is_empty() {
            name.insert(part.into(), value.into());
        }
    }
    let name = if name.is_empty() { Value::Null } else { Value::Object(name) };
    let display_name = Some(account.name.as_str()).filter(|name| !name.is_empty());
    Resource::default()
        .with("userName", account.email.as_str())
        .with("name", name)
        .with("displayName", display_name)
        .with("emails", json!([{ "value": account.email, "type": "work", "primary": true }]))
        .with_active(account.enabled)
}

/// What other users that are this account have in common with it.
pub(in crate::converge) fn account_key(connector: &dyn Connector, account: &Account) -> Option<String> {
    connector.account_key(&Desired::of(&resource_of(account), Standing::Live))
}
