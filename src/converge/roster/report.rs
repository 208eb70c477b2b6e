//! What the latest pass came to, for people: kept in the database, so that it can be read without a call.

use crate::{
    config::{Drift, Mode},
    store::{
        StoreError, User,
        findings::{self, Finding, FindingKind, Nature},
        roster_passes,
        rosters::{self, Roster},
        users,
    },
};

use super::Target;

/// The report.
#[derive(Clone, Debug)]
pub struct Report {
    /// The latest pass that was completed; `None`: there was none yet.
    pub roster: Option<Roster>,
    /// Why the latest pass was not completed, if it was not.
    pub failure: Option<String>,
    /// What is open, the oldest first.
    pub findings: Vec<Advised>,
}

/// A finding with what an admin can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advised {
    /// The finding.
    pub finding: Finding,
    /// What to do, as sentences.
    pub advice: String,
}

/// The report as it is kept.
///
/// # Errors
/// When the database fails.
pub async fn load(target: &Target) -> Result<Report, StoreError> {
    let (store, app) = (&target.store, target.app.as_str());
    let mut advised = Vec::new();
    for finding in findings::list_open(store, app).await? {
        let user = match &finding.user_id {
            Some(id) => users::find_any(store, app, id).await?,
            None => None,
        };
        let advice = advice(target, &finding, user.as_ref());
        advised.push(Advised { finding, advice });
    }
    Ok(Report {
        roster: rosters::find(store, app).await?,
        failure: roster_passes::find(store, app).await?.failure,
        findings: advised,
    })
}

/// Closes what was told of a change of the account `account_id`, because it is meant to be so. Answers what was closed.
///
/// # Errors
/// When the database fails.
pub async fn accept(target: &Target, account_id: &str) -> Result<Vec<Finding>, StoreError> {
    let (scope, account_id) = (super::Scope::of(target), account_id.to_owned());
    target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let mut accepted = findings::list_open_in(transaction, &scope.app).await?;
                accepted.retain(|finding| {
                    finding.kind.nature() == Nature::Change
                        && finding.account_id.as_deref() == Some(account_id.as_str())
                });
                for finding in &accepted {
                    super::resolve(transaction, &scope, finding, "accepted by a person").await?;
                }
                Ok(accepted)
            })
        })
        .await
}

fn advice(target: &Target, finding: &Finding, user: Option<&User>) -> String {
    let name = target.connector.target();
    let is_drift = finding.kind.nature() == Nature::Drift && finding.kind != FindingKind::Vanished;
    let work = user.filter(|user| is_drift && user.due_at.is_some());
    if let Some(user) = work {
        return match &user.failure {
            Some(failure) => format!("To change it back has failed: {failure}. It is tried again."),
            None => "It is being changed back.".into(),
        };
    }
    let rules = &target.convergence;
    let is_enforced = rules.drift == Drift::Enforce && rules.mode == Mode::Apply;
    let accept = format!(
        "If it is meant to be so: scim-bridge roster --accept {}",
        finding.account_id.as_deref().unwrap_or_default()
    );
    match finding.kind {
        _ if is_drift && is_enforced => "The next pass has it changed back.".into(),
        FindingKind::Disabled => format!(
            "Deactivate the user in the identity provider, or enable the account at {name}. The next change that the \
             identity provider writes to the user enables it as well."
        ),
        FindingKind::Enabled => format!(
            "Disable the account at {name}, or activate the user in the identity provider. The next change that the identity \
             provider writes to the user disables it as well."
        ),
        FindingKind::EmailChanged | FindingKind::EmailOfAnother | FindingKind::NameChanged => format!(
            "Change it back at {name}, or change the user in the identity provider. The next change that the identity \
             provider writes to the user changes it back as well."
        ),
        FindingKind::RoleChanged => format!(
            "Change it back at {name}, or change who is in which group. The next change that the identity provider writes to the \
             user, or to a group that it joins or leaves, changes it back as well."
        ),
        FindingKind::Vanished => {
            "Deactivate the user in the identity provider; or provision it again there, which makes a \
                                  new account and sends an invitation."
                .into()
        }
        FindingKind::SecondAccount => {
            format!("Give one of the two accounts another e-mail at {name}, or disable it there.")
        }
        FindingKind::UserNameTaken => format!(
            "Give the account another e-mail at {name}; or, if it is this user's, change the e-mail in the identity provider."
        ),
        FindingKind::BecameAdministrator => {
            format!("Take the administrator permissions away at {name}. {accept}")
        }
        FindingKind::NoLongerAdministrator => {
            format!("Give the administrator permissions back at {name}. {accept}")
        }
        FindingKind::UnmanagedAdministrator => {
            format!("Assign the person in the identity provider, or disable the account at {name}. {accept}")
        }
        FindingKind::LeaverEnabled => format!(
            "Disable the account at {name}, or assign the person in the identity provider again. {accept}"
        ),
    }
}
