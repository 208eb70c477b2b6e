//! The resource types that the service knows, with their schemas.
//!
//! The built-in schemas are those of RFC 7643 §8.7.1, told as this server behaves. The differences to the
//! RFC's text: `addresses.primary` is listed (§4.1.2 and §8.2 use it); references and binaries are case-exact
//! (§2.3.6, §2.3.7), and so are values that hold an `id`; a group's `displayName` is required, as §4.2 says,
//! and unique, as Entra needs it (`C-14`); `members.value` is required, since a member without it is nobody;
//! `members.display`, which §4.2 does not name and all clients expect, is kept up by the server. So is `members.$ref`, which
//! follows from `value`.

use std::sync::{Arc, LazyLock};

use super::{
    extension::{self, Problem},
    resource_type::ResourceType,
    schema::Schema,
    urn,
};

/// The resource types of one app: users, with the enterprise extension and the app's own ones, and groups, also with its
/// own ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Registry {
    user: ResourceType,
    group: ResourceType,
}

static USER: LazyLock<Arc<Schema>> = LazyLock::new(|| built_in(include_str!("schemas/user.json")));
static GROUP: LazyLock<Arc<Schema>> = LazyLock::new(|| built_in(include_str!("schemas/group.json")));
static ENTERPRISE_USER: LazyLock<Arc<Schema>> =
    LazyLock::new(|| built_in(include_str!("schemas/enterprise_user.json")));

fn built_in(text: &str) -> Arc<Schema> {
    Arc::new(serde_json::from_str(text).expect("the built-in schemas are well formed, which a test shows"))
}

impl Registry {
    /// The built-in schemas, and `extensions` of `User` that an app defines for itself (`ENT-04`).
    ///
    /// # Errors
    ///
    /// All problems of all extensions, also when one takes the URN of another or of a built-in schema.
    pub fn new(extensions: Vec<Schema>) -> Result<Self, Vec<Problem>> {
        Self::extended(extensions, Vec::new())
    }

    /// The built-in schemas, and extensions of `User` and of `Group` that an app defines for itself.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn extended(user: Vec<Schema>, group: Vec<Schema>) -> Result<Self, Vec<Problem>> {
        let mut registry = Self::default();
        let mut problems = Vec::new();
        let user = user.into_iter().map(|schema| (schema, true));
        for (schema, is_of_users) in user.chain(group.into_iter().map(|schema| (schema, false))) {
            problems.extend(extension::problems(&schema));
            if registry.schemas().any(|known| urn::same(&known.id, &schema.id)) {
                problems.push(Problem::UrnTaken { schema: schema.id.clone() });
            }
            let extended = if is_of_users { &mut registry.user } else { &mut registry.group };
            extended.extensions.push(Arc::new(schema));
        }
        if problems.is_empty() { Ok(registry) } else { Err(problems) }
    }

    /// `User`, at `/Users`.
    pub fn user(&self) -> &ResourceType {
        &self.user
    }

    /// `Group`, at `/Groups`.
    pub fn group(&self) -> &ResourceType {
        &self.group
    }

    /// All resource types.
    pub fn resource_types(&self) -> impl Iterator<Item = &ResourceType> {
        [&self.user, &self.group].into_iter()
    }

    /// All schemas of resources: each core schema, followed by its extensions.
    pub fn schemas(&self) -> impl Iterator<Item = &Arc<Schema>> {
        self.resource_types()
            .flat_map(|resource_type| std::iter::once(&resource_type.schema).chain(&resource_type.extensions))
    }
}

/// The built-in schemas alone.
impl Default for Registry {
    fn default() -> Self {
        Self {
            user: ResourceType {
                name: "User",
                endpoint: "/Users",
                description: "User Account",
                schema: USER.clone(),
                extensions: vec![ENTERPRISE_USER.clone()],
            },
            group: ResourceType {
                name: "Group",
                endpoint: "/Groups",
                description: "Group",
                schema: GROUP.clone(),
                extensions: Vec::new(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::scim::{attribute::Mutability, resource_type::Named};

    #[test]
    fn the_built_in_schemas_pass_the_checks_that_extensions_must_pass() {
        for schema in Registry::default().schemas() {
            // The uniqueness of these is looked after.
            let is_known = |problem: &Problem| match problem {
                Problem::Unique { path, .. } => ["userName", "displayName"].contains(&path.as_str()),
                _ => false,
            };
            let problems = extension::problems(schema);
            assert!(problems.iter().all(is_known), "{problems:?}");
        }
    }

    #[rstest]
    #[case("userName")]
    #[case("USERNAME")]
    #[case("externalId")]
    #[case("name.givenName")]
    #[case("addresses.primary")]
    #[case("urn:ietf:params:scim:schemas:core:2.0:User:name.givenName")]
    #[case("URN:ietf:params:scim:schemas:extension:enterprise:2.0:user:manager.$ref")]
    fn every_spelling_of_a_name_is_found_rfc_011_q_39_q_40(#[case] name: &str) {
        assert!(matches!(Registry::default().user().find(name), Some(Named::Attribute(_))), "{name}");
    }

    #[test]
    fn the_characteristics_are_those_the_server_keeps_to_rfc_041() {
        let registry = Registry::default();
        let user = &registry.user().schema;
        assert!(user.attribute("userName").unwrap().required);
        assert_eq!(user.attribute("password").unwrap().mutability, Mutability::WriteOnly);
        assert_eq!(user.attribute("groups").unwrap().mutability, Mutability::ReadOnly);
        assert!(registry.group().schema.attribute("displayName").unwrap().required);
    }

    #[test]
    fn an_extension_of_an_apps_own_is_part_of_user_and_a_urn_is_given_once_ent_04() {
        let text = r#"{"id":"urn:example:ext:2.0:User","name":"Ext","attributes":[{"name":"badge","type":"string"}]}"#;
        let schema = extension::parse(text).unwrap();
        let registry = Registry::new(vec![schema.clone()]).unwrap();
        assert!(registry.user().find("urn:example:ext:2.0:user:BADGE").is_some());
        assert!(registry.group().find("urn:example:ext:2.0:User:badge").is_none());

        let of_groups = Registry::extended(Vec::new(), vec![schema.clone()]).unwrap();
        assert!(of_groups.group().find("urn:example:ext:2.0:User:badge").is_some());
        assert!(of_groups.user().find("urn:example:ext:2.0:User:badge").is_none());

        let twice = Registry::new(vec![schema.clone(), schema]).unwrap_err();
        assert_eq!(twice, [Problem::UrnTaken { schema: "urn:example:ext:2.0:User".into() }]);
    }
}
