//! Desired against observed, where every user is an account of its own and only access matters.

use crate::connector::{Call, Changes, Desired, Observed};

/// The calls that remain. Names and e-mails live in the SCIM resource alone; this target has no use for them.
pub(super) fn plan(desired: &Desired, observed: &Observed) -> Vec<Call> {
    match observed {
        Observed::Unknown | Observed::Absent | Observed::Suspected { .. } if desired.enabled => {
            vec![Call::Create { email: desired.email.clone(), name: desired.name_for_create(), into: None }]
        }
        Observed::Unknown | Observed::Absent | Observed::Suspected { .. } => Vec::new(),
        Observed::Present(account) if account.enabled == desired.enabled => Vec::new(),
        Observed::Present(account) | Observed::Uncertain { account, .. } => {
            let changes = Changes { enabled: Some(desired.enabled), ..Changes::default() };
            vec![Call::Update { account: account.clone(), changes }]
        }
    }
}
