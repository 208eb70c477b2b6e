//! What the bridge knows of an account at a target.

use serde::{Deserialize, Serialize};

use crate::clock::Time;

use super::rights::{AdministratorRole, Entitlement, Given};

/// What was last seen of a user at the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Observed {
    /// Never looked, or what was seen can no longer be trusted (a call whose answer was lost).
    #[default]
    Unknown,
    /// Looked, and there was no account.
    Absent,
    /// No account is known, but there may be one under an e-mail that is perhaps not the desired one any more: a create was
    /// sent with it whose answer did not come, or the account that had it is gone.
    Suspected {
        /// The e-mail.
        email: String,
        /// Until then the create may still take effect: only a look after that says that there is no account.
        until: Time,
        /// What the create gives.
        given: Box<Given>,
    },
    /// There is an account.
    Present(Account),
    /// There is an account that was last seen like this, and a change of it was sent whose answer did not come: it holds
    /// what was seen, or what was sent.
    Uncertain {
        /// As it was last seen, or last made.
        account: Account,
        /// Until then a change that is not desired any more may still take effect, also after a newer one that was answered.
        until: Time,
    },
}

impl Observed {
    /// The account, if there is one.
    pub fn account(&self) -> Option<&Account> {
        match self {
            Self::Present(account) | Self::Uncertain { account, .. } => Some(account),
            Self::Unknown | Self::Absent | Self::Suspected { .. } => None,
        }
    }

    /// What was seen, where an older change of the account may still take effect until `until`.
    #[must_use]
    pub fn doubted_until(self, until: Time) -> Self {
        match self {
            Self::Present(account) => Self::Uncertain { account, until },
            Self::Uncertain { account, until: already } => {
                Self::Uncertain { account, until: already.max(until) }
            }
            Self::Unknown | Self::Absent | Self::Suspected { .. } => self,
        }
    }
}

/// An account as the target describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The target's own id of it, as text (Aha!'s ids have 64 bits).
    pub id: String,
    /// The login e-mail, in the target's spelling.
    pub email: String,
    /// The full name as the target prints it.
    pub name: String,
    /// Whether it can log in.
    pub enabled: bool,
    /// Whether it administers the target's account.
    pub administrator: bool,
    /// The first and last name: as the target tells them (Aha!'s ideas portals), or, where it never does (Aha!), as we wrote
    /// them last. The latter are lost when the target prints another name: somebody else wrote since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_name: Option<Name>,
    /// What it may do there beyond logging in, and what of it the bridge gave.
    #[serde(default)]
    pub entitlement: Box<Entitlement>,
}

impl Account {
    /// Whether it may manage users of the target's account, as far as was told: of its administrator roles only one allows that.
    pub fn manages_users(&self) -> bool {
        match &self.entitlement.seen.administrator {
            Some(roles) => roles.contains(&AdministratorRole::Account),
            None => self.administrator,
        }
    }

    /// Whether `other` differs from it in nothing but rights.
    pub fn is_same_but_for_rights(&self, other: &Self) -> bool {
        (&self.id, &self.email, &self.name, self.enabled)
            == (&other.id, &other.email, &other.name, other.enabled)
    }

    /// Takes over what only we know from an earlier sighting of the same account.
    pub fn remembering(mut self, earlier: &Account) -> Self {
        if self.written_name.is_none() && self.name == earlier.name {
            self.written_name.clone_from(&earlier.written_name);
        }
        self.entitlement.remember(&earlier.entitlement);
        self
    }
}

/// A person's name in the two parts that targets ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// First name; may be empty.
    pub given: String,
    /// Last name; may be empty.
    pub family: String,
}

impl Name {
    /// Splits a full name at its last space: all but the last word is the given name. A guess, for targets that tell
    /// only the full name.
    pub fn split(full: &str) -> Self {
        let full = full.trim();
        match full.rsplit_once(char::is_whitespace) {
            Some((given, family)) => Self { given: given.trim_end().into(), family: family.into() },
            None => Self { given: full.into(), family: String::new() },
        }
    }

    /// Both parts with a space between, as targets print them.
    pub fn full(&self) -> String {
        [self.given.as_str(), self.family.as_str()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_name_is_split_at_its_last_space_and_joined_back() {
        for (full, given, family) in [
            ("Mary Ann Smith", "Mary Ann", "Smith"),
            ("Cher", "Cher", ""),
            ("  Bob  Lee ", "Bob", "Lee"),
            ("", "", ""),
        ] {
            assert_eq!(Name::split(full), Name { given: given.into(), family: family.into() }, "{full:?}");
        }
        assert_eq!(Name::split("Mary Ann Smith").full(), "Mary Ann Smith");
        assert_eq!(Name::split("Cher").full(), "Cher");
    }
}
