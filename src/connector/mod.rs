//! The contract between the bridge and a kind of target.
//!
//! A connector says two things about its target. What it takes to close a difference: [`Connector::plan`], pure, from
//! what the IdP [`Desired`] and what we [`Observed`] to the calls that remain. And how one such call is made:
//! [`Connector::perform`], which answers with what the target then holds. Everything else (queue, lanes, budget, retries,
//! leases) is the bridge's and the same for all targets; a connector never sleeps, never retries and never touches the store.
//! What it calls with is given to it as [`Credentials`](credentials::Credentials), which may change at any time.
//!
//! The calls form a small closed vocabulary, [`Call`]. It is data rather than closures, so that a plan can be compared,
//! printed and counted before anything is sent.
//!
//! A new target is a folder with the files of `aha/`, one line in [`registry`], and a run of the suite in `conformance.rs`.

pub mod account;
pub mod aha;
mod aha_api;
pub mod aha_portal;
pub mod allowance;
pub mod api_key;
pub mod authorized;
pub mod call;
pub mod catalogue;
#[cfg(test)]
mod conformance;
pub mod credentials;
pub mod desired;
pub mod error;
pub mod memory;
pub mod registry;
pub mod rights;

use std::fmt;

use futures_util::future::BoxFuture;

pub use self::{
    account::{Account, Name, Observed},
    allowance::{Allowance, RateReport, RateWindow},
    call::{Call, Changes, Lane},
    catalogue::Catalogue,
    desired::{Desired, Standing},
    error::TargetError,
    rights::{Entitlement, RightChange},
};

/// A kind of target, ready to be called.
pub trait Connector: Send + Sync + fmt::Debug {
    /// What the target is called in sentences for admins, such as `Aha!`.
    fn target(&self) -> &str;

    /// Whether calls go to somebody else, who may fail or say no. Not so where the target is a part of the bridge.
    fn is_remote(&self) -> bool;

    /// What makes two users the same account at the target, folded for comparison (at Aha!: the login e-mail).
    /// `None` where every user is an account of its own.
    fn account_key(&self, desired: &Desired) -> Option<String>;

    /// The calls that bring the target from `observed` to `desired`, fewest and in order; empty when there is no
    /// difference. Of an [uncertain](Observed::Uncertain) account all is asserted anew that a change whose answer was lost
    /// can have touched. Pure. Only the first call is ever sent: the bridge plans again from what it answered, so calls after
    /// the first are a forecast.
    fn plan(&self, desired: &Desired, observed: &Observed) -> Vec<Call>;

    /// Makes one call, within `allowance`, and answers what the target holds now.
    ///
    /// # Errors
    /// A [`TargetError`] says what the failure means for the work: try later, give up, or hold everything.
    fn perform<'a>(
        &'a self,
        call: &'a Call,
        allowance: &'a mut dyn Allowance,
    ) -> BoxFuture<'a, Result<Observed, TargetError>>;

    /// The directory of the target, if its accounts can be listed.
    fn directory(&self) -> Option<&dyn Directory>;

    /// What groups give at the target, if they give anything.
    fn group_rights(&self) -> Option<&dyn GroupRights>;
}

/// A target where groups give rights: which ones, their names tell.
pub trait GroupRights: Send + Sync {
    /// What a group of this name gives.
    fn meaning(&self, name: &str) -> Meaning;

    /// Lists what groups can give.
    ///
    /// # Errors
    /// As for [`Connector::perform`].
    fn catalogue<'a>(
        &'a self,
        allowance: &'a mut dyn Allowance,
    ) -> BoxFuture<'a, Result<Catalogue, TargetError>>;

    /// Whether anything that is configured, or that a user asked for, needs the listing. Any group does, too.
    fn wants_catalogue(&self) -> bool;

    /// Whether there is a listing.
    fn knows_catalogue(&self) -> bool;

    /// Takes a listing for what there is from now on.
    fn learn(&self, catalogue: Catalogue);

    /// The names of the groups that are there without anybody having made them.
    fn offers(&self) -> Vec<String>;
}

/// What a group gives, in words for an admin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meaning {
    /// What its members get, each a fragment such as `contributor in PRJ1`.
    pub gives: Vec<String>,
    /// What it should give and cannot, each a sentence without its end.
    pub problems: Vec<String>,
}

impl Meaning {
    /// Whether members of the group get nothing, and nothing hinders that they would.
    pub fn is_nothing(&self) -> bool {
        self.gives.is_empty() && self.problems.is_empty()
    }
}

/// A target whose accounts can be listed, and that knows whose credentials it is called with.
pub trait Directory: Send + Sync {
    /// One page of all accounts; the first is 1.
    ///
    /// # Errors
    /// As for [`Connector::perform`].
    fn accounts<'a>(
        &'a self,
        page: u32,
        allowance: &'a mut dyn Allowance,
    ) -> BoxFuture<'a, Result<AccountPage, TargetError>>;

    /// The account of that id, if it is there: to tell an account that is gone from one that a listing left out.
    ///
    /// # Errors
    /// As for [`Connector::perform`].
    fn find_account<'a>(
        &'a self,
        id: &'a str,
        allowance: &'a mut dyn Allowance,
    ) -> BoxFuture<'a, Result<Option<Account>, TargetError>>;

    /// The account that owns the credentials we call with. It must never be disabled by us. Also the cheapest way to
    /// find out whether the credentials are accepted.
    ///
    /// # Errors
    /// As for [`Connector::perform`].
    fn credentials_owner<'a>(
        &'a self,
        allowance: &'a mut dyn Allowance,
    ) -> BoxFuture<'a, Result<CredentialsOwner, TargetError>>;
}

/// A page of a [`Directory`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountPage {
    /// The accounts on it.
    pub accounts: Vec<Account>,
    /// How many accounts the target says it has on all pages.
    pub total_accounts: u64,
    /// How many pages there are.
    pub total_pages: u32,
}

/// Whose credentials the bridge uses at the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsOwner {
    /// The id of the owner's account; `None` where the owner is not among the accounts that the bridge works on.
    pub account_id: Option<String>,
    /// The owner's e-mail.
    pub email: String,
}
