use rstest::rstest;
use serde_json::json;

use super::*;

fn request(operations: Value) -> Value {
    json!({ "schemas": [urn::BULK_REQUEST], "Operations": operations })
}

fn action(operation: Value) -> Result<Action, Problem> {
    BulkRequest::parse(request(json!([operation]))).unwrap().operations.remove(0).action
}

#[test]
fn a_request_is_read_as_the_rfc_writes_it_rfc_117() {
    let parsed = BulkRequest::parse(json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "failOnErrors": 1,
        "Operations": [
            { "method": "POST", "path": "/Users", "bulkId": "qwerty", "data": { "userName": "Alice" } },
            { "method": "PUT", "path": "/Users/b7c14771", "version": "W/\"3694e05e9dff591\"",
              "data": { "id": "b7c14771", "userName": "Bob" } },
            { "method": "PATCH", "path": "/Groups/5d8d29d3", "data": { "Operations": [] } },
            { "method": "DELETE", "path": "/Users/e9025315", "version": "W/\"0ee8add0a938e1a\"" },
        ],
    }))
    .unwrap();
    let change = |endpoint, id: &str, version: Option<&str>, change| Action::Change {
        endpoint,
        id: id.to_owned(),
        precondition: version.map_or(Precondition::none(), |tag| Precondition::of_version(tag).unwrap()),
        change,
    };
    assert_eq!(parsed.fail_on_errors, Some(1));
    assert_eq!(
        parsed.operations,
        [
            Operation {
                method: "POST".into(),
                bulk_id: Some("qwerty".into()),
                subject: None,
                action: Ok(Action::Create {
                    endpoint: Endpoint::Users,
                    data: json!({ "userName": "Alice" })
                }),
            },
            Operation {
                method: "PUT".into(),
                bulk_id: None,
                subject: Some((Endpoint::Users, "b7c14771".into())),
                action: Ok(change(
                    Endpoint::Users,
                    "b7c14771",
                    Some("W/\"3694e05e9dff591\""),
                    Change::Replace(json!({ "id": "b7c14771", "userName": "Bob" }))
                )),
            },
            Operation {
                method: "PATCH".into(),
                bulk_id: None,
                subject: Some((Endpoint::Groups, "5d8d29d3".into())),
                action: Ok(change(
                    Endpoint::Groups,
                    "5d8d29d3",
                    None,
                    Change::Update(json!({ "Operations": [] }))
                )),
            },
            Operation {
                method: "DELETE".into(),
                bulk_id: None,
                subject: Some((Endpoint::Users, "e9025315".into())),
                action: Ok(change(
                    Endpoint::Users,
                    "e9025315",
                    Some("W/\"0ee8add0a938e1a\""),
                    Change::Delete
                )),
            },
        ]
    );
}

#[rstest]
#[case::not_an_object(json!([]), ScimType::InvalidSyntax, "must be a JSON object")]
#[case::no_operations(json!({ "schemas": [urn::BULK_REQUEST] }), ScimType::InvalidSyntax, "`Operations`")]
#[case::empty(request(json!([])), ScimType::InvalidSyntax, "`Operations`")]
#[case::not_a_list(request(json!({ "method": "POST" })), ScimType::InvalidSyntax, "`Operations`")]
#[case::no_schemas(json!({ "Operations": [{}] }), ScimType::InvalidSyntax, "`schemas`")]
#[case::other_schemas(json!({ "schemas": [urn::PATCH_OP], "Operations": [{}] }), ScimType::InvalidSyntax, "`schemas`")]
#[case::operations_in_two_spellings(json!({ "schemas": [urn::BULK_REQUEST], "operations": [{}], "Operations": [{}] }),
    ScimType::InvalidSyntax, "Operations")]
#[case::a_negative_number(json!({ "schemas": [urn::BULK_REQUEST], "failOnErrors": -1, "Operations": [{}] }),
    ScimType::InvalidValue, "`failOnErrors`")]
#[case::a_fraction(json!({ "schemas": [urn::BULK_REQUEST], "failOnErrors": 1.5, "Operations": [{}] }),
    ScimType::InvalidValue, "`failOnErrors`")]
#[case::one_bulk_id_twice(request(json!([
    { "method": "POST", "path": "/Users", "bulkId": "a", "data": {} }, { "method": "DELETE", "bulkId": "a" }])),
    ScimType::InvalidValue, "`bulkId` a;")]
fn what_is_wrong_with_the_whole_refuses_the_whole_rfc_117_rfc_123(
    #[case] body: Value,
    #[case] scim_type: ScimType,
    #[case] text: &str,
) {
    let RequestError::Scim(error) = BulkRequest::parse(body).unwrap_err() else { panic!("another error") };
    assert_eq!(error.scim_type, scim_type);
    assert!(error.detail.contains(text), "{}", error.detail);
}

#[test]
fn too_many_operations_are_refused_with_the_limit_rfc_122() {
    let operations = |count| request(Value::Array(vec![json!({}); count]));
    assert_eq!(BulkRequest::parse(operations(1_000)).unwrap().operations.len(), 1_000);
    let error = BulkRequest::parse(operations(1_001)).unwrap_err();
    assert_eq!(error, RequestError::TooManyOperations(1_001));
    assert_eq!(error.to_string(), "The request holds 1001 operations, which exceeds maxOperations (1000).");
}

#[rstest]
#[case::not_given(Value::Null, None)]
#[case::one(json!(1), Some(1))]
#[case::zero(json!(0), Some(1))]
#[case::very_many(json!(u64::MAX), Some(usize::MAX))]
fn fail_on_errors_says_when_to_stop_rfc_121(#[case] value: Value, #[case] expected: Option<usize>) {
    let body = json!({ "schemas": [urn::BULK_REQUEST], "failOnErrors": value, "Operations": [{}] });
    assert_eq!(BulkRequest::parse(body).unwrap().fail_on_errors, expected);
}

#[rstest]
#[case::no_object(json!("POST"), "must be an object")]
#[case::no_method(json!({ "path": "/Users" }), "`method`")]
#[case::a_number_as_method(json!({ "method": 1, "path": "/Users" }), "`method`")]
#[case::no_path(json!({ "method": "POST", "bulkId": "a", "data": {} }), "`path`")]
#[case::a_number_as_path(json!({ "method": "POST", "bulkId": "a", "path": 1, "data": {} }), "`path`")]
#[case::no_bulk_id(json!({ "method": "POST", "path": "/Users", "data": {} }), "A POST must have a `bulkId`")]
#[case::empty_bulk_id(json!({ "method": "POST", "path": "/Users", "bulkId": "", "data": {} }), "A POST must have")]
#[case::a_number_as_bulk_id(json!({ "method": "POST", "path": "/Users", "bulkId": 1, "data": {} }), "`bulkId`")]
#[case::no_data(json!({ "method": "POST", "path": "/Users", "bulkId": "a" }), "A POST must have `data`")]
#[case::null_as_data(json!({ "method": "PUT", "path": "/Users/1", "data": null }), "A PUT must have `data`")]
#[case::a_number_as_version(json!({ "method": "DELETE", "path": "/Users/1", "version": 3 }), "`version`")]
#[case::a_broken_version(json!({ "method": "DELETE", "path": "/Users/1", "version": "\"3" }), "`version`")]
#[case::in_two_spellings(json!({ "method": "DELETE", "path": "/Users/1", "Path": "/Users/2" }), "path")]
fn what_is_wrong_with_an_operation_is_its_own_answer_rfc_117(#[case] operation: Value, #[case] text: &str) {
    let problem = action(operation).unwrap_err();
    assert!(matches!(&problem, Problem::Scim(error) if error.detail.contains(text)), "{problem}");
}

#[rstest]
#[case::plain("/Users/1", Endpoint::Users, Some("1"))]
#[case::no_slash("Groups", Endpoint::Groups, None)]
#[case::slashes("//Users//1/", Endpoint::Users, Some("1"))]
#[case::a_query("/Users/1?attributes=userName", Endpoint::Users, Some("1"))]
#[case::a_reference("/Groups/bulkId:a/b", Endpoint::Groups, Some("bulkId:a/b"))]
fn paths_are_relative_to_the_base_url(
    #[case] path: &str,
    #[case] endpoint: Endpoint,
    #[case] id: Option<&str>,
) {
    assert_eq!(Endpoint::split(path), Ok((endpoint, id)));
}

#[rstest]
#[case("/Bulk")]
#[case("/Schemas")]
#[case("/Me")]
#[case("/users")]
#[case("/other/scim/v2/Users/1")]
#[case("https://evil.example.com/Users/1")]
#[case("../Users")]
#[case("")]
#[case("?/Users")]
fn other_paths_are_no_endpoints(#[case] path: &str) {
    let operation = json!({ "method": "POST", "path": path, "bulkId": "a", "data": {} });
    assert_eq!(action(operation), Err(Problem::NoSuchEndpoint(path.to_owned())));
}

#[rstest]
#[case("GET", "/Users/1")]
#[case("get", "/Users")]
#[case("HEAD", "/Users/1")]
#[case("POST", "/Users/1")]
#[case("PUT", "/Users")]
#[case("DELETE", "/Groups/")]
#[case("\u{0}", "/Users")]
fn other_methods_are_not_allowed(#[case] method: &str, #[case] path: &str) {
    let operation = json!({ "method": method, "path": path, "bulkId": "a", "data": {} });
    let problem = Problem::MethodNotAllowed { method: method.to_ascii_uppercase(), path: path.to_owned() };
    assert_eq!(action(operation), Err(problem));
}

#[test]
fn what_an_operation_is_about_is_known_also_when_it_is_wrong_rfc_118() {
    let operations = json!([
        { "method": "GET", "path": "/Users/1" }, { "method": "PUT", "path": "/Groups/2" },
        { "method": "PUT", "path": "/Groups" }, { "path": "/Me/3" },
    ]);
    let subjects: Vec<_> = BulkRequest::parse(request(operations))
        .unwrap()
        .operations
        .into_iter()
        .map(|one| one.subject)
        .collect();
    let about = |endpoint, id: &str| Some((endpoint, id.to_owned()));
    assert_eq!(subjects, [about(Endpoint::Users, "1"), about(Endpoint::Groups, "2"), None, None]);
}

#[test]
fn names_and_methods_compare_without_case() {
    let operation = json!({ "METHOD": "Patch", "Path": "/Users/1", "BULKID": "a", "Data": {} });
    let parsed = BulkRequest::parse(json!({
        "Schemas": [urn::BULK_REQUEST.to_uppercase()], "operations": [operation],
    }))
    .unwrap();
    assert_eq!(parsed.operations[0].method, "PATCH");
    assert_eq!(parsed.operations[0].bulk_id.as_deref(), Some("a"));
    assert_eq!(parsed.operations[0].action.as_ref().unwrap().id(), Some("1"));
}

#[test]
fn the_data_of_a_patch_may_be_the_bare_list_that_the_rfc_prints() {
    let operation =
        json!({ "method": "PATCH", "path": "/Users/1", "data": [{ "op": "remove", "path": "nickName" }] });
    let expected =
        json!({ "schemas": [urn::PATCH_OP], "Operations": [{ "op": "remove", "path": "nickName" }] });
    assert_eq!(action(operation).unwrap().data(), Some(&expected));
}

#[test]
fn a_long_text_is_not_repeated_whole() {
    let path = "/x".repeat(10_000);
    let operation = json!({ "method": "POST", "path": path, "bulkId": "a", "data": {} });
    assert!(action(operation).unwrap_err().to_string().len() < 400);
}
