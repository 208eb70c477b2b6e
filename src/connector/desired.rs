//! What the IdP wants an account to be, read off the SCIM resource.

use crate::scim::resource::Resource;

use super::{Call, Lane, Name};

/// The part of a SCIM user that targets can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The login e-mail.
    pub email: String,
    /// First name, if the IdP told one.
    pub given_name: Option<String>,
    /// Last name, if the IdP told one.
    pub family_name: Option<String>,
    /// Whether the account may log in.
    pub enabled: bool,
    /// Whether the account is to go altogether, where the target can delete accounts. It may not log in either.
    pub deleted: bool,
}

/// What became of the SCIM user that an account is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is there.
    Live,
    /// The IdP deleted it.
    Deleted,
    /// Its create was undone: it gives no access, but nobody asked that an account goes, which may have been there before.
    Withdrawn,
}

impl Desired {
    /// What `resource` asks for; of a user that is not there any more nothing but that its account gives no access.
    ///
    /// Names come from `name`, else from `displayName`. A user without either has none: an existing account keeps its
    /// name then, and a new one gets [`Desired::name_for_create`].
    pub fn of(resource: &Resource, standing: Standing) -> Self {
        let mut given_name = resource.given_name().map(str::to_owned);
        let mut family_name = resource.family_name().map(str::to_owned);
        if given_name.is_none()
            && family_name.is_none()
            && let Some(display_name) = resource.display_name()
        {
            let name = Name::split(display_name);
            given_name = Some(name.given).filter(|given| !given.is_empty());
            family_name = Some(name.family).filter(|family| !family.is_empty());
        }
        Self {
            email: resource.login_email().unwrap_or_default().to_owned(),
            given_name,
            family_name,
            enabled: standing == Standing::Live && resource.allows_access(),
            deleted: standing == Standing::Deleted,
        }
    }

    /// A first and a last name, since targets require both of a new account. What is missing is taken from the e-mail's
    /// local part: `sam.doe@example.com` gives `sam` and `doe`.
    pub fn name_for_create(&self) -> Name {
        let local_part = self.email.split('@').next().unwrap_or_default();
        let mut words = local_part.split(['.', '_', '-', '+']).filter(|word| !word.is_empty());
        let first_word = words.next().unwrap_or(local_part);
        let last_word = words.next_back().unwrap_or(first_word);
        Name {
            given: self.given_name.clone().unwrap_or_else(|| first_word.to_owned()),
            family: self.family_name.clone().unwrap_or_else(|| last_word.to_owned()),
        }
    }

    /// The lane of the work that `plan` is for. Work for a user who must not have access is always [`Lane::Revoke`],
    /// even while it only looks for the account.
    pub fn lane(&self, plan: &[Call]) -> Lane {
        if !self.enabled {
            return Lane::Revoke;
        }
        plan.iter().map(Call::lane).min().unwrap_or(Lane::Change)
    }
}
