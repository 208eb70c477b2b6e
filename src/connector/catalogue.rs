//! What groups can give at a target: the workspaces that there are, and the paid seat groups.

use serde::{Deserialize, Serialize};

use crate::scim::fold::fold;

/// The listing of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// The workspaces, and their lines.
    pub workspaces: Vec<Workspace>,
    /// The paid seat groups.
    #[serde(default)]
    pub seat_groups: Vec<SeatGroup>,
    /// What was listed before and is not any more, or is called otherwise now: it may be gone, and it may be there and not seen.
    #[serde(default)]
    pub former: Former,
}

/// What earlier listings told, as they told it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    /// Workspaces.
    pub workspaces: Vec<Workspace>,
    /// Paid seat groups.
    pub seat_groups: Vec<SeatGroup>,
}

/// How much of what is not listed any more is remembered.
const MOST_FORMER: usize = 1_000;

/// A workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// The target's id of it.
    pub id: String,
    /// The prefix of its records, such as `PRJ1`.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Whether it is a line of workspaces, which hands its roles down.
    #[serde(default)]
    pub is_line: bool,
}

/// A paid seat group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatGroup {
    /// The target's id of it.
    pub id: String,
    /// Its name.
    pub name: String,
}

impl Catalogue {
    /// This listing, and of `earlier` ones what it does not tell.
    #[must_use]
    pub fn remembering(mut self, earlier: Self) -> Self {
        let Self { workspaces, seat_groups, former } = earlier;
        let mut workspaces: Vec<_> = workspaces.into_iter().chain(former.workspaces).collect();
        workspaces.retain(|workspace| !self.workspaces.contains(workspace));
        workspaces.truncate(MOST_FORMER);
        let mut seat_groups: Vec<_> = seat_groups.into_iter().chain(former.seat_groups).collect();
        seat_groups.retain(|group| !self.seat_groups.contains(group));
        seat_groups.truncate(MOST_FORMER);
        self.former = Former { workspaces, seat_groups };
        self
    }

    /// The workspace that `text` names: by its id, its prefix or its name, the latter two without case. Ids and prefixes are given
    /// once. A name that several have names none of them; nor does one that another had which is not listed any more, since that
    /// one may be meant.
    pub fn find_workspace(&self, text: &str) -> Option<&Workspace> {
        let folded = fold(text);
        let find =
            |is_it: &dyn Fn(&Workspace) -> bool| self.workspaces.iter().find(|workspace| is_it(workspace));
        find(&|workspace| workspace.id == text)
            .or_else(|| find(&|workspace| fold(&workspace.key) == folded))
            .or_else(|| {
                let mut called = self.workspaces_called(text);
                let only = called.next().filter(|_| called.next().is_none())?;
                let may_be_another = self.former_workspaces(text).any(|id| !self.has_workspace(id));
                (!may_be_another).then_some(only)
            })
    }

    /// The workspaces of this name, without case.
    pub fn workspaces_called(&self, name: &str) -> impl Iterator<Item = &Workspace> {
        let folded = fold(name).into_owned();
        self.workspaces.iter().filter(move |workspace| fold(&workspace.name) == folded)
    }

    /// The ids of the workspaces that `text` named once, by prefix or name.
    pub fn former_workspaces<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let folded = fold(text).into_owned();
        let is_it =
            move |workspace: &&Workspace| fold(&workspace.key) == folded || fold(&workspace.name) == folded;
        self.former.workspaces.iter().filter(is_it).map(|workspace| workspace.id.as_str())
    }

    /// The ids of the paid seat groups that `text` named once.
    pub fn former_seat_groups<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let folded = fold(text).into_owned();
        let is_it = move |group: &&SeatGroup| group.id == text || fold(&group.name) == folded;
        self.former.seat_groups.iter().filter(is_it).map(|group| group.id.as_str())
    }

    /// Whether the workspace of this id is a line, or was one when it was listed last.
    pub fn is_line(&self, id: &str) -> bool {
        let listed = self.workspaces.iter().chain(&self.former.workspaces);
        listed
            .filter(|workspace| workspace.id == id)
            .map(|workspace| workspace.is_line)
            .next()
            .unwrap_or(false)
    }

    /// Whether there is a workspace of this id.
    pub fn has_workspace(&self, id: &str) -> bool {
        self.workspaces.iter().any(|workspace| workspace.id == id)
    }

    /// The paid seat group that `text` names: by its id, or by its name without case.
    pub fn find_seat_group(&self, text: &str) -> Option<&SeatGroup> {
        let folded = fold(text);
        let mut groups = self.seat_groups.iter();
        groups
            .clone()
            .find(|group| group.id == text)
            .or_else(|| groups.find(|group| fold(&group.name) == folded))
    }
}
