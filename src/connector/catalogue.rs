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
}

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
    /// The workspace that `text` names: by its id, its prefix or its name, the latter two without case. Of several of the same
    /// name the first counts.
    pub fn find_workspace(&self, text: &str) -> Option<&Workspace> {
        let folded = fold(text);
        let find =
            |is_it: &dyn Fn(&Workspace) -> bool| self.workspaces.iter().find(|workspace| is_it(workspace));
        find(&|workspace| workspace.id == text)
            .or_else(|| find(&|workspace| fold(&workspace.key) == folded))
            .or_else(|| find(&|workspace| fold(&workspace.name) == folded))
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
