use rstest::rstest;
use serde_json::{Value, json};

use super::{Lab, kind};
use crate::sim::aha::{Person, Role, UserId};

const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

fn sam(role: &str) -> Option<Value> {
    let user = json!({"email": "sam.doe@example.com", "first_name": "sam", "last_name": "doe", "role": role});
    Some(json!({ "user": user }))
}

#[tokio::test]
async fn a_created_user_is_enabled_has_the_role_and_is_invited_once() {
    let lab = Lab::new().await;
    let (status, answer) = lab.json("POST /products/PRJ1/users", sam("viewer")).await;
    assert_eq!(status, 200);
    assert_eq!((&answer["role"], &answer["role_description"]), (&json!(50), &json!("Viewer")));
    assert_eq!(answer["user"]["name"], "sam doe");
    let user = lab.aha.find_user_by_email("sam.doe@example.com").unwrap();
    assert_eq!(answer["user"]["id"], user.id.to_string());
    assert!(user.enabled);
    assert_eq!(user.roles, [(lab.aha.find_workspace("PRJ1").unwrap(), Role::Viewer)].into());
    let invited: Vec<_> = lab.aha.invitations().into_iter().map(|invitation| invitation.email).collect();
    assert_eq!(invited, ["sam.doe@example.com"]);
}

#[tokio::test]
async fn a_workspace_is_named_by_its_id_or_its_key() {
    let lab = Lab::new().await;
    let id = lab.aha.find_workspace("PRJ1").unwrap();
    for name in ["PRJ1".to_owned(), id.to_string()] {
        let (status, answer) = lab.json(&format!("GET /products/{name}"), None).await;
        assert_eq!((status, &answer["product"]["id"]), (200, &json!(id.to_string())));
    }
}

#[tokio::test]
async fn disabling_keeps_all_roles_and_enabling_brings_the_user_back() {
    let lab = Lab::new().await;
    let before = lab.user("Alan");
    let put = format!("PUT {}", lab.path("Alan"));
    let (status, answer) = lab.json(&put, Some(json!({"user": {"enabled": false}}))).await;
    assert_eq!((status, &answer["enabled"], &answer["paid_seat"]), (200, &json!(false), &json!(true)));
    assert_eq!(answer["product_roles"].as_array().unwrap().len(), 2);
    let (_, answer) = lab.json(&put, Some(json!({"user": {"enabled": "true"}}))).await;
    assert_eq!(answer["enabled"], true);
    assert_eq!(lab.user("Alan").roles, before.roles);
}

#[tokio::test]
async fn names_are_written_apart_and_read_as_one() {
    let lab = Lab::new().await;
    let path = lab.path("Alan");
    let (_, answer) = lab.json(&format!("PUT {path}"), Some(json!({"user": {"first_name": "Sarah"}}))).await;
    assert_eq!(answer["name"], "Sarah Turing");
    let (_, answer) = lab.json(&format!("GET {path}"), None).await;
    assert_eq!(answer["user"]["name"], "Sarah Turing");
    assert!(answer["user"].get("first_name").is_none());
}

#[rstest]
#[case::all(json!({"administrator": true}), [true, true, true])]
#[case::one(json!({"administrator_roles": {"administer_billing": "true"}}), [false, true, false])]
#[case::all_but_one(
    json!({"administrator": "true", "administrator_roles": {"administer_account": false}}),
    [false, true, true]
)]
#[tokio::test]
async fn the_administrator_flag_is_the_or_of_the_three(#[case] sent: Value, #[case] held: [bool; 3]) {
    let lab = Lab::new().await;
    let put = format!("PUT {}", lab.path("Alan"));
    let (_, answer) = lab.json(&put, Some(json!({"user": sent}))).await;
    assert_eq!(answer["administrator"], true);
    let [account, billing, configuration] = held;
    assert_eq!(
        answer["administrator_roles"],
        json!({
            "administer_account": account,
            "administer_billing": billing,
            "administer_configuration": configuration
        })
    );
    let (_, answer) = lab.json(&put, Some(json!({"user": {"administrator": false}}))).await;
    assert_eq!(answer["administrator"], false);
}

#[tokio::test]
async fn a_role_is_given_changed_and_taken_away() {
    let lab = Lab::new().await;
    let path = format!("{}/product_roles", lab.path("Alan"));
    let role = |role| Some(json!({"product_role": {"role": role, "product_id": "PRJ2"}}));
    let (status, answer) = lab.json(&format!("POST {path}"), role("product_owner")).await;
    assert_eq!((status, &answer["role"], &answer["role_description"]), (200, &json!(20), &json!("Owner")));
    lab.json(&format!("POST {path}"), role("reviewer")).await;
    let (_, answer) = lab.json(&format!("GET {path}"), None).await;
    assert_eq!(answer["pagination"]["total_records"], 3);
    let project_2 = lab.aha.find_workspace("PRJ2").unwrap();
    assert_eq!(lab.user("Alan").roles[&project_2], Role::Reviewer);
    assert_eq!(lab.status(&format!("DELETE {path}/PRJ2"), None).await, 204);
    assert!(!lab.user("Alan").roles.contains_key(&project_2));
}

#[tokio::test]
async fn users_are_listed_by_ascending_id_and_found_by_email() {
    let lab = Lab::new().await;
    let (_, answer) = lab.json("GET /users?per_page=5&page=3", None).await;
    let names: Vec<_> = answer["users"].as_array().unwrap().iter().map(|user| &user["name"]).collect();
    assert_eq!(names, ["John Backus", "Katherine Johnson"]);
    assert_eq!(answer["pagination"], json!({"total_records": 12, "total_pages": 3, "current_page": 3}));
    let (_, answer) = lab.json("GET /users?email=alan.turing%40example.com", None).await;
    assert_eq!(answer["users"][0]["name"], "Alan Turing");
    assert_eq!(answer["pagination"]["total_records"], 1);
    let (_, answer) = lab.json("GET /users?email=nobody@example.com", None).await;
    assert_eq!(answer["pagination"], json!({"total_records": 0, "total_pages": 0, "current_page": 1}));
}

#[tokio::test]
async fn the_same_email_twice_is_listed_twice() {
    let lab = Lab::new().await;
    lab.aha.seed(Person::new("Other", "Turing", "alan.turing@example.com"));
    let (_, answer) = lab.json("GET /users?email=alan.turing@example.com", None).await;
    assert_eq!(answer["pagination"]["total_records"], 2);
}

#[rstest]
#[case::unknown_user("GET /users/1")]
#[case::no_id_at_all("GET /users/alan")]
#[case::change_of_unknown_user("PUT /users/1")]
#[case::roles_of_unknown_user("GET /users/1/product_roles")]
#[case::unknown_workspace("POST /products/NOPE/users")]
#[case::unknown_identity_provider("GET /identity_providers/1")]
#[tokio::test]
async fn a_missing_record_is_404_in_json(#[case] call: &str) {
    let response = Lab::new().await.send(call, None).await.unwrap();
    assert_eq!(kind(&response), (404, JSON));
    assert_eq!(response.text().await.unwrap(), r#"{"error":"Record not found."}"#);
}

#[rstest]
#[case::no_deleting_of_users("DELETE /users/7400000000000418916")]
#[case::no_creating_outside_a_workspace("POST /users")]
#[case::unknown_path("GET /nothing")]
#[tokio::test]
async fn a_missing_route_is_404_in_html(#[case] call: &str) {
    let response = Lab::new().await.send(call, None).await.unwrap();
    assert_eq!(kind(&response), (404, HTML));
}

#[rstest]
#[case("GET /users")]
#[case("GET /users/1")]
#[case("PUT /users/1")]
#[case("GET /products/PRJ1/users")]
#[case("POST /products/PRJ1/users")]
#[case("GET /users/1/product_roles")]
#[case("POST /users/1/product_roles")]
#[case("DELETE /users/1/product_roles/1")]
#[case("GET /me")]
#[case("GET /products")]
#[case("GET /products/PRJ1")]
#[case("GET /identity_providers")]
#[case("GET /identity_providers/1")]
#[tokio::test]
async fn every_route_refuses_a_wrong_api_key_with_401_in_html(#[case] call: &str) {
    let response = Lab::new().await.send_as("wrong", call, None).await.unwrap();
    assert_eq!(kind(&response), (401, HTML));
}

#[tokio::test]
async fn a_revoked_key_stops_working_and_a_new_one_works() {
    let lab = Lab::new().await;
    lab.aha.add_api_key("second", lab.user("Ada").id);
    lab.aha.revoke_api_key(super::DEMO_API_KEY);
    assert_eq!(lab.status("GET /me", None).await, 401);
    assert_eq!(lab.send_as("second", "GET /me", None).await.unwrap().status(), 200);
}

#[rstest]
#[case::nothing(
    json!({}),
    "Email can't be blank, First name can't be blank, Last name can't be blank, \
     Role is not included in the list"
)]
#[case::email(
    json!({"email": "sam", "first_name": "s", "last_name": "d", "role": "none"}),
    "Email is invalid"
)]
#[case::developer(
    json!({"email": "sam@example.com", "first_name": "s", "last_name": "d", "role": "developer"}),
    "Role is not included in the list"
)]
#[case::identity_provider(
    json!({"email": "sam@example.com", "first_name": "s", "last_name": "d", "role": "viewer",
        "identity_provider_id": 1}),
    "Identity provider is invalid"
)]
#[tokio::test]
async fn a_create_that_is_not_in_order_changes_nothing(#[case] user: Value, #[case] message: &str) {
    let lab = Lab::new().await;
    let (status, answer) = lab.json("POST /products/PRJ1/users", Some(json!({"user": user}))).await;
    assert_eq!(status, 400);
    assert_eq!(answer, json!({"error": "Validation failed", "errors": {"message": message}}));
    assert_eq!((lab.aha.users().len(), lab.aha.invitations().len()), (12, 0));
}

#[rstest]
#[case::email_of_another(json!({"email": "Ada.Lovelace@example.com"}), "Email has already been taken")]
#[case::blank_name(json!({"first_name": " "}), "First name can't be blank")]
#[case::null_name(json!({"last_name": null}), "Last name can't be blank")]
#[case::flag(json!({"enabled": "no"}), "Enabled must be 'true' or 'false'")]
#[tokio::test]
async fn an_update_that_is_not_in_order_changes_nothing(#[case] user: Value, #[case] message: &str) {
    let lab = Lab::new().await;
    let before = lab.user("Alan");
    let (status, answer) = lab.json(&format!("PUT {}", lab.path("Alan")), Some(json!({"user": user}))).await;
    assert_eq!((status, &answer["errors"]["message"]), (400, &json!(message)));
    assert_eq!(lab.user("Alan"), before);
}

#[tokio::test]
async fn a_body_that_is_not_sent_as_json_has_no_fields_and_broken_json_is_refused() {
    let lab = Lab::new().await;
    let url = format!("{}/api/v1/products/PRJ1/users", lab.running.base_url());
    let post = |content_type: &'static str, body: &'static str| {
        let request = lab.http.post(&url).bearer_auth(super::DEMO_API_KEY);
        request.header("content-type", content_type).body(body).send()
    };
    let answer = post("text/plain", r#"{"user":{}}"#).await.unwrap().text().await.unwrap();
    assert!(answer.contains("Email can't be blank"), "{answer}");
    let answer = post("application/json", "{").await.unwrap();
    assert_eq!(kind(&answer), (400, JSON));
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_and_logged() {
    let lab = Lab::new().await;
    let body = json!({"user": {"first_name": "x".repeat(100_000)}});
    assert_eq!(lab.status(&format!("PUT {}", lab.path("Alan")), Some(body)).await, 413);
    assert_eq!(lab.aha.calls().answered(413).len(), 1);
}

#[tokio::test]
async fn a_vanished_user_is_not_found() {
    let lab = Lab::new().await;
    let (id, path) = (lab.user("Alan").id, lab.path("Alan"));
    lab.aha.vanish(id);
    assert_eq!(lab.status(&format!("GET {path}"), None).await, 404);
    assert_eq!(lab.aha.find_user(UserId::parse(&id.to_string()).unwrap()), None);
}
