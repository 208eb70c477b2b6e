//! What a whole answer must be.

use serde_json::{Value, json};

use super::Answer;

impl Answer {
    /// Asserts that this answers a GET of one user: status, headers, and all that the server adds. Answers the rest: what
    /// the user's client [asserted].
    #[track_caller]
    pub fn read(&self) -> Value {
        assert_eq!(self.header("location"), "", "{self}");
        self.user(200)
    }

    /// The same of the user in the answer to a POST, PUT or PATCH.
    #[track_caller]
    pub fn written(&self, status: u16) -> Value {
        assert_eq!(self.header("location"), self.meta("location"), "{self}");
        self.user(status)
    }

    #[track_caller]
    fn user(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        assert_eq!(self.header("content-type"), "application/scim+json", "{self}");
        assert_eq!(self.header("content-location"), self.meta("location"), "{self}");
        assert_eq!(self.header("etag"), self.meta("version"), "{self}");
        asserted(&self.body)
    }

    /// A text of the resource's `meta`.
    #[track_caller]
    pub fn meta(&self, name: &str) -> &str {
        self.body["meta"][name].as_str().unwrap_or_else(|| panic!("meta.{name} in {self}"))
    }

    /// Asserts that this is a list, with that many results in all, of which it holds those from `start_index` on; answers
    /// these.
    #[track_caller]
    pub fn list(&self, total_results: usize, start_index: usize) -> &[Value] {
        assert_eq!(self.status, 200, "{self}");
        assert_eq!(self.header("content-type"), "application/scim+json", "{self}");
        let resources = self.body["Resources"].as_array().expect("Resources");
        let envelope = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": total_results,
            "startIndex": start_index,
            "itemsPerPage": resources.len(),
            "Resources": resources,
        });
        assert_eq!(self.body, envelope);
        resources
    }

    /// Asserts that this is a list of one user on its only page, and answers that user.
    #[track_caller]
    pub fn only(&self) -> &Value {
        match self.list(1, 1) {
            [only] => only,
            _ => panic!("{self}"),
        }
    }

    /// Asserts that this is 204, and nothing else.
    #[track_caller]
    pub fn no_content(&self) {
        assert_eq!((self.status, &self.body), (204, &Value::Null), "{self}");
        assert_eq!(self.header("content-type"), "", "{self}");
    }
}

/// What a client asserted of a user: all but `id` and `meta`, which the server adds, and which are asserted to be right.
#[track_caller]
pub fn asserted(user: &Value) -> Value {
    let id = user["id"].as_str().unwrap_or_default();
    assert!(!id.is_empty(), "{user:#}");
    let meta = user["meta"].as_object().expect("meta");
    let names: Vec<_> = meta.keys().map(String::as_str).collect();
    assert_eq!(names, ["resourceType", "created", "lastModified", "location", "version"], "{user:#}");
    assert_eq!(meta["resourceType"], "User", "{user:#}");
    let location = meta["location"].as_str().unwrap_or_default();
    let is_url = location.starts_with("http://") && location.ends_with(&format!("/test/scim/v2/Users/{id}"));
    assert!(is_url, "{user:#}");
    let time = |name: &str| meta[name].as_str().and_then(|time| time.parse::<jiff::Timestamp>().ok());
    assert!(time("created").expect("a time") <= time("lastModified").expect("a time"), "{user:#}");
    let version = meta["version"].as_str().unwrap_or_default();
    assert!(version.starts_with("W/\"") && version.ends_with('"'), "{user:#}");
    let mut rest = user.clone();
    let attributes = rest.as_object_mut().expect("a user");
    attributes.retain(|name, _| name != "id" && name != "meta");
    rest
}
