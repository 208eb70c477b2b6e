//! The order of lists (RFC-061, RFC-062).

use std::{sync::Arc, time::Duration};

use rstest::rstest;
use scim_bridge::{
    clock::{ManualClock, Time},
    scim::{
        registry::Registry,
        sort::{Order, SortBy},
    },
};
use serde_json::{Value, json};

use super::{names, resources};
use crate::harness::{Answer, Bridge, Setup};

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

/// Twenty users who were made and changed at different times; many share an `externalId` or have none.
async fn twenty_users() -> Bridge {
    let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
    let bridge = Setup::memory_with_clock(Arc::new(clock.clone())).start().await;
    let mut ids = Vec::new();
    for number in 0..20_usize {
        let name = format!("{}{}", ["ö", "A", "b", "Z", "\u{10ffff}"][number % 5], number * 7 % 20);
        let mut body = json!({ "userName": name, "active": number % 3 > 0 });
        if let Some(external_id) = [Some("e"), Some("E"), None, Some("")][number % 4] {
            body["externalId"] = json!(external_id);
        }
        if number % 7 == 0 {
            body["title"] = json!("boss");
        }
        let answer = bridge.post("/Users", &body).await;
        assert_eq!(answer.status, 201, "{answer}");
        ids.push(answer.id());
        clock.advance(Duration::from_millis(3));
    }
    for index in [13, 2, 17] {
        let title = json!([{ "op": "add", "path": "title", "value": "new" }]);
        assert_eq!(bridge.patch(&format!("/Users/{}", ids[index]), title).await.status, 200);
        clock.advance(Duration::from_millis(3));
    }
    for index in [5, 6] {
        assert_eq!(bridge.delete(&format!("/Users/{}", ids[index])).await.status, 204);
    }
    bridge
}

#[rstest]
#[case::no_filter("")]
#[case::tried_on_each("title pr or userName co \"1\"")]
#[case::found_by_another_index("active eq true")]
#[case::nothing_found("userName eq \"nobody\"")]
#[tokio::test]
async fn an_order_that_an_index_has_is_the_order_of_the_values_rfc_061_q_13(
    #[case] filter: &str,
    #[values("id", "userName", "externalId", "meta.created", "meta.lastModified", "displayName")]
    sort_by: &str,
    #[values(Order::Ascending, Order::Descending)] order: Order,
) {
    let bridge = twenty_users().await;
    let order_name = if order == Order::Ascending { "ascending" } else { "descending" };
    let mut query = vec![("sortBy", sort_by), ("sortOrder", order_name)];
    let mut expected = resources(&if filter.is_empty() {
        bridge.get("/Users").await
    } else {
        bridge.filter("/Users", filter).await
    })
    .to_vec();
    if !filter.is_empty() {
        query.push(("filter", filter));
    }
    let key = SortBy::parse(sort_by, Registry::default().user()).unwrap().unwrap();
    // The sort keeps the order of equal ones, which is that of their ids.
    expected.sort_by(|a, b| order.compare(key.key(a).as_ref(), key.key(b).as_ref()));

    let list = async |more: &[(&str, &str)]| {
        let request = bridge.request(http::Method::GET, "/Users").query(&query).query(more);
        Answer::of(request).await
    };
    assert_eq!(resources(&list(&[]).await), expected);
    let (mut cursor, mut walked, mut paged) = (String::new(), Vec::new(), Vec::new());
    loop {
        let page = list(&[("cursor", cursor.as_str()), ("count", "4")]).await;
        assert_eq!(page.body["totalResults"], json!(expected.len()), "{page}");
        walked.extend(resources(&page).iter().cloned());
        match page.body["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(walked, expected);
    for start in (1..=expected.len()).step_by(4) {
        let page = list(&[("startIndex", &start.to_string()), ("count", "4")]).await;
        assert_eq!(page.body["totalResults"], json!(expected.len()), "{page}");
        paged.extend(resources(&page).iter().cloned());
    }
    assert_eq!(paged, expected);
}

#[tokio::test]
async fn groups_are_sorted_by_an_index_too_rfc_061() {
    let bridge = Setup::memory().start().await;
    for name in ["delta", "Bravo", "Ä", "alpha", "Charlie"] {
        assert_eq!(bridge.post("/Groups", &json!({ "displayName": name })).await.status, 201);
    }
    let bravo = bridge.filter("/Groups", "displayName eq \"bravo\"").await;
    let id = resources(&bravo)[0]["id"].as_str().unwrap().to_owned();
    let body = json!({ "displayName": "Bravo", "externalId": "x" });
    assert_eq!(bridge.put(&format!("/Groups/{id}"), &body).await.status, 200);
    for (query, expected) in [
        ("sortBy=displayName", ["alpha", "Bravo", "Charlie", "delta", "Ä"]),
        ("sortBy=displayName&sortOrder=descending", ["Ä", "delta", "Charlie", "Bravo", "alpha"]),
        ("sortBy=meta.created&sortOrder=descending", ["Charlie", "alpha", "Ä", "Bravo", "delta"]),
        ("sortBy=meta.lastModified&sortOrder=descending", ["Bravo", "Charlie", "alpha", "Ä", "delta"]),
        ("sortBy=externalId", ["Bravo", "delta", "Ä", "alpha", "Charlie"]),
    ] {
        assert_eq!(names(&bridge.get(&format!("/Groups?{query}")).await), expected, "{query}");
        let mut walked = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = bridge.get(&format!("/Groups?{query}&cursor={cursor}&count=2")).await;
            walked.extend(names(&page).into_iter().map(str::to_owned));
            match page.body["nextCursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
        }
        assert_eq!(walked, expected, "{query}");
    }
}

#[tokio::test]
async fn names_that_no_index_holds_whole_are_found_and_sorted() {
    let bridge = Setup::memory().start().await;
    let long = "Long".repeat(100);
    let mut expected = Vec::new();
    for end in ["b", "a", ""] {
        let name = format!("{long}{end}");
        let body = json!({ "userName": name, "externalId": name, "emails": [{ "value": name }] });
        assert_eq!(bridge.post("/Users", &body).await.status, 201);
        assert_eq!(bridge.post("/Users", &body).await.status, 409);
        expected.push(name);
    }
    bridge.create_user("short@example.com").await;
    for attribute in ["userName", "externalId", "emails.value"] {
        for name in &expected {
            let answer = bridge.filter("/Users", &format!("{attribute} eq \"{name}\"")).await;
            assert_eq!(names(&answer), [name.as_str()], "{attribute}");
        }
        for prefix in ["long", &long, &long[..192], &long[..193]] {
            let answer = bridge.filter("/Users", &format!("{attribute} sw \"{prefix}\"")).await;
            let found = if attribute == "externalId" && prefix == "long" { 0 } else { 3 };
            assert_eq!(names(&answer).len(), found, "{attribute} {prefix}");
        }
    }
    let answer = bridge.get("/Users?sortBy=userName").await;
    assert_eq!(names(&answer)[3], "short@example.com");
    let page = bridge.get("/Users?sortBy=userName&cursor&count=1").await;
    let next = page.body["nextCursor"].as_str().unwrap();
    let second = bridge.get(&format!("/Users?sortBy=userName&cursor={next}&count=1")).await;
    assert_eq!(names(&second), names(&answer)[1..2]);
}
