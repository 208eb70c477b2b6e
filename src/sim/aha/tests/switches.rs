use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use super::Lab;
use crate::sim::aha::{Person, Role, Switches, switches::*};

fn person(email: &str, role: &str) -> Option<Value> {
    Some(json!({"user": {"email": email, "first_name": "sam", "last_name": "doe", "role": role}}))
}

#[tokio::test]
async fn an_email_that_is_there_gets_the_role_or_is_refused() {
    let lab = Lab::new().await;
    let create = person("Alan.Turing@example.com", "viewer");
    let (status, answer) = lab.json("POST /products/PRJ2/users", create.clone()).await;
    assert_eq!((status, &answer["user"]["name"]), (200, &json!("Alan Turing")));
    assert_eq!(lab.user("Alan").roles[&lab.aha.find_workspace("PRJ2").unwrap()], Role::Viewer);
    assert_eq!((lab.aha.users().len(), lab.aha.invitations().len()), (12, 1));
    lab.aha.change(|switches| switches.duplicate_email = DuplicateEmail::Refuse);
    let (status, answer) = lab.json("POST /products/PRJ2/users", create).await;
    assert_eq!((status, &answer["errors"]["message"]), (400, &json!("Email has already been taken")));
    assert_eq!(lab.aha.invitations().len(), 1);
}

#[rstest]
#[case(ValidationStatus::BadRequest, ValidationShape::Hash, 400, json!({"error": "Validation failed",
    "errors": {"message": "First name can't be blank, Last name can't be blank"}}))]
#[case(ValidationStatus::BadRequest, ValidationShape::Array, 400, json!({"error": "Validation failed",
    "errors": [{"message": "First name can't be blank"}, {"message": "Last name can't be blank"}]}))]
#[case(ValidationStatus::UnprocessableEntity, ValidationShape::MessageOnly, 422,
    json!({"error": "First name can't be blank, Last name can't be blank"}))]
#[tokio::test]
async fn a_validation_error_has_the_status_and_shape_that_is_switched(
    #[case] validation_status: ValidationStatus,
    #[case] validation_shape: ValidationShape,
    #[case] status: u16,
    #[case] body: Value,
) {
    let lab = Lab::new().await;
    lab.aha.change(|switches| {
        *switches = Switches { validation_status, validation_shape, ..Switches::default() };
    });
    let blank = json!({"user": {"first_name": "", "last_name": ""}});
    assert_eq!(lab.json(&format!("PUT {}", lab.path("Alan")), Some(blank)).await, (status, body));
}

#[rstest]
#[case(EmailFilter::IgnoringCase, "ALAN.turing@example.com", 1)]
#[case(EmailFilter::Exact, "ALAN.turing@example.com", 0)]
#[case(EmailFilter::Exact, "alan.turing@example.com", 1)]
#[case(EmailFilter::Partial, "@EXAMPLE", 12)]
#[case(EmailFilter::IgnoringCase, "@example", 0)]
#[tokio::test]
async fn the_email_filter_compares_as_switched(
    #[case] filter: EmailFilter,
    #[case] email: &str,
    #[case] found: usize,
) {
    let lab = Lab::with(|switches| switches.email_filter = filter).await;
    let (_, answer) = lab.json(&format!("GET /users?email={email}"), None).await;
    assert_eq!(answer["pagination"]["total_records"], found);
}

#[tokio::test]
async fn disabled_users_are_listed_or_hidden_but_always_shown_by_id() {
    let lab = Lab::with(|switches| switches.disabled_users = DisabledUsers::Hidden).await;
    assert_eq!(lab.json("GET /users", None).await.1["pagination"]["total_records"], 11);
    assert_eq!(lab.json("GET /products/PRJ1/users", None).await.1["pagination"]["total_records"], 6);
    assert_eq!(lab.status(&format!("GET {}", lab.path("John")), None).await, 200);
    lab.aha.change(|switches| switches.disabled_users = DisabledUsers::Listed);
    assert_eq!(lab.json("GET /users", None).await.1["pagination"]["total_records"], 12);
}

#[rstest]
#[case(UpdatedAt::MovesOnEveryChange, json!({"enabled": false}), true)]
#[case(UpdatedAt::MovesOnEveryChange, json!({"enabled": true}), false)]
#[case(UpdatedAt::MovesOnNameAndEmail, json!({"enabled": false}), false)]
#[case(UpdatedAt::MovesOnNameAndEmail, json!({"last_name": "Mathison"}), true)]
#[tokio::test]
async fn updated_at_moves_with_the_changes_that_are_switched(
    #[case] updated_at: UpdatedAt,
    #[case] change: Value,
    #[case] moves: bool,
) {
    let lab = Lab::with(|switches| switches.updated_at = updated_at).await;
    let before = lab.user("Alan").updated_at;
    lab.clock.advance(Duration::from_secs(60));
    lab.json(&format!("PUT {}", lab.path("Alan")), Some(json!({"user": change}))).await;
    assert_eq!(lab.user("Alan").updated_at > before, moves);
}

#[rstest]
#[case(AbsentRole::NotFound, 404)]
#[case(AbsentRole::NoContent, 204)]
#[tokio::test]
async fn removing_an_absent_role_answers_as_switched(#[case] absent_role: AbsentRole, #[case] status: u16) {
    let lab = Lab::with(|switches| switches.absent_role = absent_role).await;
    assert_eq!(lab.status(&format!("DELETE {}/product_roles/PRJ2", lab.path("Alan")), None).await, status);
}

#[rstest]
#[case(NoneRole::Kept, Some(Role::None))]
#[case(NoneRole::Removes, None)]
#[tokio::test]
async fn the_role_none_is_kept_or_removes(#[case] none_role: NoneRole, #[case] left: Option<Role>) {
    let lab = Lab::with(|switches| switches.none_role = none_role).await;
    let none = json!({"product_role": {"role": "none", "product_id": "PRJ1"}});
    let (status, answer) = lab.json(&format!("POST {}/product_roles", lab.path("Alan")), Some(none)).await;
    assert_eq!((status, &answer["role"]), (200, &json!(0)));
    assert_eq!(lab.user("Alan").roles.get(&lab.aha.find_workspace("PRJ1").unwrap()).copied(), left);
}

#[tokio::test]
async fn an_update_is_answered_bare_or_wrapped() {
    let lab = Lab::new().await;
    let put = format!("PUT {}", lab.path("Alan"));
    let body = Some(json!({"user": {}}));
    assert_eq!(lab.json(&put, body.clone()).await.1["name"], "Alan Turing");
    lab.aha.change(|switches| switches.put_answer = PutAnswer::Wrapped);
    assert_eq!(lab.json(&put, body).await.1["user"]["name"], "Alan Turing");
}

#[rstest]
#[case(Outsider::Forbidden, 403)]
#[case(Outsider::NotFound, 404)]
#[tokio::test]
async fn who_is_no_administrator_is_refused_as_switched(#[case] outsider: Outsider, #[case] status: u16) {
    let lab = Lab::with(|switches| switches.outsider = outsider).await;
    lab.aha.add_api_key("alan", lab.user("Alan").id);
    let response = lab.send_as("alan", "GET /users?per_page=1", None).await.unwrap();
    assert_eq!(super::kind(&response), (status, "application/json; charset=utf-8"));
    let create = lab.send_as("alan", "POST /products/PRJ1/users", person("sam@example.com", "viewer"));
    assert_eq!(create.await.unwrap().status(), status);
    assert_eq!(lab.send_as("alan", "GET /me", None).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_workspace_owner_who_is_no_administrator_may_invite_into_it() {
    let lab = Lab::new().await;
    lab.aha.add_api_key("donald", lab.user("Donald").id);
    for (workspace, status) in [("PRJ3", 200), ("PRJ1", 403)] {
        let call = format!("POST /products/{workspace}/users");
        let response = lab.send_as("donald", &call, person("sam@example.com", "viewer")).await;
        assert_eq!(response.unwrap().status(), status);
    }
}

#[rstest]
#[case(DisabledOwner::LosesKey, 401)]
#[case(DisabledOwner::KeepsKey, 200)]
#[tokio::test]
async fn the_key_of_a_disabled_owner_works_as_switched(#[case] owner: DisabledOwner, #[case] status: u16) {
    let lab = Lab::with(|switches| switches.disabled_owner = owner).await;
    let disable = Some(json!({"user": {"enabled": false}}));
    assert_eq!(lab.status(&format!("PUT {}", lab.path("Ada")), disable).await, 200);
    assert_eq!(lab.status("GET /me", None).await, status);
}

#[tokio::test]
async fn disabling_oneself_and_the_last_administrator_can_be_refused() {
    let lab = Lab::with(|switches| {
        switches.self_disable = Permission::Refused;
        switches.last_administrator = Permission::Refused;
    })
    .await;
    let disable = Some(json!({"user": {"enabled": false}}));
    let demote = Some(json!({"user": {"administrator": false}}));
    assert_eq!(lab.status(&format!("PUT {}", lab.path("Ada")), disable.clone()).await, 400);
    for other in ["Grace", "Frances"] {
        assert_eq!(lab.status(&format!("PUT {}", lab.path(other)), disable.clone()).await, 200);
    }
    assert_eq!(lab.status(&format!("PUT {}", lab.path("Ada")), demote.clone()).await, 400);
    lab.aha.change(|switches| switches.last_administrator = Permission::Granted);
    assert_eq!(lab.status(&format!("PUT {}", lab.path("Ada")), demote).await, 200);
}

#[tokio::test]
async fn an_email_is_kept_as_sent_or_lower_cased() {
    let lab = Lab::new().await;
    lab.json("POST /products/PRJ1/users", person("Sam@Example.com", "viewer")).await;
    assert_eq!(lab.user("sam").email, "Sam@Example.com");
    lab.aha.change(|switches| switches.stored_email = StoredEmail::LowerCased);
    let rename = json!({"user": {"email": "Sam.Doe@Example.com"}});
    lab.json(&format!("PUT {}", lab.path("sam")), Some(rename)).await;
    assert_eq!(lab.user("sam").email, "sam.doe@example.com");
}

#[rstest]
#[case(SsoInvitation::Sent, 1)]
#[case(SsoInvitation::Suppressed, 0)]
#[tokio::test]
async fn a_user_of_an_identity_provider_is_invited_as_switched(
    #[case] sso_invitation: SsoInvitation,
    #[case] invitations: usize,
) {
    let lab = Lab::with(|switches| switches.sso_invitation = sso_invitation).await;
    let (_, providers) = lab.json("GET /identity_providers", None).await;
    let id: u64 = providers["identity_providers"][0]["id"].as_str().unwrap().parse().unwrap();
    let mut create = person("sam@example.com", "viewer").unwrap();
    create["user"]["identity_provider_id"] = json!(id);
    assert_eq!(lab.status("POST /products/PRJ1/users", Some(create)).await, 200);
    assert!(lab.user("sam").identity_provider.is_some());
    assert_eq!(lab.aha.invitations().len(), invitations);
}

#[tokio::test]
async fn a_workspace_is_nameless_where_the_caller_has_no_role() {
    let lab = Lab::new().await;
    let roles = format!("GET {}/product_roles", lab.path("Alan"));
    let names = |answer: Value| -> Vec<Value> {
        answer["product_roles"].as_array().unwrap().iter().map(|role| role["product_name"].clone()).collect()
    };
    assert_eq!(names(lab.json(&roles, None).await.1), [json!("Project 1"), Value::Null]);
    lab.aha.change(|switches| switches.product_names = ProductNames::Always);
    assert_eq!(names(lab.json(&roles, None).await.1), [json!("Project 1"), json!("Project 3")]);
}

#[tokio::test]
async fn without_a_free_seat_nobody_is_created_enabled_or_promoted() {
    let lab = Lab::with(|switches| {
        switches.seats.limit = Some(11);
        switches.seats.refusal = SeatRefusal::Status(403, "No seats".to_owned());
    })
    .await;
    let enable = Some(json!({"user": {"enabled": true}}));
    let refused = (403, json!({"error": "No seats"}));
    assert_eq!(lab.json("POST /products/PRJ1/users", person("sam@example.com", "viewer")).await, refused);
    assert_eq!(lab.json(&format!("PUT {}", lab.path("John")), enable.clone()).await, refused);
    lab.aha.disable(lab.user("Alan").id);
    assert_eq!(lab.status(&format!("PUT {}", lab.path("John")), enable).await, 200);
    // Where only editors pay, viewers are free, and promoting one needs a seat.
    lab.aha.change(|switches| {
        switches.seats = Seats { limit: Some(0), taken_by: SeatTakers::Editors, ..Seats::default() };
    });
    assert_eq!(lab.status("POST /products/PRJ1/users", person("sam@example.com", "viewer")).await, 200);
    let promote = json!({"product_role": {"role": "contributor", "product_id": "PRJ1"}});
    let (status, answer) = lab.json(&format!("POST {}/product_roles", lab.path("sam")), Some(promote)).await;
    assert_eq!((status, &answer["errors"]["message"]), (400, &json!("No paid seats are available")));
}

#[tokio::test]
async fn an_administrator_by_hand_changes_what_the_api_then_shows() {
    let lab = Lab::new().await;
    let id = lab.aha.seed(Person::new("Ann", "Lee", "ann@example.com").role("NEW", Role::Viewer));
    lab.aha.rename(id, "Anna", "Li");
    lab.aha.change_email(id, "anna@example.com");
    lab.aha.disable(id);
    lab.aha.set_role(id, lab.aha.find_workspace("PRJ1").unwrap(), Some(Role::Owner));
    let (_, answer) = lab.json(&format!("GET /users/{id}"), None).await;
    let user = &answer["user"];
    assert_eq!((&user["name"], &user["email"]), (&json!("Anna Li"), &json!("anna@example.com")));
    assert_eq!((&user["enabled"], user["product_roles"].as_array().unwrap().len()), (&json!(false), 2));
}
