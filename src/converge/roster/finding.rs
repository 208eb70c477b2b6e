//! Opens and resolves findings: the row, the event, and one line of the log each.

use std::time::Duration;

use crate::{
    clock::Time,
    config::Mode,
    store::{
        StoreError, Transaction, UserId,
        events::{self, Event, EventKind, Subject},
        findings::{self, Finding, FindingKind, Nature, Opened},
        notifications::{self, Notice, NotificationKind},
    },
};

use super::{ACTOR, Target};

/// How long after the first finding people are told of it, and of those that come meanwhile.
const TOLD_AFTER: Duration = Duration::from_secs(30);

/// Where and when findings are made.
#[derive(Clone, Debug)]
pub(in crate::converge) struct Scope {
    /// The app.
    pub(in crate::converge) app: String,
    /// What its target is called.
    pub(super) target: String,
    /// Whether anything is changed there.
    pub(super) mode: Mode,
    /// The time.
    pub(in crate::converge) now: Time,
}

impl Scope {
    /// Of `target`, now.
    pub(in crate::converge) fn of(target: &Target) -> Self {
        Self {
            app: target.app.clone(),
            target: target.connector.target().to_owned(),
            mode: target.convergence.mode,
            now: target.clock.now(),
        }
    }
}

/// What was found just now.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) kind: FindingKind,
    pub(super) user_id: Option<UserId>,
    pub(super) account_id: Option<String>,
    pub(super) sentence: String,
}

/// Opens a finding, if it is not open yet.
pub(super) async fn open(
    transaction: &mut Transaction,
    scope: &Scope,
    found: Found,
) -> Result<(), StoreError> {
    let finding = Finding {
        kind: found.kind,
        user_id: found.user_id,
        account_id: found.account_id,
        sentence: found.sentence,
        found_at: scope.now,
        seen_at: scope.now,
        resolved_at: None,
    };
    if findings::open(transaction, &scope.app, &finding).await? == Opened::Before {
        return Ok(());
    }
    tracing::warn!(
        app = scope.app,
        finding.kind = finding.kind.as_str(),
        user.id = finding.user_id.as_ref().map(UserId::as_str),
        account.id = finding.account_id,
        finding = phrase(finding.kind),
        "the target is not as the identity provider asserts"
    );
    notifications::raise(transaction, notice(scope)).await?;
    record(transaction, scope, &finding, EventKind::FindingOpened, phrase(finding.kind)).await
}

/// People are told once of all that a listing finds.
fn notice(scope: &Scope) -> Notice<'_> {
    let text = format!(
        "{} is not as the identity provider asserts; `scim-bridge roster --last` says what it is, and what to do.",
        scope.target
    );
    Notice {
        app: &scope.app,
        kind: NotificationKind::DriftFound,
        occurrence: Some("untold"),
        quiet: Duration::ZERO,
        text,
        at: scope.now,
        due_at: scope.now + TOLD_AFTER,
    }
}

/// Resolves a finding; `why` is a fragment that says what ended it.
pub(in crate::converge) async fn resolve(
    transaction: &mut Transaction,
    scope: &Scope,
    finding: &Finding,
    why: &str,
) -> Result<(), StoreError> {
    if !findings::resolve(transaction, &scope.app, finding, scope.now).await? {
        return Ok(());
    }
    tracing::info!(
        app = scope.app,
        finding.kind = finding.kind.as_str(),
        user.id = finding.user_id.as_ref().map(UserId::as_str),
        account.id = finding.account_id,
        reason = why,
        "a finding is resolved"
    );
    let detail = format!("{}; {why}", phrase(finding.kind));
    record(transaction, scope, finding, EventKind::FindingResolved, &detail).await
}

/// Resolves what is open about the drift of a user.
pub(in crate::converge) async fn resolve_drift_of(
    transaction: &mut Transaction,
    scope: &Scope,
    user_id: &UserId,
    why: &str,
) -> Result<(), StoreError> {
    for finding in findings::list_open_of(transaction, &scope.app, user_id).await? {
        if finding.kind.nature() == Nature::Drift {
            resolve(transaction, scope, &finding, why).await?;
        }
    }
    Ok(())
}

async fn record(
    transaction: &mut Transaction,
    scope: &Scope,
    finding: &Finding,
    kind: EventKind,
    detail: &str,
) -> Result<(), StoreError> {
    // Events are about users; of an account that is nobody's the finding itself is the record.
    let Some(user_id) = &finding.user_id else { return Ok(()) };
    let event = Event::new(&scope.app, Subject::User(user_id), scope.now, kind, ACTOR);
    events::append(transaction, event.detail(detail)).await
}

/// What was found, for logs and events: unlike the sentence it holds nobody's name or address.
const fn phrase(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Disabled => "the account was disabled there",
        FindingKind::Enabled => "the account was enabled there",
        FindingKind::EmailChanged => "the account was given another e-mail there",
        FindingKind::EmailOfAnother => "the account was given the e-mail of another user there",
        FindingKind::NameChanged => "the account was given another name there",
        FindingKind::RoleChanged => "the account's rights were changed there",
        FindingKind::Vanished => "the account is gone",
        FindingKind::SecondAccount => "there is a second account with the e-mail of this user",
        FindingKind::UserNameTaken => "there is an account whose e-mail is the userName of this user",
        FindingKind::BecameAdministrator => "the account became an administrator there",
        FindingKind::NoLongerAdministrator => "the account is not an administrator any more",
        FindingKind::UnmanagedAdministrator => {
            "the account is a new administrator, and no identity provider manages it"
        }
        FindingKind::LeaverEnabled => {
            "the account was enabled there after the identity provider had deleted its user"
        }
    }
}
