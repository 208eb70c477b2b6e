//! An app's keys with `connector = "aha"`.

use super::{
    aha_account::{AhaAccount, id_or_key},
    groups::GroupRules,
    reader::{Table, Value, quoted},
    source::Read,
};

/// How to treat the accounts of Aha! Roadmaps.
#[derive(Clone, Debug)]
pub struct AhaConfig {
    /// The account they are in.
    pub account: AhaAccount,
    /// The workspace that new users are invited to: its id or its prefix, safe as one segment of a URL's path.
    pub default_workspace: String,
    /// The role of new users in that workspace.
    pub default_role: Role,
    /// The identity provider that new users log in with, as Aha! numbers it; `None` for a password.
    pub identity_provider_id: Option<u64>,
    /// What groups give there.
    pub groups: GroupRules,
}

/// A role in a workspace, by the name that `POST /products/{id}/users` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Owner.
    ProductOwner,
    /// Contributor.
    Contributor,
    /// Reviewer.
    Reviewer,
    /// Viewer.
    Viewer,
    /// None.
    None,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] =
        [Role::ProductOwner, Role::Contributor, Role::Reviewer, Role::Viewer, Role::None];

    /// The name that Aha! takes.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::ProductOwner => "product_owner",
            Role::Contributor => "contributor",
            Role::Reviewer => "reviewer",
            Role::Viewer => "viewer",
            Role::None => "none",
        }
    }
}

impl AhaConfig {
    /// Reads the keys of `table`, which is the app's.
    pub(super) fn read(table: &mut Table<'_>) -> Read<Self> {
        let account = AhaAccount::read(table);
        let default_workspace =
            table.required("default_workspace", "the prefix of the workspace that new users join", |value| {
                id_or_key(&value, "the prefix or the id of a workspace")
            });
        let roles = Role::ALL.map(|role| (role.as_str(), role));
        let default_role = table.or("default_role", Role::Viewer, |value| value.one_of(&roles));
        let identity_provider_id =
            table.optional("identity_provider_id", |value| value.integer(1..=i64::MAX as u64));
        let groups = GroupRules::read(table);
        Ok(Self {
            account: account?,
            default_workspace: default_workspace?,
            default_role: default_role?,
            identity_provider_id: identity_provider_id?,
            groups: groups?,
        })
    }
}

/// A workspace as people call it: its prefix, its id or its name.
pub(super) fn workspace_name(value: &Value<'_>) -> Read<String> {
    let text = value.string()?;
    if (1..=256).contains(&text.len()) && text.trim() == text {
        return Ok(text.to_owned());
    }
    Err(value.report(format_args!("{} is not the prefix, the id or the name of a workspace", quoted(text))))
}
