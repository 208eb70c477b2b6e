//! What every connector must hold, as one suite that each of them runs.
//!
//! A connector brings a [`Harness`] and calls [`conformance!`] with a function that starts one. What a target cannot do
//! (hold accounts that the bridge did not make, fail on order) its harness says, and what follows from it is passed over.

use std::collections::HashSet;

use proptest::{prelude::*, test_runner::TestRunner};

use super::{
    Account, Call, Changes, Connector, Desired, Name, Observed, TargetError, allowance::Unlimited,
    error::RejectionKind,
};

/// More calls than any difference takes; the worker gives up at the same number.
const MOST_CALLS: usize = 6;

/// A connector, and its target seen from behind.
pub(super) trait Harness: Send + Sync {
    /// The connector under test.
    fn connector(&self) -> &dyn Connector;

    /// Makes an account by hand. `None` where the target holds none that the bridge did not make.
    fn seed(&self, email: &str, name: &Name, enabled: bool) -> Option<String>;

    /// The e-mails of all accounts that can log in; `None` where the target holds none of its own.
    fn enabled_emails(&self) -> Option<Vec<String>>;

    /// How many invitations the target sent so far.
    fn invitations(&self) -> usize;

    /// Makes the next call fail. `false` where the target never fails so.
    fn fail(&self, failure: Failure) -> bool;
}

/// How a call can fail at any target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The credentials are not accepted.
    CredentialsRefused,
    /// Too many calls.
    RateLimited,
    /// An error inside the target.
    Outage,
    /// An answer with status 200 that is not the target's API: a maintenance page.
    NotItsApi,
    /// The call is applied, and the answer gets lost.
    AnswerLost,
}

/// Makes a test of each function of the suite. `$start` is an async function that answers a fresh [`Harness`].
macro_rules! conformance {
    ($start:expr) => {
        conformance!(@tests $start;
            a_user_who_is_known_to_be_as_desired_takes_no_call
            a_look_up_goes_before_a_create
            who_has_no_access_and_no_account_gets_none
            a_disable_an_enable_and_an_update_take_one_call_each
            a_disable_changes_nothing_else
            who_is_deleted_loses_access_in_one_call_and_comes_back_with_one_account
            an_account_that_exists_is_adopted_without_an_invitation
            a_call_that_is_made_twice_does_what_it_does_once
            a_create_whose_answer_is_lost_leads_to_one_account_and_one_invitation
            accounts_are_told_apart_without_case
            the_directory_lists_every_account_once
            a_failure_says_what_it_means_for_the_work
        );

        #[test]
        fn any_desired_state_is_reached_within_six_calls_from_whatever_was_seen() {
            $crate::connector::conformance::any_desired_state_is_reached($start);
        }
    };
    (@tests $start:expr; $($name:ident)+) => {$(
        #[tokio::test]
        async fn $name() {
            $crate::connector::conformance::$name(&$start().await).await;
        }
    )+};
}
pub(super) use conformance;

fn desired(email: &str) -> Desired {
    Desired {
        email: email.into(),
        given_name: Some("Sam".into()),
        family_name: Some("Doe".into()),
        enabled: true,
        deleted: false,
        asks: None,
    }
}

fn leaver(email: &str) -> Desired {
    Desired { enabled: false, ..desired(email) }
}

/// Does what the bridge's worker does: plans, makes the first call, plans again. That there was no account is looked up
/// anew each time. Answers what was seen last, and the calls.
async fn converge(
    harness: &impl Harness,
    desired: &Desired,
    mut observed: Observed,
) -> Result<(Observed, Vec<Call>), TargetError> {
    let mut calls = Vec::new();
    if observed == Observed::Absent {
        observed = Observed::Unknown;
    }
    while let Some(call) = harness.connector().plan(desired, &observed).into_iter().next() {
        assert!(calls.len() < MOST_CALLS, "{desired:?} is not reached with {calls:?}");
        observed = harness.connector().perform(&call, &mut Unlimited).await?;
        calls.push(call);
    }
    Ok((observed, calls))
}

/// Makes an account and answers it as it is seen then.
async fn account(harness: &impl Harness, email: &str) -> Account {
    let (observed, _) = converge(harness, &desired(email), Observed::Unknown).await.unwrap();
    observed.account().expect("who has access has an account").clone()
}

pub(super) async fn a_user_who_is_known_to_be_as_desired_takes_no_call(harness: &impl Harness) {
    let sam = desired("sam@example.com");
    let (observed, _) = converge(harness, &sam, Observed::Unknown).await.unwrap();
    assert_eq!(harness.connector().plan(&sam, &observed), []);
    let (_, calls) = converge(harness, &sam, observed).await.unwrap();
    assert_eq!(calls, []);
}

pub(super) async fn a_look_up_goes_before_a_create(harness: &impl Harness) {
    let can_exist = harness.seed("other@example.com", &Name::split("Some Other"), true).is_some();
    let plan = harness.connector().plan(&desired("sam@example.com"), &Observed::Unknown);
    let names: Vec<_> = plan.iter().map(Call::name).collect();
    assert_eq!(names, if can_exist { ["find", "create"].as_slice() } else { &["create"] });
    let (_, calls) = converge(harness, &desired("sam@example.com"), Observed::Unknown).await.unwrap();
    assert_eq!(calls, plan, "the forecast is what is needed");
}

pub(super) async fn who_has_no_access_and_no_account_gets_none(harness: &impl Harness) {
    for observed in [Observed::Unknown, Observed::Absent] {
        let (observed, calls) = converge(harness, &leaver("sam@example.com"), observed).await.unwrap();
        assert_eq!(observed.account(), None);
        assert!(calls.iter().all(|call| call.name() == "find"), "{calls:?}");
    }
    assert_eq!(harness.invitations(), 0);
}

pub(super) async fn a_disable_an_enable_and_an_update_take_one_call_each(harness: &impl Harness) {
    let mut observed = Observed::Present(account(harness, "sam@example.com").await);
    let renamed = Desired { family_name: Some("Jones".into()), ..desired("sam.jones@example.com") };
    let back = Desired { given_name: Some("Samuel".into()), ..renamed.clone() };
    for wanted in [desired("sam@example.com"), renamed, leaver("sam@example.com"), back] {
        let plan = harness.connector().plan(&wanted, &observed);
        assert!(plan.len() <= 1, "{plan:?}");
        (observed, _) = converge(harness, &wanted, observed).await.unwrap();
        assert_eq!(observed.account().map(|account| account.enabled), Some(wanted.enabled));
    }
    assert!(harness.invitations() <= 1);
}

pub(super) async fn a_disable_changes_nothing_else(harness: &impl Harness) {
    let account = account(harness, "sam@example.com").await;
    let other =
        Desired { given_name: Some("X".into()), family_name: None, ..leaver("new.address@example.com") };
    let plan = harness.connector().plan(&other, &Observed::Present(account.clone()));
    let changes = Changes { enabled: Some(false), ..Changes::default() };
    assert_eq!(plan, [Call::Update { account: account.clone(), changes }]);
    let (observed, _) = converge(harness, &other, Observed::Present(account.clone())).await.unwrap();
    // What it answers may tell more of the account's rights than was known.
    let entitlement = observed.account().map(|account| account.entitlement.clone()).unwrap_or_default();
    assert_eq!(observed, Observed::Present(Account { enabled: false, entitlement, ..account }));
}

pub(super) async fn who_is_deleted_loses_access_in_one_call_and_comes_back_with_one_account(
    harness: &impl Harness,
) {
    let sam = desired("sam@example.com");
    let deleted = Desired { deleted: true, ..leaver("sam@example.com") };
    let enabled = Observed::Present(account(harness, &sam.email).await);
    let (disabled, _) = converge(harness, &leaver(&sam.email), enabled.clone()).await.unwrap();
    let (enabled, _) = converge(harness, &sam, disabled).await.unwrap();
    let (gone, calls) = converge(harness, &deleted, enabled).await.unwrap();
    assert_eq!(calls.len(), 1);
    assert!(calls.iter().all(Call::revokes), "{calls:?}");
    assert!(gone.account().is_none_or(|account| !account.enabled), "{gone:?}");
    assert_eq!(harness.connector().plan(&deleted, &gone), []);
    let (back, _) = converge(harness, &sam, gone).await.unwrap();
    assert!(back.account().is_some_and(|account| account.enabled), "{back:?}");
    let same = |emails: Vec<String>| emails.iter().filter(|email| **email == sam.email).count();
    assert!(harness.enabled_emails().is_none_or(|emails| same(emails) == 1));
}

pub(super) async fn an_account_that_exists_is_adopted_without_an_invitation(harness: &impl Harness) {
    for (email, enabled) in [("sam@example.com", true), ("pat@example.com", false)] {
        let Some(id) = harness.seed(email, &Name::split("Sam Doe"), enabled) else { return };
        let found = harness
            .connector()
            .perform(&Call::Find { email: email.to_uppercase() }, &mut Unlimited)
            .await
            .unwrap();
        let account = found.account().expect("it was made by hand");
        assert_eq!((account.id.as_str(), account.enabled), (id.as_str(), enabled));
        let (observed, calls) = converge(harness, &desired(email), Observed::Unknown).await.unwrap();
        assert_eq!(
            observed.account().map(|account| (account.id.as_str(), account.enabled)),
            Some((&*id, true))
        );
        assert_eq!(calls.len(), if enabled { 1 } else { 2 });
    }
    assert_eq!(harness.invitations(), 0);
}

pub(super) async fn a_call_that_is_made_twice_does_what_it_does_once(harness: &impl Harness) {
    let account = account(harness, "sam@example.com").await;
    for changes in [
        Changes { enabled: Some(false), ..Changes::default() },
        Changes { enabled: Some(true), family_name: Some("Jones".into()), ..Changes::default() },
        Changes { email: Some("jones@example.com".into()), ..Changes::default() },
    ] {
        let call = Call::Update { account: account.clone(), changes };
        let once = harness.connector().perform(&call, &mut Unlimited).await.unwrap();
        assert_eq!(harness.connector().perform(&call, &mut Unlimited).await.unwrap(), once);
    }
    let find = Call::Find { email: "jones@example.com".into() };
    let once = harness.connector().perform(&find, &mut Unlimited).await.unwrap();
    assert_eq!(harness.connector().perform(&find, &mut Unlimited).await.unwrap(), once);
}

pub(super) async fn a_create_whose_answer_is_lost_leads_to_one_account_and_one_invitation(
    harness: &impl Harness,
) {
    let sam = desired("sam@example.com");
    let create = Call::Create { email: sam.email.clone(), name: sam.name_for_create(), into: None };
    if !harness.fail(Failure::AnswerLost) {
        return;
    }
    let error = harness.connector().perform(&create, &mut Unlimited).await.unwrap_err();
    assert!(matches!(error, TargetError::Unavailable { .. }), "{error:?}");
    let (observed, calls) = converge(harness, &sam, Observed::Unknown).await.unwrap();
    assert!(observed.account().is_some_and(|account| account.enabled));
    assert!(calls.iter().all(|call| call.name() != "create"), "{calls:?}");
    assert_eq!(harness.invitations(), 1);
}

pub(super) async fn accounts_are_told_apart_without_case(harness: &impl Harness) {
    let key = |email| harness.connector().account_key(&desired(email));
    assert_eq!(key("Sam.Doe@Example.COM"), key("sam.doe@example.com"));
    assert_eq!(key("JÖRG@example.com"), key("jörg@example.com"));
    assert_eq!(key("sam@example.com").is_some(), key("pat@example.com") != key("sam@example.com"));
    let (observed, _) = converge(harness, &desired("sam@example.com"), Observed::Unknown).await.unwrap();
    assert_eq!(harness.connector().plan(&desired("SAM@example.com"), &observed), []);
}

pub(super) async fn the_directory_lists_every_account_once(harness: &impl Harness) {
    let Some(directory) = harness.connector().directory() else { return };
    let mut seeded = HashSet::new();
    for number in 0..450 {
        let email = format!("person{number}@example.com");
        seeded.insert(
            harness.seed(&email, &Name::split("Some Body"), number % 3 > 0).expect("it can be listed"),
        );
    }
    let mut listed = Vec::new();
    let mut number = 1;
    let last = loop {
        let page = directory.accounts(number, &mut Unlimited).await.unwrap();
        listed.extend(page.accounts.iter().map(|account| account.id.clone()));
        if number >= page.total_pages {
            break page;
        }
        number += 1;
    };
    let distinct: HashSet<_> = listed.iter().cloned().collect();
    assert_eq!(distinct.len(), listed.len(), "none is listed twice");
    assert_eq!(last.total_accounts, listed.len() as u64);
    assert!(seeded.is_subset(&distinct));

    let one = listed.last().unwrap();
    assert_eq!(
        directory.find_account(one, &mut Unlimited).await.unwrap().map(|account| account.id).as_ref(),
        Some(one)
    );
    assert_eq!(directory.find_account("1", &mut Unlimited).await.unwrap(), None);
    let owner = directory.credentials_owner(&mut Unlimited).await.unwrap();
    assert!(
        owner.account_id.is_none_or(|id| distinct.contains(&id)),
        "an account of the owner of the credentials is listed"
    );
}

pub(super) async fn a_failure_says_what_it_means_for_the_work(harness: &impl Harness) {
    for failure in [
        Failure::CredentialsRefused,
        Failure::RateLimited,
        Failure::Outage,
        Failure::NotItsApi,
        Failure::AnswerLost,
    ] {
        if !harness.fail(failure) {
            continue;
        }
        let find = Call::Find { email: "sam@example.com".into() };
        let error = harness.connector().perform(&find, &mut Unlimited).await.unwrap_err();
        let is_right = match failure {
            Failure::CredentialsRefused => matches!(error, TargetError::CredentialsRefused { .. }),
            Failure::RateLimited => matches!(error, TargetError::RateLimited { .. }),
            Failure::Outage | Failure::NotItsApi | Failure::AnswerLost => {
                matches!(error, TargetError::Unavailable { .. })
            }
        };
        assert!(is_right, "{failure:?} is {error:?}");
        assert!(harness.connector().perform(&find, &mut Unlimited).await.is_ok(), "it passes");
    }
}

/// One thing that happens to a user.
#[derive(Clone, Debug)]
enum Step {
    /// The IdP wants this, and the bridge sees to it.
    Want(Desired),
    /// What was seen is forgotten, as after a call whose answer was lost.
    Forget,
    /// Somebody makes an account with this e-mail by hand.
    Seed(String, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let email = || prop::sample::select(vec!["sam@example.com", "Sam@Example.com", "sam.doe@example.com"]);
    let name = || prop::option::of(prop::sample::select(vec!["Sam", "Mary Ann", "Doe", "私"]));
    let access = || prop::sample::select(vec![(true, false), (true, false), (false, false), (false, true)]);
    let want = (email(), name(), name(), access()).prop_map(|(email, given, family, (enabled, deleted))| {
        Step::Want(Desired {
            email: email.into(),
            given_name: given.map(Into::into),
            family_name: family.map(Into::into),
            enabled,
            deleted,
            asks: None,
        })
    });
    let seed =
        (email(), any::<bool>()).prop_map(|(email, enabled)| Step::Seed(email.to_lowercase(), enabled));
    prop::collection::vec(prop_oneof![6 => want, 2 => Just(Step::Forget), 1 => seed], 1..8)
}

pub(super) fn any_desired_state_is_reached<H: Harness, F: Future<Output = H>>(start: impl Fn() -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() });
    let result = runner.run(&steps(), |steps| {
        runtime.block_on(async { live_through(&start().await, steps).await });
        Ok(())
    });
    result.unwrap();
}

async fn live_through(harness: &impl Harness, steps: Vec<Step>) {
    let mut observed = Observed::Unknown;
    let mut seeded = HashSet::new();
    for step in steps {
        match step {
            Step::Forget => observed = Observed::Unknown,
            // An e-mail has one account at most, as targets see to it themselves.
            Step::Seed(email, enabled) => {
                let is_free = harness.enabled_emails().is_some_and(|all| !all.contains(&email));
                let find = Call::Find { email: email.clone() };
                let is_free = is_free
                    && seeded.insert(email.clone())
                    && harness.connector().perform(&find, &mut Unlimited).await.unwrap() == Observed::Absent;
                if is_free {
                    harness.seed(&email, &Name::split("Sam Doe"), enabled);
                }
            }
            Step::Want(desired) => match converge(harness, &desired, observed.clone()).await {
                Ok((seen, _)) => {
                    assert_reached(harness, &desired, &seen);
                    observed = seen;
                }
                // The e-mail is another account's.
                Err(TargetError::Rejected { rejection: RejectionKind::Conflict, .. }) => {}
                Err(error) => panic!("{desired:?}: {error:?}"),
            },
        }
    }
}

fn assert_reached(harness: &impl Harness, desired: &Desired, seen: &Observed) {
    assert_eq!(
        seen.account().is_some_and(|account| account.enabled),
        desired.enabled,
        "{desired:?}: {seen:?}"
    );
    let (Some(emails), true) = (harness.enabled_emails(), desired.enabled) else { return };
    let same = emails.iter().filter(|email| email.eq_ignore_ascii_case(&desired.email)).count();
    assert_eq!(same, 1, "{desired:?}: {emails:?}");
}
