//! The connector against the simulated portal: the suite of all connectors, and what is the portal's own.

use std::sync::Arc;

use rstest::rstest;
use serde_json::json;

use super::{
    super::conformance::{Failure, Harness, conformance},
    *,
};
use crate::{
    clock::SystemClock,
    config::{self, Config},
    connector::{Changes, Name, allowance::Unlimited, api_key::KeptApiKey, error::RejectionKind},
    sim::{
        RunningSimulator,
        aha::{
            DEMO_API_KEY, Fault, Person, PortalId, PortalPerson, SimulatedAha, Switches,
            switches::{
                DisabledUsers, DuplicatePortalUser, EmailFilter, PortalInvitations, RateRules, StoredEmail,
                ValidationStatus,
            },
        },
    },
};

/// A connector with its portal, in an account with an administrator.
struct Bench {
    aha: SimulatedAha,
    portal: PortalId,
    connector: AhaPortal,
    _running: RunningSimulator,
}

async fn start() -> Bench {
    start_with(Switches::default(), "").await
}

async fn start_with(switches: Switches, keys: &str) -> Bench {
    let clock = Arc::new(SystemClock);
    let aha = SimulatedAha::new(Switches { rate: RateRules::unlimited(), ..switches }, clock.clone());
    aha.add_api_key(DEMO_API_KEY, aha.seed(Person::new("Key", "Owner", "owner@example.com").administrator()));
    let portal = aha.add_portal("PRTL");
    let running = aha.start().await.unwrap();
    let text = format!(
        "[apps.test]\nconnector = 'aha-portal'\nbase_url = '{}'\napi_key = '{DEMO_API_KEY}'\nportal_id = 'PRTL'\n{keys}\n",
        running.base_url()
    );
    let config = Config::parse(&text, "test.toml", std::path::Path::new("."), &|_| None).unwrap();
    let config::Connector::AhaPortal(config) = config.apps.into_values().next().unwrap().connector else {
        panic!("the app above is an ideas portal");
    };
    let config::TargetCredentials::ApiKey(api_key) = config.account.credentials.clone() else {
        panic!("the app above has an API key");
    };
    let credentials = Arc::new(KeptApiKey::new("test", "Aha!", api_key));
    let connector = AhaPortal::new("test", *config, credentials, clock).unwrap();
    Bench { connector, aha, portal, _running: running }
}

impl Harness for Bench {
    fn connector(&self) -> &dyn Connector {
        &self.connector
    }

    fn seed(&self, email: &str, name: &Name, enabled: bool) -> Option<String> {
        let person = PortalPerson::new(&name.given, &name.family, email);
        let person = if enabled { person } else { person.disabled() };
        Some(self.aha.seed_portal_user(self.portal, person).to_string())
    }

    fn enabled_emails(&self) -> Option<Vec<String>> {
        let users = self.aha.portal_users(self.portal).into_iter();
        Some(users.filter(|user| user.enabled).map(|user| user.email).collect())
    }

    fn invitations(&self) -> usize {
        self.aha.portal_invitations().len()
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

async fn start_that_disables() -> Bench {
    start_with(Switches::default(), "on_delete = 'disable'").await
}

mod that_disables {
    use super::*;

    conformance!(start_that_disables);
}

fn sam() -> Desired {
    Desired {
        email: "Sam.Doe@example.com".into(),
        given_name: Some("Sam".into()),
        family_name: Some("Doe".into()),
        enabled: true,
        deleted: false,
        asks: None,
    }
}

fn create(email: &str) -> Call {
    Call::Create { email: email.into(), name: Name { given: "Sam".into(), family: "Doe".into() }, into: None }
}

async fn perform(bench: &Bench, call: Call) -> Result<Observed, TargetError> {
    bench.connector.perform(&call, &mut Unlimited).await
}

#[rstest]
#[case::stored_in_lower_case(Switches { stored_email: StoredEmail::LowerCased, ..Switches::default() })]
#[case::duplicates_answered(Switches { duplicate_portal_user: DuplicatePortalUser::AnswerExisting, ..Switches::default() })]
#[case::unprocessable(Switches { validation_status: ValidationStatus::UnprocessableEntity, ..Switches::default() })]
#[case::exact_filter(Switches { email_filter: EmailFilter::Exact, ..Switches::default() })]
#[case::partial_filter(Switches { email_filter: EmailFilter::Partial, ..Switches::default() })]
#[case::disabled_are_hidden(Switches { disabled_users: DisabledUsers::Hidden, ..Switches::default() })]
#[case::no_invitations(Switches { portal_invitations: PortalInvitations::NotSent, ..Switches::default() })]
#[tokio::test]
async fn a_person_joins_changes_leaves_returns_and_is_deleted_whatever_the_documents_are_silent_about(
    #[case] switches: Switches,
) {
    let bench = start_with(switches, "").await;
    let married =
        Desired { family_name: Some("Jones".into()), email: "sam.jones@example.com".into(), ..sam() };
    let leaver = Desired { enabled: false, ..married.clone() };
    let deleted = Desired { deleted: true, ..leaver.clone() };
    let mut observed = Observed::Unknown;
    let mut writes = Vec::new();
    for desired in [sam(), married.clone(), leaver, married.clone(), deleted, married] {
        while let Some(call) = bench.connector.plan(&desired, &observed).first() {
            observed = bench.connector.perform(call, &mut Unlimited).await.unwrap();
            writes.extend(Some(call.name()).filter(|name| *name != "find"));
        }
    }
    assert_eq!(writes, ["create", "update", "update", "update", "delete", "create"]);
    let users: Vec<_> =
        bench.aha.portal_users(bench.portal).into_iter().map(|user| (user.email, user.enabled)).collect();
    assert_eq!(users, [("sam.jones@example.com".to_owned(), true)]);
}

#[tokio::test]
async fn users_of_the_account_and_of_other_portals_are_not_seen() {
    let bench = start().await;
    bench.aha.seed(Person::new("Sam", "Doe", "sam.doe@example.com"));
    let other = bench.aha.add_portal("OTHER");
    bench.aha.seed_portal_user(other, PortalPerson::new("Sam", "Doe", "sam.doe@example.com"));
    let find = Call::Find { email: "sam.doe@example.com".into() };
    assert_eq!(perform(&bench, find).await.unwrap(), Observed::Absent);
    let directory = bench.connector.directory().unwrap();
    assert_eq!(directory.accounts(1, &mut Unlimited).await.unwrap().accounts, []);
    let owner = directory.credentials_owner(&mut Unlimited).await.unwrap();
    assert_eq!(owner, CredentialsOwner { account_id: None, email: "owner@example.com".into() });
}

#[rstest]
#[case::none("", false, None)]
#[case::employee("permission = 'employee'", true, Some("employee"))]
#[case::true_("permission = 'true'", true, Some("true"))]
#[case::false_("permission = 'false'", false, Some("false"))]
#[tokio::test]
async fn a_new_user_gets_the_permission_as_it_is_configured(
    #[case] keys: &str,
    #[case] employee: bool,
    #[case] sent: Option<&str>,
) {
    let bench = start_with(Switches::default(), keys).await;
    perform(&bench, create("sam@example.com")).await.unwrap();
    assert_eq!(bench.aha.portal_users(bench.portal)[0].employee, employee);
    let calls = bench.aha.take_calls();
    let body = calls[0].body.clone().unwrap();
    assert_eq!(body["portal_user"].get("permission"), sent.map(|sent| json!(sent)).as_ref());
}

#[tokio::test]
async fn a_user_whose_names_the_portal_does_not_know_is_given_them() {
    let bench = start().await;
    bench.aha.seed_portal_user(bench.portal, PortalPerson::nameless("sam.doe@example.com"));
    let found = perform(&bench, Call::Find { email: sam().email }).await.unwrap();
    let [call] = bench.connector.plan(&sam(), &found).try_into().unwrap();
    let account = found.account().unwrap().clone();
    let changes =
        Changes { given_name: Some("Sam".into()), family_name: Some("Doe".into()), ..Changes::default() };
    assert_eq!(call, Call::Update { account, changes });
    assert_eq!(bench.connector.plan(&sam(), &perform(&bench, call).await.unwrap()), []);
}

#[tokio::test]
async fn a_create_that_answers_with_another_user_tells_how_that_one_is() {
    let switches =
        Switches { duplicate_portal_user: DuplicatePortalUser::AnswerExisting, ..Switches::default() };
    let bench = start_with(switches, "").await;
    bench.aha.seed_portal_user(bench.portal, PortalPerson::new("Old", "Name", "sam@example.com").disabled());
    let observed = perform(&bench, create("sam@example.com")).await.unwrap();
    let account = observed.account().unwrap();
    assert_eq!((account.enabled, account.name.as_str()), (false, "Old Name"));
    assert_eq!(bench.aha.take_calls().len(), 1);
}

#[tokio::test]
async fn a_404_of_a_user_and_of_the_portal_are_told_apart() {
    let bench = start().await;
    let observed = perform(&bench, create("sam@example.com")).await.unwrap();
    let account = observed.account().unwrap().clone();
    let delete = Call::Delete { account: account.clone() };
    assert_eq!(perform(&bench, delete.clone()).await.unwrap(), Observed::Absent);
    let changes = Changes { enabled: Some(false), ..Changes::default() };
    for call in [delete, Call::Update { account, changes }] {
        let error = perform(&bench, call).await.unwrap_err();
        assert!(matches!(error, TargetError::AccountNotFound { .. }), "{error:?}");
    }
    let bench = start_with(Switches::default(), "").await;
    let not_found = json!({ "error": "Record not found." });
    for call in [create("sam@example.com"), Call::Find { email: "sam@example.com".into() }] {
        bench.aha.fault(Fault::json(404, &not_found));
        let error = perform(&bench, call).await.unwrap_err();
        let TargetError::Rejected { reason, rejection: RejectionKind::Forbidden } = error else {
            panic!("{error:?}")
        };
        assert!(reason.contains("ideas portal PRTL"), "{reason}");
    }
}

#[tokio::test]
async fn a_delete_whose_answer_is_lost_is_found_out_by_the_next_one() {
    let bench = start().await;
    let observed = perform(&bench, create("sam@example.com")).await.unwrap();
    let account = observed.account().unwrap().clone();
    bench.aha.fault(Fault::drop_connection().after_applying());
    let delete = Call::Delete { account: account.clone() };
    let error = perform(&bench, delete.clone()).await.unwrap_err();
    assert!(matches!(error, TargetError::Unavailable { .. }), "{error:?}");
    let error = perform(&bench, delete).await.unwrap_err();
    assert!(matches!(error, TargetError::AccountNotFound { .. }), "{error:?}");
    let directory = bench.connector.directory().unwrap();
    assert_eq!(directory.find_account(&account.id, &mut Unlimited).await.unwrap(), None);
}
