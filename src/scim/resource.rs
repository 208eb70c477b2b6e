//! A resource as its provisioning client asserted it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{canonical, urn};

/// The attributes of a user or group, as JSON.
///
/// Names are the canonical ones of the schemas; an extension's attributes stand under the canonical URN.
/// Values are as the client sent them. What the server itself knows is not here: `schemas`, `id`, `meta`, a
/// user's `groups`; nor is a password ever. Nothing is held that is unassigned: no `null`, no empty array, no
/// empty object (RFC 7643 §2.5).
///
/// Two resources are equal when a client could not tell them apart: the order of keys, and of the values of a
/// multi-valued attribute, is of no account. So equality tells whether a write changed anything (`Q-33`,
/// `Q-85`).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Resource {
    attributes: Map<String, Value>,
}

/// Where a user keeps what `active` was before it was unassigned. No attribute can have this name.
const ACTIVE_BEFORE: &str = "$active";

impl Resource {
    /// The attributes, which must be as the type's description says.
    pub(super) fn from_attributes(attributes: Map<String, Value>) -> Self {
        Self { attributes }
    }

    /// This resource with the attribute set, or with it removed if `value` is `null`. For what the bridge
    /// itself asserts, such as a user that it found at the target; `name` must be a canonical name of a
    /// top-level attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        match value.into() {
            Value::Null => drop(self.attributes.shift_remove(name)),
            value => drop(self.attributes.insert(name.to_owned(), value)),
        }
        self
    }

    /// This resource without a top-level multi-valued attribute, and the elements that it had.
    #[must_use]
    pub fn without_elements(mut self, name: &str) -> (Self, Vec<Value>) {
        let elements = match self.attributes.shift_remove(name) {
            Some(Value::Array(elements)) => elements,
            _ => Vec::new(),
        };
        (self, elements)
    }

    /// This resource with `active` set.
    #[must_use]
    pub fn with_active(self, active: bool) -> Self {
        self.with("active", active)
    }

    /// This user, which takes the place of `before`. To unassign `active` says neither yes nor no (RFC 7643 §2.5), so
    /// nobody gains or loses access by it: what it was is remembered.
    #[must_use]
    pub fn with_access_of(self, before: &Self) -> Self {
        let remembered = match self.active() {
            Some(_) => None,
            None => before.active().or_else(|| before.find(ACTIVE_BEFORE)?.as_bool()),
        };
        self.with(ACTIVE_BEFORE, remembered)
    }

    /// Whether a user may log in: what `active` says, else what it said before it was unassigned, else yes.
    pub fn allows_access(&self) -> bool {
        self.active().or_else(|| self.find(ACTIVE_BEFORE)?.as_bool()).unwrap_or(true)
    }

    /// The attributes that are shown; extensions are objects under their URN.
    pub fn shown(&self) -> impl Iterator<Item = (&str, &Value)> {
        let attributes = self.attributes.iter().map(|(name, value)| (name.as_str(), value));
        attributes.filter(|(name, _)| *name != ACTIVE_BEFORE)
    }

    /// All attributes; extensions are objects under their URN.
    pub fn attributes(&self) -> &Map<String, Value> {
        &self.attributes
    }

    /// All attributes; extensions are objects under their URN.
    pub fn into_attributes(self) -> Map<String, Value> {
        self.attributes
    }

    /// The value of a top-level attribute, or the object of an extension, by its canonical name.
    pub fn find(&self, name: &str) -> Option<&Value> {
        self.attributes.get(name)
    }

    /// The text of a top-level attribute, by its canonical name.
    pub fn find_str(&self, name: &str) -> Option<&str> {
        self.find(name)?.as_str()
    }

    /// The extensions that the resource has attributes of, by their URN.
    pub fn extensions(&self) -> impl Iterator<Item = &str> {
        self.attributes.keys().map(String::as_str).filter(|key| urn::is_urn(key))
    }

    /// A user's `userName`.
    pub fn user_name(&self) -> Option<&str> {
        self.find_str("userName")
    }

    /// The client's own identifier of the resource.
    pub fn external_id(&self) -> Option<&str> {
        self.find_str("externalId")
    }

    /// The name of a group, or of a user, for display.
    pub fn display_name(&self) -> Option<&str> {
        self.find_str("displayName")
    }

    /// A user's `active`; `None` if it is unassigned, which says neither.
    pub fn active(&self) -> Option<bool> {
        self.find("active")?.as_bool()
    }

    /// A user's `name.givenName`.
    pub fn given_name(&self) -> Option<&str> {
        self.find("name")?.get("givenName")?.as_str()
    }

    /// A user's `name.familyName`.
    pub fn family_name(&self) -> Option<&str> {
        self.find("name")?.get("familyName")?.as_str()
    }

    /// The e-mail address that a user signs in with: the primary one, else the first of type `work`, else the
    /// first, else `userName`. Elements without a `value` do not count.
    pub fn login_email(&self) -> Option<&str> {
        let emails =
            || self.elements("emails").filter_map(|email| Some((email, email.get("value")?.as_str()?)));
        let is_primary = |email: &Value| email.get("primary").and_then(Value::as_bool).unwrap_or(false);
        let is_work = |email: &Value| {
            email.get("type").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("work"))
        };
        emails()
            .find(|(email, _)| is_primary(email))
            .or_else(|| emails().find(|(email, _)| is_work(email)))
            .or_else(|| emails().next())
            .map(|(_, value)| value)
            .or_else(|| self.user_name())
    }

    /// The elements of a top-level multi-valued attribute; none if it is unassigned.
    pub fn elements(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.find(name).and_then(Value::as_array).into_iter().flatten()
    }
}

impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        canonical::same_attributes(&self.attributes, &other.attributes)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn resource(value: Value) -> Resource {
        serde_json::from_value(value).unwrap()
    }

    #[rstest]
    #[case::the_primary_one(json!([{"type":"work","value":"w@x"},{"value":"p@x","primary":true}]), "p@x")]
    #[case::else_work(json!([{"value":"f@x"},{"type":"Work","value":"w@x"}]), "w@x")]
    #[case::else_the_first(json!([{"value":"f@x"},{"value":"g@x"}]), "f@x")]
    #[case::without_a_value_it_does_not_count(json!([{"type":"work","primary":true},{"type":"home","value":"h@x"}]), "h@x")]
    #[case::else_user_name(json!([]), "u@x")]
    fn the_login_email_is_chosen_in_a_fixed_order(#[case] emails: Value, #[case] expected: &str) {
        assert_eq!(resource(json!({"userName":"u@x","emails":emails})).login_email(), Some(expected));
    }

    #[test]
    fn equality_takes_no_account_of_order() {
        let one = resource(
            json!({"userName":"a","emails":[{"type":"work","value":"x"},{"type":"home","value":"y"}]}),
        );
        let other = resource(
            json!({"emails":[{"value":"y","type":"home"},{"value":"x","type":"work"}],"userName":"a"}),
        );
        assert_eq!(one, other);
        assert_ne!(one, other.with("userName", "A"));
    }

    #[test]
    fn how_often_a_value_stands_there_does_matter() {
        let one = resource(json!({"tags":["a","a","b"]}));
        assert_ne!(one, resource(json!({"tags":["a","b","b"]})));
    }

    #[test]
    fn accessors_read_what_is_there() {
        let user = resource(json!({
            "userName":"b","externalId":"E","displayName":"Bob B","active":false,
            "name":{"givenName":"Bob","familyName":"B"},"urn:example:x":{"a":"b"}}));
        assert_eq!(
            (user.user_name(), user.external_id(), user.display_name()),
            (Some("b"), Some("E"), Some("Bob B"))
        );
        assert_eq!((user.given_name(), user.family_name()), (Some("Bob"), Some("B")));
        assert_eq!(user.active(), Some(false));
        assert_eq!(user.clone().with_active(true).active(), Some(true));
        assert_eq!(user.extensions().collect::<Vec<_>>(), ["urn:example:x"]);
        assert_eq!(user.with("active", Value::Null).active(), None);
    }

    #[rstest]
    #[case(true)]
    #[case(false)]
    fn to_unassign_active_changes_nobodys_access(#[case] active: bool) {
        let before = resource(json!({"userName":"b","active":active}));
        let unassigned = before.clone().with("active", Value::Null).with_access_of(&before);
        assert_eq!((unassigned.active(), unassigned.allows_access()), (None, active));
        assert_eq!(unassigned.shown().collect::<Vec<_>>(), [("userName", &json!("b"))]);
        let again = unassigned.clone().with_access_of(&unassigned);
        assert_eq!(again, unassigned);
        assert_eq!(again.with_active(true).with_access_of(&unassigned), before.with_active(true));
    }
}
