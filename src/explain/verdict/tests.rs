use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    connector::{Account, Call, Changes, Lane},
    scim::resource::Resource,
    store::{
        UserId,
        users::{Answered, Lease},
    },
};

const NOW: Time = Time::from_micros(1_700_000_000_000_000);

fn account(enabled: bool) -> Account {
    Account {
        id: "7".into(),
        email: "bob@example.com".into(),
        name: "Bob Roe".into(),
        enabled,
        administrator: false,
        written_name: None,
        entitlement: Box::default(),
    }
}

/// A user whose version 3 is at the target.
fn user() -> User {
    let resource = json!({ "userName": "bob@example.com", "active": true });
    User {
        id: UserId::from("u1"),
        app: "aha".into(),
        resource: serde_json::from_value::<Resource>(resource).unwrap(),
        ownership: Ownership::Created,
        version: 3,
        applied_version: 3,
        created_at: NOW,
        modified_at: NOW,
        deleted_at: None,
        account_key: None,
        observed: Observed::Present(account(true)),
        out_of_sight: None,
        observed_at: Some(NOW),
        answered: Answered::Yes,
        fallback: None,
        lane: Lane::Grant,
        due_at: None,
        attempts: 0,
        failure: None,
        held_at: None,
        lease: None,
        touched: 0,
        cause: None,
    }
}

/// The same with version 4 due.
fn due() -> User {
    User { version: 4, due_at: Some(NOW), ..user() }
}

/// The same after attempts that failed.
fn failing(attempts: u32) -> User {
    let due_at = Some(NOW + Duration::from_secs(60));
    User { attempts, failure: Some("Aha! answered 503".into()), due_at, ..due() }
}

fn event(kind: EventKind, detail: &str) -> Recorded {
    Recorded {
        id: String::new(),
        at: NOW,
        kind: Some(kind),
        actor: "okta".into(),
        version: Some(4),
        related: None,
        detail: detail.into(),
    }
}

fn case<'a>(user: Option<&'a User>, events: &'a [Recorded]) -> Case<'a> {
    Case {
        app: "aha",
        target: "Aha!",
        asked_for: "bob",
        user,
        plan: &[],
        groups: &[],
        events,
        has_earlier_events: false,
        lately: &[],
        ahead: 0,
        mode: Mode::Apply,
        drift: Drift::Report,
        arguments: "--config b.toml --app aha",
        now: NOW,
    }
}

#[rstest]
#[case::agreed(user(), "in sync: Aha! agrees with version 3.")]
#[case::unmanaged(User { ownership: Ownership::Unmanaged, ..user() },
    "in sync: no identity provider has written to this user; the account was found at Aha!, and the bridge changes nothing about it.")]
#[case::deleted(User { deleted_at: Some(NOW), observed: Observed::Present(account(false)), ..user() },
    "in sync: it was deleted, and the account is disabled.")]
#[case::deleted_without_an_account(User { deleted_at: Some(NOW), observed: Observed::Absent, ..user() },
    "in sync: it was deleted, and has no account at Aha!.")]
#[case::held(User { held_at: Some(NOW), ..due() },
    "waiting because the brake has held it back since 2023-11-14T22:13:20.000Z: too many people would have lost access at a time. \
     Do: see whether it is meant; `scim-bridge held --config b.toml --app aha release u1` lets it go on, and `scim-bridge held \
     --config b.toml --app aha drop u1` lets the person keep access.")]
#[case::under_a_lease(User { lease: Some(Lease { owner: "w".into(), until: NOW + Duration::from_secs(1) }), ..due() },
    "waiting because it is being worked on just now.")]
#[case::under_a_lease_that_is_over(User { lease: Some(Lease { owner: "w".into(), until: NOW }), ..due() },
    "waiting because it is next (lane grant).")]
#[case::next(due(), "waiting because it is next (lane grant).")]
#[case::overdue(User { due_at: Some(NOW - Duration::from_secs(31)), ..due() },
    "waiting because nobody has taken it up since 2023-11-14T22:12:49.000Z, although it is next. \
     Do: see that `scim-bridge serve` runs with this configuration, and what it logs.")]
#[case::later(User { due_at: Some(NOW + Duration::from_secs(60)), ..due() },
    "waiting because its turn comes at 2023-11-14T22:14:20.000Z.")]
#[case::paced(User { attempts: 0, ..failing(0) },
    "waiting because Aha! answered 503; the next attempt is due at 2023-11-14T22:14:20.000Z.")]
#[case::one_attempt(
    failing(1),
    "waiting because the first attempt failed: Aha! answered 503; the next one is due at 2023-11-14T22:14:20.000Z."
)]
#[case::attempts(
    failing(7),
    "waiting because attempt 7 failed: Aha! answered 503; the next one is due at 2023-11-14T22:14:20.000Z."
)]
#[case::forgotten(User { due_at: None, ..due() },
    "failed because version 4 is not at Aha!, and nothing is planned. Do: let the identity provider write to the user again.")]
#[case::older_work(User { due_at: Some(NOW), ..user() }, "waiting because it is next (lane grant).")]
fn each_state_of_a_row_has_a_verdict(#[case] user: User, #[case] expected: &str) {
    assert_eq!(judge(&case(Some(&user), &[])).to_string(), expected);
}

#[rstest]
#[case::rejected(
    EventKind::Rejected,
    "failed because Aha! answered 503 (attempt 2; the next one is due at 2023-11-14T22:14:20.000Z). \
     Do: correct what the reason names, at the identity provider or at the target; it is tried again by itself."
)]
#[case::blocked(
    EventKind::Blocked,
    "waiting because Aha! answered 503. Nothing is sent until Aha! accepts the credentials; then it goes on by itself."
)]
#[case::failed(
    EventKind::Failed,
    "waiting because attempt 2 failed: Aha! answered 503; the next one is due at 2023-11-14T22:14:20.000Z."
)]
fn how_the_last_attempt_ended_says_whether_it_takes_a_person(
    #[case] kind: EventKind,
    #[case] expected: &str,
) {
    let (user, end) =
        (failing(2), [event(EventKind::Failed, "x"), event(kind, "x"), event(EventKind::Called, "x")]);
    assert_eq!(judge(&case(Some(&user), &end)).to_string(), expected);
}

#[rstest]
#[case::works(EventKind::Applied, "waiting because it is next (lane grant).")]
#[case::says_no(EventKind::Rejected, "waiting because it is next (lane grant).")]
#[case::fails(EventKind::Failed, "waiting because Aha! fails, for others as well: it is down.")]
#[case::refuses(
    EventKind::Blocked,
    "waiting because it is down. Nothing is sent until Aha! accepts the credentials; then it goes on by itself."
)]
fn what_happened_to_others_lately_says_why_nobody_has_come_to_this_one(
    #[case] kind: EventKind,
    #[case] expected: &str,
) {
    let (user, lately) =
        (due(), [event(EventKind::Changed, ""), event(kind, "it is down"), event(EventKind::Applied, "")]);
    assert_eq!(judge(&Case { lately: &lately, ..case(Some(&user), &[]) }).to_string(), expected);
}

#[rstest]
#[case::one(1, "waiting because another user comes first (lane revoke).")]
#[case::some(40, "waiting because 40 others come first (lane revoke).")]
fn the_queue_tells_how_many_come_first(#[case] ahead: u64, #[case] expected: &str) {
    let user = User { lane: Lane::Revoke, due_at: Some(NOW - Duration::from_secs(600)), ..due() };
    assert_eq!(judge(&Case { ahead, ..case(Some(&user), &[]) }).to_string(), expected);
}

#[rstest]
#[case::refused(&[EventKind::Changed, EventKind::Applied, EventKind::Refused], true)]
#[case::taken_back(&[EventKind::Changed, EventKind::Rejected, EventKind::PutBack, EventKind::Joined], true)]
#[case::taken_back_for_want_of_credentials(&[EventKind::Changed, EventKind::Blocked, EventKind::PutBack], true)]
#[case::accepted_since(&[EventKind::Refused, EventKind::Changed, EventKind::Applied], false)]
#[case::rejected_and_done_later(&[EventKind::Changed, EventKind::Promised, EventKind::Rejected, EventKind::Applied], false)]
#[case::nothing(&[], false)]
fn a_request_that_came_to_nothing_is_a_failure_until_another_succeeds(
    #[case] kinds: &[EventKind],
    #[case] is_failure: bool,
) {
    let (user, events) =
        (user(), Vec::from_iter(kinds.iter().map(|kind| event(*kind, "the e-mail is taken"))));
    let expected = if is_failure {
        "failed because the newest request (okta, at 2023-11-14T22:13:20.000Z) came to nothing: the e-mail is taken. Do: correct what \
         the reason names, and let the identity provider try again; until then version 3 stands."
    } else {
        "in sync: Aha! agrees with version 3."
    };
    assert_eq!(judge(&case(Some(&user), &events)).to_string(), expected);
}

#[rstest]
#[case::reported(
    Drift::Report,
    Observed::Present(account(false)),
    "failed because the account was changed at Aha! itself; to agree, the bridge would have to enable account 7. Do: change it \
     back at Aha!, or let the identity provider write to the user again; drift = \"enforce\" does it by itself."
)]
#[case::enforced(
    Drift::Enforce,
    Observed::Present(account(false)),
    "waiting because the account was changed at Aha! itself; to agree, the bridge would have to enable account 7, which the next \
     listing of accounts brings about."
)]
#[case::gone(
    Drift::Enforce,
    Observed::Absent,
    "failed because the account is not at Aha! any more. Do: let the identity provider write to the user again; the bridge \
     invites nobody a second time by itself."
)]
fn what_somebody_changed_at_the_target_is_told(
    #[case] drift: Drift,
    #[case] observed: Observed,
    #[case] expected: &str,
) {
    let user = User { observed, ..user() };
    let changes = Changes { enabled: Some(true), ..Changes::default() };
    let plan = [Call::Update { account: account(false), changes }];
    assert_eq!(judge(&Case { plan: &plan, drift, ..case(Some(&user), &[]) }).to_string(), expected);
}

#[test]
fn in_plan_mode_what_is_to_be_done_waits_for_the_mode() {
    let user = failing(1);
    let verdict = judge(&Case { mode: Mode::Plan, ..case(Some(&user), &[]) });
    assert_eq!(
        verdict.to_string(),
        "waiting because mode is \"plan\": nothing is changed at Aha!. Do: see what would be done with `scim-bridge plan --config \
         b.toml --app aha`; set mode = \"apply\" to do it."
    );
}

#[test]
fn who_never_came_to_be_failed_for_the_reason_of_the_refusal() {
    let refused = [event(EventKind::Refused, "create the user: the e-mail is taken.")];
    assert_eq!(
        judge(&case(None, &refused)).to_string(),
        "failed because there is no such user: the e-mail is taken. Do: correct what the \
         reason names, and let the identity provider try again."
    );
    let gone = [event(EventKind::Found, ""), event(EventKind::Vanished, "")];
    assert_eq!(judge(&case(None, &gone)).to_string(), "in sync: there is no such user any more.");
}
