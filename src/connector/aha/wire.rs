//! Aha!'s JSON, as its documentation and its own OpenAPI examples show it.
//!
//! Read leniently: only what is used is declared, all else is ignored, and bodies are accepted with and without their
//! wrapper, since sources disagree where Aha! wraps. Numbers that stand for ids are accepted as text and as numbers.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    clock::Time,
    config::AhaConfig,
    connector::{
        Account, AccountPage, Entitlement, Name,
        aha_api::{Page, Pagination, text_or_number, time},
        catalogue::{SeatGroup, Workspace},
        rights::{AdministratorRole, CustomRole, SeenRights, WorkspaceRole},
    },
};

/// A user as `GET /users`, `GET /users/:id` and `PUT /users/:id` answer it. There is no first or last name in it.
#[derive(Debug, Deserialize)]
pub struct User {
    #[serde(deserialize_with = "text_or_number")]
    id: String,
    email: String,
    #[serde(default)]
    name: Option<String>,
    /// The user inside a create's answer has five keys; `enabled` is none of them.
    #[serde(default)]
    enabled: Option<bool>,
    #[serde(default)]
    administrator: Option<bool>,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    product_roles: Option<Vec<ProductRole>>,
    /// In the list only.
    #[serde(default)]
    user_roles: Option<Vec<UserRole>>,
    #[serde(default)]
    administrator_roles: Option<AdministratorRoles>,
    /// Not there for who is in none.
    #[serde(default)]
    paid_seat_group: Option<Id>,
}

/// A role in a workspace.
#[derive(Debug, Deserialize)]
struct ProductRole {
    role: u32,
    #[serde(deserialize_with = "text_or_number")]
    product_id: String,
}

/// A custom role.
#[derive(Debug, Deserialize)]
struct UserRole {
    role_id: u64,
    scope: Id,
}

/// Something that is known by its id.
#[derive(Debug, Deserialize)]
struct Id {
    #[serde(deserialize_with = "text_or_number")]
    id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AdministratorRoles {
    administer_account: bool,
    administer_billing: bool,
    administer_configuration: bool,
}

impl User {
    /// Aha!'s id of it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When it was made, if that was told in RFC 3339.
    pub fn created_at(&self) -> Option<Time> {
        time(self.created_at.as_deref()?)
    }

    /// The account that it was `before` and that was sent `enabled`: what an answer leaves out is so.
    pub fn into_changed_account(self, before: &Account, enabled: Option<bool>) -> Account {
        let enabled = self.enabled.or(enabled).unwrap_or(before.enabled);
        let administrator = self.administrator.unwrap_or(before.administrator);
        Account { enabled, administrator, ..self.into_account() }
    }

    /// The account it describes. One that is not said to be disabled is enabled, as new ones are.
    pub fn into_account(self) -> Account {
        let entitlement = Box::new(Entitlement { seen: self.rights(), ..Entitlement::default() });
        Account {
            entitlement,
            id: self.id,
            email: self.email,
            name: self.name.unwrap_or_default(),
            enabled: self.enabled.unwrap_or(true),
            administrator: self.administrator.unwrap_or(false),
            written_name: None,
        }
    }
}

impl User {
    /// The rights that it tells of. Only an answer that lists custom roles tells who is in no paid seat group.
    fn rights(&self) -> SeenRights {
        let roles = self.product_roles.as_ref().map(|roles| {
            let role = |held: &ProductRole| Some((held.product_id.clone(), role_of_code(held.role)?));
            roles.iter().filter_map(role).collect()
        });
        let custom_roles = self.user_roles.as_ref().map(|roles| {
            let role = |held: &UserRole| CustomRole { workspace: held.scope.id.clone(), role: held.role_id };
            roles.iter().map(role).collect()
        });
        let seat_group = self.paid_seat_group.as_ref().map(|group| group.id.clone());
        let tells_of_groups = seat_group.is_some() || self.user_roles.is_some();
        SeenRights {
            workspaces: roles,
            custom_roles,
            administrator: self.administrator_roles.as_ref().map(AdministratorRoles::held),
            seat_groups: tells_of_groups.then(|| seat_group.into_iter().collect()),
        }
    }
}

impl AdministratorRoles {
    fn held(&self) -> BTreeSet<AdministratorRole> {
        let held = [
            (self.administer_account, AdministratorRole::Account),
            (self.administer_billing, AdministratorRole::Billing),
            (self.administer_configuration, AdministratorRole::Configuration),
        ];
        held.into_iter().filter(|(is_held, _)| *is_held).map(|(_, role)| role).collect()
    }
}

/// The role of a code: the lower, the stronger, and 0 for none. A code that is not documented is read as the next weaker one.
fn role_of_code(code: u32) -> Option<WorkspaceRole> {
    match code {
        0 => None,
        1..=20 => Some(WorkspaceRole::Owner),
        21..=30 => Some(WorkspaceRole::Contributor),
        31..=35 => Some(WorkspaceRole::Developer),
        36..=40 => Some(WorkspaceRole::Reviewer),
        _ => Some(WorkspaceRole::Viewer),
    }
}

/// What the answer of `POST /users/:id/product_roles` tells that is held now (`Some(None)`: nothing), where it does so in a documented code.
pub fn told_role(body: &[u8]) -> Option<Option<WorkspaceRole>> {
    let held: ProductRole = serde_json::from_slice(body).ok()?;
    [0, 20, 30, 35, 40, 50].contains(&held.role).then(|| role_of_code(held.role))
}

/// The name that a role is written with. [`WorkspaceRole::Developer`] cannot be written, and is never asked for.
pub fn written_role(role: WorkspaceRole) -> &'static str {
    match role {
        // `developer` is never asked for (`difference`).
        WorkspaceRole::Owner => "product_owner",
        WorkspaceRole::Contributor | WorkspaceRole::Developer => "contributor",
        WorkspaceRole::Reviewer => "reviewer",
        WorkspaceRole::Viewer => "viewer",
    }
}

/// The body of `POST /users/:id/product_roles`.
pub fn product_role_body(workspace: &str, role: WorkspaceRole) -> Value {
    json!({"product_role": {"role": written_role(role), "product_id": workspace}})
}

/// The body of `POST /users/:id/user_roles`, in which ids are numbers.
pub fn user_role_body(role: &CustomRole) -> Value {
    json!({"user_role": {"custom_role_id": role.role, "product_id": number(&role.workspace)}})
}

/// The body of `PUT /users/:id` that changes administrator roles; those that are not named stay.
pub fn administrator_body(gives: &BTreeSet<AdministratorRole>, takes: &BTreeSet<AdministratorRole>) -> Value {
    let name = |role: &AdministratorRole| match role {
        AdministratorRole::Account => "administer_account",
        AdministratorRole::Billing => "administer_billing",
        AdministratorRole::Configuration => "administer_configuration",
    };
    let given = gives.iter().map(|role| (name(role).to_owned(), json!(true)));
    let taken = takes.iter().map(|role| (name(role).to_owned(), json!(false)));
    json!({"user": {"administrator_roles": given.chain(taken).collect::<Map<_, _>>()}})
}

/// The body of `POST /paid_seat_groups/:id/modify_user`, which has no wrapper.
pub fn modify_user_body(user: &str, removes: bool) -> Value {
    json!({"user_id": number(user), "remove": removes.then_some(true)})
}

/// An id as a number, where it is one.
fn number(id: &str) -> Value {
    id.parse::<u64>().map_or_else(|_| json!(id), |number| json!(number))
}

/// The answer of `GET /products`.
#[derive(Debug, Deserialize)]
pub struct ProductsBody {
    products: Vec<Product>,
    pagination: Option<Pagination>,
}

#[derive(Debug, Deserialize)]
struct Product {
    #[serde(deserialize_with = "text_or_number")]
    id: String,
    reference_prefix: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    product_line: bool,
}

impl ProductsBody {
    /// How many pages there are. Without a pagination object it is the only one.
    pub fn total_pages(&self) -> u32 {
        self.pagination.as_ref().map_or(1, Pagination::total_pages)
    }

    /// The workspaces and lines on the page.
    pub fn into_workspaces(self) -> impl Iterator<Item = Workspace> {
        self.products.into_iter().map(|product| Workspace {
            id: product.id,
            name: product.name.unwrap_or_else(|| product.reference_prefix.clone()),
            key: product.reference_prefix,
            is_line: product.product_line,
        })
    }
}

/// The answer of `GET /paid_seat_groups`.
#[derive(Debug, Deserialize)]
pub struct SeatGroupsBody {
    paid_seat_groups: Vec<NamedGroup>,
}

#[derive(Debug, Deserialize)]
struct NamedGroup {
    #[serde(deserialize_with = "text_or_number")]
    id: String,
    name: String,
}

impl SeatGroupsBody {
    /// The groups.
    pub fn into_groups(self) -> Vec<SeatGroup> {
        let groups = self.paid_seat_groups.into_iter();
        groups.map(|group| SeatGroup { id: group.id, name: group.name }).collect()
    }
}

/// The answer of `GET /users/:id/user_roles`.
#[derive(Debug, Deserialize)]
pub struct CustomRolesBody {
    user_roles: Vec<UserRole>,
}

impl CustomRolesBody {
    /// Whether one of them is in this workspace.
    pub fn names(&self, workspace: &str) -> bool {
        self.user_roles.iter().any(|role| role.scope.id == workspace)
    }
}

/// A body that holds one user, wrapped in `user` (`GET /users/:id`, `POST /products/:id/users`) or bare
/// (`PUT /users/:id`).
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum UserBody {
    /// `{"user": {…}, …}`
    Wrapped {
        /// The user.
        user: User,
    },
    /// `{…}`
    Bare(User),
}

impl UserBody {
    /// The user, wherever it stood.
    pub fn into_user(self) -> User {
        match self {
            Self::Wrapped { user } | Self::Bare(user) => user,
        }
    }
}

/// The answer of `GET /users`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct UsersBody(Page<User>);

impl TryFrom<Map<String, Value>> for UsersBody {
    type Error = String;

    fn try_from(body: Map<String, Value>) -> Result<Self, String> {
        Page::read(body, "users").map(Self)
    }
}

impl From<UsersBody> for AccountPage {
    fn from(body: UsersBody) -> Self {
        body.0.into_accounts(User::into_account)
    }
}

/// The body of `POST /products/:id/users`.
#[derive(Debug, Serialize)]
pub struct CreateBody<'a> {
    user: NewUser<'a>,
}

#[derive(Debug, Serialize)]
struct NewUser<'a> {
    email: &'a str,
    first_name: &'a str,
    last_name: &'a str,
    role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_provider_id: Option<u64>,
}

impl<'a> CreateBody<'a> {
    /// A new user with this role and the configured identity provider.
    pub fn new(email: &'a str, name: &'a Name, role: &'a str, config: &'a AhaConfig) -> Self {
        Self {
            user: NewUser {
                email,
                first_name: &name.given,
                last_name: &name.family,
                role,
                identity_provider_id: config.identity_provider_id,
            },
        }
    }
}

/// The body of `PUT /users/:id`; what is `None` is left alone.
#[derive(Debug, Serialize)]
pub struct UpdateBody<'a> {
    /// The parts to change.
    pub user: UserChanges<'a>,
}

/// What `PUT /users/:id` can change.
#[derive(Debug, Serialize)]
pub struct UserChanges<'a> {
    /// The login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<&'a str>,
    /// The first name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<&'a str>,
    /// The last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<&'a str>,
    /// Whether the user can log in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

#[cfg(test)]
mod tests;
