//! Holds the source to the map in `src/lib.rs`: who may ask whom, and how long a file may be. Code inside tests is free.

mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use self::source::Source;

/// There for everybody, so the table does not repeat them.
const FOR_ALL: [&str; 3] = ["clock", "secret", "cause"];

/// Below `connector` and no connector: what the connectors for one vendor have in common.
const SHARED_BY_CONNECTORS: [&str; 1] = ["aha_api"];

/// The most lines that a file may have without its tests.
const LONGEST_FILE: usize = 600;

#[test]
fn modules_import_only_what_the_table_in_lib_rs_allows() {
    let table = table();
    let mut problems = Vec::new();
    for source in sources() {
        let Some(module) = source.module.first().filter(|module| *module != "main" && *module != "lib")
        else {
            continue;
        };
        let Some(allowed) = table.get(module) else {
            problems.push(format!("src/{}: `{module}` is not in the table; add a row to it", source.path));
            continue;
        };
        for reference in source.references() {
            let Some(asked) = reference.path.first().filter(|asked| table.contains_key(*asked)) else {
                continue;
            };
            if asked != module && !allowed.contains(asked) {
                problems.push(format!(
                    "src/{}:{}: `{module}` asks `{asked}`. Move what is needed to a module that `{module}` may ask ({}), \
                     hand it in from above as an argument, or change the table if the design has changed",
                    source.path,
                    reference.line,
                    Vec::from_iter(allowed.iter().map(String::as_str)).join(", "),
                ));
            }
        }
    }
    expect_none(&problems);
}

#[test]
fn no_two_modules_of_the_table_ask_each_other() {
    let table = table();
    for (module, allowed) in &table {
        for asked in allowed {
            assert!(
                !table[asked].contains(module),
                "`{module}` and `{asked}` may ask each other: imports point one way, so take one of the two out of the table"
            );
        }
    }
}

#[test]
fn the_protocol_core_asks_only_the_clock_and_does_no_io() {
    let core = || sources().filter(|source| source.is_in("scim"));
    let mut problems = Vec::new();
    for source in core() {
        for reference in source.references() {
            if !matches!(reference.path.first().map(String::as_str), Some("scim" | "clock")) {
                problems.push(format!(
                    "src/{}:{}: `scim` asks `{}`; it is pure, so hand in what it needs as an argument",
                    source.path,
                    reference.line,
                    reference.path.join("::")
                ));
            }
        }
    }
    for word in ["async", "await", "tokio", "axum", "http", "reqwest", "sqlx"] {
        problems.extend(named(
            core(),
            word,
            "the protocol core is pure: do this in the module that calls it",
        ));
    }
    expect_none(&problems);
}

#[test]
fn a_connector_knows_no_other_connector_no_database_and_no_server() {
    let of_a_connector = || sources().filter(|source| source.is_in("connector") && source.module.len() > 1);
    let folders: BTreeSet<_> = of_a_connector()
        .filter(|source| source.path.matches('/').count() > 1)
        .map(|source| source.module[1].clone())
        .collect();
    assert!(folders.contains("aha") && folders.contains("memory"), "{folders:?}");
    let mut problems = Vec::new();
    for source in of_a_connector().filter(|source| folders.contains(&source.module[1])) {
        for reference in source.references() {
            let [first, second, ..] = reference.path.as_slice() else { continue };
            let is_shared = SHARED_BY_CONNECTORS.contains(&second.as_str());
            if first == "connector" && folders.contains(second) && !is_shared && *second != source.module[1] {
                problems.push(format!(
                    "src/{}:{}: the connector `{}` asks the connector `{second}`; move what both need to src/connector",
                    source.path, reference.line, source.module[1]
                ));
            }
        }
    }
    for word in ["sqlx", "axum"] {
        let advice =
            "a connector only plans and calls: what it learns is stored and answered by those who use it";
        problems.extend(named(of_a_connector(), word, advice));
    }
    expect_none(&problems);
}

/// What another connector costs: a folder, a line of the registry (and that there is the folder), and the configuration.
#[test]
fn a_connector_is_named_only_in_its_folder_the_registry_and_the_configuration() {
    let elsewhere = || {
        sources().filter(|source| {
            let is_listed = ["connector/mod.rs", "connector/registry.rs"].contains(&source.path.as_str());
            !is_listed && !source.is_in("config") && !source.path.starts_with("connector/aha_portal/")
        })
    };
    for word in ["AhaPortal", "aha_portal"] {
        let advice =
            "ask what kind of target it is by what it can do, so that another one needs no change here";
        expect_none(&named(elsewhere(), word, advice));
    }
}

#[test]
fn sql_lives_only_in_the_store() {
    let elsewhere = sources().filter(|source| !source.is_in("store"));
    expect_none(&named(elsewhere, "sqlx", "write a function for it in src/store, and call that"));
}

#[test]
fn the_statuses_of_answers_are_chosen_only_in_http() {
    // Those who call or simulate a target read and write its statuses, not ours.
    let of_targets = ["connector", "upstream", "sim"];
    let others = sources()
        .filter(|source| !source.is_in("http") && !of_targets.iter().any(|module| source.is_in(module)));
    expect_none(&named(
        others,
        "StatusCode",
        "answer with an error of this layer, and give it a status in src/http/error.rs",
    ));
}

#[test]
fn no_file_is_longer_than_600_lines_without_its_tests() {
    let problems: Vec<_> = sources()
        .map(|source| (source.lines(), source))
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .map(|(lines, source)| {
            format!("src/{}: {lines} lines; find the second concept in it, and give it a file", source.path)
        })
        .collect();
    expect_none(&problems);
}

fn sources() -> impl Iterator<Item = Source> {
    Source::read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).into_iter()
}

/// Whom each module may ask: the third column of the table in `src/lib.rs`, resolved.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let mut table: BTreeMap<String, BTreeSet<String>> =
        FOR_ALL.iter().map(|module| ((*module).to_owned(), BTreeSet::new())).collect();
    // What a request is called, and how long what is done for it takes, is a matter of time.
    table.entry("cause".to_owned()).or_default().insert("clock".to_owned());
    for row in text.lines().filter_map(|line| line.strip_prefix("//! | [`")) {
        let columns: Vec<_> = row.split('|').collect();
        let [module, _, asked, _] = columns.as_slice() else { panic!("a row has three columns: {row}") };
        let module = module.trim().trim_end_matches("`]");
        let mut allowed: BTreeSet<String> = asked.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        if asked.contains("everything above") {
            allowed.extend(table.keys().cloned());
        }
        if asked.contains("what they know") {
            let known = allowed.iter().flat_map(|one| table[one].clone()).collect::<Vec<_>>();
            allowed.extend(known);
        }
        if module != "scim" {
            allowed.extend(FOR_ALL.map(str::to_owned));
        }
        table.insert(module.to_owned(), allowed);
    }
    assert!(table.len() > 10, "the table in src/lib.rs could not be read: {table:?}");
    table
}

/// A problem for every place where the code names `word`.
fn named(sources: impl Iterator<Item = Source>, word: &str, advice: &str) -> Vec<String> {
    sources
        .flat_map(|source| {
            let lines = source.lines_that_name(word);
            lines.into_iter().map(move |line| (source.path.clone(), line)).collect::<Vec<_>>()
        })
        .map(|(path, line)| format!("src/{path}:{line}: `{word}` is named here; {advice}"))
        .collect()
}

#[track_caller]
fn expect_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
