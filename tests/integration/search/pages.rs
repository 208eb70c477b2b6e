//! Pages by index.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::{Value, json};

use super::{names, resources};
use crate::harness::{Bridge, Setup};

async fn twelve_users() -> Bridge {
    let bridge = Setup::memory().start().await;
    for number in 0..12 {
        bridge.create_user(&format!("user{number:02}@example.com")).await;
    }
    bridge
}

#[rstest]
#[case::nothing_given_q_03("", 1, 0..12)]
#[case::a_page_lav_9("startIndex=6&count=5", 6, 5..10)]
#[case::the_last_page("startIndex=11&count=5", 11, 10..12)]
#[case::start_below_one_rfc_051_ent_44("startindex=0&count=2", 1, 0..2)]
#[case::negative_start_rfc_051("startIndex=-7&count=2", 1, 0..2)]
#[case::behind_the_end_rfc_051_q_04("startIndex=13&count=5", 13, 12..12)]
#[case::count_of_zero_rfc_052("count=0", 1, 0..0)]
#[case::negative_count_rfc_052("count=-3", 1, 0..0)]
#[case::more_than_allowed_rfc_052("count=100000", 1, 0..12)]
#[tokio::test]
async fn a_page_holds_what_was_asked_for_rfc_053(
    #[case] query: &str,
    #[case] start_index: u64,
    #[case] expected: std::ops::Range<usize>,
) {
    let bridge = twelve_users().await;
    let expected: Vec<_> = expected.map(|number| format!("user{number:02}@example.com")).collect();
    for more in
        ["", "&filter=userName%20co%20%22user%22", "&filter=userName%20sw%20%22USER%22", "&sortBy=userName"]
    {
        let answer = bridge.get(&format!("/Users?{query}{more}")).await;
        assert_eq!(names(&answer), expected, "{query}{more}");
        assert_eq!(answer.body["totalResults"], json!(12), "{query}{more}");
        assert_eq!(answer.body["startIndex"], json!(start_index), "{query}{more}");
        assert_eq!(answer.body.get("nextCursor"), None, "{query}{more} rfc_132");
    }
}

#[rstest]
#[case("startIndex=one")]
#[case("count=1.5")]
#[case("count=%2B")]
#[tokio::test]
async fn what_is_no_number_is_refused_rfc_051(#[case] query: &str) {
    let bridge = Setup::memory().start().await;
    bridge.get(&format!("/Users?{query}")).await.error(400, "invalidValue");
    bridge.get(&format!("/Groups?{query}")).await.error(400, "invalidValue");
}

#[rstest]
#[case::in_order("")]
#[case::sorted("&sortBy=name.familyName&sortOrder=descending")]
#[case::tried_on_each("&filter=name.givenName%20pr%20or%20title%20pr")]
#[case::found_by_index("&filter=active%20eq%20true")]
#[tokio::test]
async fn pages_put_together_hold_each_resource_once_rfc_054_q_13(#[case] more: &str) {
    let bridge = twelve_users().await;
    let all = bridge.get(&format!("/Users?{}", more.trim_start_matches('&'))).await;
    for count in [1, 5, 12] {
        let mut paged: Vec<Value> = Vec::new();
        for start_index in (1..=12).step_by(count) {
            let page = bridge.get(&format!("/Users?startIndex={start_index}&count={count}{more}")).await;
            paged.extend(resources(&page).iter().cloned());
        }
        assert_eq!(paged, resources(&all), "{count}{more}");
        let ids: BTreeSet<_> = paged.iter().map(|user| user["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 12);
    }
}

#[tokio::test]
async fn an_unsupported_filter_is_never_the_whole_list_q_08() {
    let bridge = twelve_users().await;
    for endpoint in ["/Users", "/Groups", ""] {
        for filter in ["userName like \"x\"", "", "userName", "displayName gt", "password eq \"x\""] {
            let answer = bridge.filter(endpoint, filter).await;
            if endpoint == "/Groups" || endpoint.is_empty() || !filter.is_empty() {
                answer.error(400, "invalidFilter");
            }
        }
    }
    bridge.filter("/Users", "favouriteColour eq \"blue\"").await.error(400, "invalidFilter");
}
