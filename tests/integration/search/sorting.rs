//! The order of lists (RFC-061, RFC-062).

use rstest::rstest;
use serde_json::{Value, json};

use super::{names, resources};
use crate::harness::{Bridge, Setup};

/// Six users, of which the letters of their names tell little about their order otherwise.
async fn six_users() -> Bridge {
    let bridge = Setup::memory().start().await;
    for (name, more) in [
        ("f", json!({ "title": "beta", "externalId": "B", "active": true })),
        ("E", json!({ "title": "Alpha", "externalId": "a", "active": false })),
        (
            "d",
            json!({ "title": "gamma", "emails": [{ "value": "z@x" }, { "value": "a@x", "primary": true }] }),
        ),
        ("C", json!({ "emails": [{ "value": "B@x" }, { "value": "0@x" }], "externalId": "C" })),
        ("b", json!({ "title": "alpha", "name": { "familyName": "Ö" } })),
        ("A", json!({ "emails": [{ "value": "c@x" }], "name": { "familyName": "o" } })),
    ] {
        let mut body = json!({ "userName": name });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(bridge.post("/Users", &body).await.status, 201);
    }
    bridge
}

#[rstest]
#[case::without_case("sortBy=userName", "AbCdEf")]
#[case::descending("sortBy=userName&sortOrder=descending", "fEdCbA")]
#[case::ascending_is_the_default("sortBy=USERNAME&sortOrder=ascending", "AbCdEf")]
#[case::missing_last_and_equal_ones_in_order("sortBy=title", "EbfdCA")]
#[case::missing_first_descending("sortBy=title&sortOrder=descending", "CAdfEb")]
#[case::with_case("sortBy=externalId", "fCEdbA")]
#[case::primary_or_first_value("sortBy=emails.value", "dCAfEb")]
#[case::complex_stands_for_its_value("sortBy=emails", "dCAfEb")]
#[case::booleans("sortBy=active", "EfdCbA")]
#[case::times("sortBy=meta.created&sortOrder=descending", "AbCdEf")]
#[case::a_part("sortBy=name.familyName", "AbfEdC")]
#[case::with_a_filter("sortBy=userName&filter=title%20pr", "bdEf")]
#[case::a_page("sortBy=userName&startIndex=2&count=3", "bCd")]
#[case::no_order_without_an_attribute("sortOrder=descending", "fEdCbA")]
#[case::an_empty_attribute_is_none("sortBy=&sortOrder=sideways", "fEdCbA")]
#[tokio::test]
async fn a_list_is_in_the_order_that_is_asked_for_rfc_061(#[case] query: &str, #[case] expected: &str) {
    let bridge = six_users().await;
    let answer = bridge.get(&format!("/Users?{query}")).await;
    assert_eq!(names(&answer).concat(), expected, "{query}");
}

#[rstest]
#[case::complex("sortBy=name")]
#[case::undefined("sortBy=shoeSize")]
#[case::secret("sortBy=password")]
#[case::direction("sortBy=userName&sortOrder=down")]
#[tokio::test]
async fn an_order_that_makes_no_sense_is_refused_rfc_061(#[case] query: &str) {
    let bridge = Setup::memory().start().await;
    bridge.get(&format!("/Users?{query}")).await.error(400, "invalidValue");
}

#[tokio::test]
async fn that_lists_can_be_sorted_is_told_rfc_062() {
    let bridge = Setup::memory().start().await;
    let config = bridge.get("/ServiceProviderConfig").await;
    assert_eq!(config.body["sort"], json!({ "supported": true }));
}

#[tokio::test]
async fn the_root_is_sorted_across_types_rfc_061() {
    let bridge = six_users().await;
    for name in ["delta", "Bravo"] {
        assert_eq!(bridge.post("/Groups", &json!({ "displayName": name })).await.status, 201);
    }
    let answer = bridge.get("?sortBy=displayName&count=3").await;
    assert_eq!(names(&answer), ["Bravo", "delta", "f"]);
    let answer = bridge.get("?sortBy=userName&sortOrder=descending&count=3").await;
    assert_eq!(names(&answer), ["delta", "Bravo", "f"]);
    let unknown_to_both: Vec<Value> = resources(&bridge.get("?sortBy=shoeSize").await).to_vec();
    assert_eq!(unknown_to_both, resources(&bridge.get("").await));
}
