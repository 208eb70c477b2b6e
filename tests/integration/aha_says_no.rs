//! Aha! refuses: the IdP sees why, in words that an admin can act on, and the state that it asserted is put back.

use std::time::Duration;

use http::Method;
use rstest::rstest;
use scim_bridge::{
    clock::{Clock, ManualClock},
    sim::aha::{
        AdministratorRoles, DEMO_API_KEY, Fault, Person,
        switches::{
            DuplicateEmail, EmailFilter, Outsider, SeatRefusal, Seats, ValidationShape, ValidationStatus,
        },
    },
};
use serde_json::{Value, json};

use crate::harness::{ADMINISTRATOR, Answer, Bridge, Setup, eventually, pass_time, user};

const SAM: &str = "sam.doe@example.com";

/// A user with another login at Aha!.
fn user_with_email(user_name: &str, email: &str) -> Value {
    let mut body = user(user_name);
    body["emails"][0]["value"] = json!(email);
    body
}

async fn everything(bridge: &Bridge) -> Value {
    bridge.get("/Users").await.body
}

/// A create was refused: the user is not there, and its name is free.
async fn is_not_there(bridge: &Bridge, user_name: &str, before: &Value) {
    let found = bridge.filter("/Users", &format!("userName eq \"{user_name}\"")).await;
    assert_eq!(found.body["totalResults"], 0, "{found}");
    assert_eq!(everything(bridge).await, *before);
    assert_eq!(bridge.status().await["queue"], json!({}));
}

/// The user reads as in `before` but for its version: it was changed, and changed back.
async fn is_put_back(bridge: &Bridge, before: &Answer) {
    let after = bridge.get(&format!("/Users/{}", before.id())).await;
    let without_meta = |answer: &Answer| {
        let mut body = answer.body.clone();
        body.as_object_mut().unwrap().remove("meta");
        body
    };
    assert_eq!(without_meta(&after), without_meta(before));
    assert_ne!(after.header("etag"), "");
    bridge.wait_until_idle().await;
}

/// Every way in which Aha! is thought to answer a validation error.
#[rstest]
#[tokio::test]
async fn a_rejected_create_is_400_or_409_with_the_reason_and_leaves_nothing_whatever_form_aha_answers_in(
    #[values(ValidationStatus::BadRequest, ValidationStatus::UnprocessableEntity)] status: ValidationStatus,
    #[values(ValidationShape::Hash, ValidationShape::Array, ValidationShape::MessageOnly)]
    shape: ValidationShape,
) {
    let bridge = Setup::aha()
        .with(|aha| {
            aha.change(|switches| {
                switches.validation_status = status;
                switches.validation_shape = shape;
                switches.duplicate_email = DuplicateEmail::Refuse;
                switches.email_filter = EmailFilter::Exact;
            });
        })
        .start()
        .await;
    // Made at Aha! after the roster, with an e-mail that a look-up by another spelling misses.
    bridge.aha.seed(Person::new("Pat", "Roe", "PAT.ROE@example.com"));
    let before = everything(&bridge).await;

    let invalid = bridge.post("/Users", &user_with_email(SAM, "no-email")).await;
    let detail = invalid.error(400, "invalidValue");
    assert!(detail.starts_with("Aha! says: ") && detail.contains("Email is invalid"), "{detail}");
    is_not_there(&bridge, SAM, &before).await;

    let taken = bridge.post("/Users", &user("pat.roe@example.com")).await;
    let detail = taken.error(409, "uniqueness");
    assert!(detail.starts_with("Aha! says: ") && detail.contains("Email has already been taken"), "{detail}");
    is_not_there(&bridge, "pat.roe@example.com", &before).await;

    bridge.aha.change(|switches| switches.seats = Seats { limit: Some(1), ..Seats::default() });
    let no_seat = bridge.post("/Users", &user(SAM)).await;
    let detail = no_seat.error(400, "invalidValue");
    assert!(detail.starts_with("Aha! says: ") && detail.contains("No paid seats are available"), "{detail}");
    is_not_there(&bridge, SAM, &before).await;

    // Two calls each, look-up and create, and none is repeated.
    let counts = bridge.aha.take_calls().counts();
    assert_eq!(
        counts.into_iter().collect::<Vec<_>>(),
        [("GET /users?email".to_owned(), 3), ("POST /products/:id/users".to_owned(), 3)]
    );
    assert!(bridge.aha.invitations().is_empty());

    // The name is free: with what was wrong mended, the same create succeeds.
    bridge.aha.change(|switches| switches.seats = Seats::default());
    let created = bridge.post("/Users", &user(SAM)).await;
    assert_eq!(created.status, 201, "{created}");
    assert_eq!(bridge.aha.invitations().len(), 1);
}

#[rstest]
#[tokio::test]
async fn a_rejected_change_is_put_back_and_get_shows_the_state_before(
    #[values(ValidationStatus::BadRequest, ValidationStatus::UnprocessableEntity)] status: ValidationStatus,
    #[values(ValidationShape::Hash, ValidationShape::Array, ValidationShape::MessageOnly)]
    shape: ValidationShape,
) {
    let bridge = Setup::aha()
        .with(|aha| {
            aha.change(|switches| {
                switches.validation_status = status;
                switches.validation_shape = shape;
            });
        })
        .start()
        .await;
    bridge.aha.seed(Person::new("Pat", "Roe", "pat.roe@example.com"));
    let path = format!("/Users/{}", bridge.create_user(SAM).await);
    let before = bridge.get(&path).await;

    // Each of them also brings a change that Aha! would not refuse, and has not seen.
    for (email, scim_type, code, said) in [
        ("no-email", "invalidValue", 400, "Email is invalid"),
        ("pat.roe@example.com", "uniqueness", 409, "Email has already been taken"),
    ] {
        bridge.aha.take_calls();
        let mut body = user_with_email(SAM, email);
        body["title"] = json!("Chief");
        let replaced = bridge.put(&path, &body).await;
        assert!(replaced.error(code, scim_type).contains(said), "{replaced}");
        is_put_back(&bridge, &before).await;
        let patched = bridge
            .patch(
                &path,
                json!([
                    { "op": "replace", "path": "title", "value": "Chief" },
                    { "op": "replace", "path": "emails[type eq \"work\"].value", "value": email },
                ]),
            )
            .await;
        assert!(patched.error(code, scim_type).contains(said), "{patched}");
        is_put_back(&bridge, &before).await;
        assert_eq!(
            bridge.aha.take_calls().counts().into_iter().collect::<Vec<_>>(),
            [("PUT /users/:id".to_owned(), 2)]
        );
    }

    // No seat to come back to: the disabled user stays disabled.
    let disabled =
        bridge.patch(&path, json!([{ "op": "Replace", "path": "active", "value": "False" }])).await;
    assert_eq!((disabled.status, &disabled.body["active"]), (200, &json!(false)), "{disabled}");
    bridge.aha.change(|switches| switches.seats = Seats { limit: Some(1), ..Seats::default() });
    let enabled = bridge.patch(&path, json!([{ "op": "Replace", "path": "active", "value": "True" }])).await;
    assert!(enabled.error(400, "invalidValue").contains("No paid seats are available"), "{enabled}");
    is_put_back(&bridge, &disabled).await;
    assert!(!bridge.aha.find_user_by_email(SAM).unwrap().enabled);
}

#[rstest]
#[case::payment_required(402, "Your plan has no seat left.", 400, "invalidValue")]
#[case::forbidden(403, "Your plan has no seat left.", 403, "")]
#[case::unprocessable(422, "Your plan has no seat left.", 400, "invalidValue")]
#[tokio::test]
async fn no_seat_is_told_in_ahas_words_whatever_status_it_has(
    #[case] status: u16,
    #[case] message: &str,
    #[case] expected: u16,
    #[case] scim_type: &str,
) {
    let refusal = SeatRefusal::Status(status, message.to_owned());
    let bridge = Setup::aha()
        .with(|aha| {
            aha.change(|switches| {
                switches.seats = Seats { limit: Some(1), refusal, ..Seats::default() };
            });
        })
        .start()
        .await;
    let before = everything(&bridge).await;
    let answer = bridge.post("/Users", &user(SAM)).await;
    assert!(answer.error(expected, scim_type).contains("Your plan has no seat left"), "{answer}");
    is_not_there(&bridge, SAM, &before).await;
}

#[tokio::test]
async fn an_unknown_workspace_is_400_that_names_it_and_the_key_to_mend() {
    let bridge = Setup::aha().default_workspace("NOPE").start().await;
    let before = everything(&bridge).await;
    let answer = bridge.post("/Users", &user(SAM)).await;
    let detail = answer.error(400, "invalidValue");
    assert!(detail.contains("NOPE") && detail.contains("default_workspace"), "{detail}");
    is_not_there(&bridge, SAM, &before).await;
    assert_eq!(
        bridge.aha.take_calls().counts().into_iter().collect::<Vec<_>>(),
        [("GET /users?email".to_owned(), 1), ("POST /products/:id/users".to_owned(), 1)]
    );
}

/// Aha! answers 403, or 404 as if there were nothing; for a user that is there the two look alike only at first.
#[rstest]
#[tokio::test]
async fn a_key_that_is_no_administrators_is_403_that_says_so(
    #[values(Outsider::Forbidden, Outsider::NotFound)] outsider: Outsider,
) {
    let bridge = Setup::aha().with(|aha| aha.change(|switches| switches.outsider = outsider)).start().await;
    let path = format!("/Users/{}", bridge.create_user(SAM).await);
    let before = bridge.get(&path).await;
    let all_before = everything(&bridge).await;
    let owner = bridge.aha.find_user_by_email(ADMINISTRATOR).unwrap().id;
    bridge.aha.set_administrator_roles(owner, AdministratorRoles::default());

    let created = bridge.post("/Users", &user("pat.roe@example.com")).await;
    assert!(created.error(403, "").contains("must be an administrator"), "{created}");
    is_not_there(&bridge, "pat.roe@example.com", &all_before).await;
    for operation in [
        json!({ "op": "replace", "path": "name.familyName", "value": "Jones" }),
        json!({ "op": "replace", "path": "active", "value": false }),
    ] {
        let patched = bridge.patch(&path, json!([operation])).await;
        assert!(patched.error(403, "").contains("must be an administrator"), "{patched}");
        is_put_back(&bridge, &before).await;
    }
    let deleted = bridge.delete(&path).await;
    assert!(deleted.error(403, "").contains("must be an administrator"), "{deleted}");
    is_put_back(&bridge, &before).await;

    // With the permission back the same deactivation is done.
    bridge.aha.set_administrator_roles(owner, AdministratorRoles::all(true));
    let disabled = bridge.patch(&path, json!([{ "op": "replace", "path": "active", "value": false }])).await;
    assert_eq!((disabled.status, &disabled.body["active"]), (200, &json!(false)), "{disabled}");
    assert!(!bridge.aha.find_user_by_email(SAM).unwrap().enabled);
}

/// A bridge whose time the test moves, with one user.
struct Revoked {
    bridge: Bridge,
    clock: ManualClock,
    of_sam: String,
}

impl Revoked {
    /// The key works until [`Revoked::revoke`].
    async fn start() -> Self {
        let (setup, clock) = Setup::aha_with_manual_clock();
        let bridge = setup.start().await;
        let of_sam = format!("/Users/{}", bridge.create_user(SAM).await);
        bridge.aha.take_calls();
        Self { bridge, clock, of_sam }
    }

    fn revoke(&self) {
        self.bridge.aha.revoke_api_key(DEMO_API_KEY);
    }

    fn give_back(&self) {
        let owner = self.bridge.aha.find_user_by_email(ADMINISTRATOR).unwrap().id;
        self.bridge.aha.add_api_key(DEMO_API_KEY, owner);
    }

    async fn disable(&self) -> Answer {
        let operation = json!([{ "op": "Replace", "path": "active", "value": "False" }]);
        self.bridge.patch(&self.of_sam, operation).await
    }

    async fn pass(&self, time: Duration) {
        pass(&self.bridge, &self.clock, time).await;
    }
}

/// A step of the clock.
const STEP: Duration = Duration::from_secs(5);

/// Moves the clock step by step; everybody who waits for one gets the time to act on it, and so does the probe.
async fn pass(bridge: &Bridge, clock: &ManualClock, time: Duration) {
    for _ in 0..time.as_secs() / STEP.as_secs() {
        clock.advance(STEP);
        eventually("the probe", async || {
            let next = bridge.status().await["target"]["next_probe_at"].clone();
            next.as_str().is_none_or(|next| next > clock.now().to_string().as_str())
        })
        .await;
    }
}

#[tokio::test]
async fn a_revoked_key_is_503_that_says_what_to_do_and_a_grant_changes_nothing() {
    let revoked = Revoked::start().await;
    let bridge = &revoked.bridge;
    let before = bridge.get(&revoked.of_sam).await;
    let all_before = everything(bridge).await;
    revoked.revoke();

    // The first finds out, the others are told without a call. A user without access is no revocation either.
    let mut inactive = user("pat.roe@example.com");
    inactive["active"] = json!(false);
    for body in [&inactive, &user("pat.roe@example.com"), &inactive] {
        let created = bridge.post("/Users", body).await;
        let detail = created.error(503, "").to_owned();
        assert!(detail.contains("does not accept the API key (401)"), "{detail}");
        assert!(detail.contains("Make a new key"), "{detail}");
        assert!(detail.ends_with("Nothing was changed."), "{detail}");
        assert!(created.header("retry-after").parse::<u32>().unwrap() > 0);
        is_not_there(bridge, "pat.roe@example.com", &all_before).await;
    }
    let renamed = bridge
        .patch(&revoked.of_sam, json!([{ "op": "replace", "path": "name.familyName", "value": "Jones" }]))
        .await;
    assert!(renamed.error(503, "").ends_with("Nothing was changed."), "{renamed}");
    is_put_back(bridge, &before).await;
    assert_eq!(bridge.aha.take_calls().lines(), ["GET /users?email=pat.roe@example.com"]);

    let status = bridge.status().await;
    assert_eq!(status["target"]["state"], "credentials refused; nothing is sent");
    assert!(status["target"]["reason"].as_str().unwrap().contains("Make a new key"), "{status}");
    // Reads, and writes that change nothing, go on.
    assert_eq!(bridge.get(&revoked.of_sam).await.status, 200);
    let same =
        bridge.patch(&revoked.of_sam, json!([{ "op": "replace", "path": "active", "value": true }])).await;
    assert_eq!(same.status, 200, "{same}");
    let ready = Answer::of(bridge.anonymous(Method::GET, "/readyz")).await;
    assert_eq!(ready.status, 200, "a target that is down never makes the bridge unready: {ready}");
}

#[tokio::test]
async fn a_deactivation_while_the_key_is_revoked_is_503_and_kept_and_applied_when_the_key_works_again() {
    let revoked = Revoked::start().await;
    let bridge = &revoked.bridge;
    revoked.revoke();
    for _ in 0..2 {
        let disabled = revoked.disable().await;
        let detail = disabled.error(503, "");
        assert!(detail.contains("Make a new key"), "{detail}");
        assert!(detail.contains("The deactivation is stored and will be carried out"), "{detail}");
    }
    assert_eq!(bridge.get(&revoked.of_sam).await.body["active"], false);
    assert_eq!(bridge.status().await["queue"]["revoke"]["users"], 1);
    assert_eq!(bridge.aha.take_calls().writes().len(), 1, "one call found out");
    assert!(bridge.aha.find_user_by_email(SAM).unwrap().enabled);

    revoked.give_back();
    let disabled = async || !bridge.aha.find_user_by_email(SAM).unwrap().enabled;
    pass_time(&revoked.clock, STEP, "the deactivation", disabled).await;
    bridge.wait_until_idle().await;
    let calls = bridge.aha.take_calls();
    assert_eq!(calls.writes().len(), 1, "{calls}");
    assert_eq!(bridge.status().await["target"]["state"], "working");
    let again = revoked.disable().await;
    assert_eq!((again.status, &again.body["active"]), (200, &json!(false)), "{again}");
    assert!(bridge.aha.take_calls().is_empty());
}

#[tokio::test]
async fn a_deletion_while_the_key_is_revoked_is_503_and_kept_across_a_restart() {
    let mut revoked = Revoked::start().await;
    revoked.revoke();
    let deleted = revoked.bridge.delete(&revoked.of_sam).await;
    assert!(deleted.error(503, "").contains("is stored and will be carried out"), "{deleted}");
    revoked.bridge.get(&revoked.of_sam).await.error(404, "");
    revoked.bridge.restart().await;
    revoked.bridge.get(&revoked.of_sam).await.error(404, "");
    revoked.give_back();
    let bridge = &revoked.bridge;
    let disabled = async || !bridge.aha.find_user_by_email(SAM).unwrap().enabled;
    pass_time(&revoked.clock, STEP, "the deactivation", disabled).await;
}

#[tokio::test]
async fn with_a_revoked_key_aha_is_asked_once_a_minute_at_most_whatever_waits_and_whoever_asks() {
    let revoked = Revoked::start().await;
    let bridge = &revoked.bridge;
    revoked.revoke();
    revoked.disable().await.error(503, "");
    bridge.aha.take_calls();
    for minute in 0..60 {
        if minute % 7 == 0 {
            revoked.disable().await.error(503, "");
            bridge.post("/Users", &user("pat.roe@example.com")).await.error(503, "");
        }
        revoked.pass(Duration::from_secs(60)).await;
    }
    let calls = bridge.aha.take_calls();
    assert!(calls.len() <= 60, "{} calls within an hour: {:?}", calls.len(), calls.counts());
    assert!(calls.len() >= 30, "it is found out when the key works again: {:?}", calls.counts());
    for (call, next) in calls.iter().zip(calls.iter().skip(1)) {
        let wait = next.at.since(call.at);
        assert!(wait >= Duration::from_secs(55), "{call} and {next} are {wait:?} apart");
    }
    assert!(calls.writes().is_empty(), "{calls}");
}

#[tokio::test]
async fn a_key_that_is_wrong_from_the_start_is_said_by_readyz_and_status_and_not_hammered() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup.with(|aha| aha.revoke_api_key(DEMO_API_KEY)).start_unready().await;
    bridge.wait_until_ready().await;
    let ready = Answer::of(bridge.anonymous(Method::GET, "/readyz")).await;
    assert!(ready.body["apps"]["test"]["reason"].as_str().unwrap().contains("Make a new key"), "{ready}");
    let status = bridge.status().await;
    assert_eq!(status["target"]["state"], "credentials refused; nothing is sent");
    let list = bridge.get("/Users").await;
    assert!(list.error(503, "").contains("Make a new key"), "{list}");
    let created = bridge.post("/Users", &user(SAM)).await;
    assert!(created.error(503, "").contains("Make a new key"), "{created}");
    bridge.aha.take_calls();
    pass(&bridge, &clock, Duration::from_secs(30 * 60)).await;
    let calls = bridge.aha.take_calls();
    assert!(calls.len() <= 30, "{} calls within half an hour: {:?}", calls.len(), calls.counts());

    let owner = bridge.aha.find_user_by_email(ADMINISTRATOR).unwrap().id;
    bridge.aha.add_api_key(DEMO_API_KEY, owner);
    pass_time(&clock, STEP, "a list", async || bridge.get("/Users").await.status == 200).await;
    let found = bridge.filter("/Users", &format!("userName eq \"{ADMINISTRATOR}\"")).await;
    assert_eq!(found.body["totalResults"], 1, "{found}");
    assert_eq!(bridge.post("/Users", &user(SAM)).await.status, 201);
}

#[tokio::test]
async fn what_was_promised_and_is_rejected_later_stays_desired_and_is_done_when_aha_lets_it() {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let bridge = setup.app_keys("confirm_within = '0s'").start().await;
    bridge.aha.change(|switches| switches.seats = Seats { limit: Some(1), ..Seats::default() });
    // The first attempt decides nothing, so that the answer is a promise.
    bridge.aha.fault(Fault::html(502));
    let created = bridge.post("/Users", &user(SAM)).await;
    assert_eq!(created.status, 201, "{created}");
    let rejected = async || !bridge.aha.calls().writes().answered(400).is_empty();
    pass_time(&clock, STEP, "a rejection", rejected).await;
    eventually("the failure in the queue", async || {
        bridge.status().await["queue"]["grant"]["failing"] == json!(1)
    })
    .await;
    assert_eq!(bridge.get(&format!("/Users/{}", created.id())).await.status, 200);
    // A seat becomes free, and nobody has to ask again.
    bridge.aha.change(|switches| switches.seats = Seats::default());
    pass_time(&clock, STEP, "the invitation", async || bridge.aha.find_user_by_email(SAM).is_some()).await;
    bridge.wait_until_idle().await;
    assert_eq!(bridge.aha.invitations().len(), 1);
}
