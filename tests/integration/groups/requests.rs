//! POST, GET, PUT, PATCH and DELETE of groups, apart from their members.

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use super::fixture::{GROUP, create_group, create_users, group, member_ids, members_of, sorted};
use crate::harness::Setup;

#[tokio::test]
async fn how_many_match_is_told_without_any_of_them() {
    let bridge = Setup::memory().start().await;
    for name in ["Staff", "Guests"] {
        create_group(&bridge, name, &[]).await;
    }
    for (filter, matches) in [("displayName eq \"staff\"", 1), ("displayName eq \"nobody\"", 0)] {
        let counted = bridge.filter("/Groups?count=0", filter).await;
        assert_eq!((counted.status, &counted.body["totalResults"]), (200, &json!(matches)), "{counted}");
        assert_eq!(counted.body["Resources"], json!([]), "{counted}");
    }
}

#[tokio::test]
async fn a_create_as_entra_sends_it_is_accepted_with_its_unknown_schema_ent_30_q_24_val_20_lav_5() {
    let bridge = Setup::memory().start().await;
    let body = json!({
        "schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159", "displayName": "displayName",
        "id": "mine", "meta": { "resourceType": "Group" },
    });
    let created = bridge.post("/Groups", &body).await;
    assert_eq!(created.status, 201, "{created}");
    let id = created.id();
    assert_ne!(id, "mine");
    let location = format!("{}/Groups/{id}", bridge.base_url());
    let time = created.body["meta"]["created"].clone();
    assert_eq!(
        created.body,
        json!({
            "schemas": [GROUP], "id": id, "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
            "displayName": "displayName", "members": [],
            "meta": {
                "resourceType": "Group", "created": time, "lastModified": time, "location": location,
                "version": "W/\"1\"",
            },
        })
    );
    assert_eq!(created.header("location"), location);
    assert_eq!(created.header("content-type"), "application/scim+json");
    let read = bridge.get(&format!("/Groups/{id}")).await;
    assert_eq!((read.status, &read.body), (200, &created.body));
    let found = bridge.filter("/Groups", "displayName eq \"displayName\"").await;
    assert_eq!(found.body["Resources"], json!([created.body]));
}

#[tokio::test]
async fn a_create_as_okta_sends_it_answers_an_empty_list_of_members_okt_09() {
    let bridge = Setup::memory().start().await;
    let body = json!({ "schemas": [GROUP], "displayName": "Test SCIMv2", "members": [] });
    let created = bridge.post("/Groups", &body).await;
    assert_eq!(created.status, 201, "{created}");
    assert_eq!((&created.body["displayName"], &created.body["members"]), (&json!("Test SCIMv2"), &json!([])));
    assert_eq!(created.body["meta"]["resourceType"], "Group");
}

#[tokio::test]
async fn a_display_name_is_there_once_without_regard_to_case_c_14_ent_31_val_21() {
    let bridge = Setup::memory().start().await;
    let first = create_group(&bridge, "Sales", &[]).await;
    let id = first.rsplit('/').next().unwrap();
    for again in ["Sales", "SALES"] {
        let answer = bridge.post("/Groups", &group(again, &[])).await;
        assert!(answer.error(409, "uniqueness").contains(id), "{answer}");
    }
    let second = create_group(&bridge, "Marketing", &[]).await;
    let put = bridge.put(&second, &group("sales", &[])).await;
    assert!(put.error(409, "uniqueness").contains(id), "{put}");
    let patch = json!([{ "op": "replace", "path": "displayName", "value": "sALES" }]);
    bridge.patch(&second, patch).await.error(409, "uniqueness");
    assert_eq!(bridge.get(&second).await.body["displayName"], "Marketing");
    // Its own name in another case is no collision, and the name of a deleted group is free.
    let patch = json!([{ "op": "replace", "path": "displayName", "value": "SALES" }]);
    assert_eq!(bridge.patch(&first, patch).await.status, 204);
    assert_eq!(bridge.delete(&first).await.status, 204);
    create_group(&bridge, "sales", &[]).await;
}

#[rstest]
#[case::missing(json!({ "schemas": [GROUP] }))]
#[case::empty(json!({ "schemas": [GROUP], "displayName": "" }))]
#[case::null(json!({ "schemas": [GROUP], "displayName": null }))]
#[case::not_a_text(json!({ "schemas": [GROUP], "displayName": { "value": "x" } }))]
#[case::members_that_are_no_list(json!({ "schemas": [GROUP], "displayName": "x", "members": "y" }))]
#[case::a_member_without_value(json!({ "schemas": [GROUP], "displayName": "x", "members": [{ "type": "User" }] }))]
#[tokio::test]
async fn a_group_that_cannot_be_is_refused_and_not_made(#[case] body: Value) {
    let bridge = Setup::memory().start().await;
    bridge.post("/Groups", &body).await.error(400, "invalidValue");
    assert_eq!(bridge.get("/Groups").await.body["totalResults"], 0);
}

#[tokio::test]
async fn members_are_left_out_where_they_are_excluded_c_24_ent_32_ent_33_val_15_val_16_q_12() {
    let bridge = Setup::memory().start().await;
    let user = bridge.create_user("a@example.com").await;
    for (name, members) in [("Full", vec![user.as_str()]), ("Empty", vec![])] {
        let path = create_group(&bridge, name, &members).await;
        let read = bridge.get(&format!("{path}?excludedAttributes=members")).await;
        assert_eq!((read.status, read.body["displayName"].as_str()), (200, Some(name)));
        assert_eq!(read.body.get("members"), None);
        let filtered = format!("/Groups?excludedAttributes=members&filter=displayName%20eq%20%22{name}%22");
        let found = bridge.get(&filtered).await;
        assert_eq!((found.status, &found.body["totalResults"]), (200, &json!(1)));
        assert_eq!(found.body["Resources"], json!([read.body]));
    }
    let list = bridge.get("/Groups?excludedAttributes=members").await;
    assert_eq!(list.body["totalResults"], 2);
    assert!(list.body["Resources"].as_array().unwrap().iter().all(|group| group.get("members").is_none()));
    let list = bridge.get("/Groups").await;
    assert_eq!(list.body["Resources"][0]["members"][0]["value"], user);
    assert_eq!(list.body["Resources"][1]["members"], json!([]));
}

#[rstest]
#[case::val_17("displayName eq \"Sales Team\"", 1)]
#[case::val_19_in_another_case("displayName eq \"SALES TEAM\"", 1)]
#[case::val_18_none("displayName eq \"1b7d4b4c-3a1e-4e5c-9ed4-3f4bd7a5d2a0\"", 0)]
#[case::external_id_ent_33("externalId eq \"Ext-1\"", 1)]
#[case::external_id_is_case_exact("externalId eq \"EXT-1\"", 0)]
#[case::a_part("displayName sw \"sales\"", 1)]
#[case::what_an_index_cannot_find("displayName ew \"team\" and not (externalId pr)", 0)]
#[tokio::test]
async fn groups_are_found_by_filters_val_17_val_18_val_19_ent_33(#[case] filter: &str, #[case] hits: usize) {
    let bridge = Setup::memory().start().await;
    let body = json!({ "schemas": [GROUP], "displayName": "Sales Team", "externalId": "Ext-1" });
    assert_eq!(bridge.post("/Groups", &body).await.status, 201);
    create_group(&bridge, "Other", &[]).await;
    let found = bridge.filter("/Groups", filter).await;
    assert_eq!(found.status, 200, "{found}");
    assert_eq!(found.body["totalResults"], hits, "{found}");
    assert_eq!(found.body["Resources"].as_array().unwrap().len(), hits);
    assert_eq!(found.body["itemsPerPage"], hits);
}

/// The probe for a reference, in both orders (`ENT-12`, `Q-09`).
#[tokio::test]
async fn whether_somebody_is_a_member_is_asked_with_a_bare_members_ent_12() {
    let bridge = Setup::memory().start().await;
    let users = create_users(&bridge, "u", 2).await;
    let path = create_group(&bridge, "G", &[&users[0]]).await;
    let id = path.rsplit('/').next().unwrap();
    for (user, hits) in [(&users[0], 1), (&users[1], 0)] {
        for filter in [
            format!("id eq \"{id}\" and members eq \"{user}\""),
            format!("members eq \"{user}\" and id eq \"{id}\""),
            format!("members[value eq \"{user}\"]"),
            format!("not (members.value eq \"{user}\")"),
            format!("members[value eq \"{user}\" and type eq \"User\"]"),
        ] {
            let hits = if filter.starts_with("not") { 1 - hits } else { hits };
            let request = bridge.request(Method::GET, "/Groups");
            let request = request.query(&[("filter", filter.as_str()), ("attributes", "id")]);
            let found = crate::harness::Answer::of(request).await;
            assert_eq!(found.body["totalResults"], hits, "{filter}: {found}");
            let shown = if hits == 1 { json!([{ "schemas": [GROUP], "id": id }]) } else { json!([]) };
            assert_eq!(found.body["Resources"], shown, "{filter}");
        }
    }
}

#[rstest]
#[case::by_path(json!([{ "op": "Replace", "path": "displayName", "value": "Y" }]))]
#[case::okt_10_with_its_id(json!([{ "op": "replace", "value": { "id": "{id}", "displayName": "Y" } }]))]
#[case::authentik_the_whole_group(json!([{ "op": "replace", "value": {
    "schemas": [GROUP], "id": "{id}", "displayName": "Y", "meta": { "resourceType": "Group" } } }]))]
#[tokio::test]
async fn a_rename_is_answered_204_and_found_under_the_new_name_ent_34_val_23_lav_6_c_9_c_12_q_47(
    #[case] operations: Value,
) {
    let bridge = Setup::memory().start().await;
    let user = bridge.create_user("a@example.com").await;
    let path = create_group(&bridge, "X", &[&user]).await;
    let operations = operations.to_string().replace("{id}", path.rsplit('/').next().unwrap());
    let answer = bridge.patch(&path, serde_json::from_str(&operations).unwrap()).await;
    assert_eq!((answer.status, &answer.body), (204, &Value::Null));
    let found = bridge.filter("/Groups", "displayName eq \"y\"").await;
    assert_eq!(found.body["totalResults"], 1);
    assert_eq!(bridge.filter("/Groups", "displayName eq \"X\"").await.body["totalResults"], 0);
    // A rename leaves the members alone.
    assert_eq!(members_of(&bridge, &path).await, [user]);
}

#[tokio::test]
async fn another_id_in_a_patch_is_refused_and_in_a_put_ignored_c_12_q_59() {
    let bridge = Setup::memory().start().await;
    let path = create_group(&bridge, "X", &[]).await;
    let patch = json!([{ "op": "replace", "value": { "id": "another", "displayName": "Y" } }]);
    bridge.patch(&path, patch).await.error(400, "mutability");
    assert_eq!(bridge.get(&path).await.body["displayName"], "X");
    let put = bridge.put(&path, &json!({ "schemas": [GROUP], "id": "another", "displayName": "Z" })).await;
    assert_eq!((put.status, put.id()), (200, path.rsplit('/').next().unwrap().to_owned()));
}

#[rstest]
#[case::by_path_q_60(json!([{ "op": "Add", "path": "externalId", "value": "E-1" }]))]
#[case::without_a_path_val_22(json!([{ "op": "replace", "value": { "externalId": "E-1" } }]))]
#[tokio::test]
async fn an_external_id_is_set_and_members_stay_q_60_ent_34_val_22(#[case] operations: Value) {
    let bridge = Setup::memory().start().await;
    let user = bridge.create_user("a@example.com").await;
    let path = create_group(&bridge, "X", &[&user]).await;
    assert_eq!(bridge.patch(&path, operations).await.status, 204);
    let found = bridge.filter("/Groups", "externalId eq \"E-1\"").await;
    assert_eq!(found.body["Resources"][0]["externalId"], "E-1");
    assert_eq!(found.body["Resources"][0]["members"][0]["value"], user);
}

#[tokio::test]
async fn a_patch_is_answered_with_the_group_where_attributes_are_asked_for_or_the_app_says_so_c_9() {
    let bridge = Setup::memory().start().await;
    let user = bridge.create_user("a@example.com").await;
    let path = create_group(&bridge, "X", &[&user]).await;
    let rename = |name: &str| json!([{ "op": "replace", "path": "displayName", "value": name }]);
    let asked = bridge.patch(&format!("{path}?attributes=displayName"), rename("Y")).await;
    let id = path.rsplit('/').next().unwrap();
    assert_eq!(asked.status, 200, "{asked}");
    assert_eq!(asked.body, json!({ "schemas": [GROUP], "id": id, "displayName": "Y" }));

    let bridge = Setup::memory().app_keys("group_patch_answer = 'resource'").start().await;
    let user = bridge.create_user("a@example.com").await;
    let path = create_group(&bridge, "X", &[&user]).await;
    let answer = bridge.patch(&path, rename("Y")).await;
    assert_eq!((answer.status, &answer.body["displayName"]), (200, &json!("Y")));
    assert_eq!(member_ids(&answer), [user]);
    assert_eq!(answer.header("location"), answer.body["meta"]["location"]);
}

#[tokio::test]
async fn a_put_replaces_name_and_members_and_what_was_read_can_be_sent_back_okt_13_q_52_q_59_rfc_023() {
    let bridge = Setup::memory().start().await;
    let users = create_users(&bridge, "u", 3).await;
    let path = create_group(&bridge, "G", &[&users[0], &users[1]]).await;
    // As it was read: `id`, `meta`, members with `$ref`, `type` and `display`.
    let read = bridge.get(&path).await;
    let echo = bridge.put(&path, &read.body).await;
    assert_eq!((echo.status, &echo.body), (200, &read.body), "nothing changed, so the version did not");

    let members = json!([{ "value": users[2], "display": null }, { "value": users[1], "display": null }]);
    let put = bridge.put(&path, &json!({ "schemas": [GROUP], "displayName": "H", "members": members })).await;
    assert_eq!((put.status, &put.body["displayName"]), (200, &json!("H")));
    assert_eq!(member_ids(&put), sorted(&users[1..]));
    assert_eq!(put.body["meta"]["version"], "W/\"2\"");
    // Left out or empty: nobody is a member any more.
    let put = bridge.put(&path, &json!({ "schemas": [GROUP], "displayName": "H", "members": [] })).await;
    assert_eq!(put.body["members"], json!([]));
    bridge.put("/Groups/none", &group("X", &[])).await.error(404, "");
}

#[tokio::test]
async fn a_deleted_group_is_gone_and_its_members_are_not_ent_39_okt_15_val_26_val_p4_val_p6() {
    let bridge = Setup::memory().start().await;
    let user = bridge.create_user("a@example.com").await;
    let path = create_group(&bridge, "G", &[&user]).await;
    let deleted = bridge.delete(&path).await;
    assert_eq!((deleted.status, &deleted.body), (204, &Value::Null));
    bridge.get(&path).await.error(404, "");
    bridge.delete(&path).await.error(404, "");
    bridge.put(&path, &group("G", &[])).await.error(404, "");
    bridge.patch(&path, json!([{ "op": "remove", "path": "members" }])).await.error(404, "");
    bridge.delete("/Groups/0198c0de-0000-7000-8000-000000000000").await.error(404, "");
    assert_eq!(bridge.get("/Groups").await.body["totalResults"], 0);
    assert_eq!(bridge.filter("/Groups", "displayName eq \"G\"").await.body["totalResults"], 0);
    let user = bridge.get(&format!("/Users/{user}")).await;
    assert_eq!((user.status, &user.body["active"]), (200, &json!(true)));
    assert_eq!(user.body.get("groups"), None);
}

#[tokio::test]
async fn groups_are_listed_in_pages_of_a_stable_order_lav_10() {
    let bridge = Setup::memory().start().await;
    for number in 1..=12 {
        create_group(&bridge, &format!("G{number}"), &[]).await;
    }
    let mut names = Vec::new();
    for start_index in [1, 6, 11] {
        let page = bridge.get(&format!("/Groups?startIndex={start_index}&count=5")).await;
        assert_eq!((&page.body["startIndex"], &page.body["totalResults"]), (&json!(start_index), &json!(12)));
        let resources = page.body["Resources"].as_array().unwrap();
        assert_eq!(page.body["itemsPerPage"], resources.len());
        names.extend(resources.iter().map(|group| group["displayName"].as_str().unwrap().to_owned()));
    }
    assert_eq!(names, (1..=12).map(|number| format!("G{number}")).collect::<Vec<_>>());
    let filtered = bridge.get("/Groups?startIndex=2&count=2&filter=displayName%20sw%20%22G1%22").await;
    let names: Vec<_> =
        filtered.body["Resources"].as_array().unwrap().iter().map(|group| &group["displayName"]).collect();
    assert_eq!((&filtered.body["totalResults"], names), (&json!(4), vec![&json!("G10"), &json!("G11")]));
}
