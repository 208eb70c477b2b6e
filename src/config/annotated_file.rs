//! `config/scim-bridge.toml`, which documents every key, held to what is read.

use std::{fs, sync::LazyLock};

use proptest::prelude::*;

use super::{AppName, Config, Problems, tests::environment};

const FILE: &str = include_str!("../../config/scim-bridge.toml");

/// What a file of certificates holds.
static CERTIFICATE: LazyLock<String> = LazyLock::new(|| {
    rcgen::generate_simple_self_signed(vec!["authority.example".to_owned()]).unwrap().cert.pem()
});

/// Parses the annotated file with `change` made to its text.
fn parse(change: impl Fn(&str) -> String) -> Result<Config, Problems> {
    let folder = tempfile::tempdir().unwrap();
    for file in ["lab-token", "fullchain.pem", "privkey.pem", "clients.pem", "acme-ca.pem"] {
        fs::write(folder.path().join(file), "lab").unwrap();
    }
    for file in
        ["client-secret", "database-password", "oauth-secret", "secret-key", "hook-secret", "notify-secret"]
    {
        fs::write(folder.path().join(file), "s3cr3t".repeat(10)).unwrap();
    }
    fs::write(folder.path().join("login-token"), "another").unwrap();
    fs::write(folder.path().join("collector-token"), "fourth").unwrap();
    fs::write(folder.path().join("metrics-token"), "third").unwrap();
    fs::write(folder.path().join("ahrefs-ca.pem"), &*CERTIFICATE).unwrap();
    Config::parse(&change(FILE), "scim-bridge.toml", folder.path(), &environment)
}

/// `text` with the keys that show their defaults no longer commented out.
fn with_defaults_written(text: &str) -> String {
    let written = |line: &str| match line.strip_prefix('#') {
        Some(key) if key.starts_with(|first: char| first.is_ascii_lowercase()) => key.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(|line| written(line) + "\n").collect()
}

/// `text` with the examples of keys without a default no longer commented out: those that this build has.
fn with_examples_written(text: &str) -> String {
    let is_known = |line: &&str| {
        (cfg!(feature = "acme") || !line.starts_with("#~acme"))
            && (cfg!(feature = "otlp") || !line.starts_with("#~traces"))
    };
    let lines = text.lines().filter(is_known);
    lines.map(|line| line.strip_prefix("#~").unwrap_or(line).to_owned() + "\n").collect()
}

#[test]
fn it_is_right_as_it_is_and_with_its_examples() {
    let apps = |config: Config| config.apps.keys().map(AppName::to_string).collect::<Vec<_>>();
    assert_eq!(apps(parse(str::to_owned).unwrap()), ["aha"]);
    assert_eq!(
        apps(parse(with_examples_written).unwrap()),
        ["aha", "aha-login", "ahrefs", "customers", "lab"]
    );
}

#[test]
fn the_defaults_that_it_shows_are_the_defaults() {
    let defaults_left_out = parse(str::to_owned).unwrap();
    let defaults_written = parse(with_defaults_written).unwrap();
    assert_eq!(format!("{defaults_written:#?}"), format!("{defaults_left_out:#?}"));
}

/// The reader itself says which keys it knows, when it meets one that it does not.
#[test]
fn it_has_every_key_that_there_is() {
    let with_unknown_keys = |text: &str| {
        let text = with_defaults_written(&with_examples_written(text)).replace("{ ", "{ zzzzzzzzzzzz = 1, ");
        let is_header = |line: &str| line.starts_with('[');
        let lines = text.lines().map(|line| match is_header(line) {
            true => format!("{line}\nzzzzzzzzzzzz = 1\n"),
            false => format!("{line}\n"),
        });
        lines.collect::<String>() + "[zzzzzzzzzzzz]\n"
    };
    let problems = parse(with_unknown_keys).unwrap_err();
    let known: Vec<_> = problems
        .iter()
        .filter_map(|problem| problem.text.strip_prefix("unknown key; the keys here are "))
        .flat_map(|keys| keys.split(", "))
        .collect();
    for key in [
        "apps",
        "listen",
        "url",
        "level",
        "contact",
        "per_minute",
        "token",
        "file",
        "schemas",
        "audience",
        "expires",
    ] {
        assert!(known.contains(&key), "{key} is not among the known keys: {problems}");
    }
    let text = with_defaults_written(&with_examples_written(FILE));
    for key in known {
        let is_there = text.lines().filter(|line| !line.starts_with('#')).any(|line| {
            line.starts_with(&format!("{key} = "))
                || line.starts_with(&format!("[{key}"))
                || line.starts_with('[') && line.contains(&format!(".{key}]"))
                || line.contains(&format!("{{ {key} = "))
                || line.contains(&format!(", {key} = "))
        });
        assert!(is_there, "{key} is not in config/scim-bridge.toml");
    }
}

proptest! {
    #[test]
    fn no_change_to_it_makes_the_reader_panic_or_show_a_secret(
        start in 0..FILE.len(),
        length in 0..200_usize,
        inserted in "[\\PC\n]{0,20}",
    ) {
        let changed = |text: &str| {
            let start = text.floor_char_boundary(start);
            let end = text.floor_char_boundary(start + length);
            format!("{}{inserted}{}", &text[..start], &text[end..])
        };
        if let Err(problems) = parse(changed) {
            prop_assert!(problems.iter().next().is_some());
            prop_assert!(!problems.to_string().contains("s3cr3t"));
        }
    }
}
