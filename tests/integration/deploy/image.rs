//! The Dockerfile.

use crate::harness::{Setup, process::Process};

use super::{CONFIG, read, repository};

/// The instructions, with lines that go on put together.
fn instructions() -> Vec<(String, String)> {
    let text = read(&repository().join("Dockerfile"));
    let lines: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).filter(|line| !line.is_empty());
    let split = |line: &str| {
        let (instruction, rest) = line.split_once(' ').unwrap_or_else(|| panic!("{line}"));
        (instruction.to_owned(), rest.trim().to_owned())
    };
    lines.map(split).collect()
}

/// The arguments of the last instruction of that name, which is in the JSON form.
fn arguments(instruction: &str) -> Vec<String> {
    let all = instructions();
    let (_, rest) = all.iter().rev().find(|(name, _)| name == instruction).unwrap();
    let list = &rest[rest.find('[').unwrap()..];
    serde_json::from_str(list).unwrap()
}

/// As `.dockerignore` has it, which ignores all but what it names.
fn is_in_context(path: &str) -> bool {
    let ignored = read(&repository().join(".dockerignore"));
    assert!(ignored.lines().any(|line| line == "*"));
    ignored.lines().any(|line| {
        line.strip_prefix('!').is_some_and(|kept| path == kept || kept == path.split('/').next().unwrap())
    })
}

#[test]
fn it_builds_from_files_that_are_there_and_ends_without_a_compiler_and_without_root() {
    let instructions = instructions();
    let known = [
        "FROM",
        "WORKDIR",
        "ARG",
        "COPY",
        "RUN",
        "VOLUME",
        "USER",
        "EXPOSE",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
    ];
    assert!(instructions.iter().all(|(name, _)| known.contains(&name.as_str())), "{instructions:?}");
    let stages: Vec<_> = instructions.iter().filter(|(name, _)| name == "FROM").collect();
    assert_eq!(stages.len(), 2, "what compiles is not what runs");
    let last = instructions.iter().rposition(|(name, _)| name == "FROM").unwrap();
    let (build, run) = instructions.split_at(last);
    // Everything that is built from is in the context, and so is what cargo wants to see of the manifest.
    assert!(build.contains(&("COPY".into(), ". .".into())));
    let manifest: toml::Table = read(&repository().join("Cargo.toml")).parse().unwrap();
    let paths = ["Cargo.toml", "Cargo.lock", "src/main.rs", "src/lib.rs", "migrations"].map(str::to_owned);
    let targets = ["test", "bench", "bin"].into_iter().flat_map(|kind| manifest[kind].as_array().unwrap());
    let of_targets = targets.filter_map(|target| Some(target.get("path")?.as_str()?.to_owned()));
    for path in paths.into_iter().chain(of_targets) {
        assert!(repository().join(&path).exists() && is_in_context(&path), "{path}");
    }
    assert!(!is_in_context("scim-bridge.toml") && !is_in_context("scim-bridge.db") && !is_in_context(".git"));
    let compiles = build.iter().find(|(name, rest)| name == "RUN" && rest.contains("cargo build")).unwrap();
    assert!(compiles.1.contains("--release --locked --bin scim-bridge"), "{compiles:?}");
    // Features are left out unless somebody asks for them, and the example names those that there are.
    assert!(build.contains(&("ARG".into(), "FEATURES=\"\"".into())));
    assert!(compiles.1.contains("--features \"${FEATURES}\""), "{compiles:?}");
    let text = read(&repository().join("Dockerfile"));
    let (_, named) = text.split_once("--build-arg FEATURES=").unwrap();
    for feature in named.split_whitespace().next().unwrap().split(',') {
        assert!(manifest["features"].get(feature).is_some(), "{feature}");
    }
    let rust = manifest["package"]["rust-version"].as_str().unwrap();
    assert!(stages[0].1.starts_with(&format!("rust:{rust}-")), "{stages:?}");
    for (name, rest) in run.iter().filter(|(name, _)| name == "COPY") {
        assert!(rest.starts_with("--from=build "), "{name} {rest}");
    }
    let (_, user) = run.iter().find(|(name, _)| name == "USER").unwrap();
    assert!(user.split(':').all(|number| number.parse::<u32>().unwrap() > 0), "{user}");
    assert_eq!(arguments("CMD"), ["serve", "--config", CONFIG]);
    assert_eq!(arguments("ENTRYPOINT"), ["/usr/local/bin/scim-bridge"]);
}

#[tokio::test]
async fn its_health_check_is_a_command_that_the_program_has_and_a_path_that_it_answers() {
    let check = arguments("HEALTHCHECK");
    assert_eq!(check[0], arguments("ENTRYPOINT")[0]);
    let url = check.last().unwrap();
    let (_, port) = instructions().into_iter().find(|(name, _)| name == "EXPOSE").unwrap();
    let path = url.strip_prefix(&format!("http://127.0.0.1:{port}")).unwrap();
    let bridge = Setup::memory().start().await;
    let here = format!("{}{path}", bridge.root());
    let mut arguments: Vec<_> = check[1..].iter().map(String::as_str).collect();
    *arguments.last_mut().unwrap() = &here;
    let ended = Process::run(bridge.folder(), &arguments, &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
