//! The simulated Aha! answers as the real one does: each operation is played with the request of the vendor's own
//! example, and the answer compared with the example's, key by key and type by type.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod examples;
mod shape;

use std::{collections::BTreeSet, sync::Arc};

use scim_bridge::{
    clock::SystemClock,
    sim::aha::{DEMO_API_KEY, SimulatedAha},
};

use self::{
    examples::{example, example_content_type, example_request, example_status, operations},
    shape::Shape,
};

/// Each operation, and where to play it in the demonstration's account. A first name stands for that user's id: Ada
/// owns the API key and sees the names of her own workspaces only, Dennis has a role in one of them, Alan in others too.
const PLAYS: &[(&str, &str, &str)] = &[
    ("GET", "/users", "/users"),
    ("GET", "/users/{id}", "/users/Ada"),
    ("PUT", "/users/{id}", "/users/Alan"),
    ("GET", "/users/{id}/product_roles", "/users/Dennis/product_roles"),
    ("POST", "/users/{id}/product_roles", "/users/Alan/product_roles"),
    ("DELETE", "/users/{id}/product_roles/{product_id}", "/users/Alan/product_roles/PRJ1"),
    ("GET", "/users/{id}/user_roles", "/users/Radia/user_roles"),
    ("POST", "/users/{id}/user_roles", "/users/Alan/user_roles"),
    ("DELETE", "/users/{id}/user_roles/{product_id}", "/users/Radia/user_roles/PRJ2"),
    ("GET", "/products/{product_id}/users", "/products/PRJ1/users"),
    ("POST", "/products/{product_id}/users", "/products/PRJ1/users"),
    ("GET", "/products", "/products"),
    ("GET", "/products/{id}", "/products/PRJ1"),
    ("GET", "/identity_providers", "/identity_providers"),
    ("GET", "/identity_providers/{id}", "/identity_providers/Okta"),
    ("GET", "/paid_seat_groups", "/paid_seat_groups"),
    ("POST", "/paid_seat_groups/{id}/modify_user", "/paid_seat_groups/Seats/modify_user"),
    ("GET", "/idea_portals/{idea_portal_id}/portal_users", "/idea_portals/IDEAS/portal_users"),
    ("POST", "/idea_portals/{idea_portal_id}/portal_users", "/idea_portals/IDEAS/portal_users"),
    ("GET", "/idea_portals/{idea_portal_id}/portal_users/{id}", "/idea_portals/IDEAS/portal_users/Hedy"),
    ("PUT", "/idea_portals/{idea_portal_id}/portal_users/{id}", "/idea_portals/IDEAS/portal_users/Hedy"),
    ("DELETE", "/idea_portals/{idea_portal_id}/portal_users/{id}", "/idea_portals/IDEAS/portal_users/Hedy"),
    ("GET", "/portal_users", "/portal_users"),
    ("GET", "/portal_users/{id}", "/portal_users/Hedy"),
    ("GET", "/me", "/me"),
];

/// Differences that are meant: operation, places, reason.
const MEANT: &[(&str, &[&str], &str)] = &[
    (
        "GET /users",
        &["users[].identity_provider.id", "users[].identity_provider.name"],
        "the examples know passwords only; what users of an identity provider show is not known",
    ),
    (
        "GET /idea_portals/{idea_portal_id}/portal_users",
        &[
            "portal_users[].created_at",
            "portal_users[].updated_at",
            "portal_users[].portal_user_subscriptions",
        ],
        "the example asks for chosen `fields`; older ones, and that of all portals, have the times",
    ),
    (
        "PUT /idea_portals/{idea_portal_id}/portal_users/{id}",
        &["portal_user.unsubscribed_from_weekly_emails"],
        "the example's request sets it, and its answer is that of another one",
    ),
    ("PUT /users/{id}", &["accessed_at"], "null for who never came, as in the example of GET /users/{id}"),
    (
        "GET /products/{id}",
        &[
            "product.description",
            "product.custom_fields",
            "product.screen_definition_ids",
            "product.screen_definitions",
            "product.has_ideas",
            "product.has_master_features",
            "product.has_epics",
            "product.release_workflow",
            "product.feature_workflow",
            "product.initiative_workflow",
            "product.epic_workflow",
            "product.idea_workflow",
            "product.strategic_imperative_workflow",
            "product.page_workflow",
            "product.requirement_workflow",
            "product.key_result_workflow",
            "product.capacity_planning_enabled",
            "product.default_capacity_units",
            "product.enhanced_capacity_planning_enabled",
            "product.color",
        ],
        "a workspace's content and settings say nothing about users",
    ),
];

#[tokio::test]
async fn the_simulator_answers_each_example_with_its_status_content_type_and_structure() {
    let mut surprises = Vec::new();
    let mut met = BTreeSet::new();
    for (method, path, place) in PLAYS {
        let operation = format!("{method} {path}");
        let status = example_status(method, path);
        let (answered, content_type, body) = play(method, place, example_request(method, path)).await;
        assert_eq!(
            (answered, content_type),
            (status, example_content_type(method, path, status)),
            "{operation}"
        );
        for (place, what) in Shape::of(&example(method, path, status)).differences(&Shape::of(&body)) {
            let is_meant = MEANT
                .iter()
                .any(|(meant, places, _)| *meant == operation && places.contains(&place.as_str()));
            if is_meant {
                met.insert((operation.clone(), place));
            } else {
                surprises.push(format!("{operation}: {place} {what}"));
            }
        }
    }
    assert!(surprises.is_empty(), "{surprises:#?}");
    let meant = MEANT.iter().flat_map(|(operation, places, _)| {
        places.iter().map(|place| ((*operation).to_owned(), (*place).to_owned()))
    });
    let stale: Vec<_> = meant.filter(|difference| !met.contains(difference)).collect();
    assert!(stale.is_empty(), "these differences are gone, and need no reason any more: {stale:#?}");
}

#[test]
fn every_operation_of_the_vendors_examples_is_played() {
    let played: BTreeSet<_> =
        PLAYS.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(played, operations().into_iter().collect());
}

/// Plays one call in a fresh account; status, content type and body of the answer.
async fn play(
    method: &str,
    place: &str,
    body: Option<serde_json::Value>,
) -> (u16, Option<String>, serde_json::Value) {
    let aha = SimulatedAha::demo(Arc::new(SystemClock));
    let running = aha.start().await.unwrap();
    let mut place = place.to_owned();
    for user in aha.users() {
        place = place.replace(&user.first_name, &user.id.to_string());
        if let Some(provider) = user.identity_provider {
            place = place.replace("Okta", &provider.to_string());
        }
        if let Some(group) = user.seat_group {
            place = place.replace("Seats", &group.to_string());
        }
    }
    // The vendor's examples name records of its own test account.
    let body = body.map(|body| {
        let alan = aha.users().into_iter().find(|user| user.first_name == "Alan").unwrap();
        let text = body.to_string().replace("131414752", &aha.find_workspace("PRJ1").unwrap().to_string());
        serde_json::from_str::<serde_json::Value>(&text.replace("1049303076", &alan.id.to_string())).unwrap()
    });
    let portal = aha.find_portal("IDEAS").unwrap();
    let hedy = aha.find_portal_user_by_email(portal, "hedy@customer.example").unwrap();
    place = place.replace("Hedy", &hedy.id.to_string());
    let url = format!("{}/api/v1{place}", running.base_url());
    let request = reqwest::Client::new().request(method.parse().unwrap(), url).bearer_auth(DEMO_API_KEY);
    let request = match &body {
        Some(body) => request.json(body),
        None => request,
    };
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let content_type = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    let text = response.text().await.unwrap();
    let json = if text.is_empty() { serde_json::Value::Null } else { serde_json::from_str(&text).unwrap() };
    (status, content_type, json)
}
