//! Pages behind cursors (RFC 9865).

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rstest::rstest;
use scim_bridge::clock::{ManualClock, Time};
use serde_json::{Value, json};

use crate::harness::{Answer, Bridge, Setup};

const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

async fn users(bridge: &Bridge, count: usize) {
    for number in 0..count {
        bridge.create_user(&format!("user{number:02}.family{}@example.com", number * 7 % 5)).await;
    }
}

async fn seven_users() -> Bridge {
    let bridge = Setup::memory().start().await;
    users(&bridge, 7).await;
    bridge
}

/// The page behind a cursor, with further parameters.
async fn page(bridge: &Bridge, cursor: &str, parameters: &[(&str, &str)]) -> Answer {
    let request = bridge.request(http::Method::GET, "/Users").query(&[("cursor", cursor)]).query(parameters);
    Answer::of(request).await
}

fn next(page: &Answer) -> Option<String> {
    page.body.get("nextCursor").map(|cursor| cursor.as_str().unwrap().to_owned())
}

fn resources(page: &Answer) -> &[Value] {
    assert_eq!(page.status, 200, "{page}");
    assert_eq!(page.body["itemsPerPage"], json!(page.body["Resources"].as_array().unwrap().len()));
    page.body["Resources"].as_array().unwrap()
}

/// All pages, with what comes between them.
async fn walk(bridge: &Bridge, parameters: &[(&str, &str)]) -> Vec<Value> {
    let (mut cursor, mut walked) = (String::new(), Vec::new());
    loop {
        let page = page(bridge, &cursor, parameters).await;
        walked.extend(resources(&page).iter().cloned());
        match next(&page) {
            Some(next) => cursor = next,
            None => return walked,
        }
    }
}

#[rstest]
#[case("?cursor&count=3")]
#[case("?cursor=&count=3")]
#[case("?count=3&CURSOR=")]
#[tokio::test]
async fn an_empty_cursor_asks_for_the_first_page_rfc_124_rfc_126(#[case] query: &str) {
    let bridge = seven_users().await;
    let first = bridge.get(&format!("/Users{query}")).await;
    assert_eq!(resources(&first).len(), 3);
    assert_eq!(first.body["totalResults"], json!(7));
    assert_eq!(first.body.get("startIndex"), None);
    assert_eq!(first.body.get("previousCursor"), None);
    let cursor = next(&first).unwrap();
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    assert!(cursor.bytes().all(is_unreserved), "rfc_127: {cursor}");
}

#[tokio::test]
async fn pages_by_index_are_the_default_rfc_132() {
    let bridge = seven_users().await;
    let first = bridge.get("/Users?count=3").await;
    assert_eq!(first.body.get("nextCursor"), None);
    assert_eq!(first.body["startIndex"], json!(1));
}

#[rstest]
#[case::in_order(&[])]
#[case::sorted_rfc_135(&[("sortBy", "userName"), ("sortOrder", "descending")])]
#[case::sorted_with_equal_and_missing_values(&[("sortBy", "name.familyName")])]
#[case::found_by_index(&[("filter", "userName sw \"USER\"")])]
#[case::tried_on_each(&[("filter", "name.familyName ne \"family0@example.com\" and not (title pr)")])]
#[case::both(&[("filter", "emails co \"family\""), ("sortBy", "emails.value")])]
#[tokio::test]
async fn a_walk_gives_what_the_whole_list_does_and_ends_on_the_last_page_rfc_125(
    #[case] parameters: &[(&str, &str)],
) {
    let bridge = seven_users().await;
    let whole = Answer::of(bridge.request(http::Method::GET, "/Users").query(parameters)).await;
    // Seven is a multiple of two of these: a full last page has no cursor either.
    for count in ["1", "3", "7", "100"] {
        let mut parameters = parameters.to_vec();
        parameters.push(("count", count));
        assert_eq!(walk(&bridge, &parameters).await, resources(&whole), "{count}");
    }
}

#[rstest]
#[case::zero("0", 0)]
#[case::negative("-5", 0)]
#[case::more_than_allowed("100000", 7)]
#[tokio::test]
async fn count_is_held_within_its_bounds_rfc_130_rfc_131(#[case] count: &str, #[case] expected: usize) {
    let bridge = seven_users().await;
    let page = page(&bridge, "", &[("count", count)]).await;
    assert_eq!(resources(&page).len(), expected);
    assert_eq!(page.body["totalResults"], json!(7));
    assert_eq!(next(&page), None);
}

#[tokio::test]
async fn the_other_parameters_stay_the_same_rfc_128() {
    let bridge = seven_users().await;
    let asked = [("count", "2"), ("filter", "userName sw \"user\""), ("sortBy", "userName")];
    let cursor = next(&page(&bridge, "", &asked).await).unwrap();
    let again = |parameters: Vec<(&'static str, &'static str)>| {
        let (bridge, cursor) = (&bridge, &cursor);
        async move { page(bridge, cursor, &parameters).await }
    };
    // As in the example of RFC 9865, the same may be said in other words.
    let same = again(vec![("count", "2"), ("filter", "USERNAME sw user"), ("sortBy", "username")]).await;
    assert_eq!(resources(&same).len(), 2);
    again(vec![("count", "3"), asked[1], asked[2]]).await.error(400, "invalidCount");
    again(vec![asked[1], asked[2]]).await.error(400, "invalidCount");
    again(vec![("count", "two"), asked[1], asked[2]]).await.error(400, "invalidCount");
    again(vec![asked[0], ("filter", "userName sw \"u\""), asked[2]]).await.error(400, "invalidCursor");
    again(vec![asked[0], asked[2]]).await.error(400, "invalidCursor");
    again(vec![asked[0], asked[1]]).await.error(400, "invalidCursor");
    again(vec![asked[0], asked[1], asked[2], ("sortOrder", "descending")]).await.error(400, "invalidCursor");
    again(vec![asked[0], asked[1], asked[2], ("startIndex", "1")]).await.error(400, "invalidValue");
}

#[rstest]
#[case("garbage")]
#[case("%00")]
#[case("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
#[case("=")]
#[tokio::test]
async fn what_is_no_cursor_is_refused_rfc_129(#[case] cursor: &str) {
    let bridge = Setup::memory().start().await;
    bridge.get(&format!("/Users?cursor={cursor}")).await.error(400, "invalidCursor");
    bridge.get(&format!("/Users?cursor={}", "A".repeat(6_000))).await.error(400, "invalidCursor");
}

#[tokio::test]
async fn index_and_cursor_exclude_each_other_rfc_133() {
    let bridge = Setup::memory().start().await;
    bridge.get("/Users?cursor&startIndex=1").await.error(400, "invalidValue");
    let body = json!({ "schemas": [SEARCH_REQUEST], "cursor": "", "startIndex": 5 });
    bridge.post("/Users/.search", &body).await.error(400, "invalidValue");
}

#[tokio::test]
async fn how_lists_come_in_pages_is_told_rfc_134() {
    let bridge = Setup::memory().start().await;
    assert_eq!(
        bridge.get("/ServiceProviderConfig").await.body["pagination"],
        json!({
            "cursor": true, "index": true, "defaultPaginationMethod": "index",
            "defaultPageSize": 100, "maxPageSize": 1000, "cursorTimeout": 3600,
        })
    );
}

#[tokio::test]
async fn a_cursor_ends_after_the_time_that_is_told_rfc_129() {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let bridge = Setup::memory_with_clock(Arc::new(clock.clone())).start().await;
    users(&bridge, 3).await;
    let cursor = next(&page(&bridge, "", &[("count", "1")]).await).unwrap();
    clock.advance(Duration::from_secs(3599));
    assert_eq!(resources(&page(&bridge, &cursor, &[("count", "1")]).await).len(), 1);
    clock.advance(Duration::from_secs(1));
    page(&bridge, &cursor, &[("count", "1")]).await.error(400, "expiredCursor");
}

#[tokio::test]
async fn a_search_walks_too_in_order_and_through_both_types_rfc_135() {
    let bridge = seven_users().await;
    for name in ["Staff", "Guests"] {
        assert_eq!(bridge.post("/Groups", &json!({ "displayName": name })).await.status, 201);
    }
    for more in [
        json!({}),
        json!({ "sortBy": "meta.created", "sortOrder": "descending" }),
        json!({ "filter": "id pr" }),
    ] {
        let mut body = json!({ "schemas": [SEARCH_REQUEST], "cursor": "", "count": 2, "attributes": ["id"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut ids = Vec::new();
        loop {
            let page = bridge.post("/.search", &body).await;
            assert_eq!(page.body["totalResults"], json!(9), "{page}");
            ids.extend(resources(&page).iter().map(|resource| resource["id"].as_str().unwrap().to_owned()));
            match next(&page) {
                Some(next) => body["cursor"] = json!(next),
                None => break,
            }
        }
        body.as_object_mut().unwrap().remove("cursor");
        body["count"] = json!(100);
        let whole = bridge.post("/.search", &body).await;
        let expected: Vec<_> =
            resources(&whole).iter().map(|resource| resource["id"].as_str().unwrap()).collect();
        assert_eq!(ids, expected, "{more}");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 9);
    }
}

#[rstest]
#[case::in_order(&[("count", "3")])]
#[case::sorted(&[("count", "3"), ("sortBy", "userName")])]
#[case::tried_on_each(&[("count", "3"), ("filter", "title pr or emails pr")])]
#[tokio::test]
async fn who_comes_and_goes_shifts_nothing(#[case] parameters: &[(&str, &str)]) {
    let bridge = seven_users().await;
    let first = page(&bridge, "", parameters).await;
    let ids = |page: &Answer| -> Vec<String> {
        resources(page).iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect()
    };
    let everybody = ids(&bridge.get("/Users").await);
    let first_ids = ids(&first);
    // The first page goes, with the very user behind whom the next one starts; somebody comes.
    for id in &first_ids {
        assert_eq!(bridge.delete(&format!("/Users/{id}")).await.status, 204);
    }
    let newcomer = bridge.create_user("zoe@example.com").await;
    let (mut cursor, mut seen) = (next(&first).unwrap(), first_ids);
    loop {
        let page = page(&bridge, &cursor, parameters).await;
        seen.extend(ids(&page));
        match next(&page) {
            Some(next) => cursor = next,
            None => break,
        }
    }
    assert_eq!(seen[..7], everybody);
    assert_eq!(seen[7..], [newcomer]);
}

#[tokio::test]
async fn a_cursor_works_after_a_restart_and_for_its_app_alone_rfc_136() {
    const OTHER: &str = "other-token-0123456789abcdef0123456789abcdef";
    let other =
        format!("[apps.other]\nconnector = 'memory'\ntokens = [{{ name = 'idp', token = '{OTHER}' }}]");
    let mut bridge = Setup::memory().config(&other).start().await;
    users(&bridge, 3).await;
    let cursor = next(&page(&bridge, "", &[("count", "1")]).await).unwrap();
    bridge.restart().await;
    let second = page(&bridge, &cursor, &[("count", "1")]).await;
    assert_eq!(resources(&second).len(), 1);
    let path = format!("/other/scim/v2/Users?count=1&cursor={cursor}");
    let elsewhere = Answer::of(bridge.anonymous(http::Method::GET, &path).bearer_auth(OTHER)).await;
    elsewhere.error(400, "invalidCursor");
    // Nor does it lead through other lists of the same app.
    bridge.get(&format!("/Groups?count=1&cursor={cursor}")).await.error(400, "invalidCursor");
    bridge.get(&format!("?count=1&cursor={cursor}")).await.error(400, "invalidCursor");
}
