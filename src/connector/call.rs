//! The calls a plan is made of, and how urgent they are.

use std::fmt;

use super::{
    Account, Name,
    rights::{RightChange, WorkspaceRole},
};

/// One call to a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Look for the account with this e-mail. Always before a create: an account that exists is adopted, never invited twice.
    Find {
        /// The e-mail to look for.
        email: String,
    },
    /// Create an account. Targets send an invitation for it.
    Create {
        /// The login e-mail.
        email: String,
        /// The person's name.
        name: Name,
        /// The workspace that the person joins, by its id, and the role there; `None` where the configuration says.
        into: Option<(String, WorkspaceRole)>,
    },
    /// Change an existing account.
    Update {
        /// The account as it was last seen.
        account: Account,
        /// What to change about it.
        changes: Changes,
    },
    /// Give an account a right, or take one away.
    ChangeRight {
        /// The account as it was last seen.
        account: Account,
        /// The right.
        change: RightChange,
    },
    /// Delete an existing account for good, at a target that can. It answers that there is none.
    Delete {
        /// The account as it was last seen.
        account: Account,
    },
}

/// What an update changes; `None` leaves a thing alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The new login e-mail.
    pub email: Option<String>,
    /// The new first name.
    pub given_name: Option<String>,
    /// The new last name.
    pub family_name: Option<String>,
    /// Whether the account can log in.
    pub enabled: Option<bool>,
}

impl Changes {
    /// Whether nothing is to be changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is to be done, without the new values: a fragment that an account follows, such as "enable and
    /// change the e-mail of".
    pub fn describe(&self) -> String {
        let named = [
            (self.email.is_some(), "e-mail"),
            (self.given_name.is_some(), "first name"),
            (self.family_name.is_some(), "last name"),
        ];
        let named: Vec<_> =
            named.into_iter().filter(|(is_changed, _)| *is_changed).map(|(_, name)| name).collect();
        let named = (!named.is_empty()).then(|| format!("change the {} of", named.join(" and ")));
        let access = self.enabled.map(|enabled| if enabled { "enable" } else { "disable" });
        match (access, named) {
            (Some(access), Some(named)) => format!("{access} and {named}"),
            (Some(access), None) => access.to_owned(),
            (None, Some(named)) => named,
            (None, None) => "leave as it is".to_owned(),
        }
    }
}

/// How urgent work is. Lower lanes never wait behind higher ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Takes access away.
    Revoke,
    /// Changes an account that keeps its access.
    Change,
    /// Gives access, and invites.
    Grant,
}

impl Lane {
    /// All lanes, most urgent first.
    pub const ALL: [Lane; 3] = [Lane::Revoke, Lane::Change, Lane::Grant];

    /// The number by which the queue is ordered.
    pub const fn as_number(self) -> i64 {
        self as i64
    }

    /// As it is named where programs read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Change => "change",
            Self::Grant => "grant",
        }
    }

    /// The lane of that number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.as_number() == number)
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Call {
    /// A short name for logs and events.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Find { .. } => "find",
            Self::Create { .. } => "create",
            Self::Update { .. } => "update",
            Self::ChangeRight { change, .. } if change.takes() => "take_right",
            Self::ChangeRight { .. } => "give_right",
            Self::Delete { .. } => "delete",
        }
    }

    /// What it asks for: a fragment that follows "asked the target to". Accounts by their ids, attributes by their names.
    pub fn describe(&self) -> String {
        match self {
            Self::Find { .. } => "look for the account by its e-mail".to_owned(),
            Self::Create { .. } => "create the account, which sends an invitation".to_owned(),
            Self::ChangeRight { account, change } => format!("{} account {}", change.describe(), account.id),
            Self::Update { account, changes } => format!("{} account {}", changes.describe(), account.id),
            Self::Delete { account } => format!("delete account {}", account.id),
        }
    }

    /// The account that it changes, if it changes one that is there.
    pub const fn account(&self) -> Option<&Account> {
        match self {
            Self::Find { .. } | Self::Create { .. } => None,
            Self::Update { account, .. } | Self::ChangeRight { account, .. } | Self::Delete { account } => {
                Some(account)
            }
        }
    }

    /// How urgent this call is by itself.
    pub fn lane(&self) -> Lane {
        match self {
            Self::Find { .. } | Self::Create { .. } => Lane::Grant,
            Self::Update { changes, .. } => match changes.enabled {
                Some(false) => Lane::Revoke,
                Some(true) => Lane::Grant,
                None => Lane::Change,
            },
            Self::ChangeRight { change, .. } => change.lane(),
            Self::Delete { .. } => Lane::Revoke,
        }
    }

    /// Whether the target sends an invitation for the call.
    pub const fn invites(&self) -> bool {
        matches!(self, Self::Create { .. })
    }

    /// Whether the call takes access away from an account: it cannot log in any more, or is not there any more.
    pub const fn revokes(&self) -> bool {
        matches!(
            self,
            Self::Update { changes: Changes { enabled: Some(false), .. }, .. } | Self::Delete { .. }
        )
    }

    /// Whether the call takes an administrator role away from an account.
    pub fn demotes(&self) -> bool {
        matches!(self, Self::ChangeRight { change, .. } if change.demotes())
    }

    /// Whether the call is about the account itself: its access, its e-mail, its name. What it may do beyond is not.
    pub const fn is_about_account(&self) -> bool {
        !matches!(self, Self::ChangeRight { .. })
    }
}
