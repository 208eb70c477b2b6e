//! What the names of groups mean at Aha!. Pure.
//!
//! A name is first held against the rules of the configuration; the first rule that fits decides. A name that no rule fits
//! may be one of the catalogue: `{workspace}: {role}`, such as `PRJ1: contributor`, with the workspace's prefix, id or name.
//! Any other name means nothing.
//!
//! A user's names are taken [together](Meanings::rights): in each workspace the strongest role, of administrator roles and
//! custom roles all, and of paid seat groups, which exclude each other, the first by its id. The order of the names never
//! matters.

use std::collections::BTreeSet;

use crate::{
    config::{Administration, Grant, GroupRules, Role},
    connector::{
        Catalogue, Meaning,
        rights::{AdministratorRole, CustomRole, Rights, WorkspaceRole},
    },
};

/// How many workspaces the catalogue may have to be offered as groups unless the configuration says so.
const MOST_OFFERED: usize = 50;

/// The roles that groups give, as names of the catalogue spell them.
const ROLES: [WorkspaceRole; 4] =
    [WorkspaceRole::Owner, WorkspaceRole::Contributor, WorkspaceRole::Reviewer, WorkspaceRole::Viewer];

/// What names mean by these rules, where there is this to give.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meanings<'a> {
    pub(super) rules: &'a GroupRules,
    /// `None` while it was not listed yet.
    pub(super) catalogue: Option<&'a Catalogue>,
}

/// The role of the configuration; `none` is none.
pub(super) const fn workspace_role(role: Role) -> Option<WorkspaceRole> {
    match role {
        Role::ProductOwner => Some(WorkspaceRole::Owner),
        Role::Contributor => Some(WorkspaceRole::Contributor),
        Role::Reviewer => Some(WorkspaceRole::Reviewer),
        Role::Viewer => Some(WorkspaceRole::Viewer),
        Role::None => None,
    }
}

impl Meanings<'_> {
    /// What a name gives.
    pub(super) fn meaning(self, name: &str) -> Meaning {
        let mut meaning = Meaning::default();
        for grant in self.grants(name) {
            let mut rights = Rights::default();
            match self.give(&grant, &mut rights) {
                Ok(what) => meaning.gives.push(what),
                Err(problem) => meaning.problems.push(problem),
            }
        }
        meaning
    }

    /// What `names` give together. What cannot be given is left out.
    pub(super) fn rights(self, names: &BTreeSet<String>) -> Rights {
        let mut rights = Rights::default();
        for grant in names.iter().flat_map(|name| self.grants(name)) {
            // Those who ask what a single name means are told of problems.
            let _ = self.give(&grant, &mut rights);
        }
        rights
    }

    /// The names of the catalogue, if they are offered.
    pub(super) fn offers(self) -> Vec<String> {
        let Some(catalogue) = self.catalogue else { return Vec::new() };
        if !self.rules.catalogue.unwrap_or(catalogue.workspaces.len() <= MOST_OFFERED) {
            return Vec::new();
        }
        let of_workspace = |key: &str| ROLES.map(|role| format!("{key}: {role}"));
        catalogue.workspaces.iter().flat_map(|workspace| of_workspace(&workspace.key)).collect()
    }

    fn grants(self, name: &str) -> Vec<Grant> {
        if let Some(rule) = self.rules.rules.iter().find(|rule| rule.name.matches(name)) {
            return rule.grants.clone();
        }
        self.of_catalogue(name).into_iter().collect()
    }

    /// `{workspace}: {role}`, if there is such a workspace.
    fn of_catalogue(self, name: &str) -> Option<Grant> {
        let (workspace, role) = name.rsplit_once(':')?;
        let role = match role.trim().to_ascii_lowercase().as_str() {
            "owner" | "product_owner" => Role::ProductOwner,
            "contributor" => Role::Contributor,
            "reviewer" => Role::Reviewer,
            "viewer" => Role::Viewer,
            _ => return None,
        };
        let workspace = self.catalogue?.find_workspace(workspace.trim())?.id.clone();
        Some(Grant::Role { workspace, role })
    }

    /// Adds what `grant` gives to `rights`; says what that is, or why it cannot be given.
    fn give(self, grant: &Grant, rights: &mut Rights) -> Result<String, String> {
        match grant {
            Grant::Role { workspace, role } => {
                let (id, called) = self.workspace(workspace)?;
                let Some(role) = workspace_role(*role) else { return Ok(format!("nothing in {called}")) };
                let strongest = rights.workspaces.entry(id).or_insert(role);
                *strongest = role.max(*strongest);
                Ok(format!("{role} in {called}"))
            }
            Grant::CustomRole { workspace, role } => {
                let (id, called) = self.workspace(workspace)?;
                rights.custom_roles.insert(CustomRole { workspace: id, role: *role });
                Ok(format!("the custom role {role} in {called}"))
            }
            Grant::Administrator(administration) => {
                let (roles, called): (&[_], _) = match administration {
                    Administration::Account => (&[AdministratorRole::Account], "the account"),
                    Administration::Billing => (&[AdministratorRole::Billing], "billing"),
                    Administration::Configuration => {
                        (&[AdministratorRole::Configuration], "the configuration")
                    }
                    Administration::All => (&AdministratorRole::ALL, "everything"),
                };
                rights.administrator.extend(roles);
                Ok(format!("administrator of {called}"))
            }
            Grant::SeatGroup(name) => {
                let group = self.catalogue.and_then(|catalogue| catalogue.find_seat_group(name));
                let group = group.ok_or_else(|| {
                    format!(
                        "there is no paid seat group {name:?}, or the bridge's administrator may not see it; correct `seat_group`"
                    )
                })?;
                let first = rights.seat_group.get_or_insert_with(|| group.id.clone());
                if group.id < *first {
                    first.clone_from(&group.id);
                }
                Ok(format!("a seat of the group {}", group.name))
            }
        }
    }

    /// The id of a workspace, and what it is called. Aha! may have workspaces that it does not list for the bridge's administrator:
    /// an id is taken at its word.
    fn workspace(self, text: &str) -> Result<(String, String), String> {
        if let Some(workspace) = self.catalogue.and_then(|catalogue| catalogue.find_workspace(text)) {
            return Ok((workspace.id.clone(), workspace.key.clone()));
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok((text.to_owned(), format!("workspace {text}")));
        }
        Err(match self.catalogue {
            None => format!("the workspaces of Aha! were not listed yet, so {text:?} is not known"),
            Some(_) => format!(
                "there is no workspace {text:?} that the bridge's administrator can see; correct `workspace`, or write its id"
            ),
        })
    }
}

#[cfg(test)]
mod tests;
