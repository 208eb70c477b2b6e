//! Input that no honest client sends: the answer is a clear SCIM error, nothing panics, and nothing at all is stored.

use std::time::Duration;

use futures_util::future::join_all;
use http::{Method, header};
use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{
    Answer, Bridge, Setup,
    raw::{Raw, head},
    user,
};

/// A bridge with two users, and everything that it shows of them.
struct Attacked {
    bridge: Bridge,
    /// The path of one of them.
    of_sam: String,
    before: Value,
}

impl Attacked {
    async fn start() -> Self {
        Self::start_with(Setup::aha()).await
    }

    async fn start_with(setup: Setup) -> Self {
        let bridge = setup.start().await;
        let of_sam = format!("/Users/{}", bridge.create_user("sam.doe@example.com").await);
        bridge.create_user("pat.roe@example.com").await;
        bridge.aha.take_calls();
        let before = everything(&bridge).await;
        Self { bridge, of_sam, before }
    }

    /// Nothing was stored, nothing was sent to Aha!, and the bridge goes on.
    #[track_caller]
    fn unharmed(&self) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            assert_eq!(everything(&self.bridge).await, self.before, "{caller}");
            assert_eq!(self.bridge.aha.take_calls().lines(), [""; 0], "{caller}");
            let healthy = Answer::of(self.bridge.anonymous(Method::GET, "/healthz")).await;
            assert_eq!(healthy.status, 200, "{caller}");
        }
    }

    /// A create and a replacement with this text as body; both must fail alike.
    async fn write(&self, body: impl Into<Vec<u8>>) -> Answer {
        let body = body.into();
        let send = async |method, path: &str| {
            let request = self.bridge.request(method, path);
            Answer::of(request.header(header::CONTENT_TYPE, "application/scim+json").body(body.clone())).await
        };
        let (created, replaced) = (send(Method::POST, "/Users").await, send(Method::PUT, &self.of_sam).await);
        assert_eq!(created.status, replaced.status, "{} {created} {replaced}", shown(&body));
        assert_eq!(created.body["detail"], replaced.body["detail"], "{}", shown(&body));
        created
    }
}

async fn everything(bridge: &Bridge) -> Value {
    let list = bridge.get("/Users?count=1000").await;
    assert_eq!(list.status, 200, "{list}");
    let groups = bridge.get("/Groups").await;
    json!([list.body, groups.body])
}

fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(400).collect()
}

/// A user in order, with `name` set to `value`.
fn user_with(name: &str, value: Value) -> Value {
    let mut body = user("eve@example.com");
    body[name] = value;
    body
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_400_that_names_the_attribute() {
    let attacked = Attacked::start().await;
    let wrong_texts = [json!(1), json!(true), json!({}), json!({ "value": "x" }), json!([1])];
    let wrong_objects = [json!(1), json!("x"), json!(true), json!([1]), json!(["x"])];
    let wrong_lists = [json!(1), json!(true), json!([[]]), json!([1]), json!([[{ "value": "x" }]])];
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let mut bodies = Vec::new();
    for text in ["userName", "externalId", "displayName", "nickName", "title", "locale", "preferredLanguage"]
    {
        // Numbers and lists of one are repaired where clients are known to send them.
        bodies.extend(wrong_texts.iter().skip(1).take(3).map(|wrong| (text, user_with(text, wrong.clone()))));
    }
    bodies.extend(wrong_objects.iter().map(|wrong| ("name", user_with("name", wrong.clone()))));
    for list in ["emails", "phoneNumbers", "addresses", "photos", "ims", "entitlements", "x509Certificates"] {
        bodies.extend(wrong_lists.iter().skip(2).map(|wrong| (list, user_with(list, wrong.clone()))));
    }
    for wrong in [json!("maybe"), json!(1), json!({}), json!([true, false])] {
        bodies.push(("active", user_with("active", wrong)));
    }
    for (path, wrong) in [
        ("name", json!({ "name": { "givenName": {} } })),
        ("name", json!({ "name": { "familyName": [["x"]] } })),
        ("emails", json!({ "emails": [{ "value": {} }] })),
        ("emails", json!({ "emails": [{ "value": "a@b.c", "primary": "yes" }] })),
        (
            "emails",
            json!({ "emails": [{ "value": "a@b.c", "primary": true }, { "value": "b@b.c", "primary": true }] }),
        ),
        ("emails", json!({ "emails": [{ "value": "a@b.c" }, null, 1] })),
        (enterprise, json!({ enterprise: 7 })),
        ("manager", json!({ enterprise: { "manager": [1, 2] } })),
        ("schemas", json!({ "schemas": 1 })),
        ("schemas", json!({ "schemas": [1] })),
        ("schemas", json!({ "schemas": {} })),
    ] {
        let mut body = user("eve@example.com");
        body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        bodies.push((path, body));
    }
    for (name, body) in bodies {
        let answer = attacked.write(body.to_string()).await;
        assert_eq!(answer.status, 400, "{name}: {body}: {answer}");
        let scim_type = answer.body["scimType"].as_str().unwrap().to_owned();
        let detail = answer.error(400, &scim_type);
        assert!(["invalidValue", "invalidSyntax"].contains(&scim_type.as_str()), "{body}: {answer}");
        assert!(detail.contains(name), "{body}: {detail}");
    }
    attacked.unharmed().await;
}

#[rstest]
#[case::missing(json!(null))]
#[case::empty(json!(""))]
#[case::blank(json!("  "))]
#[tokio::test]
async fn a_user_without_a_user_name_is_400(#[case] user_name: Value) {
    let attacked = Attacked::start().await;
    let mut body = user_with("userName", user_name.clone());
    if user_name.is_null() {
        body.as_object_mut().unwrap().remove("userName");
    }
    let answer = attacked.write(body.to_string()).await;
    assert!(answer.error(400, "invalidValue").contains("userName"), "{answer}");
    attacked.unharmed().await;
}

#[tokio::test]
async fn a_body_of_five_megabytes_is_answered_with_413_while_it_is_still_being_sent() {
    let attacked = Attacked::start().await;
    let mut body = user("eve@example.com");
    body["displayName"] = json!("x".repeat(5_000_000));
    let body = body.to_string();
    let answer = attacked.write(body.clone()).await;
    assert_eq!(answer.error(413, ""), "The body is larger than the 4194304 bytes that are allowed.");
    // The same by hand, and the connection goes on.
    let mut connection = Raw::connect(&attacked.bridge).await;
    connection.send(format!("{}Content-Length: {}\r\n\r\n{body}", head("POST", "/Users"), body.len())).await;
    connection.answer().await.error(413, "");
    connection.send(head("GET", "/ServiceProviderConfig") + "\r\n").await;
    assert_eq!(connection.answer().await.status, 200);
    attacked.unharmed().await;
}

#[tokio::test]
async fn a_body_without_an_end_is_answered_with_413_and_not_read_for_ever() {
    let attacked = Attacked::start().await;
    let mut connection = Raw::connect(&attacked.bridge).await;
    connection.send(head("POST", "/Users") + "Transfer-Encoding: chunked\r\n\r\n").await;
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    // 64 MiB; the bridge stops listening long before.
    for _ in 0..64 {
        connection.send(&chunk).await;
    }
    drop(connection);
    attacked.unharmed().await;
}

#[tokio::test]
async fn a_client_that_waits_for_permission_to_send_a_body_is_told() {
    let attacked = Attacked::start().await;
    let body = user("eve@example.com").to_string();
    let mut connection = Raw::connect(&attacked.bridge).await;
    let expecting = format!("Expect: 100-continue\r\nContent-Length: {}\r\n\r\n", body.len());
    connection.send(head("POST", "/Users").replace("Bearer t", "Bearer x") + &expecting).await;
    // Without a right token nobody asks for the body.
    connection.answer().await.error(401, "");
    let mut connection = Raw::connect(&attacked.bridge).await;
    connection.send(head("PUT", "/Users/1") + &expecting).await;
    assert_eq!(connection.answer().await.status, 100);
    connection.send(&body).await;
    connection.answer().await.error(404, "");
    attacked.unharmed().await;
}

#[tokio::test]
async fn filters_that_are_deep_long_or_wrong_are_400_invalid_filter_and_never_a_whole_list() {
    let attacked = Attacked::start().await;
    let nested = |depth: usize| format!("{}userName pr{}", "(".repeat(depth), ")".repeat(depth));
    let not_nested = |depth: usize| format!("{}userName pr{}", "not (".repeat(depth), ")".repeat(depth));
    let brackets = format!("emails{}value pr{}", "[".repeat(3_000), "]".repeat(3_000));
    let many_tests = vec!["userName pr"; 500].join(" or ");
    let long_text = format!("userName eq \"{}\"", "x".repeat(10_000));
    for filter in [
        nested(10_000),
        nested(1_000),
        nested(33),
        not_nested(1_000),
        "(".repeat(8_000),
        ")".repeat(8_000),
        brackets,
        many_tests,
        long_text,
        String::new(),
        " ".to_owned(),
        "userName".to_owned(),
        "userName eq".to_owned(),
        "userName eq \"a".to_owned(),
        "userName eq 'a'".to_owned(),
        "userName = \"a\"".to_owned(),
        "userName == \"a\"".to_owned(),
        "userName like \"a\"".to_owned(),
        "userName regex \".*\"".to_owned(),
        "userName in (\"a\")".to_owned(),
        "userName ne".to_owned(),
        "eq \"a\"".to_owned(),
        "userName eq \"a\" and".to_owned(),
        "userName eq \"a\" xor userName eq \"b\"".to_owned(),
        "userName eq \"a\" userName eq \"b\"".to_owned(),
        "userName eq \"\\ud800\"".to_owned(),
        "userName eq \"\\q\"".to_owned(),
        "active gt true".to_owned(),
        "nothing eq \"a\"".to_owned(),
        "userName.sub eq \"a\"".to_owned(),
        "emails[type eq \"work\"".to_owned(),
        "emails[type eq \"work\" and emails[value pr]]".to_owned(),
        "' or 1=1 --".to_owned(),
        "userName eq \"a\"; DROP TABLE users".to_owned(),
        "meta.created gt 1e999".to_owned(),
        "urn:x:y:z eq \"a\"".to_owned(),
        "\u{0}".to_owned(),
        "\u{202e}userName eq \"a\"".to_owned(),
    ] {
        for resources in ["/Users", "/Groups"] {
            let answer = attacked.bridge.filter(resources, &filter).await;
            let shown: String = filter.chars().take(80).collect();
            assert_eq!(answer.status, 400, "{resources} {shown:?} {answer}");
            let detail = answer.error(400, "invalidFilter");
            assert!(detail.len() < 500, "{shown:?}: {detail}");
        }
    }
    attacked.unharmed().await;
}

#[tokio::test]
async fn texts_in_filters_are_only_ever_texts() {
    let attacked = Attacked::start().await;
    for text in [
        "' OR 1=1 --",
        "%",
        "_",
        "sam.doe%",
        "*",
        "\\\\",
        "\\u0000",
        "\\u0000sam.doe@example.com",
        "\u{1f469}",
    ] {
        let answer = attacked.bridge.filter("/Users", &format!("userName eq \"{text}\"")).await;
        assert_eq!(answer.body["totalResults"], 0, "{text}: {answer}");
        let answer = attacked.bridge.filter("/Users", &format!("id eq \"{text}\"")).await;
        assert_eq!(answer.body["totalResults"], 0, "{text}: {answer}");
        for filter in [format!("members eq \"{text}\""), format!("members eq \"{text}\" or id eq \"{text}\"")]
        {
            let answer = attacked.bridge.filter("/Groups", &filter).await;
            assert_eq!(answer.body["totalResults"], 0, "{filter}: {answer}");
        }
    }
    attacked.unharmed().await;
}

#[tokio::test]
async fn queries_that_are_not_utf_8_or_not_numbers_are_refused() {
    let attacked = Attacked::start().await;
    for query in ["?filter=%ff%fe", "?filter=userName%20eq%20%ff", "?filter=%00", "?filter=%", "?filter=%zz"]
    {
        attacked.bridge.get(&format!("/Users{query}")).await.error(400, "invalidFilter");
    }
    for query in ["?count=x", "?count=1.5", "?startIndex=x", "?count=1%002"] {
        let answer = attacked.bridge.get(&format!("/Users{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {answer}");
        answer.error(400, "invalidValue");
    }
    for query in ["?startIndex=9223372036854775807", "?startIndex=2147483648", "?startIndex=4"] {
        let answer = attacked.bridge.get(&format!("/Users{query}")).await;
        assert_eq!((answer.status, &answer.body["Resources"]), (200, &json!([])), "{query}: {answer}");
    }
    // RFC 7644 §3.4.2.4: less than one is one, and a negative count is none.
    for query in [
        "?startIndex=0",
        "?startIndex=-9223372036854775808",
        "?count=2147483647",
        "?count=99999999999999999999999",
    ] {
        let answer = attacked.bridge.get(&format!("/Users{query}")).await;
        assert_eq!(answer.body["Resources"], attacked.before[0]["Resources"], "{query}: {answer}");
    }
    let answer = attacked.bridge.get("/Users?count=-1").await;
    assert_eq!((&answer.body["itemsPerPage"], answer.status), (&json!(0), 200), "{answer}");
    let attributes = vec!["userName"; 5_000].join(",");
    attacked.bridge.get(&format!("/Users?attributes={attributes}")).await.error(400, "invalidValue");
    attacked.unharmed().await;
}

#[tokio::test]
async fn a_raw_query_that_is_no_uri_is_refused_and_the_bridge_goes_on() {
    let attacked = Attacked::start().await;
    for target in [
        b"/test/scim/v2/Users?filter=\xff\xfe".as_slice(),
        b"/test/scim/v2/Users?filter=userName eq \"a\"",
        b"/test/scim/v2/Users?filter=\0",
        b"/test/scim/v2/Users?filter=<>{}|\\^`\"",
        b"test/scim/v2/Users",
        b"",
        b"*",
        b"http://elsewhere.example/test/scim/v2/Users?filter=x",
    ] {
        let mut connection = Raw::connect(&attacked.bridge).await;
        let line = [b"GET ".as_slice(), target, b" HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
        connection.send(line).await;
        let answer = connection.answer().await;
        assert!([400, 401, 404].contains(&answer.status), "{}: {answer}", String::from_utf8_lossy(target));
        answer.error(answer.status, "");
    }
    attacked.unharmed().await;
}

#[rstest]
#[case::arrays("[", "]")]
#[case::objects("{\"a\":", "}")]
#[case::emails("{\"emails\":[", "]}")]
#[tokio::test]
async fn nested_json_is_refused_at_any_depth(#[case] open: &str, #[case] close: &str) {
    let attacked = Attacked::start().await;
    for depth in [40, 1_000, 50_000] {
        let nested = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        let body = format!(r#"{{"userName":"eve@example.com","title":{nested}}}"#);
        let answer = attacked.write(body).await;
        assert!(answer.error(400, "invalidSyntax").contains("deep"), "{answer}");
        let unclosed = attacked.write(open.repeat(depth)).await;
        unclosed.error(400, "invalidSyntax");
    }
    attacked.unharmed().await;
}

#[rstest]
#[case::one_name(r#"{"userName":"eve@example.com","userName":"eva@example.com"}"#)]
#[case::active(r#"{"userName":"eve@example.com","active":false,"active":true}"#)]
#[case::other_case(r#"{"userName":"eve@example.com","username":"eva@example.com"}"#)]
#[case::active_in_another_case(r#"{"userName":"eve@example.com","active":false,"Active":true}"#)]
#[case::escaped(r#"{"userName":"eve@example.com","active":false,"\u0061ctive":true}"#)]
#[case::in_a_name(r#"{"userName":"eve@example.com","name":{"givenName":"a","givenname":"b"}}"#)]
#[case::in_an_element(r#"{"userName":"eve@example.com","emails":[{"value":"a@b.c","Value":"b@b.c"}]}"#)]
#[case::extensions(
    r#"{"userName":"eve@example.com",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"a"},
        "URN:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"b"}}"#
)]
#[tokio::test]
async fn an_attribute_that_is_sent_twice_is_refused_in_whatever_case(#[case] body: &str) {
    let attacked = Attacked::start().await;
    let answer = attacked.write(body).await;
    let scim_type = answer.body["scimType"].as_str().unwrap_or_default().to_owned();
    answer.error(400, &scim_type);
    attacked.unharmed().await;
}

#[tokio::test]
async fn bytes_that_are_not_utf_8_and_characters_that_are_none_are_refused() {
    let attacked = Attacked::start().await;
    let whole = user("eve@example.com").to_string();
    let put = |bytes: &[u8]| {
        let (before, after) = whole.split_once("eve").unwrap();
        [before.as_bytes(), bytes, after.as_bytes()].concat()
    };
    for bytes in [b"\xff".as_slice(), b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf8\x88\x80\x80\x80"] {
        let answer = attacked.write(put(bytes)).await;
        assert!(answer.error(400, "invalidSyntax").contains("UTF-8"), "{answer}");
    }
    for escape in [b"\\ud800".as_slice(), b"\\udc00", b"\\ud800\\u0061", b"\\u12", b"\\x41", b"\n", b"\0"] {
        attacked.write(put(escape)).await.error(400, "invalidSyntax");
    }
    let utf_16: Vec<u8> = whole.encode_utf16().flat_map(u16::to_le_bytes).collect();
    attacked.write(utf_16).await.error(400, "invalidSyntax");
    // NUL is a character of JSON, and no database holds it.
    for path in ["userName", "externalId", "displayName"] {
        let answer = attacked.write(user_with(path, json!("a\0b")).to_string()).await;
        assert!(answer.error(400, "invalidValue").contains(path), "{answer}");
    }
    let answer = attacked.write(user_with("emails", json!([{ "value": "a\0@b.c" }])).to_string()).await;
    assert!(answer.error(400, "invalidValue").contains("emails"), "{answer}");
    attacked.unharmed().await;
}

#[tokio::test]
async fn what_is_too_large_for_a_resource_is_400_that_says_how_much_is_accepted() {
    let attacked = Attacked::start_with(Setup::aha().server_keys("max_body_bytes = 67108864")).await;
    for (path, value) in [
        ("userName", json!("x".repeat(70_000))),
        ("externalId", json!("x".repeat(70_000))),
        ("emails", json!(vec![json!({ "value": "a@b.c" }); 2_000])),
        ("emails", json!([{ "value": "x".repeat(70_000) }])),
    ] {
        let answer = attacked.write(user_with(path, value).to_string()).await;
        let detail = answer.error(400, "invalidValue");
        assert!(detail.contains(path) && detail.contains("are accepted") && detail.len() < 300, "{detail}");
    }
    let photos: Vec<_> =
        (0..900).map(|number| json!({ "value": format!("{number}{}", "x".repeat(60_000)) })).collect();
    let answer = attacked.write(user_with("photos", json!(photos)).to_string()).await;
    answer.error(400, "invalidValue");
    attacked.unharmed().await;
}

#[tokio::test]
async fn a_user_name_that_is_giant_for_people_is_kept_as_it_is_where_it_fits() {
    let bridge = Setup::memory().start().await;
    let giant = format!("{}@example.com", "\u{1f9d1}\u{200d}\u{1f680}".repeat(1_000));
    let created = bridge.post("/Users", &user_with("userName", json!(giant))).await;
    assert_eq!((created.status, &created.body["userName"]), (201, &json!(giant)), "{created}");
    let again = bridge.post("/Users", &user_with("userName", json!(giant))).await;
    assert!(again.error(409, "uniqueness").contains(&created.id()), "{again}");
}

#[tokio::test]
async fn numbers_beyond_all_bounds_are_refused_or_ignored_where_nobody_reads_them() {
    let attacked = Attacked::start().await;
    for number in ["1e999", "-1e999", "01", "1.", ".5", "NaN", "Infinity", "0x10", "+1"] {
        let body = format!(r#"{{"userName":"eve@example.com","active":{number}}}"#);
        attacked.write(body).await.error(400, "invalidSyntax");
    }
    for number in ["99999999999999999999999999999999999999", "1e308", "-0", "18446744073709551616"] {
        let body = format!(r#"{{"userName":"eve@example.com","active":{number}}}"#);
        attacked.write(body).await.error(400, "invalidValue");
    }
    let digits = format!(r#"{{"userName":"eve@example.com","active":{}}}"#, "9".repeat(100_000));
    let answer = attacked.write(digits).await;
    assert_eq!(answer.status, 400, "{answer}");
    attacked.unharmed().await;
}

#[tokio::test]
async fn patches_that_are_wrong_change_nothing_not_even_by_their_good_half() {
    let attacked = Attacked::start().await;
    let good = json!({ "op": "replace", "path": "title", "value": "Chief" });
    for bad in [
        json!({ "op": "explode", "path": "title", "value": "x" }),
        json!({ "op": 1, "path": "title", "value": "x" }),
        json!({ "op": "", "path": "title", "value": "x" }),
        json!({ "path": "title", "value": "x" }),
        json!({ "op": "remove" }),
        json!({ "op": "add", "path": "title" }),
        json!({ "op": "replace", "path": "userName", "value": { "a": 1 } }),
        json!({ "op": "replace", "path": "userName", "value": "" }),
        json!({ "op": "remove", "path": "userName" }),
        json!({ "op": "replace", "path": "id", "value": "other" }),
        json!({ "op": "replace", "path": "active", "value": "perhaps" }),
        json!({ "op": "replace", "path": "active", "value": ["False", "True"] }),
        json!({ "op": "replace", "path": "emails[type eq", "value": "x" }),
        json!({ "op": "replace", "path": format!("{}title", "(".repeat(10_000)), "value": "x" }),
        json!({ "op": "replace", "path": "emails[type eq \"work\"].value.more", "value": "x" }),
        json!({ "op": "replace", "path": "emails[type like \"work\"].value", "value": "x" }),
        json!({ "op": "replace", "path": 7, "value": "x" }),
        json!({ "op": "replace", "path": "displayName", "value": "a\u{0}b" }),
        json!({ "op": "replace", "value": "x" }),
        json!({ "op": "replace", "value": { "active": "perhaps" } }),
        json!("replace"),
        json!(null),
        json!([]),
    ] {
        let answer = attacked.bridge.patch(&attacked.of_sam, json!([good, bad])).await;
        assert_eq!(answer.status, 400, "{bad}: {answer}");
        let scim_type = answer.body["scimType"].as_str().unwrap_or_default().to_owned();
        answer.error(400, &scim_type);
    }
    for operations in [json!([]), json!({}), json!("x"), json!(null), json!(1), json!([[]])] {
        let answer = attacked.bridge.patch(&attacked.of_sam, operations.clone()).await;
        assert_eq!(answer.status, 400, "{operations}: {answer}");
    }
    for body in [
        json!({}),
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"] }),
        json!({ "Operations": [good], "operations": [good] }),
    ] {
        let answer = attacked.bridge.send(Method::PATCH, &attacked.of_sam, Some(&body)).await;
        assert_eq!(answer.status, 400, "{body}: {answer}");
    }
    attacked.unharmed().await;
}

#[tokio::test]
async fn thousands_of_operations_are_refused_before_they_are_worked_on() {
    let attacked = Attacked::start().await;
    let operation = json!({ "op": "replace", "path": "title", "value": "Chief" });
    let answer = attacked.bridge.patch(&attacked.of_sam, json!(vec![operation; 5_000])).await;
    let scim_type = answer.body["scimType"].as_str().unwrap_or_default().to_owned();
    assert!(answer.error(400, &scim_type).contains("1000"), "{answer}");
    // Each of few operations may be large in itself.
    let many: serde_json::Map<_, _> = (0..20_000).map(|number| (format!("x{number}"), json!(1))).collect();
    let answer = attacked.bridge.patch(&attacked.of_sam, json!([{ "op": "add", "value": many }])).await;
    assert_eq!(answer.status, 400, "{answer}");
    // Values that grow with each operation end at a bound.
    let growing: Vec<_> = (0..999)
        .map(|number| json!({ "op": "add", "path": "photos", "value": [{ "value": format!("p{number}") }, { "value": format!("q{number}") }] }))
        .collect();
    let answer = attacked.bridge.patch(&attacked.of_sam, json!(growing)).await;
    answer.error(400, "invalidValue");
    attacked.unharmed().await;
}

#[tokio::test]
async fn odd_headers_change_nothing_about_who_is_asking_and_for_what() {
    let attacked = Attacked::start().await;
    let bridge = &attacked.bridge;
    for (name, value) in [
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-Original-URL", "/test/scim/v2/Users"),
        ("X-Forwarded-Host", "evil.example"),
        ("Host", "evil.example"),
        ("Accept", "text/html"),
        ("Accept", "\u{e9}"),
        ("Content-Type", "nonsense"),
        ("If-Match", "W/\"99\""),
        ("Range", "bytes=0-1"),
        ("Accept-Encoding", "gzip, br"),
        ("Cookie", "a=b"),
        ("X-Long", &"x".repeat(30_000)),
    ] {
        let answer =
            Answer::of(bridge.request(Method::GET, &attacked.of_sam).header(name, value.as_bytes())).await;
        assert_eq!(answer.status, 200, "{name}: {answer}");
        assert_eq!(answer.header("content-type"), "application/scim+json", "{name}");
        assert!(answer.header("content-location").starts_with(bridge.root()), "{name}: {:?}", answer.headers);
        assert!(answer.body["meta"]["location"].as_str().unwrap().starts_with(bridge.root()), "{name}");
    }
    attacked.unharmed().await;
}

#[rstest]
#[case::two_lengths("Content-Length: 10\r\nContent-Length: 300\r\n\r\n")]
#[case::length_and_chunks("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
#[case::a_negative_length("Content-Length: -1\r\n\r\n")]
#[case::a_length_beyond_all_bounds("Content-Length: 99999999999999999999\r\n\r\n")]
#[case::a_huge_length("Content-Length: 9000000000000000000\r\n\r\n{}")]
#[case::a_wrong_chunk_size("Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}")]
#[case::a_giant_chunk_size("Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}")]
#[case::another_coding("Transfer-Encoding: gzip\r\n\r\n{}")]
#[case::a_folded_header("X-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\n{}")]
#[case::a_header_without_name(": x\r\nContent-Length: 2\r\n\r\n{}")]
#[case::a_nul("X-Nul: a\0b\r\nContent-Length: 2\r\n\r\n{}")]
#[tokio::test]
async fn messages_that_are_no_sound_http_are_not_taken_for_a_write(#[case] rest: &str) {
    let attacked = Attacked::start().await;
    let mut connection = Raw::connect(&attacked.bridge).await;
    connection.send(head("POST", "/Users") + rest).await;
    let answered = String::from_utf8(connection.rest().await).unwrap();
    let status = answered.split(' ').nth(1).unwrap_or("closed");
    assert!(["400", "closed"].contains(&status), "{answered}");
    assert_eq!(answered.contains("api:messages:2.0:Error"), status == "400", "{answered}");
    attacked.unharmed().await;
}

#[tokio::test]
async fn thousands_of_headers_or_megabytes_of_them_are_refused() {
    let attacked = Attacked::start().await;
    for headers in ["X: y\r\n".repeat(5_000), format!("X: {}\r\n", "y".repeat(2_000_000))] {
        let mut connection = Raw::connect(&attacked.bridge).await;
        connection.send(head("GET", "/Users") + &headers + "\r\n").await;
        let answered = String::from_utf8(connection.rest().await).unwrap();
        assert!(["431", "400", ""].contains(&answered.split(' ').nth(1).unwrap_or_default()), "{answered}");
    }
    attacked.unharmed().await;
}

#[tokio::test]
async fn bodies_that_break_off_anywhere_store_nothing() {
    let attacked = Attacked::start().await;
    let body = user("eve@example.com").to_string();
    let length = format!("Content-Length: {}\r\n\r\n", body.len());
    let requests = join_all((0..body.len()).step_by(7).map(async |sent| {
        for framing in [length.clone(), format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n", body.len())] {
            let mut connection = Raw::connect(&attacked.bridge).await;
            connection.send(head("POST", "/Users") + &framing + &body[..sent]).await;
            if sent % 2 == 0 {
                drop(connection);
                continue;
            }
            // Who only stops sending still reads the answer.
            let answered = String::from_utf8(connection.rest().await).unwrap();
            assert!(answered.is_empty() || answered.starts_with("HTTP/1.1 400 "), "{answered}");
        }
    }));
    requests.await;
    // A chunked body whose last chunk is missing is not complete either, though the JSON is.
    let mut connection = Raw::connect(&attacked.bridge).await;
    let chunk = format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n", body.len());
    connection.send(head("POST", "/Users") + &chunk).await;
    connection.rest().await;
    attacked.unharmed().await;
}

#[tokio::test]
async fn clients_that_hang_up_in_the_middle_of_a_write_leave_whole_users_and_a_working_bridge() {
    let bridge = Setup::aha().start().await;
    let hang_up = join_all((0..400).map(async |number| {
        let body = user(&format!("person.{number}@example.com")).to_string();
        let mut connection = Raw::connect(&bridge).await;
        let length = format!("Content-Length: {}\r\n\r\n", body.len());
        connection.send(head("POST", "/Users") + &length + &body).await;
        for _ in 0..number % 50 {
            tokio::task::yield_now().await;
        }
    }));
    hang_up.await;
    // Those that were read are done to the end; the others never were.
    assert_eq!(bridge.post("/Users", &user("after@example.com")).await.status, 201);
    bridge.wait_until_idle().await;
    let mut invited: Vec<_> =
        bridge.aha.invitations().into_iter().map(|invitation| invitation.email).collect();
    let list = bridge.get("/Users?count=1000").await;
    let mut stored: Vec<_> = list.body["Resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["userName"].as_str().unwrap().to_owned())
        .filter(|name| !name.starts_with("key.owner"))
        .collect();
    invited.sort();
    stored.sort();
    assert_eq!(invited, stored, "every user that is stored was invited exactly once");
    assert!(stored.contains(&"after@example.com".to_owned()));
    // Each is whole: it is found, changed and deleted like any other.
    for user in list.body["Resources"].as_array().unwrap().iter().rev().take(5) {
        let path = format!("/Users/{}", user["id"].as_str().unwrap());
        let answer =
            bridge.patch(&path, json!([{ "op": "replace", "path": "active", "value": false }])).await;
        assert_eq!(answer.status, 200, "{answer}");
    }
}

#[tokio::test]
async fn clients_that_send_nothing_or_half_a_head_do_not_keep_others_waiting() {
    let attacked = Attacked::start().await;
    let mut idle = Vec::new();
    for number in 0..300 {
        let mut connection = Raw::connect(&attacked.bridge).await;
        if number % 2 == 0 {
            connection.send("POST /test/scim/v2/Users HTTP/1.1\r\nHost:").await;
        }
        idle.push(connection);
    }
    let working = attacked.unharmed();
    tokio::time::timeout(Duration::from_secs(20), working).await.unwrap();
}

#[tokio::test]
async fn groups_that_are_wrong_are_400_and_not_stored() {
    let attacked = Attacked::start().await;
    let group = |name: &str, value: Value| {
        let mut body = json!({ "displayName": "Team" });
        body[name] = value;
        body
    };
    for body in [
        json!({}),
        group("displayName", json!("")),
        group("displayName", json!({})),
        group("displayName", json!("a\0b")),
        group("displayName", json!("x".repeat(70_000))),
        group("members", json!("x")),
        group("members", json!([["x"]])),
        group("members", json!([{ "value": {} }])),
        group("members", json!([{ "value": "x".repeat(70_000) }])),
        json!([{ "displayName": "Team" }]),
    ] {
        let answer = attacked.bridge.post("/Groups", &body).await;
        assert_eq!(answer.status, 400, "{body}: {answer}");
        let scim_type = answer.body["scimType"].as_str().unwrap_or_default().to_owned();
        answer.error(400, &scim_type);
    }
    attacked.unharmed().await;
}
