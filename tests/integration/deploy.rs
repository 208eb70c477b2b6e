//! `config/deploy`: what is shipped to run the bridge with says the same as the program, as far as that shows without an engine.

mod compose;
mod image;
mod kubernetes;
mod systemd;

use std::path::{Path, PathBuf};

use scim_bridge::config::Config;
use serde_json::Value;

use crate::harness::process::Process;

/// Where the image expects the configuration.
const CONFIG: &str = "/etc/scim-bridge/scim-bridge.toml";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn deploy() -> PathBuf {
    repository().join("config/deploy")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file of one YAML document, in which no key stands twice.
fn yaml(path: &Path) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files below `folder` that a configuration takes secrets from, by their names.
fn secrets_in(toml: &str, folder: &str) -> Vec<String> {
    let mut names: Vec<_> = toml
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| line.split("file = \"").skip(1))
        .map(|rest| rest.split('"').next().unwrap())
        .map(|path| {
            path.strip_prefix(&format!("{folder}/")).unwrap_or_else(|| panic!("{path} is not in {folder}"))
        })
        .map(str::to_owned)
        .collect();
    names.sort();
    names
}

/// The configuration, with secrets in `folder` that stand for those on a real machine; the program itself finds it right.
async fn accepted(toml: &str, secrets_folder: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    for name in secrets_in(toml, secrets_folder) {
        std::fs::write(folder.path().join(&name), format!("{name}-0123456789abcdef0123456789abcdef\n"))
            .unwrap();
    }
    let toml = toml.replace(secrets_folder, folder.path().to_str().unwrap());
    std::fs::write(folder.path().join("shipped.toml"), &toml).unwrap();
    let ended = Process::run(folder.path(), &["check", "--config", "shipped.toml"], &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    Config::parse(&toml, "shipped.toml", folder.path(), &|_| None).unwrap()
}

/// A list of texts.
#[track_caller]
fn texts(value: &Value) -> Vec<String> {
    let texts = value.as_array().unwrap_or_else(|| panic!("no list: {value}"));
    let mut texts: Vec<_> = texts.iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    texts.sort();
    texts
}

/// The keys of a table.
#[track_caller]
fn keys(value: &Value) -> Vec<String> {
    let mut keys: Vec<_> =
        value.as_object().unwrap_or_else(|| panic!("no table: {value}")).keys().cloned().collect();
    keys.sort();
    keys
}

#[test]
fn the_readme_names_every_way_that_is_shipped() {
    let readme = read(&repository().join("README.md"));
    for entry in std::fs::read_dir(deploy()).unwrap() {
        let folder = format!("config/deploy/{}", entry.unwrap().file_name().to_str().unwrap());
        assert!(readme.contains(&folder), "{folder}");
    }
}
