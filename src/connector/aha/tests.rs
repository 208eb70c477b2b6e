//! The connector against the simulated Aha!: the suite of all connectors, and what is Aha!'s own.

use std::{sync::Arc, time::Duration};

use rstest::rstest;
use serde_json::json;

use super::{
    super::conformance::{Failure, Harness, conformance},
    *,
};
use crate::{
    clock::{ManualClock, SystemClock, Time},
    config::{self, Config},
    connector::{Changes, Name, RateReport, allowance::Unlimited, api_key::KeptApiKey, error::RejectionKind},
    sim::{
        RunningSimulator,
        aha::{
            DEMO_API_KEY, Fault, Person, SimulatedAha, Switches,
            switches::{
                DisabledUsers, DuplicateEmail, EmailFilter, PutAnswer, RateRules, StoredEmail,
                ValidationStatus,
            },
        },
    },
};

/// A connector with its Aha! account, which has an administrator and the workspace `PRJ1`.
struct Bench {
    aha: SimulatedAha,
    connector: Aha,
    _running: RunningSimulator,
}

async fn start() -> Bench {
    start_with(Switches::default(), Arc::new(SystemClock)).await
}

async fn start_with(switches: Switches, clock: Arc<dyn Clock>) -> Bench {
    let aha = SimulatedAha::new(Switches { rate: RateRules::unlimited(), ..switches }, clock.clone());
    aha.add_workspace("PRJ1", "Project 1");
    aha.add_api_key(DEMO_API_KEY, aha.seed(Person::new("Key", "Owner", "owner@example.com").administrator()));
    let running = aha.start().await.unwrap();
    let text = format!(
        "[apps.test]\nconnector = 'aha'\nbase_url = '{}'\napi_key = '{DEMO_API_KEY}'\ndefault_workspace = 'PRJ1'\n\
         tokens = [{{ name = 'idp', token = 'test-token-0123456789abcdef0123456789abcdef' }}]\n",
        running.base_url()
    );
    let config = Config::parse(&text, "test.toml", std::path::Path::new("."), &|_| None).unwrap();
    let config::Connector::Aha(config) = config.apps.into_values().next().unwrap().connector else {
        panic!("the app above is an Aha! account");
    };
    let config::TargetCredentials::ApiKey(api_key) = config.account.credentials.clone() else {
        panic!("the app above has an API key");
    };
    let credentials = Arc::new(KeptApiKey::new("test", "Aha!", api_key));
    Bench { connector: Aha::new("test", *config, credentials, clock).unwrap(), aha, _running: running }
}

impl Harness for Bench {
    fn connector(&self) -> &dyn Connector {
        &self.connector
    }

    fn seed(&self, email: &str, name: &Name, enabled: bool) -> Option<String> {
        let person = Person::new(&name.given, &name.family, email);
        Some(self.aha.seed(if enabled { person } else { person.disabled() }).to_string())
    }

    fn enabled_emails(&self) -> Option<Vec<String>> {
        Some(self.aha.users().into_iter().filter(|user| user.enabled).map(|user| user.email).collect())
    }

    fn invitations(&self) -> usize {
        self.aha.invitations().len()
    }

    fn fail(&self, failure: Failure) -> bool {
        self.aha.fault(match failure {
            Failure::CredentialsRefused => Fault::unauthorized(),
            Failure::RateLimited => Fault::too_many_requests(),
            Failure::Outage => Fault::html(503),
            Failure::NotItsApi => Fault::html(200),
            Failure::AnswerLost => Fault::drop_connection().after_applying(),
        });
        true
    }
}

conformance!(start);

/// Counts what is spent and told.
#[derive(Default)]
struct Purse {
    spent: usize,
    reports: Vec<RateReport>,
}

impl Allowance for Purse {
    fn spend(&mut self) -> BoxFuture<'_, ()> {
        self.spent += 1;
        std::future::ready(()).boxed()
    }

    fn note(&mut self, report: RateReport) {
        self.reports.push(report);
    }
}

#[tokio::test]
async fn each_call_that_is_sent_is_charged_and_tells_how_the_limit_stands() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let switches = Switches { email_filter: EmailFilter::Partial, ..Switches::default() };
    let bench = start_with(switches, Arc::new(clock.clone())).await;
    for number in 0..70 {
        bench.aha.seed(Person::new("Some", "Body", &format!("p{number}@example.com")));
    }
    bench.aha.change(|switches| switches.rate = RateRules::default());
    let mut purse = Purse::default();
    assert_eq!(bench.connector.perform(&find("example.com"), &mut purse).await.unwrap(), Observed::Absent);
    assert_eq!((purse.spent, bench.aha.calls().len()), (3, 3), "three pages");
    let left: Vec<_> = purse.reports.iter().map(|report| (report.limit, report.remaining)).collect();
    assert_eq!(left, [(300, 299), (300, 298), (300, 297)]);
    assert_eq!(purse.reports[0].resets_at, clock.now() + Duration::from_secs(60));

    let directory = bench.connector.directory().unwrap();
    directory.accounts(1, &mut purse).await.unwrap();
    directory.find_account("1", &mut purse).await.unwrap();
    directory.credentials_owner(&mut purse).await.unwrap();
    bench.connector.perform(&create("sam@example.com"), &mut purse).await.unwrap();
    assert_eq!((purse.spent, purse.reports.len(), bench.aha.calls().len()), (7, 7, 7));

    // An account of long ago is looked at again after a create that answered with it.
    clock.advance(Duration::from_secs(60 * 60));
    bench.connector.perform(&create("sam@example.com"), &mut purse).await.unwrap();
    assert_eq!((purse.spent, bench.aha.calls().len()), (9, 9));
}

fn create(email: &str) -> Call {
    Call::Create { email: email.into(), name: Name { given: "Sam".into(), family: "Doe".into() }, into: None }
}

fn find(email: &str) -> Call {
    Call::Find { email: email.into() }
}

/// The error of a look-up that Aha! answers so.
async fn failure_of(fault: Fault) -> TargetError {
    let bench = start().await;
    bench.aha.fault(fault);
    bench.connector.perform(&find("sam@example.com"), &mut Unlimited).await.unwrap_err()
}

fn rejection(error: &TargetError) -> Option<RejectionKind> {
    match error {
        TargetError::Rejected { rejection, .. } => Some(*rejection),
        _ => None,
    }
}

#[rstest]
#[case::bad_request(Fault::json(400, &json!({ "error": "Validation failed" })), Some(RejectionKind::Invalid))]
#[case::unprocessable(Fault::json(422, &json!({ "errors": [{ "message": "Email has already been taken" }] })), Some(RejectionKind::Conflict))]
#[case::no_reason(Fault::html(418), Some(RejectionKind::Invalid))]
#[case::forbidden(Fault::json(403, &json!({ "error": "No" })), Some(RejectionKind::Forbidden))]
#[case::not_an_administrator(Fault::json(404, &json!({ "error": "Record not found." })), Some(RejectionKind::Forbidden))]
#[case::no_api_here(Fault::html(404), None)]
#[case::request_timeout(Fault::html(408), None)]
#[case::moved(Fault::html(301), None)]
#[case::broken(Fault::json(500, &json!({ "error": "Oops" })), None)]
#[case::cut(Fault::truncate(), None)]
#[case::half(Fault::halve(), None)]
#[case::nothing(Fault::drop_connection(), None)]
#[tokio::test]
async fn an_answer_is_a_no_for_good_or_worth_trying_again(
    #[case] fault: Fault,
    #[case] expected: Option<RejectionKind>,
) {
    let error = failure_of(fault).await;
    assert_eq!(rejection(&error), expected, "{error:?}");
    assert_eq!(matches!(error, TargetError::Unavailable { .. }), expected.is_none(), "{error:?}");
}

#[rstest]
#[case::retry_after(Fault::too_many_requests().header("retry-after", "7"), Some(7))]
#[case::reset(Fault::too_many_requests().header("x-ratelimit-reset", "1700000030"), Some(30))]
#[case::both(Fault::too_many_requests().header("retry-after", "7").header("x-ratelimit-reset", "1700000030"), Some(7))]
#[case::neither(Fault::too_many_requests(), None)]
#[case::nonsense(Fault::too_many_requests().header("retry-after", "soon"), None)]
#[tokio::test]
async fn a_429_says_when_calls_are_possible_again(#[case] fault: Fault, #[case] seconds: Option<u64>) {
    let now = Time::from_micros(1_700_000_000_000_000);
    let bench = start_with(Switches::default(), Arc::new(ManualClock::new(now))).await;
    bench.aha.fault(fault);
    let error = bench.connector.perform(&find("sam@example.com"), &mut Unlimited).await.unwrap_err();
    let until = seconds.map(|seconds| now + Duration::from_secs(seconds));
    assert_eq!(error, TargetError::RateLimited { until });
}

#[tokio::test]
async fn a_404_of_a_user_a_workspace_and_the_list_are_told_apart() {
    let bench = start().await;
    let Observed::Present(sam) =
        bench.connector.perform(&create("sam@example.com"), &mut Unlimited).await.unwrap()
    else {
        panic!("it was made");
    };
    let not_found = || Fault::json(404, &json!({ "error": "Record not found." }));
    bench.aha.fault(not_found());
    let changes = Changes { enabled: Some(false), ..Changes::default() };
    let error =
        bench.connector.perform(&Call::Update { account: sam, changes }, &mut Unlimited).await.unwrap_err();
    assert!(matches!(error, TargetError::AccountNotFound { .. }), "{error:?}");
    bench.aha.fault(not_found());
    let error = bench.connector.perform(&create("pat@example.com"), &mut Unlimited).await.unwrap_err();
    assert_eq!(rejection(&error), Some(RejectionKind::Invalid));
    assert!(error.to_string().contains("PRJ1"), "{error}");
}

#[tokio::test]
async fn two_users_with_one_email_are_a_conflict_that_names_it() {
    let bench = start().await;
    bench.aha.seed(Person::new("Sam", "Doe", "sam@example.com"));
    bench.aha.seed(Person::new("Sam", "Doe", "SAM@example.com"));
    let error = bench.connector.perform(&find("sam@example.com"), &mut Unlimited).await.unwrap_err();
    assert_eq!(rejection(&error), Some(RejectionKind::Conflict));
    assert!(error.to_string().contains("2 users with the e-mail sam@example.com"), "{error}");
}

#[tokio::test]
async fn a_search_that_matches_parts_of_addresses_is_followed_to_the_one_that_is_looked_for() {
    let switches = Switches { email_filter: EmailFilter::Partial, ..Switches::default() };
    let bench = start_with(switches, Arc::new(SystemClock)).await;
    for number in 0..70 {
        bench.aha.seed(Person::new("Not", "She", &format!("p{number}.ann@example.com")));
    }
    let ann = bench.aha.seed(Person::new("Ann", "Lee", "ann@example.com")).to_string();
    let found = bench.connector.perform(&find("ann@example.com"), &mut Unlimited).await.unwrap();
    assert_eq!(found.account().map(|account| account.id.clone()), Some(ann));
    assert_eq!(
        bench.connector.perform(&find("nn@example.com"), &mut Unlimited).await.unwrap(),
        Observed::Absent
    );
}

#[rstest]
#[case::stored_in_lower_case(Switches { stored_email: StoredEmail::LowerCased, ..Switches::default() })]
#[case::wrapped_update(Switches { put_answer: PutAnswer::Wrapped, ..Switches::default() })]
#[case::duplicates_refused(Switches { duplicate_email: DuplicateEmail::Refuse, ..Switches::default() })]
#[case::unprocessable(Switches { validation_status: ValidationStatus::UnprocessableEntity, ..Switches::default() })]
#[case::exact_filter(Switches { email_filter: EmailFilter::Exact, ..Switches::default() })]
#[case::disabled_are_hidden(Switches { disabled_users: DisabledUsers::Hidden, ..Switches::default() })]
#[tokio::test]
async fn a_person_joins_changes_leaves_and_returns_whatever_aha_does_where_its_documents_are_silent(
    #[case] switches: Switches,
) {
    let bench = start_with(switches, Arc::new(SystemClock)).await;
    let sam = Desired {
        email: "Sam.Doe@example.com".into(),
        given_name: Some("Sam".into()),
        family_name: Some("Doe".into()),
        enabled: true,
        deleted: false,
        asks: None,
    };
    let married =
        Desired { family_name: Some("Jones".into()), email: "sam.jones@example.com".into(), ..sam.clone() };
    let mut observed = Observed::Unknown;
    let mut writes = Vec::new();
    for desired in [sam.clone(), married.clone(), Desired { enabled: false, ..married.clone() }, married] {
        while let Some(call) = bench.connector.plan(&desired, &observed).first() {
            observed = bench.connector.perform(call, &mut Unlimited).await.unwrap();
            writes.extend(Some(call.name()).filter(|name| *name != "find"));
        }
    }
    assert_eq!(writes, ["create", "update", "update", "update"]);
    let users: Vec<_> =
        bench.aha.users().into_iter().skip(1).map(|user| (user.email.clone(), user.enabled)).collect();
    assert_eq!(users, [("sam.jones@example.com".to_owned(), true)]);
}

#[tokio::test]
async fn a_create_that_finds_a_disabled_account_which_the_search_left_out_reads_it() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let switches = Switches { disabled_users: DisabledUsers::Hidden, ..Switches::default() };
    let bench = start_with(switches, Arc::new(clock.clone())).await;
    let id = bench.aha.seed(Person::new("Samantha", "Old", "sam@example.com").disabled());
    clock.advance(Duration::from_secs(15 * 60 + 1));
    assert_eq!(
        bench.connector.perform(&find("sam@example.com"), &mut Unlimited).await.unwrap(),
        Observed::Absent
    );
    let observed = bench.connector.perform(&create("sam@example.com"), &mut Unlimited).await.unwrap();
    let account = observed.account().unwrap();
    assert_eq!(
        (account.id.clone(), account.enabled, account.name.as_str()),
        (id.to_string(), false, "Samantha Old")
    );
    assert_eq!(account.written_name, None, "what was sent was not taken");
    let counts = bench.aha.calls().counts();
    assert_eq!(
        counts.into_iter().collect::<Vec<_>>(),
        [
            ("GET /users/:id".to_owned(), 1),
            ("GET /users?email".to_owned(), 1),
            ("POST /products/:id/users".to_owned(), 1),
        ]
    );
}

#[tokio::test]
async fn when_such_an_account_cannot_be_read_it_counts_as_enabled_and_is_not_invited_again() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let bench = start_with(Switches::default(), Arc::new(clock.clone())).await;
    bench.aha.seed(Person::new("Sam", "Doe", "sam@example.com").disabled());
    clock.advance(Duration::from_secs(15 * 60 + 1));
    bench.aha.fault(Fault::html(503).on("GET /users/:id"));
    let observed = bench.connector.perform(&create("sam@example.com"), &mut Unlimited).await.unwrap();
    assert_eq!(observed.account().map(|account| account.enabled), Some(true));
}

#[tokio::test]
async fn an_ordinary_create_takes_a_look_up_and_a_create() {
    let bench = start().await;
    bench.connector.perform(&find("sam@example.com"), &mut Unlimited).await.unwrap();
    let observed = bench.connector.perform(&create("sam@example.com"), &mut Unlimited).await.unwrap();
    assert_eq!(
        observed.account().and_then(|account| account.written_name.clone()),
        Some(Name::split("Sam Doe"))
    );
    assert_eq!(bench.aha.calls().len(), 2);
}
