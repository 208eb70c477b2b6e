//! What the IdP wants an account to be, read off the SCIM resource.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::scim::resource::Resource;

use super::{Call, Lane, Name};

/// The part of a SCIM user that targets can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The login e-mail.
    pub email: String,
    /// First name, if the IdP told one.
    pub given_name: Option<String>,
    /// Last name, if the IdP told one.
    pub family_name: Option<String>,
    /// Whether the account may log in.
    pub enabled: bool,
    /// Whether the account is to go altogether, where the target can delete accounts. It may not log in either.
    pub deleted: bool,
    /// The names that ask for rights: those of the user's groups, and its roles and entitlements. `None` where nobody has
    /// looked, which says nothing of rights.
    pub asks: Option<BTreeSet<String>>,
}

/// What became of the SCIM user that an account is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is there.
    Live,
    /// The IdP deleted it.
    Deleted,
    /// Its create was undone: it gives no access, but nobody asked that an account goes, which may have been there before.
    Withdrawn,
}

impl Desired {
    /// What `resource` asks for; of a user that is not there any more nothing but that its account gives no access.
    ///
    /// Of rights it says nothing. Names come from `name`, else from `displayName`. A user without either has none: an existing account keeps its
    /// name then, and a new one gets [`Desired::name_for_create`].
    pub fn of(resource: &Resource, standing: Standing) -> Self {
        let mut given_name = resource.given_name().map(str::to_owned);
        let mut family_name = resource.family_name().map(str::to_owned);
        if given_name.is_none()
            && family_name.is_none()
            && let Some(display_name) = resource.display_name()
        {
            let name = Name::split(display_name);
            given_name = Some(name.given).filter(|given| !given.is_empty());
            family_name = Some(name.family).filter(|family| !family.is_empty());
        }
        Self {
            email: resource.login_email().unwrap_or_default().to_owned(),
            given_name,
            family_name,
            enabled: standing == Standing::Live && resource.allows_access(),
            deleted: standing == Standing::Deleted,
            asks: None,
        }
    }

    /// The same for a user of these `groups`, by their `displayName`: with the rights that they ask for, and those that
    /// `roles` and `entitlements` of the `resource` do.
    #[must_use]
    pub fn in_groups(self, resource: &Resource, groups: impl IntoIterator<Item = String>) -> Self {
        let mut asks: BTreeSet<String> = groups.into_iter().collect();
        let own = ["roles", "entitlements"].into_iter().flat_map(|name| resource.elements(name));
        asks.extend(own.filter_map(role_name));
        Self { asks: Some(asks), ..self }
    }

    /// A first and a last name, since targets require both of a new account. What is missing is taken from the e-mail's
    /// local part: `sam.doe@example.com` gives `sam` and `doe`.
    pub fn name_for_create(&self) -> Name {
        let local_part = self.email.split('@').next().unwrap_or_default();
        let mut words = local_part.split(['.', '_', '-', '+']).filter(|word| !word.is_empty());
        let first_word = words.next().unwrap_or(local_part);
        let last_word = words.next_back().unwrap_or(first_word);
        Name {
            given: self.given_name.clone().unwrap_or_else(|| first_word.to_owned()),
            family: self.family_name.clone().unwrap_or_else(|| last_word.to_owned()),
        }
    }

    /// The lane of the work that `plan` is for. Work for a user who must not have access is always [`Lane::Revoke`],
    /// even while it only looks for the account.
    pub fn lane(&self, plan: &[Call]) -> Lane {
        if !self.enabled {
            return Lane::Revoke;
        }
        plan.iter().map(Call::lane).min().unwrap_or(Lane::Change)
    }
}

/// What a role or an entitlement is called. Entra ID may send the value as JSON that describes it (`ENT-29`).
fn role_name(element: &Value) -> Option<String> {
    let text = |name: &str| element.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let value = text("value").or_else(|| text("display"))?;
    let described = serde_json::from_str::<Value>(value).ok();
    let inner = described.as_ref().and_then(|described| described.get("value")?.as_str());
    Some(inner.unwrap_or(value).to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn groups_roles_and_entitlements_ask_together_ent_28_ent_29_okt_18() {
        let described = r#"{"id":"06b0","value":"PRJ2: viewer","displayName":"Viewers"}"#;
        let resource: Resource = serde_json::from_value(json!({
            "userName": "sam@example.com",
            "roles": [{"primary": true, "value": "Admin"}, {"value": described}, {"display": "Shown"}, {"type": "x"}],
            "entitlements": [{"value": "PRJ1: owner"}],
        }))
        .unwrap();
        let desired = Desired::of(&resource, Standing::Live);
        assert_eq!(desired.asks, None);
        let asks = desired.in_groups(&resource, ["Staff".to_owned(), "Admin".to_owned()]).asks.unwrap();
        assert_eq!(Vec::from_iter(asks), ["Admin", "PRJ1: owner", "PRJ2: viewer", "Shown", "Staff"]);
    }
}
