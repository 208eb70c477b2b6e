//! What the names of groups mean at Aha!. Pure.
//!
//! A name is first held against the rules of the configuration; the first rule that fits decides. A name that no rule fits
//! may be one of the catalogue: `{workspace}: {role}`, such as `PRJ1: contributor`, with the workspace's prefix, id or name.
//! Any other name means nothing.
//!
//! A user's names are taken [together](Meanings::asked): in each workspace the strongest role, of administrator roles and
//! custom roles all, and of paid seat groups, which exclude each other, the first by its id. The order of the names never
//! matters.
//!
//! A name may mean something that is not listed any more: the API key's owner does not see it now, or somebody renamed a
//! workspace that a rule names. Or several workspaces have the name. Then it is [doubtful](Doubtful) what the name gives: nobody gets it,
//! and nobody who has it loses it because of that. One listing that tells less than the one before must not take the roles of hundreds.
//! Of what was never listed it is not known what it is: then the same holds for all that is not listed, but for what the bridge
//! gave itself, which it knows.

use std::collections::BTreeSet;

use crate::{
    config::{Administration, Grant, GroupRules, Role},
    connector::{
        Catalogue, Entitlement, Meaning,
        rights::{AdministratorRole, CustomRole, RightChange, Rights, WorkspaceRole},
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

/// What names give together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) rights: Rights,
    pub(super) doubtful: Doubtful,
}

/// What some of the names gave as long as it was listed, by ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Doubtful {
    roles_in: BTreeSet<String>,
    custom_roles_in: BTreeSet<String>,
    seat_groups: BTreeSet<String>,
    /// Where the roles of a workspace are asked for that was never listed: those that are, which it is none of.
    roles_but_in: Option<BTreeSet<String>>,
    /// The same for custom roles.
    custom_roles_but_in: Option<BTreeSet<String>>,
}

impl Doubtful {
    /// Whether `change` takes something of it from an account that has `held`.
    pub(super) fn forbids(&self, change: &RightChange, held: &Entitlement) -> bool {
        let given = &held.given.rights;
        let is_none_of = |listed: &Option<BTreeSet<String>>, workspace: &String| {
            listed.as_ref().is_some_and(|listed| !listed.contains(workspace))
        };
        change.takes()
            && match change {
                RightChange::GiveRole { workspace, .. } | RightChange::TakeRole { workspace, .. } => {
                    self.roles_in.contains(workspace)
                        || is_none_of(&self.roles_but_in, workspace)
                            && !given.workspaces.contains_key(workspace)
                }
                RightChange::TakeCustomRoles { workspace } => {
                    self.custom_roles_in.contains(workspace)
                        || is_none_of(&self.custom_roles_but_in, workspace)
                            && !given.custom_roles.iter().any(|role| role.workspace == *workspace)
                }
                RightChange::LeaveSeatGroup(group) => self.seat_groups.contains(group),
                RightChange::GiveCustomRole(_)
                | RightChange::Administrator { .. }
                | RightChange::JoinSeatGroup(_) => false,
            }
    }

    /// What `grant` gave.
    fn note(&mut self, grant: &Grant, catalogue: &Catalogue) {
        match grant {
            Grant::Role { workspace, .. } => self.note_roles(workspace, catalogue),
            Grant::CustomRole { workspace, .. } => match may_be_meant(catalogue, workspace) {
                Some(workspaces) => self.custom_roles_in.extend(workspaces),
                None => self.custom_roles_but_in = Some(listed(catalogue)),
            },
            Grant::SeatGroup(group) => {
                self.seat_groups.extend(catalogue.former_seat_groups(group).map(str::to_owned));
            }
            Grant::Administrator(_) => {}
        }
    }

    /// Some role in the workspace that `text` names.
    fn note_roles(&mut self, text: &str, catalogue: &Catalogue) {
        match may_be_meant(catalogue, text) {
            Some(workspaces) => self.roles_in.extend(workspaces),
            None => self.roles_but_in = Some(listed(catalogue)),
        }
    }
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

impl<'a> Meanings<'a> {
    /// What a name gives.
    pub(super) fn meaning(self, name: &'a str) -> Meaning {
        let mut meaning = Meaning::default();
        for workspace in self.unlisted_workspaces(name).collect::<BTreeSet<_>>() {
            meaning.problems.push(format!(
                "the workspace {workspace}, which its name is about, is not listed any more: it is gone, or the API key's owner \
                 does not see it. Who has the role keeps it as long as the workspace is there"
            ));
        }
        meaning.problems.extend(self.namesakes(name));
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
    pub(super) fn asked(self, names: &'a BTreeSet<String>) -> Asked {
        let mut asked = Asked::default();
        for name in names {
            let grants = self.grants(name);
            if grants.is_empty() {
                asked.doubtful.roles_in.extend(self.doubtful_workspaces(name).map(str::to_owned));
                if let Some((catalogue, workspace)) = self.named(name)
                    && may_be_meant(catalogue, workspace).is_none()
                {
                    asked.doubtful.note_roles(workspace, catalogue);
                }
            }
            for grant in grants {
                // Those who ask what a single name means are told of problems.
                if self.give(&grant, &mut asked.rights).is_err()
                    && let Some(catalogue) = self.catalogue
                {
                    asked.doubtful.note(&grant, catalogue);
                }
            }
        }
        asked
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
        let (workspace, role) = workspace_and_role(name)?;
        let workspace = self.catalogue?.find_workspace(workspace)?.id.clone();
        Some(Grant::Role { workspace, role })
    }

    /// The workspaces that a name of the catalogue was about, if they are not listed any more. One that is listed under another
    /// name was renamed: then the name means nothing, as a group that is renamed itself.
    fn unlisted_workspaces(self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.named(name).into_iter().flat_map(|(catalogue, workspace)| {
            catalogue.former_workspaces(workspace).filter(|id| !catalogue.has_workspace(id))
        })
    }

    /// What is the matter with a name of the catalogue if several workspaces have it.
    fn namesakes(self, name: &'a str) -> Option<String> {
        let (catalogue, workspace) = self.named(name)?;
        if catalogue.find_workspace(workspace).is_some() {
            return None;
        }
        let called: Vec<_> =
            catalogue.workspaces_called(workspace).map(|workspace| workspace.key.as_str()).collect();
        (called.len() > 1).then(|| {
            format!(
                "{} workspaces are called {workspace:?}: {}. Write the prefix of the one that is meant. Who has a role in one of \
                 them keeps it",
                called.len(),
                called.join(", ")
            )
        })
    }

    /// The workspace that a name is about which no rule fits.
    fn named(self, name: &'a str) -> Option<(&'a Catalogue, &'a str)> {
        let is_ruled = self.rules.rules.iter().any(|rule| rule.name.matches(name));
        let (workspace, _) = workspace_and_role(name).filter(|_| !is_ruled)?;
        Some((self.catalogue?, workspace))
    }

    /// The workspaces one of which a name of the catalogue may be about, though it is not known which.
    fn doubtful_workspaces(self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let called = self.named(name).into_iter().flat_map(|(catalogue, workspace)| {
            catalogue.workspaces_called(workspace).map(|workspace| workspace.id.as_str())
        });
        self.unlisted_workspaces(name).chain(called)
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
        if is_id(text) {
            return Ok((text.to_owned(), format!("workspace {text}")));
        }
        Err(match self.catalogue {
            None => format!("the workspaces of Aha! were not listed yet, so {text:?} is not known"),
            Some(catalogue) if catalogue.workspaces_called(text).next().is_some() => format!(
                "{text:?} is not the name of one workspace alone, or was that of one that is not listed any more; write the \
                 prefix or the id of the workspace in `workspace`"
            ),
            Some(_) => format!(
                "there is no workspace {text:?} that the bridge's administrator can see; correct `workspace`, or write its id"
            ),
        })
    }
}

/// The id of the workspace that `text` names: by its word where it is an id, else as it is listed, or was when it was listed last.
pub(super) fn workspace_id(text: &str, catalogue: Option<&Catalogue>) -> Option<String> {
    let listed = catalogue.and_then(|catalogue| catalogue.find_workspace(text));
    let former = || {
        let mut former = catalogue?.former_workspaces(text);
        let only = former.next()?;
        former.all(|id| id == only).then(|| only.to_owned())
    };
    listed
        .map(|workspace| workspace.id.clone())
        .or_else(|| is_id(text).then(|| text.to_owned()))
        .or_else(former)
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The ids of the workspaces that `text` named once, or that have it as their name; `None` if no listing told of any.
fn may_be_meant(catalogue: &Catalogue, text: &str) -> Option<BTreeSet<String>> {
    let called = catalogue.workspaces_called(text).map(|workspace| workspace.id.as_str());
    let meant: BTreeSet<_> = catalogue.former_workspaces(text).chain(called).map(str::to_owned).collect();
    (!meant.is_empty()).then_some(meant)
}

/// The ids of the workspaces that there are.
fn listed(catalogue: &Catalogue) -> BTreeSet<String> {
    catalogue.workspaces.iter().map(|workspace| workspace.id.clone()).collect()
}

/// The two parts of `{workspace}: {role}`.
fn workspace_and_role(name: &str) -> Option<(&str, Role)> {
    let (workspace, role) = name.rsplit_once(':')?;
    let role = match role.trim().to_ascii_lowercase().as_str() {
        "owner" | "product_owner" => Role::ProductOwner,
        "contributor" => Role::Contributor,
        "reviewer" => Role::Reviewer,
        "viewer" => Role::Viewer,
        _ => return None,
    };
    Some((workspace.trim(), role))
}

#[cfg(test)]
mod tests;
