//! The manifests for Kubernetes.

use std::{collections::BTreeMap, path::PathBuf};

use http::Method;
use scim_bridge::config::Config;
use serde_json::{Value, json};

use super::{CONFIG, accepted, deploy, keys, secrets_in, yaml};
use crate::harness::{Answer, Setup};

const SECRETS: &str = "/run/secrets/scim-bridge";

/// All files of the folder, by name.
fn files() -> BTreeMap<String, PathBuf> {
    let files = std::fs::read_dir(deploy().join("kubernetes")).unwrap();
    let named = files.map(|file| file.unwrap().path());
    named.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path)).collect()
}

/// All manifests, the example too, by kind.
fn manifests() -> BTreeMap<String, Value> {
    let manifest = |path: PathBuf| {
        let manifest = yaml(&path);
        (manifest["kind"].as_str().unwrap().to_owned(), manifest)
    };
    files().into_values().map(manifest).collect()
}

fn configuration(manifests: &BTreeMap<String, Value>) -> String {
    manifests["ConfigMap"]["data"]["scim-bridge.toml"].as_str().unwrap().to_owned()
}

fn container(manifests: &BTreeMap<String, Value>) -> &Value {
    &manifests["Deployment"]["spec"]["template"]["spec"]["containers"][0]
}

#[test]
fn each_manifest_is_of_the_api_that_has_it_and_all_select_the_same_pods() {
    let manifests = manifests();
    let versions: Vec<_> =
        manifests.iter().map(|(kind, one)| (kind.as_str(), one["apiVersion"].as_str().unwrap())).collect();
    assert_eq!(
        versions,
        [
            ("ConfigMap", "v1"),
            ("Deployment", "apps/v1"),
            ("PodDisruptionBudget", "policy/v1"),
            ("Secret", "v1"),
            ("Service", "v1"),
        ]
    );
    let pods = &manifests["Deployment"]["spec"]["template"]["metadata"]["labels"];
    assert!(pods.as_object().is_some_and(|labels| !labels.is_empty()));
    for labels in [
        &manifests["Deployment"]["spec"]["selector"]["matchLabels"],
        &manifests["Deployment"]["spec"]["template"]["spec"]["topologySpreadConstraints"][0]["labelSelector"]
            ["matchLabels"],
        &manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        &manifests["Service"]["spec"]["selector"],
    ] {
        assert_eq!(labels, pods);
    }
}

#[test]
fn to_apply_the_folder_replaces_no_secret_and_those_of_the_example_are_refused() {
    for (name, path) in files() {
        // What kubectl takes from a folder.
        let is_applied = [".json", ".yaml", ".yml"].iter().any(|end| name.ends_with(end));
        assert_eq!(is_applied, yaml(&path)["kind"] != "Secret", "{name}");
    }
    for (name, text) in manifests()["Secret"]["stringData"].as_object().unwrap() {
        let toml = format!("[apps.lab]\nconnector = 'memory'\ntokens = [{{ name = 'a', token = {text} }}]");
        let problems = Config::parse(&toml, "a.toml", &deploy(), &|_| None).unwrap_err().to_string();
        assert!(problems.contains("what the shipped example has in its place"), "{name}: {problems}");
        assert!(!problems.contains(text.as_str().unwrap()), "{name}: {problems}");
    }
}

#[test]
fn a_drained_node_takes_one_of_two_replicas() {
    let manifests = manifests();
    assert_eq!(manifests["Deployment"]["spec"]["replicas"], 2);
    assert_eq!(manifests["PodDisruptionBudget"]["spec"]["minAvailable"], 1);
    assert_eq!(manifests["Deployment"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
}

#[tokio::test]
async fn probes_ask_paths_that_the_program_answers_on_the_port_that_it_listens_on() {
    let manifests = manifests();
    let container = container(&manifests);
    let config = accepted(&configuration(&manifests), SECRETS).await;
    assert!(config.server.listen.ip().is_unspecified());
    let port = json!({ "name": "http", "containerPort": config.server.listen.port() });
    assert_eq!(container["ports"], json!([port]));
    assert_eq!(manifests["Service"]["spec"]["ports"][0]["targetPort"], "http");
    let bridge = Setup::memory().start().await;
    for (probe, path) in
        [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")]
    {
        assert_eq!(container[probe]["httpGet"], json!({ "path": path, "port": "http" }), "{probe}");
        assert_eq!(Answer::of(bridge.anonymous(Method::GET, path)).await.status, 200);
    }
    let startup = &container["startupProbe"];
    let patience = startup["periodSeconds"].as_u64().unwrap() * startup["failureThreshold"].as_u64().unwrap();
    assert!(
        patience >= 30 * 60,
        "a large database takes a while to migrate, and begins anew when it is interrupted"
    );
}

#[tokio::test]
async fn a_pod_has_time_to_finish_what_is_in_flight() {
    let manifests = manifests();
    let config = accepted(&configuration(&manifests), SECRETS).await;
    let pause = container(&manifests)["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap();
    let grace = manifests["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        .as_u64()
        .unwrap();
    assert!(grace > pause + config.server.shutdown_grace.as_secs() + 15);
}

#[test]
fn what_is_read_is_mounted_and_defined() {
    let manifests = manifests();
    let pod = &manifests["Deployment"]["spec"]["template"]["spec"];
    let mounts = &container(&manifests)["volumeMounts"];
    let mounted = |name: &str| {
        let mount = mounts.as_array().unwrap().iter().find(|mount| mount["name"] == name).unwrap();
        mount["mountPath"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        pod["volumes"],
        json!([
            { "name": "config", "configMap": { "name": manifests["ConfigMap"]["metadata"]["name"] } },
            // The files are its group's to read.
            { "name": "secrets", "secret": { "secretName": manifests["Secret"]["metadata"]["name"], "defaultMode": 0o440_u32 } },
        ])
    );
    let file = keys(&manifests["ConfigMap"]["data"]).pop().unwrap();
    assert_eq!(format!("{}/{file}", mounted("config")), CONFIG);
    assert_eq!(mounted("secrets"), SECRETS);
    assert_eq!(keys(&manifests["Secret"]["stringData"]), secrets_in(&configuration(&manifests), SECRETS));
}

#[test]
fn a_pod_may_do_no_more_than_it_needs() {
    let manifests = manifests();
    let pod = &manifests["Deployment"]["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(
        pod["securityContext"],
        json!({
            "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
            "seccompProfile": { "type": "RuntimeDefault" },
        })
    );
    assert!(super::read(&super::repository().join("Dockerfile")).contains("\nUSER 65532:65532\n"));
    assert_eq!(
        container(&manifests)["securityContext"],
        json!({
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] },
        })
    );
    assert!(container(&manifests)["resources"]["limits"]["memory"].is_string());
}
