//! What is looked at again before it is believed.
//!
//! A create whose answer is lost, or a process that dies with one under way, may have made an account, and sent an invitation.
//! So the row says under which e-mail before the create is sent ([`note`]), and that e-mail is looked up before
//! anything else is done, however the user is called by then. A look-up that finds nothing too early proves nothing: the
//! create may still be on its way.
//!
//! Nor is an account gone because a call said so ([`look_again`]), or absent because it is not spelled as we
//! would have it where one may have been made.

use crate::{
    clock::{Time, until},
    connector::{Account, Call, Desired, Lane, Observed, TargetError, rights::Given},
    scim::fold::fold,
    store::{StoreError, User},
};

use super::{
    Target,
    convergence::PERMIT_WAIT,
    settle::{self, Noted},
};

/// What a look-up that found nothing means.
pub(super) enum NothingFound {
    /// This is known now.
    Seen(Observed),
    /// An account may still come into being until then.
    TooEarly(Time),
}

/// What it means that a look-up for `email`, sent at `looked_at` because of what was `observed`, found nothing.
pub(super) fn nothing_found(
    email: &str,
    looked_at: Time,
    observed: &Observed,
    desired: &Desired,
) -> NothingFound {
    if let Observed::Suspected { until, .. } = observed
        && looked_at < *until
    {
        return NothingFound::TooEarly(*until);
    }
    let folded = fold(email);
    NothingFound::Seen(
        if let Observed::Suspected { given, .. } = observed
            && folded != email
        {
            // A target that keeps e-mails in lower case may compare them to the letter.
            Observed::Suspected { email: folded.into_owned(), until: looked_at, given: given.clone() }
        } else if folded != fold(&desired.email) {
            Observed::Unknown
        } else {
            Observed::Absent
        },
    )
}

/// Makes it known that `call` is about to be sent, if it is a create: from now on there may be an account; or if it gives a
/// right: from now on it is the bridge's to take away. The call must not be made unless it is [noted](Noted::Yes).
pub(super) async fn note(target: &Target, user: &mut User, call: &Call) -> Result<Noted, StoreError> {
    let before = user.observed.clone();
    match call {
        // Where no two users are ever one account, there is nothing to look up either.
        Call::Create { .. } if user.account_key.is_none() => return Ok(Noted::Yes),
        Call::Create { email, into, .. } => {
            let until = target.in_doubt_until(target.clock.now());
            let mut given = Box::<Given>::default();
            given.rights.workspaces.extend(into.clone());
            user.observed = Observed::Suspected { email: email.clone(), until, given };
        }
        Call::ChangeRight { account, change } => {
            let mut begun = account.clone();
            begun.entitlement.begin(change);
            if begun == *account {
                return Ok(Noted::Yes);
            }
            user.observed = match &user.observed {
                Observed::Uncertain { until, .. } => Observed::Uncertain { account: begun, until: *until },
                _ => Observed::Present(begun),
            };
        }
        Call::Find { .. } | Call::Update { .. } | Call::Delete { .. } => return Ok(Noted::Yes),
    }
    let noted = settle::noted(target, user).await?;
    if noted != Noted::Yes {
        user.observed = before;
    }
    Ok(noted)
}

/// Why an account is looked at before anything is said about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Something older may have changed its rights after what was said last, which shows by now.
    RightsAreOver,
    /// Whoever worked on it is gone. Only rights were to be changed then: to say all of it again would undo what somebody did to it
    /// by hand.
    RightsAreUnknown {
        /// Until when a call may take effect that was sent.
        until: Time,
    },
}

/// The account of `user` that is to be looked at first, and why; `taken_over` says whether somebody had the user whose work did not end.
pub(super) fn to_look_at(target: &Target, user: &User, taken_over: bool) -> Option<(Account, Reason)> {
    target.connector.directory()?;
    match &user.observed {
        Observed::Present(account) => {
            let until = account.entitlement.look_at()?;
            let mut account = account.clone();
            account.entitlement.forget_what_no_look_tells();
            (until <= target.clock.now()).then_some((account, Reason::RightsAreOver))
        }
        Observed::Uncertain { account, until } if taken_over && !user.is_pending() => {
            Some((account.clone(), Reason::RightsAreUnknown { until: *until }))
        }
        _ => None,
    }
}

/// What is known of an account that was `before`, now that it was `looked` at.
pub(super) fn seen(before: Observed, looked: Observed, reason: Reason) -> Observed {
    match (looked, reason) {
        (Observed::Present(mut account), Reason::RightsAreOver) => {
            account.entitlement.is_certain();
            Observed::Present(account)
        }
        (Observed::Present(mut account), Reason::RightsAreUnknown { until }) => {
            // Something else was out as well if it is another one than it was.
            let is_as_before = before.account().is_some_and(|before| before.is_same_but_for_rights(&account));
            if !is_as_before {
                return before;
            }
            account.entitlement.doubt(until);
            Observed::Present(account)
        }
        (looked, _) => looked,
    }
}

/// What is known of an account after a call of it said that it is not there.
///
/// # Errors
/// As the look-up fails.
pub(super) async fn look_again(target: &Target, account: &Account) -> Result<Observed, TargetError> {
    let gone = || Observed::Suspected {
        email: account.email.clone(),
        until: target.clock.now(),
        given: Box::default(),
    };
    let Some(directory) = target.connector.directory() else { return Ok(gone()) };
    let permit = target.budget.permit(Lane::Revoke);
    let Some(mut permit) = until(&*target.clock, target.clock.now() + PERMIT_WAIT, permit).await else {
        return Err(TargetError::RateLimited { until: None });
    };
    let found = directory.find_account(&account.id, &mut permit).await;
    target.heed(permit, &found).await;
    Ok(found?.map_or_else(gone, |found| Observed::Present(found.remembering(account))))
}
