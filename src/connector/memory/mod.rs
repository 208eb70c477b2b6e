//! A target that accepts every user and holds nothing itself.
//!
//! For protocol suites, for load tests, for trying an IdP before the real target is ready, and as the template for a new
//! target: the same write path and worker run in front of it. What an account is stands in the bridge's own record, so a
//! restart loses nothing.

mod plan;
#[cfg(test)]
mod tests;

use futures_util::future::{BoxFuture, FutureExt, ready};

use super::{Account, Allowance, Call, Connector, Desired, Directory, GroupRights, Observed, TargetError};

/// The connector.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory;

impl Connector for Memory {
    fn target(&self) -> &str {
        "the memory target"
    }

    fn is_remote(&self) -> bool {
        false
    }

    fn account_key(&self, _desired: &Desired) -> Option<String> {
        None
    }

    fn plan(&self, desired: &Desired, observed: &Observed) -> Vec<Call> {
        plan::plan(desired, observed)
    }

    fn perform<'a>(
        &'a self,
        call: &'a Call,
        _allowance: &'a mut dyn Allowance,
    ) -> BoxFuture<'a, Result<Observed, TargetError>> {
        ready(Ok(answer(call))).boxed()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        None
    }

    fn group_rights(&self) -> Option<&dyn GroupRights> {
        None
    }
}

/// What a target that accepts everything holds after `call`.
fn answer(call: &Call) -> Observed {
    match call {
        Call::Find { .. } | Call::Delete { .. } => Observed::Absent,
        Call::Create { email, name, .. } => Observed::Present(Account {
            id: email.clone(),
            email: email.clone(),
            name: name.full(),
            enabled: true,
            administrator: false,
            written_name: Some(name.clone()),
            entitlement: Box::default(),
        }),
        Call::ChangeRight { account, .. } => Observed::Present(account.clone()),
        Call::Update { account, changes } => Observed::Present(Account {
            email: changes.email.clone().unwrap_or_else(|| account.email.clone()),
            enabled: changes.enabled.unwrap_or(account.enabled),
            ..account.clone()
        }),
    }
}
