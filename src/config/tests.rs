//! The file as a whole: what is right, what is wrong, and what the admin is told.

use std::{fs, path::Path, time::Duration};

use rstest::rstest;

use super::*;

/// A secret that must never be seen.
const KEY: &str = "s3cr3t-Aha-key";

pub(super) fn environment(name: &str) -> Option<String> {
    match name {
        "AHA_API_KEY" => Some(KEY.to_owned()),
        "AHA_OKTA_TOKEN" => Some("s3cr3t-okta-token\n".to_owned()),
        "CUSTOMERS_OKTA_TOKEN" => Some("s3cr3t-customers-token".to_owned()),
        "AHREFS_SCIM_TOKEN" => Some("s3cr3t-ahrefs-token".to_owned()),
        "AHREFS_ENTRA_TOKEN" => Some("s3cr3t-entra-token".to_owned()),
        "NOTIFY_URL" => Some("https://hooks.example.com/s3cr3t-channel".to_owned()),
        "AHREFS_API_KEY" => Some("s3cr3t-ahrefs-key".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn parse(text: &str) -> Result<Config, Problems> {
    Config::parse(text, "bridge.toml", Path::new("/nowhere"), &environment)
}

/// What the admin is told of `text`.
fn problems(text: &str) -> String {
    parse(text).expect_err("the text has a problem").to_string()
}

/// An app with connector `aha` and `keys` beside those it must have, which stand on lines 1 to 5.
fn aha(keys: &str) -> String {
    format!(
        "[apps.aha]\nconnector = 'aha'\nbase_url = 'https://acme.aha.io'\napi_key = {{ env = 'AHA_API_KEY' }}\n\
         default_workspace = 'PRJ1'\n{keys}\n"
    )
}

/// An app with connector `memory` and `keys`, which begin on line 3.
fn memory(keys: &str) -> String {
    format!("[apps.lab]\nconnector = 'memory'\n{keys}\n")
}

fn aha_of(config: &Config) -> &AhaConfig {
    match &config.apps["aha"].connector {
        Connector::Aha(aha) => aha,
        other => panic!("the app is an Aha!: {other:?}"),
    }
}

#[test]
fn every_key_that_an_admin_sets_means_what_it_says() {
    let config = parse(
        r#"
        [server]
        listen = "127.0.0.1:8081"
        public_url = "https://scim.example.com/"
        shutdown_grace = "0s"
        max_body_bytes = 0x1000
        request_timeout = "20s"
        [database]
        url = "sqlite:///var/lib/scim-bridge/state.db"
        [log]
        format = "json"
        level = "warn,scim_bridge=debug"
        [apps.aha]
        connector = "aha"
        base_url = "https://acme.aha.io"
        api_key = { env = "AHA_API_KEY" }
        default_workspace = "PRJ1"
        default_role = "product_owner"
        identity_provider_id = 483954339
        confirm_within = "7s"
        roster_every = "1h30m"
        rate = { per_second = 10, per_minute = 150 }
        protected = ["breakglass@example.com"]
        request_timeout = "500ms"
        contact = "it@example.com"
        user_patch_answer = "no_content"
        group_patch_answer = "resource"
        tokens = [{ name = "okta", token = { env = "AHA_OKTA_TOKEN" } }, { name = "entra", token = "t-2" }]
        "#,
    )
    .unwrap();

    let server = &config.server;
    assert_eq!(server.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(server.public_url.as_ref().unwrap().as_str(), "https://scim.example.com");
    assert_eq!(server.shutdown_grace, Duration::ZERO);
    assert_eq!(server.max_body_bytes, 4096);
    assert_eq!(server.request_timeout, Duration::from_secs(20));
    assert_eq!(config.database.url, "sqlite:/var/lib/scim-bridge/state.db");
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.log.level.to_string(), "scim_bridge=debug,warn");

    let app = &config.apps["aha"];
    assert_eq!(app.name.as_str(), "aha");
    assert_eq!(app.confirm_within, Duration::from_secs(7));
    assert_eq!(
        (app.user_patch_answer, app.group_patch_answer),
        (PatchAnswer::NoContent, PatchAnswer::Resource)
    );
    let tokens: Vec<_> = app.tokens.iter().map(|token| (token.name.as_str(), token.token.expose())).collect();
    assert_eq!(tokens, [("okta", "s3cr3t-okta-token"), ("entra", "t-2")]);

    let aha = aha_of(&config);
    assert_eq!(aha.account.base_url.as_str(), "https://acme.aha.io");
    let TargetCredentials::ApiKey(api_key) = &aha.account.credentials else {
        panic!("{:?}", aha.account.credentials)
    };
    assert_eq!((api_key.key.expose(), &api_key.file), (KEY, &None));
    assert_eq!(aha.default_workspace, "PRJ1");
    assert_eq!(aha.default_role, Role::ProductOwner);
    assert_eq!(aha.identity_provider_id, Some(483_954_339));
    assert_eq!(aha.account.roster_every, Duration::from_mins(90));
    assert_eq!((aha.account.rate.per_second.get(), aha.account.rate.per_minute.get()), (10, 150));
    assert_eq!(aha.account.protected, ["breakglass@example.com"]);
    assert_eq!(aha.account.request_timeout, Duration::from_millis(500));
    assert_eq!(aha.account.contact.as_deref(), Some("it@example.com"));
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let config = parse(&aha("")).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.public_url, None);
    assert_eq!(config.server.max_body_bytes, 4 * 1024 * 1024);
    assert_eq!(config.database.url, "sqlite:scim-bridge.db");
    let app = &config.apps["aha"];
    assert!(app.tokens.is_empty());
    assert_eq!(app.confirm_within, Duration::from_secs(8));
    assert_eq!(
        (app.user_patch_answer, app.group_patch_answer),
        (PatchAnswer::Resource, PatchAnswer::NoContent)
    );
    let aha = aha_of(&config);
    assert_eq!(aha.default_role, Role::Viewer);
    assert_eq!(aha.account.roster_every, Duration::from_mins(15));
    assert_eq!((aha.account.rate.per_second.get(), aha.account.rate.per_minute.get()), (20, 300));
}

#[rstest]
#[case::plain_http_to_this_machine("base_url = 'http://127.0.0.1:9000'")]
#[case::plain_http_where_it_is_allowed("base_url = 'http://sim:9000'\nallow_http = true")]
#[case::a_gateway_path("base_url = 'https://gateway.example.com/aha'")]
fn an_address_is_accepted_when_the_key_is_safe_on_the_way(#[case] keys: &str) {
    let text = aha("").replace("base_url = 'https://acme.aha.io'", keys);
    parse(&text).unwrap();
}

#[test]
fn all_problems_are_reported_at_once_in_the_order_of_their_lines() {
    let text = r#"
[server]
listne = "127.0.0.1:8080"
max_body_bytes = "1 MiB"

[log]
level = "infoo"

[apps.Aha]
connector = "aha"
base_url = "http://acme.aha.io"
api_key = { env = "NOT_SET" }
default_role = "owner"
confirm_within = "30s"
roster_every = "15"
rate = { per_second = 0, per_hour = 1 }
tokens = [
    { name = "okta", token = "same" },
    { name = "okta", token = "same" },
]

[apps.metrics]
connector = "memory"
roster_every = "15m"

[apps.ahrefs]
connector = "scim"
base_url = "https://example.com"

[nonsense]
"#;
    insta::assert_snapshot!(problems(text), @r#"
    bridge.toml:3: server.listne: unknown key; did you mean "listen"?
    bridge.toml:4: server.max_body_bytes: expected an integer, found a string
    bridge.toml:7: log.level: "infoo" is not a level (error, warn, info, debug, trace, off), or a level and exceptions to it such as "info,sqlx=warn"
    bridge.toml:9: apps.Aha: the name of an app has from 1 to 32 lower-case letters, digits and hyphens
    bridge.toml:9: apps.Aha.default_workspace: missing: the prefix of the workspace that new users join
    bridge.toml:11: apps.Aha.base_url: http:// would send the bridge's credentials unencrypted; write https://, or set allow_http = true if nobody can listen
    bridge.toml:12: apps.Aha.api_key.env: the environment variable NOT_SET is not set
    bridge.toml:13: apps.Aha.default_role: "owner" is not one of "product_owner", "contributor", "reviewer", "viewer", "none"
    bridge.toml:14: apps.Aha.confirm_within: must be shorter than server.request_timeout, which is 30s
    bridge.toml:15: apps.Aha.roster_every: "15" is not a duration; write it as in "500ms", "8s", "15m" or "2h"
    bridge.toml:16: apps.Aha.rate.per_second: must be an integer from 1 to 1000
    bridge.toml:16: apps.Aha.rate.per_hour: unknown key; the keys here are per_second, per_minute
    bridge.toml:19: apps.Aha.tokens[1].name: "okta" is the name of another token of this app
    bridge.toml:19: apps.Aha.tokens[1].token: is the same token as apps.Aha.tokens[0].token; each must be different
    bridge.toml:22: apps.metrics: the name of an app is the first part of its URL, and this one is ours; choose another
    bridge.toml:24: apps.metrics.roster_every: is a key of connectors "aha" and "aha-portal" only; remove it, or change the connector
    bridge.toml:26: apps.ahrefs.token: missing: the bearer token that the target's support issued
    bridge.toml:30: nonsense: unknown key; the keys here are server, database, log, metrics, notify, apps
    "#);
}

#[rstest]
#[case::empty("", "bridge.toml: apps: there is no app; add a section [apps.NAME]")]
fn a_file_without_apps_is_a_problem(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(problems(text), expected);
}

#[rstest]
#[case(
    "listen = 'localhost:8080'",
    "listen: \"localhost:8080\" is not an IP address with a port, such as \"127.0.0.1:8080\" or \"[::]:8080\""
)]
#[case("listen = 8080", "listen: expected a string, found an integer")]
#[case(
    "public_url = 'scim.example.com'",
    "public_url: is not a URL such as \"https://example.com\" (relative URL without a base)"
)]
#[case("public_url = 'ftp://example.com'", "public_url: must begin with https://")]
#[case("public_url = 'https://u:p@example.com'", "public_url: must not carry a user name or password")]
#[case(
    "public_url = 'https://example.com/?a=b'",
    "public_url: must end before any \"?\" or \"#\", since paths are added to it"
)]
#[case(
    "shutdown_grace = '1 fortnight'",
    "shutdown_grace: \"1 fortnight\" is not a duration; write it as in \"500ms\", \"8s\", \"15m\" or \"2h\""
)]
#[case(
    "shutdown_grace = 25",
    "shutdown_grace: expected a duration such as \"8s\" or \"15m\", found an integer"
)]
#[case(
    "shutdown_grace = '-8s'",
    "shutdown_grace: \"-8s\" is not a duration; write it as in \"500ms\", \"8s\", \"15m\" or \"2h\""
)]
#[case("request_timeout = '1h'", "request_timeout: must be from 1s to 10m")]
#[case("max_body_bytes = -1", "max_body_bytes: must be an integer from 1024 to 67108864")]
#[case("max_body_bytes = 99999999999999999999", "max_body_bytes: must be an integer from 1024 to 67108864")]
#[case(
    "fnord = 1",
    "fnord: unknown key; the keys here are listen, public_url, shutdown_grace, max_body_bytes, request_timeout, max_connections, max_header_bytes, trusted_proxies, failed_authentications_per_minute, tls, secret_key"
)]
#[case(
    "'a b' = 1",
    "\"a b\": unknown key; the keys here are listen, public_url, shutdown_grace, max_body_bytes, request_timeout, max_connections, max_header_bytes, trusted_proxies, failed_authentications_per_minute, tls, secret_key"
)]
fn a_problem_of_the_server_is_told(#[case] key: &str, #[case] expected: &str) {
    let acme = if cfg!(feature = "acme") { "acme, tls" } else { "tls" };
    let expected = expected.replace("per_minute, tls", &format!("per_minute, {acme}"));
    assert_eq!(
        problems(&format!("{}[server]\n{key}\n", memory(""))),
        format!("bridge.toml:5: server.{expected}")
    );
}

#[rstest]
#[case(
    "postgres://user:pw@host",
    "must be \"postgres://USER@HOST/NAME\", as in \"postgres://scim@db.example.com/scim?sslmode=verify-full\""
)]
#[case(
    "postgres://user:pw@host:nothing/db",
    "must be \"postgres://USER@HOST/NAME\", as in \"postgres://scim@db.example.com/scim?sslmode=verify-full\""
)]
#[case(
    "scim-bridge.db",
    "must be \"sqlite:PATH\", as in \"sqlite:scim-bridge.db\", or \"postgres://USER@HOST/NAME\""
)]
#[case("sqlite:", "must be \"sqlite:PATH\", where the path has no \"?\", \"#\" or \"%\"")]
#[case("sqlite:a.db?mode=ro", "must be \"sqlite:PATH\", where the path has no \"?\", \"#\" or \"%\"")]
#[case(
    "sqlite::memory:",
    "must name a file: a database in memory forgets at its end what the identity provider was promised"
)]
fn a_database_that_cannot_be_is_told(#[case] url: &str, #[case] expected: &str) {
    let text = format!("{}[database]\nurl = '{url}'\n", memory(""));
    assert_eq!(problems(&text), format!("bridge.toml:5: database.url: {expected}"));
}

#[rstest]
#[case("url = 'postgres://scim:pa%40ss@host/db?sslmode=require'", "pa%40ss")]
#[case("url = 'postgres://scim@host/db?sslmode=require'\npassword = 'hunter2'", "hunter2")]
#[case("url = 'postgres://scim:old@host/db?sslmode=require'\npassword = { env = 'DB_PASSWORD' }", "from-env")]
#[case("url = { env = 'DB_URL' }", "whole-url")]
fn the_password_of_a_database_is_read_and_not_shown(#[case] keys: &str, #[case] password: &str) {
    let environment = |name: &str| match name {
        "DB_PASSWORD" => Some("from-env".to_owned()),
        "DB_URL" => Some("postgres://scim:whole-url@host/db?sslmode=require\n".to_owned()),
        _ => None,
    };
    let text = format!("{}[database]\n{keys}\n", memory(""));
    let database = Config::parse(&text, "bridge.toml", Path::new("."), &environment).unwrap().database;
    assert_eq!(database.url, "postgres://scim@host/db?sslmode=require");
    assert!(database.url.expose().contains(password) && !database.url.expose().contains("old"));
    assert!(!format!("{database:?}").contains(password));
}

#[test]
fn a_file_has_no_password() {
    let text = format!("{}[database]\npassword = 'hunter2'\n", memory(""));
    assert_eq!(
        problems(&text),
        "bridge.toml:5: database.password: only PostgreSQL takes a password; this database is a file"
    );
}

#[rstest]
#[case("format = 'xml'", "format: \"xml\" is not one of \"auto\", \"json\", \"text\"")]
#[case(
    "level = 'sqlx=warn'",
    "level: \"sqlx=warn\" is not a level (error, warn, info, debug, trace, off), or a level and exceptions to it such as \"info,sqlx=warn\""
)]
fn a_problem_of_the_log_is_told(#[case] key: &str, #[case] expected: &str) {
    assert_eq!(problems(&format!("{}[log]\n{key}\n", memory(""))), format!("bridge.toml:5: log.{expected}"));
}

#[rstest]
#[case("secret = 's3cr3t'", 4, "notify.url: missing: where notifications are posted to")]
#[case(
    "url = 'hooks.example.com/s3cr3t'",
    5,
    "notify.url: is not a URL such as \"https://example.com/hook\" (relative URL without a base)"
)]
#[case("url = 'ftp://example.com/s3cr3t'", 5, "notify.url: must begin with https://")]
#[case(
    "url = 'http://example.com/s3cr3t'",
    5,
    "notify.url: http:// would send notifications unencrypted; write https://, or set allow_http = true if nobody can listen"
)]
#[case(
    "url = 'https://example.com/'\nsecret = 's3cr3t'",
    6,
    "notify.secret: is shorter than 24 characters; make one with: openssl rand -hex 32"
)]
fn a_problem_of_notifications_is_told_without_what_is_secret(
    #[case] keys: &str,
    #[case] line: usize,
    #[case] expected: &str,
) {
    let text = problems(&format!("{}[notify]\n{keys}\n", memory("")));
    let expected = format!("bridge.toml:{line}: {expected}");
    assert!(text.lines().any(|line| line == expected), "{text}");
    assert!(!text.contains("s3cr3t"), "{text}");
}

#[rstest]
#[case(
    "default_role = 'admin'",
    "default_role: \"admin\" is not one of \"product_owner\", \"contributor\", \"reviewer\", \"viewer\", \"none\""
)]
#[case("identity_provider_id = 'google'", "identity_provider_id: expected an integer, found a string")]
#[case("roster_every = '0s'", "roster_every: must be from 1s to 24h")]
#[case("rate = { per_minute = 0 }", "rate.per_minute: must be an integer from 1 to 60000")]
#[case("rate = 300", "rate: expected a table, found an integer")]
#[case("protected = 'a@example.com'", "protected: expected an array, found a string")]
#[case("protected = ['breakglass']", "protected[0]: \"breakglass\" is not an e-mail address")]
#[case(
    "contact = 'it (ask)'",
    "contact: must have from 1 to 128 ASCII characters, none of them \"(\", \")\" or \"\\\""
)]
#[case(
    "hook_secret = 's3cr3t'",
    "hook_secret: must have at least 24 characters, and only letters, digits, \"-\", \".\", \"_\" and \"~\", since it stands in a URL; make one with: openssl rand -hex 32"
)]
#[case(
    "hook_secret = 's3cr3t/0123456789abcdef0123456789abcdef'",
    "hook_secret: must have at least 24 characters, and only letters, digits, \"-\", \".\", \"_\" and \"~\", since it stands in a URL; make one with: openssl rand -hex 32"
)]
#[case("allow_http = 'yes'", "allow_http: expected true or false, found a string")]
#[case("confirm_within = '30s'", "confirm_within: must be shorter than server.request_timeout, which is 30s")]
#[case("user_patch_answer = '200'", "user_patch_answer: \"200\" is not one of \"resource\", \"no_content\"")]
#[case("default_rol = 'none'", "default_rol: unknown key; did you mean \"default_role\"?")]
#[case(
    "schemas = ['missing.json']",
    "schemas[0]: cannot read /nowhere/missing.json: No such file or directory (os error 2)"
)]
fn a_problem_of_an_aha_app_is_told(#[case] key: &str, #[case] expected: &str) {
    assert_eq!(problems(&aha(key)), format!("bridge.toml:6: apps.aha.{expected}"));
}

#[rstest]
#[case("base_url = 'https://acme.aha.io/api/v1/'", 3, "base_url: must end before /api/v1, which is added")]
#[case(
    "base_url = 'http://acme.aha.io'",
    3,
    "base_url: http:// would send the bridge's credentials unencrypted; write https://, or set allow_http = true if nobody can listen"
)]
#[case(
    "default_workspace = 'My Workspace'",
    5,
    "default_workspace: \"My Workspace\" is not the prefix or the id of a workspace: from 1 to 64 letters, digits, \"-\" and \"_\""
)]
#[case("api_key = ''", 4, "api_key: is empty")]
#[case(
    "api_key = 1234",
    4,
    "api_key: expected a string, { env = \"NAME\" } or { file = \"path\" }, found an integer"
)]
#[case(
    "api_key = 's3cr3t with spaces'",
    4,
    "api_key: holds a space, a line break or another character that no token has"
)]
#[case("api_key = {}", 4, "api_key: expected exactly one of env and file")]
#[case(
    "api_key = { env = 'AHA_API_KEY', file = 'x' }",
    4,
    "api_key.file: cannot read /nowhere/x: No such file or directory (os error 2)"
)]
#[case("api_key = { env = 'NOT_SET' }", 4, "api_key.env: the environment variable NOT_SET is not set")]
#[case("api_key = { env = 'EMPTY' }", 4, "api_key.env: is empty")]
#[case(
    "api_key = { env = 's3cr3t-in-the-wrong-place' }",
    4,
    "api_key.env: the environment variable is not set"
)]
#[case("api_key = { path = 'key' }", 4, "api_key.path: unknown key; the keys here are env, file")]
fn a_problem_of_a_key_that_an_aha_app_must_have_is_told(
    #[case] line: &str,
    #[case] number: usize,
    #[case] expected: &str,
) {
    let (key, _) = line.split_once(' ').unwrap();
    let text = aha("");
    let replaced: Vec<_> = text.lines().map(|old| if old.starts_with(key) { line } else { old }).collect();
    assert_eq!(problems(&replaced.join("\n")), format!("bridge.toml:{number}: apps.aha.{expected}"));
}

#[test]
fn each_missing_key_is_told_with_what_it_is() {
    insta::assert_snapshot!(problems("\n[apps.aha]\nconnector = 'aha'\n[apps.lab]\n"), @r#"
    bridge.toml:2: apps.aha.base_url: missing: the address of the account, as in "https://acme.aha.io"
    bridge.toml:2: apps.aha.api_key: missing: an API key of an Aha! administrator, or login instead
    bridge.toml:2: apps.aha.default_workspace: missing: the prefix of the workspace that new users join
    bridge.toml:4: apps.lab.connector: missing: the kind of target; write "aha", "aha-portal", "memory" or "scim"
    "#);
}

#[rstest]
#[case("tokens = ['s3cr3t']", "tokens[0]: expected a table, found a string")]
#[case(
    "tokens = [{ name = '', token = 't' }]",
    "tokens[0].name: must have from 1 to 64 characters, and no line break"
)]
#[case(
    "tokens = [{ name = 'okta' }]",
    "tokens[0].token: missing: what the identity provider sends as bearer token"
)]
#[case(
    "api_key = 's3cr3t'",
    "api_key: is a key of connectors \"aha\", \"aha-portal\" and \"scim\" only; remove it, or change the connector"
)]
#[case(
    "anything = 1",
    "anything: unknown key; the keys here are tokens, auth, allow_from, max_concurrent_requests, confirm_within, schemas, group_schemas, user_patch_answer, group_patch_answer, unknown_members, connector"
)]
fn a_problem_of_a_memory_app_is_told(#[case] key: &str, #[case] expected: &str) {
    assert_eq!(problems(&memory(key)), format!("bridge.toml:3: apps.lab.{expected}"));
}

#[rstest]
#[case("Aha!", "there is no connector \"Aha!\"; write \"aha\", \"aha-portal\", \"memory\" or \"scim\"")]
#[case("", "there is no connector \"\"; write \"aha\", \"aha-portal\", \"memory\" or \"scim\"")]
fn a_connector_that_there_is_not_is_told_without_a_word_on_its_keys(
    #[case] kind: &str,
    #[case] expected: &str,
) {
    let text = format!("[apps.x]\nconnector = '{kind}'\nkey_of_its_own = 1\n");
    assert_eq!(problems(&text), format!("bridge.toml:2: apps.x.connector: {expected}"));
}

#[test]
fn a_token_that_two_apps_share_is_told_with_both_places() {
    let tokens = "tokens = [{ name = 'okta', token = 's3cr3t' }]";
    let text = format!("{}[apps.second]\nconnector = 'memory'\n{tokens}\n", memory(tokens));
    assert_eq!(
        problems(&text),
        "bridge.toml:6: apps.second.tokens[0].token: is the same token as apps.lab.tokens[0].token; \
         each must be different"
    );
}

#[rstest]
#[case("a-name-of-32-characters-is-right-")]
#[case("Aha")]
#[case("a_b")]
#[case("")]
#[case("ä")]
fn a_name_that_no_url_should_hold_is_refused(#[case] name: &str) {
    assert!(matches!(name.parse::<AppName>(), Err(InvalidAppName::Form)));
}

#[rstest]
fn a_name_that_is_a_url_of_our_own_is_refused(
    #[values("healthz", "readyz", "status", "metrics", "hooks")] name: &str,
) {
    assert!(matches!(name.parse::<AppName>(), Err(InvalidAppName::Reserved)));
}

#[test]
fn text_that_is_not_toml_is_told_by_line_and_never_shown() {
    let text = "[apps.lab]\napi_key = s3cr3t\nconnector = \"memory\nconnector = 'memory'\n";
    insta::assert_snapshot!(problems(text), @r#"
    bridge.toml:2: is not TOML: string values must be quoted, expected literal string
    bridge.toml:3: is not TOML: invalid basic string, expected `"`
    bridge.toml:4: is not TOML: duplicate key
    "#);
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let problems = Config::load(Path::new("/nowhere/bridge.toml"), &environment).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "/nowhere/bridge.toml: cannot be read: No such file or directory (os error 2)"
    );
}

#[test]
fn files_are_found_from_the_folder_of_the_configuration_file() {
    let folder = tempfile::tempdir().unwrap();
    let schema = r#"{ "id": "urn:example:Badge", "name": "Badge", "attributes": [{ "name": "color", "type": "string" }] }"#;
    fs::write(folder.path().join("token"), "from-a-file\r\n").unwrap();
    fs::write(folder.path().join("badge.json"), schema).unwrap();
    fs::write(folder.path().join("broken.json"), "{ \"id\": 1 }").unwrap();
    let path = folder.path().join("bridge.toml");
    let text = memory("tokens = [{ name = 'lab', token = { file = 'token' } }]\nschemas = ['badge.json']");

    fs::write(&path, &text).unwrap();
    let config = Config::load(&path, &environment).unwrap();
    let app = &config.apps["lab"];
    assert_eq!(app.tokens[0].token.expose(), "from-a-file");
    assert_eq!(app.schemas[0].path, folder.path().join("badge.json"));
    assert_eq!(app.schemas[0].text, schema);

    fs::write(&path, text.replace("badge.json", "broken.json")).unwrap();
    let problems = Config::load(&path, &environment).unwrap_err().to_string();
    assert!(problems.contains(":4: apps.lab.schemas[0]: "), "{problems}");
    assert!(problems.contains("broken.json is not a SCIM schema: "), "{problems}");
}

#[test]
fn no_debug_output_shows_a_secret() {
    let config = parse(&aha("tokens = [{ name = 'okta', token = { env = 'AHA_OKTA_TOKEN' } }]")).unwrap();
    assert!(!format!("{config:?}").contains("s3cr3t"));
}

/// An app with connector `scim` and `keys` beside those it must have; they begin on line 5.
fn scim(keys: &str) -> String {
    format!(
        "[apps.ahrefs]\nconnector = 'scim'\nbase_url = 'https://scim.example.com/v2/'\ntoken = 's3cr3t'\n{keys}\n"
    )
}

#[test]
fn a_passed_through_app_has_the_documented_defaults() {
    let config = parse(&scim("")).unwrap();
    let Connector::Scim(scim) = &config.apps["ahrefs"].connector else { panic!("the app is passed through") };
    assert_eq!(scim.base_url.as_str(), "https://scim.example.com/v2");
    assert_eq!(scim.token.expose(), "s3cr3t");
    assert!(!scim.allow_private);
    assert_eq!(
        (scim.connect_timeout, scim.request_timeout, scim.idle_timeout, scim.total_timeout),
        (Duration::from_secs(5), Duration::from_secs(25), Duration::from_secs(30), Duration::from_mins(10))
    );
    assert_eq!(scim.max_answer_bytes, 64 * 1024 * 1024);
    assert!(scim.forward.is_empty() && scim.repairs.is_empty() && scim.authorities.is_empty());
    assert_eq!(scim.brake, Brake::default());
    // Shorter than the server's, whatever that is.
    let config = parse(&format!("[server]\nrequest_timeout = '12s'\n{}", self::scim(""))).unwrap();
    let Connector::Scim(scim) = &config.apps["ahrefs"].connector else { panic!("the app is passed through") };
    assert_eq!(scim.request_timeout, Duration::from_secs(10));
}

#[rstest]
#[case(
    "request_timeout = '30s'",
    "request_timeout: must be shorter than server.request_timeout, which is 30s"
)]
#[case("repairs = ['okta']", "repairs[0]: \"okta\" is not one of \"entra\"")]
#[case("forward = ['Authorization']", "forward[0]: \"Authorization\" is never passed through")]
#[case("forward = ['a b']", "forward[0]: \"a b\" is not the name of a header")]
#[case(
    "confirm_within = '1s'",
    "confirm_within: has no effect with connector \"scim\", which keeps no users; remove it"
)]
#[case(
    "roster_every = '1m'",
    "roster_every: is a key of connectors \"aha\" and \"aha-portal\" only; remove it, or change the connector"
)]
fn a_problem_of_a_passed_through_app_is_told(#[case] key: &str, #[case] expected: &str) {
    assert_eq!(problems(&scim(key)), format!("bridge.toml:5: apps.ahrefs.{expected}"));
}

#[test]
fn a_token_is_not_sent_in_the_clear() {
    let text = scim("").replace("https:", "http:");
    assert!(problems(&text).contains("http:// would send the token unencrypted"), "{}", problems(&text));
    parse(&text.replace("scim.example.com", "127.0.0.1:1")).unwrap();
    parse(&format!("{text}allow_http = true\n")).unwrap();
}

/// Entra ID wants no 429 for 25 requests a second (`C-19`), however long each of them takes.
#[test]
fn an_app_has_places_for_25_requests_a_second_that_all_take_as_long_as_they_may() {
    let to_allow = |places: &str, timeout: &str| {
        let config = parse(&format!("[server]\n{timeout}\n{}", memory(places))).unwrap();
        config.apps["lab"].requests_to_allow(config.server.request_timeout)
    };
    assert_eq!(to_allow("", ""), None);
    assert_eq!(to_allow("max_concurrent_requests = 750", ""), None);
    assert_eq!(to_allow("max_concurrent_requests = 749", ""), Some(750));
    assert_eq!(to_allow("", "request_timeout = '41s'"), Some(1025));
    assert_eq!(to_allow("max_concurrent_requests = 250", "request_timeout = '10010ms'"), Some(251));
}

#[test]
fn tokens_and_secrets_that_could_be_guessed_are_named() {
    let text = "[apps.lab]\nconnector = 'memory'\n\
                tokens = [{ name = 'short', token = '0123456789abcdef0123456' }, { name = 'long', token = '0123456789abcdef01234567' }]\n\
                auth = { oauth = { clients = [{ id = 'entra', secrets = [{ name = '1', secret = 'x' }] }] } }";
    let text = format!("[server]\nsecret_key = '0123456789abcdef0123456789abcdef0123456789abcdef'\n{text}");
    let config = Config::parse(&text, "test.toml", std::path::Path::new("."), &|_| None).unwrap();
    let weak: Vec<_> = config.apps.values().flat_map(App::weak_secrets).collect();
    assert_eq!(weak, ["the token \"short\"", "the secret \"1\" of the client \"entra\""]);
}
