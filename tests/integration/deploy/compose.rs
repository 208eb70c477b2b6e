//! The compose file.

use serde_json::{Value, json};

use super::{CONFIG, accepted, deploy, keys, read, repository, secrets_in, texts, yaml};

const SECRETS: &str = "/run/secrets";

fn file() -> Value {
    yaml(&deploy().join("compose/compose.yaml"))
}

fn configuration() -> String {
    read(&deploy().join("compose/scim-bridge.toml"))
}

#[tokio::test]
async fn the_bridge_listens_where_it_is_reached_and_reads_what_is_mounted() {
    let file = file();
    let bridge = &file["services"]["bridge"];
    let config = accepted(&configuration(), SECRETS).await;
    assert_eq!(texts(&bridge["ports"]), [format!("127.0.0.1:8080:{}", config.server.listen.port())]);
    assert!(config.server.listen.ip().is_unspecified(), "else nobody outside the container reaches it");
    assert_eq!(texts(&bridge["volumes"]), [format!("./scim-bridge.toml:{CONFIG}:ro")]);
    let context = deploy().join("compose").join(bridge["build"]["context"].as_str().unwrap());
    assert_eq!(context.canonicalize().unwrap(), repository().canonicalize().unwrap());
    let grace = bridge["stop_grace_period"].as_str().unwrap().trim_end_matches('s').parse::<u64>().unwrap();
    assert!(grace > config.server.shutdown_grace.as_secs() + 15);
    assert_eq!((&bridge["read_only"], &bridge["cap_drop"]), (&json!(true), &json!(["ALL"])));
}

#[test]
fn every_secret_that_is_read_is_handed_to_the_service_and_defined() {
    let file = file();
    let bridge = &file["services"]["bridge"];
    assert_eq!(texts(&bridge["secrets"]), secrets_in(&configuration(), SECRETS));
    assert_eq!(keys(&file["secrets"]), texts(&bridge["secrets"]));
    for (name, secret) in file["secrets"].as_object().unwrap() {
        assert_eq!(secret["file"], format!("./secrets/{name}"));
    }
}

#[test]
fn the_database_is_the_one_that_the_configuration_names_and_is_waited_for() {
    let file = file();
    let database = &file["services"]["database"];
    let environment = &database["environment"];
    let (user, name) =
        (environment["POSTGRES_USER"].as_str().unwrap(), environment["POSTGRES_DB"].as_str().unwrap());
    assert!(configuration().contains(&format!("url = \"postgres://{user}@database/{name}?")));
    let password = environment["POSTGRES_PASSWORD_FILE"].as_str().unwrap();
    assert!(configuration().contains(&format!("password = {{ file = \"{password}\" }}")));
    assert_eq!(texts(&database["secrets"]), [password.strip_prefix(&format!("{SECRETS}/")).unwrap()]);
    assert_eq!(
        file["services"]["bridge"]["depends_on"],
        json!({ "database": { "condition": "service_healthy" } })
    );
    assert!(database["healthcheck"]["test"].is_array());
    let volume = database["volumes"][0].as_str().unwrap().split(':').next().unwrap();
    assert_eq!(keys(&file["volumes"]), [volume]);
}
