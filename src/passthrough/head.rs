//! Which headers pass, either way.
//!
//! All of them, in their order and number, but for those that end at a proxy by HTTP's own rules (RFC 9110 §7.6.1), that carry
//! credentials, that tell of the networks in between, or that speak for the target's host. The lists here are all there is.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::base::Translation;

/// Those of one connection alone; so are those that `Connection` names.
const OF_A_CONNECTION: [&str; 9] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

/// Those of requests that go no further: credentials for us, what we satisfy ourselves, and what proxies and clouds in front of
/// us say of the client and of our network; and what would make another method of the one that the brake and the record go by.
const KEPT_FROM_TARGETS: [&str; 41] = [
    "authorization",
    "cookie",
    "cookie2",
    // The target never sees it: the body is asked of the client as soon as the target is to get it.
    "expect",
    "host",
    "te",
    "cdn-loop",
    // RFC 9440.
    "client-cert",
    "client-cert-chain",
    "client-ip",
    "disguised-host",
    "fastly-client-ip",
    "fly-client-ip",
    "forwarded",
    "forwarded-for",
    "max-forwards",
    "proxy-client-ip",
    "remote-addr",
    "true-client-ip",
    "via",
    "was-default-hostname",
    "x-client-ip",
    "x-cloud-trace-context",
    "x-cluster-client-ip",
    "x-forwarded",
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-for",
    "x-original-forwarded-for",
    "x-original-host",
    "x-original-uri",
    "x-original-url",
    "x-real-ip",
    "x-real-port",
    "x-remote-addr",
    "x-rewrite-url",
    "x-scheme",
    "x-site-deployment-id",
    "x-waws-unencoded-url",
];

/// The beginnings of more of these.
const KEPT_FROM_TARGETS_BY_PREFIX: [&str; 22] = [
    "cf-",
    "cloudfront-",
    "incap-",
    "ssl-client-",
    "wl-proxy-",
    "x-akamai-",
    "x-amz-cf-",
    "x-amzn-",
    "x-appengine-",
    "x-arr-",
    "x-auth-request-",
    "x-azure-",
    "x-client-cert",
    "x-envoy-",
    "x-fd-",
    "x-forwarded-",
    "x-goog-",
    // What else Microsoft says so may be for the target.
    "x-ms-client-principal",
    "x-ms-token-",
    "x-serverless-",
    "x-ssl-client-",
    "x-sucuri-",
];

/// Those of answers that go no further: what is for the client of the target's own host.
const KEPT_FROM_CLIENTS: [&str; 4] = ["alt-svc", "set-cookie", "set-cookie2", "strict-transport-security"];

/// Those that say what the bytes of a body are, which is not true any more when a URL in it was replaced.
const OF_THE_BYTES: [&str; 5] = ["content-length", "content-md5", "digest", "content-digest", "repr-digest"];

/// The headers of a request as the target gets it. `own` is from our base. `allowed` pass although they are on a list.
pub(super) fn of_request(
    headers: &HeaderMap,
    authorization: &HeaderValue,
    own: &Translation,
    allowed: &[HeaderName],
) -> HeaderMap {
    let mut passed = HeaderMap::with_capacity(headers.len() + 1);
    pass(headers, &mut passed, is_kept_from_targets, allowed);
    for name in [header::ORIGIN, header::REFERER] {
        let names_us = headers.get(&name).is_some_and(|value| names_host(value, headers, own));
        if names_us && !allowed.contains(&name) {
            passed.remove(name);
        }
    }
    // Who understands trailers gets them; other transfer codings are between neighbours.
    let takes_trailers = headers.get_all(header::TE).iter().any(|value| lists(value, "trailers"));
    if takes_trailers {
        passed.insert(header::TE, HeaderValue::from_static("trailers"));
        passed.insert(header::CONNECTION, HeaderValue::from_static("te"));
    }
    passed.insert(header::AUTHORIZATION, authorization.clone());
    passed
}

/// Whether a URL names our host, by the name that we know or by the one that the request asks for.
fn names_host(url: &HeaderValue, headers: &HeaderMap, own: &Translation) -> bool {
    let url = text(url);
    let authority = url.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    let host = headers.get(header::HOST).map(text);
    own.names_host(&url)
        || authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(&host))
}

/// The headers of an answer as the client gets it. `allowed` pass although they are on a list.
pub(super) fn of_answer(headers: &HeaderMap, allowed: &[HeaderName]) -> HeaderMap {
    let mut passed = HeaderMap::with_capacity(headers.len());
    pass(headers, &mut passed, is_kept_from_clients, allowed);
    passed
}

/// The trailers of a request as the target gets them: over HTTP/2 anything may stand there, and some servers take it for headers.
/// `allowed` pass although they are on a list; credentials never do.
pub(super) fn of_request_trailers(trailers: &HeaderMap, allowed: &[HeaderName]) -> HeaderMap {
    let mut passed = of_trailers(trailers, is_kept_from_targets, allowed);
    passed.remove(header::AUTHORIZATION);
    passed
}

/// The trailers of an answer as the client gets them. `allowed` pass although they are on a list.
pub(super) fn of_answer_trailers(trailers: &HeaderMap, allowed: &[HeaderName]) -> HeaderMap {
    of_trailers(trailers, is_kept_from_clients, allowed)
}

fn of_trailers(
    trailers: &HeaderMap,
    is_kept: impl Fn(&HeaderName) -> bool,
    allowed: &[HeaderName],
) -> HeaderMap {
    let mut passed = HeaderMap::new();
    // What a message means was said in its head (RFC 9110 §6.5.1).
    pass(trailers, &mut passed, |name| is_kept(name) || is_essential(name), allowed);
    passed
}

/// Names are read as the many servers do to which `_` and `-` are the same (CGI, RFC 3875 §4.1.18).
fn is_kept_from_targets(name: &HeaderName) -> bool {
    let name = name.as_str().replace('_', "-");
    let name = name.as_str();
    KEPT_FROM_TARGETS.contains(&name)
        || KEPT_FROM_TARGETS_BY_PREFIX.iter().any(|prefix| name.starts_with(prefix))
}

fn is_kept_from_clients(name: &HeaderName) -> bool {
    KEPT_FROM_CLIENTS.contains(&name.as_str())
}

/// Takes away what is said of a body's bytes.
pub(super) fn forget_bytes(headers: &mut HeaderMap) {
    for name in OF_THE_BYTES {
        headers.remove(name);
    }
}

/// Lets URLs in headers point below the other base.
pub(super) fn translate(headers: &mut HeaderMap, translation: &Translation) {
    for name in [header::LOCATION, header::CONTENT_LOCATION] {
        translate_each(headers, &name, |text| {
            translation.find_reference(text).map(|below| format!("{}{below}", translation.to()))
        });
    }
    translate_each(headers, &header::LINK, |text| translate_links(text, translation));
}

/// Replaces the values of a header where `replace` has something else for them.
fn translate_each(headers: &mut HeaderMap, name: &HeaderName, replace: impl Fn(&str) -> Option<String>) {
    for value in headers.iter_mut().filter(|(known, _)| *known == name).map(|(_, value)| value) {
        let replaced = replace(&text(value)).map(|text| text.chars().map(|byte| byte as u8).collect());
        if let Some(replaced) = replaced.and_then(|bytes: Vec<u8>| HeaderValue::try_from(bytes).ok()) {
            *value = replaced;
        }
    }
}

/// The bytes of a value, each as the character of that number (ISO 8859-1), so that what is not ASCII is looked at as well, and
/// stays as it is.
pub(super) fn text(value: &HeaderValue) -> String {
    value.as_bytes().iter().copied().map(char::from).collect()
}

/// `<…>` in the links of RFC 8288.
fn translate_links(text: &str, translation: &Translation) -> Option<String> {
    let mut parts = text.split('<');
    let mut translated = parts.next()?.to_owned();
    let mut is_changed = false;
    for part in parts {
        translated.push('<');
        match part.split_once('>') {
            Some((url, rest)) if translation.find_reference(url).is_some() => {
                let below = translation.find_reference(url).unwrap_or_default();
                translated.push_str(&format!("{}{below}>{rest}", translation.to()));
                is_changed = true;
            }
            _ => translated.push_str(part),
        }
    }
    is_changed.then_some(translated)
}

fn pass(
    headers: &HeaderMap,
    passed: &mut HeaderMap,
    is_kept: impl Fn(&HeaderName) -> bool,
    allowed: &[HeaderName],
) {
    let named: Vec<&HeaderValue> = headers.get_all(header::CONNECTION).iter().collect();
    for (name, value) in headers {
        let is_of_connection = OF_A_CONNECTION.contains(&name.as_str())
            || named.iter().any(|value| lists(value, name.as_str()) && !is_essential(name));
        if !is_of_connection && (!is_kept(name) || allowed.contains(name)) {
            passed.append(name.clone(), value.clone());
        }
    }
}

/// What no `Connection` can take away: a client that names it there wants the target to understand another request than we did.
fn is_essential(name: &HeaderName) -> bool {
    [
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
    ]
    .contains(name)
}

/// Whether a comma-separated list names `word`, which may have parameters.
fn lists(value: &HeaderValue, word: &str) -> bool {
    let text = value.to_str().unwrap_or_default();
    text.split(',').any(|item| item.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn map(lines: &[(&str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
            .collect()
    }

    fn lines(headers: &HeaderMap) -> Vec<String> {
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    fn passed(headers: &[(&str, &str)], allowed: &[HeaderName]) -> Vec<String> {
        let own = Translation::new("https://b.example/t/scim/v2", "https://t.example/scim/v2");
        lines(&of_request(&map(headers), &HeaderValue::from_static("Bearer target"), &own, allowed))
    }

    #[rstest]
    #[case("origin", "https://b.example", false)]
    #[case("referer", "https://B.example:443/t/scim/v2/Users?a", false)]
    #[case("origin", "http://bridge.internal:8080", false)]
    #[case("referer", "https://b.example.org/", true)]
    #[case("origin", "null", true)]
    fn what_names_our_host_goes_no_further(#[case] name: &str, #[case] value: &str, #[case] passes: bool) {
        let sent = [("host", "bridge.internal:8080"), (name, value)];
        assert_eq!(passed(&sent, &[]).contains(&format!("{name}: {value}")), passes);
        assert!(passed(&sent, &[name.parse().unwrap()]).contains(&format!("{name}: {value}")));
    }

    #[test]
    fn a_request_keeps_all_but_what_ends_at_a_proxy_and_gets_the_targets_token() {
        let sent = [
            ("host", "bridge"),
            ("authorization", "Bearer idp"),
            ("user-agent", "Okta SCIM Client 1.0.0"),
            ("x-a", "1"),
            ("x-a", "2"),
            ("if-match", "W/\"1\""),
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "gzip, trailers;q=0.5"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-client-cert", "…"),
            ("x-ssl-client-s-dn", "CN=idp.internal"),
            ("x-client-certificate", "…"),
            ("cf-worker", "example.com"),
            ("x-cloud-trace-context", "1/2;o=1"),
            ("forwarded", "for=10.0.0.1"),
            ("via", "1.1 proxy"),
            ("expect", "100-continue"),
            ("content-type", "application/scim+json"),
        ];
        assert_eq!(
            passed(&sent, &[]),
            [
                "user-agent: Okta SCIM Client 1.0.0",
                "x-a: 1",
                "x-a: 2",
                "if-match: W/\"1\"",
                "content-type: application/scim+json",
                "te: trailers",
                "connection: te",
                "authorization: Bearer target",
            ]
        );
    }

    #[rstest]
    fn what_proxies_and_clouds_say_of_the_client_goes_no_further(
        #[values(
            "client-cert",
            "client-cert-chain",
            "proxy-client-ip",
            "wl-proxy-client-ip",
            "x-original-uri",
            "x-scheme",
            "x-host",
            "x-sucuri-clientip",
            "x-akamai-edgescape",
            "incap-client-ip",
            "x-ms-token-aad-id-token",
            "x-ms-client-principal-name",
            "x-goog-iap-jwt-assertion",
            "x-auth-request-access-token",
            "x-serverless-authorization",
            "was-default-hostname",
            "disguised-host",
            "x-waws-unencoded-url",
            "x-site-deployment-id",
            "x-arr-ssl",
            "x_forwarded_for",
            "x_http_method_override"
        )]
        name: &str,
    ) {
        assert_eq!(passed(&[(name, "1")], &[]), ["authorization: Bearer target"]);
    }

    #[test]
    fn trailers_keep_all_but_what_would_not_pass_as_a_header() {
        let trailers = map(&[
            ("authorization", "Bearer idp"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "10.0.0.1"),
            ("set-cookie", "a=b"),
            ("content-length", "1"),
            ("x-checksum", "1"),
            ("x-checksum", "2"),
        ]);
        let of_request = of_request_trailers(&trailers, &[]);
        assert_eq!(lines(&of_request), ["set-cookie: a=b", "x-checksum: 1", "x-checksum: 2"]);
        let allowed = [header::COOKIE, header::AUTHORIZATION];
        assert!(of_request_trailers(&trailers, &allowed).contains_key("cookie"));
        assert!(!of_request_trailers(&trailers, &allowed).contains_key("authorization"));
        let of_answer = of_answer_trailers(&trailers, &[]);
        assert!(!of_answer.contains_key("set-cookie") && !of_answer.contains_key("content-length"));
        assert_eq!(of_answer.get_all("x-checksum").iter().count(), 2);
    }

    #[test]
    fn what_is_configured_passes_all_the_same_but_never_the_token() {
        let sent = [("cookie", "a=b"), ("via", "1.1 proxy"), ("authorization", "Bearer idp")];
        let allowed = [header::COOKIE, header::VIA];
        assert_eq!(
            passed(&sent, &allowed),
            ["cookie: a=b", "via: 1.1 proxy", "authorization: Bearer target"]
        );
    }

    #[test]
    fn connection_cannot_take_away_what_the_request_means() {
        let sent = [("connection", "if-match, content-length, x-a"), ("if-match", "\"1\""), ("x-a", "1")];
        assert_eq!(passed(&sent, &[]), ["if-match: \"1\"", "authorization: Bearer target"]);
    }

    #[test]
    fn an_answer_keeps_all_but_what_is_for_clients_of_the_targets_host() {
        let sent = map(&[
            ("etag", "W/\"1\""),
            ("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT"),
            ("set-cookie", "a=b"),
            ("alt-svc", "h3=\":443\""),
            ("strict-transport-security", "max-age=1"),
            ("transfer-encoding", "chunked"),
            ("x-ratelimit-remaining", "1"),
            ("www-authenticate", "Bearer"),
        ]);
        let expected = [
            "etag: W/\"1\"",
            "retry-after: Fri, 31 Dec 1999 23:59:59 GMT",
            "x-ratelimit-remaining: 1",
            "www-authenticate: Bearer",
        ];
        assert_eq!(lines(&of_answer(&sent, &[])), expected);
        assert!(of_answer(&sent, &[header::SET_COOKIE]).contains_key("set-cookie"));
    }

    #[rstest]
    #[case("location", "https://t.example/scim/v2/Users/1", "https://b.example/t/scim/v2/Users/1")]
    #[case("location", "/scim/v2/Users/1", "https://b.example/t/scim/v2/Users/1")]
    #[case("location", "https://elsewhere.example/1", "https://elsewhere.example/1")]
    #[case("content-location", "https://t.example/scim/v2/Users/1", "https://b.example/t/scim/v2/Users/1")]
    #[case(
        "link",
        "<https://t.example/scim/v2/Users?p=2>; rel=next, <https://t.example/>; rel=up",
        "<https://b.example/t/scim/v2/Users?p=2>; rel=next, <https://t.example/>; rel=up"
    )]
    #[case("x-location", "https://t.example/scim/v2/Users/1", "https://t.example/scim/v2/Users/1")]
    #[case("location", "https://t.example/scim/v2/Users/José", "https://b.example/t/scim/v2/Users/José")]
    fn urls_in_headers_point_to_the_bridge(#[case] name: &str, #[case] value: &str, #[case] expected: &str) {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        let mut headers = map(&[(name, "…"), (name, "other")]);
        *headers.get_mut(name).unwrap() = value;
        translate(
            &mut headers,
            &Translation::new("https://t.example/scim/v2", "https://b.example/t/scim/v2"),
        );
        let shown = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
        let values: Vec<_> = headers.get_all(name).iter().map(shown).collect();
        assert_eq!(values, [expected, "other"]);
    }
}
