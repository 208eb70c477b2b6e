//! What would be done at the target, before anything is sent: the calls of each user and what they come to.
//!
//! It starts from what the worker starts from, and asks the connector for the same plan; so what is printed is what is
//! carried out, as long as nobody changes an account at the target itself in between. Of a create nobody knows before the
//! look-up whether it will adopt an account that is newer than the last roster. And whose credentials the bridge works with
//! only the server knows; it refuses to promise that their owner is disabled.

use std::time::Duration;

use crate::{
    connector::{Call, Connector, Desired},
    store::{
        StoreError, User, UserId,
        admissions::{self, AdmissionKind},
        users::{self, Ownership, Settled},
    },
};

use super::{
    Target,
    asks::desired_of_all,
    brake::Room,
    budget::Budget,
    convergence::{refusal, starting_point},
};

/// How many users are looked at in one step: what is in memory at a time.
const STEP: u32 = 500;

/// What would become of a user's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is made, and an invitation is sent.
    Create,
    /// The same if there is none; nobody knows, since the accounts have not been listed yet.
    CreateOrAdopt,
    /// It is there, and stays as it is.
    Adopt,
    /// It keeps its access, and something about it is changed.
    Change,
    /// It gets its access back.
    Enable,
    /// It loses its access.
    Disable,
    /// It goes for good.
    Delete,
    /// Something is wanted that must not be done: the target's account is guarded.
    Refuse,
    /// Nothing is changed. There may be a look-up to make sure that there is no account.
    Nothing,
}

impl Action {
    /// All actions.
    pub const ALL: [Action; 9] = [
        Self::Create,
        Self::CreateOrAdopt,
        Self::Adopt,
        Self::Change,
        Self::Enable,
        Self::Disable,
        Self::Delete,
        Self::Refuse,
        Self::Nothing,
    ];

    /// As it is printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::CreateOrAdopt => "create or adopt",
            Self::Adopt => "adopt",
            Self::Change => "change",
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Delete => "delete",
            Self::Refuse => "refuse",
            Self::Nothing => "nothing",
        }
    }
}

/// Whether the accounts of the target were ever listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accounts {
    /// They were: who has none gets one.
    Listed,
    /// They were not: a create may turn out to be an adoption.
    NotListed,
}

/// What would be done for one user.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// What it comes to.
    pub action: Action,
    /// The calls, in order.
    pub calls: Vec<Call>,
    /// Why it must not be done, if it must not.
    pub refusal: Option<String>,
}

impl Forecast {
    /// What would be done for `user`, of whom this is `desired`.
    pub fn of(user: &User, desired: &Desired, connector: &dyn Connector, accounts: Accounts) -> Self {
        let calls = if user.is_pending() || user.due_at.is_some() {
            connector.plan(desired, &starting_point(user))
        } else {
            Vec::new()
        };
        // What becomes of the account itself says more than what it may do.
        let effects = || calls.iter().filter(|call| !matches!(call, Call::Find { .. }));
        let effect = effects().find(|call| call.is_about_account()).or_else(|| effects().next());
        let action = match (effect, accounts) {
            (Some(Call::Create { .. }), Accounts::Listed) => Action::Create,
            (Some(Call::Create { .. }), Accounts::NotListed) => Action::CreateOrAdopt,
            (Some(Call::Update { changes, .. }), _) => match changes.enabled {
                Some(false) => Action::Disable,
                Some(true) => Action::Enable,
                None => Action::Change,
            },
            (Some(Call::ChangeRight { .. }), _) => Action::Change,
            (Some(Call::Delete { .. }), _) => Action::Delete,
            (Some(Call::Find { .. }) | None, _) => {
                let has_account = user.is_live() && user.account().is_some();
                if has_account && user.ownership == Ownership::Adopted {
                    Action::Adopt
                } else {
                    Action::Nothing
                }
            }
        };
        Self { action, calls, refusal: None }
    }

    /// The same, unless the account is guarded.
    async fn guarded(self, target: &Target, user: &User) -> Result<Self, StoreError> {
        let Some(call) = self.calls.iter().find(|call| call.is_about_account()) else { return Ok(self) };
        match refusal(target, user, call).await? {
            Some(reason) => Ok(Self { action: Action::Refuse, calls: Vec::new(), refusal: Some(reason) }),
            None => Ok(self),
        }
    }

    fn revokes(&self) -> bool {
        self.calls.iter().any(Call::revokes)
    }

    fn invites(&self) -> bool {
        self.calls.iter().any(Call::invites)
    }
}

/// What all of it comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many users there are for each of [`Action::ALL`].
    pub users: [u64; Action::ALL.len()],
    /// Calls, without those for users who are held.
    pub calls: u64,
    /// Invitations.
    pub invitations: u64,
    /// Users who are held now.
    pub held: u64,
    /// Users whose revocation the brake would hold.
    pub to_be_held: u64,
}

impl Totals {
    /// How many users there are for `action`.
    pub const fn of(&self, action: Action) -> u64 {
        self.users[action as usize]
    }

    /// How long the calls take within the budget, about; `None` for a target without limits.
    pub fn duration_of_calls(&self, budget: &Budget) -> Option<Duration> {
        budget
            .is_limited()
            .then(|| Duration::from_secs(budget.time_for(self.calls).as_millis().div_ceil(1_000) as u64))
    }

    /// How long the invitations take if `per_hour` are sent in an hour, about: the first at once, the last when its turn is.
    pub fn duration_of_invitations(&self, per_hour: u32) -> Duration {
        let hours = self.invitations.div_ceil(per_hour.max(1).into()).saturating_sub(1);
        Duration::from_secs(hours.saturating_mul(60 * 60))
    }

    fn count(&mut self, user: &User, forecast: &Forecast) {
        self.users[forecast.action as usize] += 1;
        if user.held_at.is_some() {
            self.held += 1;
        } else {
            self.calls += forecast.calls.len() as u64;
            self.invitations += u64::from(forecast.invites());
        }
    }
}

/// Looks at all users for whom something is to be done, and hands each to `tell`; in plan mode also at those who are managed
/// and whose account stays as it is. What is in memory does not grow with their number.
///
/// # Errors
/// When the database fails, or `tell` does.
pub async fn all<E: From<StoreError>>(
    target: &Target,
    accounts: Accounts,
    mut tell: impl FnMut(&User, &Forecast) -> Result<(), E>,
) -> Result<Totals, E> {
    let settled = if target.is_carried_out() { Settled::LeftOut } else { Settled::Listed };
    let mut totals = Totals::default();
    let mut revoked = 0;
    let mut after = String::new();
    loop {
        let users = users::list_unsettled(&target.store, &target.app, settled, &after, STEP).await?;
        let Some(last) = users.last() else { break };
        last.id.as_str().clone_into(&mut after);
        let mut revocations = Vec::new();
        let desired = desired_of_all(&target.store, &*target.connector, &users).await?;
        for (user, desired) in users.iter().zip(&desired) {
            let forecast = Forecast::of(user, desired, &*target.connector, accounts);
            let forecast = forecast.guarded(target, user).await?;
            tell(user, &forecast)?;
            totals.count(user, &forecast);
            if forecast.revokes() && user.held_at.is_none() {
                revocations.push((user.id.clone(), user.version));
            }
        }
        revoked += count_asking(target, revocations).await?;
    }
    totals.to_be_held = match room(target).await? {
        Some(room) => revoked.saturating_sub(room),
        None => 0,
    };
    Ok(totals)
}

/// How many of these versions of users the brake did not let through yet.
async fn count_asking(target: &Target, users: Vec<(UserId, i64)>) -> Result<u64, StoreError> {
    let (Some(brake), false) = (target.convergence.brake, users.is_empty()) else { return Ok(0) };
    let since = target.clock.now() - brake.window;
    let count = target.store.write(move |transaction| {
        Box::pin(async move {
            let mut count = 0;
            for (id, version) in users {
                let kind = AdmissionKind::Revocation;
                let earlier = admissions::find(transaction, kind, (&id, version), since).await?;
                count += u64::from(earlier.is_none());
            }
            Ok::<_, StoreError>(count)
        })
    });
    count.await
}

/// How many more accounts may be disabled now; `None` where there is no brake.
async fn room(target: &Target) -> Result<Option<u64>, StoreError> {
    let Some(brake) = target.convergence.brake else { return Ok(None) };
    let (app, now) = (target.app.clone(), target.clock.now());
    let room = target.store.write(move |transaction| {
        Box::pin(async move { Ok::<_, StoreError>(Room::of(transaction, &app, &brake, now).await?.left()) })
    });
    room.await.map(Some)
}
