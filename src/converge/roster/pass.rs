//! One pass over all accounts.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use crate::{
    clock::Time,
    connector::{Account, AccountPage, Directory, Lane, TargetError},
    store::{
        findings, roster_passes,
        rosters::{self, Administrators, Census, Roster},
        users::Ownership,
    },
};

use super::{
    super::budget::Permit,
    RosterError, Target, administrators, catalogue, compare,
    finding::Scope,
    missing,
    see::{self, Collision, Sight},
};

/// How long findings are kept after they are gone.
const KEEP_RESOLVED: Duration = Duration::from_hours(400 * 24);

/// A pass under way.
pub(super) struct Pass<'a> {
    pub(super) target: &'a Target,
    pub(super) directory: &'a dyn Directory,
    pub(super) started_at: Time,
    /// The accounts that were listed, by id: whether each is an administrator and whether it is enabled.
    pub(super) listed: HashMap<String, Powers>,
    calls: u64,
    census: Census,
    /// Accounts that were not shown, each with the time before its page was asked for: they are looked at again.
    hidden: Vec<(Account, Time)>,
    collisions: Vec<Collision>,
}

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Powers {
    pub(super) enabled: bool,
    pub(super) administrator: bool,
}

impl Powers {
    /// Those of `account`.
    pub(super) const fn of(account: &Account) -> Self {
        Self { enabled: account.enabled, administrator: account.administrator }
    }
}

/// Makes a pass in the turn of `owner`, which ends with it.
///
/// # Errors
/// When a call or the database fails; what was seen until then is kept, and so is the turn.
pub(super) async fn pass(
    target: &Target,
    directory: &dyn Directory,
    owner: &str,
) -> Result<Roster, RosterError> {
    let mut pass = Pass {
        target,
        directory,
        started_at: target.clock.now(),
        listed: HashMap::new(),
        calls: 0,
        census: Census::default(),
        hidden: Vec::new(),
        collisions: Vec::new(),
    };
    // 1. Whose credentials are these? They are never disabled with themselves.
    if !target.guard.knows_credentials_owner() {
        let mut permit = pass.permit().await?;
        let issue = target.guard.issue();
        let owner = directory.credentials_owner(&mut permit).await;
        let owner = pass.heed(permit, owner).await?;
        target.guard.set_credentials_owner(issue, owner);
    }
    // 2. What groups can give, which the accounts are compared with in the end.
    catalogue::refresh(target).await?;
    // 3. All pages; what each says is kept at once.
    let stood_still = pass.list().await?;
    // 4. Whom the listing left out. Pages shift while accounts come and go; only a listing that stood still says that.
    if stood_still {
        missing::look_up(&mut pass).await?;
    }
    // 5. Users against their accounts.
    compare::all(target).await?;
    // 6. The report, with what only the whole listing tells.
    pass.complete(stood_still, owner).await
}

impl Pass<'_> {
    /// Waits until the budget allows a call.
    pub(super) async fn permit(&self) -> Result<Permit, TargetError> {
        let permit = self.target.budget.permit(Lane::Change).await;
        match self.target.health.stopped() {
            None => Ok(permit),
            Some(reason) => {
                permit.close().await;
                Err(TargetError::Unavailable { reason })
            }
        }
    }

    /// Takes to heart what a call came to.
    pub(super) async fn heed<T>(
        &mut self,
        permit: Permit,
        result: Result<T, TargetError>,
    ) -> Result<T, TargetError> {
        self.calls += 1;
        self.target.heed(permit, &result).await;
        result
    }

    /// Pages through the accounts. Whether they stood still meanwhile.
    async fn list(&mut self) -> Result<bool, RosterError> {
        let mut totals = HashSet::new();
        let mut number = 1;
        loop {
            let seen_at = self.target.clock.now();
            let mut permit = self.permit().await?;
            let page = self.directory.accounts(number, &mut permit).await;
            let page = self.heed(permit, page).await?;
            let is_last = number >= page.total_pages || page.accounts.is_empty();
            totals.insert(page.total_accounts);
            self.see(page, seen_at).await?;
            if is_last {
                break;
            }
            number += 1;
        }
        self.look_again_at_hidden().await?;
        Ok(totals.len() == 1 && totals.contains(&(self.listed.len() as u64)))
    }

    /// Looks again at accounts that were not shown because of users whose own accounts came later in the listing, with other
    /// e-mails by now. It costs no call.
    async fn look_again_at_hidden(&mut self) -> Result<(), RosterError> {
        for (account, seen_at) in std::mem::take(&mut self.hidden) {
            let powers = Powers::of(&account);
            for sight in see::all(self.target, vec![account], seen_at).await? {
                self.count(sight, powers);
            }
        }
        Ok(())
    }

    async fn see(&mut self, page: AccountPage, seen_at: Time) -> Result<(), RosterError> {
        let powers: Vec<_> =
            page.accounts.iter().map(|account| (account.id.clone(), Powers::of(account))).collect();
        let sights = see::all(self.target, page.accounts, seen_at).await?;
        for ((id, powers), sight) in powers.into_iter().zip(sights) {
            if self.listed.insert(id, powers).is_some() {
                continue;
            }
            match sight {
                Sight::Hidden(collision) => self.hidden.push((collision.account, seen_at)),
                sight => self.count(sight, powers),
            }
        }
        Ok(())
    }

    fn count(&mut self, sight: Sight, powers: Powers) {
        let count = match &sight {
            Sight::Of(Ownership::Created) => &mut self.census.created,
            Sight::Of(Ownership::Adopted) => &mut self.census.adopted,
            Sight::Of(Ownership::Unmanaged) => &mut self.census.unmanaged,
            Sight::Deleted => &mut self.census.deleted,
            Sight::Hidden(_) => &mut self.census.hidden,
        };
        *(if powers.enabled { &mut count.enabled } else { &mut count.disabled }) += 1;
        if let Sight::Hidden(collision) = sight {
            self.collisions.push(collision);
        }
    }

    fn administrators(&self) -> Administrators {
        let administrators = self.listed.iter().filter(|(_, powers)| powers.administrator);
        administrators.map(|(id, powers)| (id.clone(), powers.enabled)).collect()
    }

    async fn complete(self, stood_still: bool, owner: &str) -> Result<Roster, RosterError> {
        let target = self.target;
        let administrators = self.administrators();
        let roster = Roster {
            started_at: self.started_at,
            completed_at: target.clock.now(),
            accounts: self.listed.len() as u64,
            calls: self.calls,
            census: self.census,
        };
        let (scope, owner) = (Scope::of(target), owner.to_owned());
        let (listed, collisions) = (self.listed, self.collisions);
        target
            .store
            .write(move |transaction| {
                Box::pin(async move {
                    see::keep_collisions(transaction, &scope, collisions, stood_still).await?;
                    let known = administrators::compare(transaction, &scope, &listed, administrators).await?;
                    rosters::save(transaction, &scope.app, roster, &known).await?;
                    findings::forget_resolved(transaction, &scope.app, scope.now - KEEP_RESOLVED).await?;
                    if !roster_passes::end(transaction, &scope.app, &owner, scope.now, None).await? {
                        // Another pass has begun since, which sees more than this one.
                        return Err(RosterError::turn_lost());
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(roster)
    }
}
