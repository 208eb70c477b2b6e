//! The root: all types at once (RFC-063).

use rstest::rstest;
use serde_json::{Value, json};

use super::{SEARCH_REQUEST, create_group, names, resources};
use crate::harness::{Bridge, Setup};

async fn two_of_each() -> Bridge {
    let bridge = Setup::memory().start().await;
    let ann = bridge.create_user("ann@example.com").await;
    create_group(&bridge, "Staff", &[&ann]).await;
    bridge.create_user("bob@example.com").await;
    create_group(&bridge, "Guests", &[]).await;
    bridge
}

const ALL: [&str; 4] = ["ann@example.com", "bob@example.com", "Staff", "Guests"];

#[rstest]
#[case::all("", &ALL)]
#[case::one_type("meta.resourceType eq \"User\"", &ALL[..2])]
#[case::rfc_example("(meta.resourceType eq User) or (meta.resourceType eq Group)", &ALL)]
#[case::not_that_type("meta.resourceType ne \"User\"", &ALL[2..])]
#[case::no_type("meta.resourceType eq \"Device\"", &[])]
#[case::attribute_of_one_type_rfc_068("userName pr", &ALL[..2])]
#[case::attributes_of_both("userName eq \"BOB@example.com\" or displayName eq \"staff\"", &["bob@example.com", "Staff"])]
#[case::no_value_is_different_rfc_068("userName ne \"ann@example.com\"", &ALL[1..])]
#[case::negation_rfc_068("not (userName pr)", &ALL[2..])]
#[case::unheard_of_rfc_068("shoeSize pr or shoeSize eq 43 or shoes[size eq 43]", &[])]
#[case::common("schemas eq \"urn:ietf:params:scim:schemas:core:2.0:Group\"", &ALL[2..])]
#[case::of_one_type_with_more("members pr and meta.resourceType eq \"Group\"", &ALL[2..3])]
#[tokio::test]
async fn the_root_holds_all_types_subject_to_the_filter_rfc_063(
    #[case] filter: &str,
    #[case] expected: &[&str],
) {
    let bridge = two_of_each().await;
    let mut body = json!({ "schemas": [SEARCH_REQUEST] });
    let listed = if filter.is_empty() {
        bridge.get("/").await
    } else {
        body["filter"] = json!(filter);
        bridge.filter("/", filter).await
    };
    assert_eq!(names(&listed), expected, "{listed}");
    assert_eq!(listed.body["totalResults"], json!(expected.len()));
    let found = bridge.post("/.search", &body).await;
    assert_eq!(found.body, listed.body);
}

#[tokio::test]
async fn resources_are_shown_as_at_their_own_endpoints_rfc_063() {
    let bridge = two_of_each().await;
    let all = bridge.get("").await;
    for resource in resources(&all) {
        let location = resource["meta"]["location"].as_str().unwrap();
        let path = location.strip_prefix(&bridge.base_url()).unwrap();
        assert_eq!(bridge.get(path).await.body, *resource);
    }
    let projected = bridge.get("?attributes=userName,displayName").await;
    assert_eq!(names(&projected), ALL);
    let keys = |resource: &Value| resource.as_object().unwrap().len();
    assert!(resources(&projected).iter().all(|resource| keys(resource) == 3), "{projected}");
}

#[tokio::test]
async fn pages_go_from_one_type_to_the_next_rfc_054() {
    let bridge = two_of_each().await;
    for filter in ["", "&filter=id%20pr"] {
        for (start, expected) in
            [(1, &ALL[..2]), (2, &ALL[1..3]), (3, &ALL[2..]), (4, &ALL[3..]), (5, &[][..])]
        {
            let page = bridge.get(&format!("?startIndex={start}&count=2{filter}")).await;
            assert_eq!(names(&page), expected, "{start}{filter}");
            assert_eq!(page.body["totalResults"], json!(4));
        }
    }
}

#[tokio::test]
async fn the_root_needs_a_token_and_takes_no_resources() {
    let bridge = Setup::memory().start().await;
    let answer = crate::harness::Answer::of(bridge.anonymous(http::Method::GET, "/test/scim/v2/")).await;
    answer.error(401, "");
    bridge.post("", &json!({})).await.error(405, "");
}
