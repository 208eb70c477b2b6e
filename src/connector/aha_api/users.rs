//! Lists of users, which are asked for in the same way wherever they are.

use http::Method;
use serde::de::DeserializeOwned;

use crate::{
    connector::{Account, AccountPage, Allowance, Observed, TargetError, error::RejectionKind},
    upstream::CallPath,
};

use super::{AhaApi, same_email};

/// The most that Aha! puts on a page.
pub(in crate::connector) const LARGEST_PAGE: &str = "200";

/// How many pages of a search by e-mail are looked through. Only a search that matches parts of addresses has a second one.
const MOST_SEARCH_PAGES: u32 = 20;

impl AhaApi {
    /// A page of the users at `path`, 200 at a time; pages count from 1. `B` is the answer's body.
    ///
    /// # Errors
    /// As the call fails.
    pub(in crate::connector) async fn users<B: DeserializeOwned + Into<AccountPage>>(
        &self,
        path: &CallPath,
        page: u32,
        not_found: impl FnOnce(&str) -> TargetError,
        allowance: &mut dyn Allowance,
    ) -> Result<AccountPage, TargetError> {
        let page = page.to_string();
        let query = [("page", page.as_str()), ("per_page", LARGEST_PAGE)];
        let response = self.call(Method::GET, path, &query, None, allowance).await?;
        Ok(self.understand::<B>(response, not_found)?.into())
    }

    /// The user with exactly this e-mail among those at `path`. How exactly Aha! matches is not documented, so the answer is
    /// compared again here. If it matches parts of addresses, the one that is looked for may stand on a later page; to miss
    /// it would be to create it again.
    ///
    /// # Errors
    /// As a call fails; when several have the e-mail, or too many are found to look through.
    pub(in crate::connector) async fn find_user<B: DeserializeOwned + Into<AccountPage>>(
        &self,
        path: &CallPath,
        email: &str,
        not_found: impl Fn(&str) -> TargetError,
        allowance: &mut dyn Allowance,
    ) -> Result<Observed, TargetError> {
        let mut number = 1;
        loop {
            let page_number = number.to_string();
            let query = [("email", email), ("page", page_number.as_str())];
            let query = if number == 1 { &query[..1] } else { &query[..] };
            let response = self.call(Method::GET, path, query, None, allowance).await?;
            let page: AccountPage = self.understand::<B>(response, &not_found)?.into();
            if let Some(account) = the_only(page.accounts, email)? {
                return Ok(Observed::Present(account));
            }
            if number >= page.total_pages {
                return Ok(Observed::Absent);
            }
            if number == MOST_SEARCH_PAGES {
                return Err(too_many_found(email, page.total_accounts));
            }
            number += 1;
        }
    }
}

/// The account with exactly this e-mail, if it is among `accounts`, which a search for it found.
///
/// # Errors
/// A conflict when there are several.
fn the_only(accounts: Vec<Account>, email: &str) -> Result<Option<Account>, TargetError> {
    let mut same: Vec<_> = accounts.into_iter().filter(|account| same_email(&account.email, email)).collect();
    if same.len() > 1 {
        return Err(TargetError::Rejected {
            reason: format!(
                "Aha! has {} users with the e-mail {email}; leave one of them with it",
                same.len()
            ),
            rejection: RejectionKind::Conflict,
        });
    }
    Ok(same.pop())
}

/// A search found more than can be looked through.
fn too_many_found(email: &str, total: u64) -> TargetError {
    TargetError::Unavailable {
        reason: format!(
            "Aha! finds {total} users for the e-mail {email}, too many to look through. Look whether it has that one, and \
             tell whoever maintains this bridge"
        ),
    }
}
