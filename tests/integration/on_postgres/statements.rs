//! The SQL that stands in `src/store`, and how it is found again in what a server says that it executed.

use std::{collections::BTreeSet, fs, path::Path};

/// What is for one of the two databases alone, or for tests; and what keeps the marks of lists that are longer than those of a test
/// here, which the store's own tests do on both.
const OTHER_FILES: [&str; 6] =
    ["backup.rs", "dialect.rs", "fixture.rs", "marks.rs", "on_postgres.rs", "transfer.rs"];

/// The parts of statements in the sources below `folder`: literals that speak SQL, tests apart.
pub(super) fn written(folder: &Path) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            parts.extend(written(&path));
        } else if !OTHER_FILES.iter().any(|name| path.ends_with(name)) {
            let source = fs::read_to_string(&path).unwrap();
            let code = source.split("#[cfg(test)]\nmod tests").next().unwrap();
            parts.extend(literals(code).into_iter().filter(|literal| is_sql(literal)));
        }
    }
    parts.iter().map(|part| alike(part)).collect()
}

/// The string literals of a source that are not in a comment, cut where something is put in.
fn literals(source: &str) -> Vec<String> {
    let code: String =
        source.lines().map(|line| line.split("//").next().unwrap_or(line).to_owned() + "\n").collect();
    // A backslash at the end of a line joins it with the next, without the space in front of that.
    let mut pieces = code.split("\\\n");
    let first = pieces.next().unwrap_or_default().to_owned();
    let code = pieces.fold(first, |code, piece| code + piece.trim_start()).replace("\\\"", "'");
    let quoted = code.split('"').skip(1).step_by(2);
    quoted.flat_map(|literal| literal.split(['{', '}']).map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn is_sql(literal: &str) -> bool {
    ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", " FROM ", " WHERE ", " SET ", "ORDER BY "]
        .iter()
        .any(|word| literal.contains(word))
}

/// A statement with one space between words, and one sign for all that a value may be: the server keeps no values.
pub(super) fn alike(statement: &str) -> String {
    let mut alike = String::with_capacity(statement.len());
    let mut characters = statement.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\'' => {
                while characters.next_if(|next| *next != '\'').is_some() {}
                characters.next();
                alike.push('?');
            }
            // The server takes a sign for a part of the number.
            '-' if characters.peek().is_some_and(char::is_ascii_digit) => {}
            '$' | '0'..='9' if !alike.ends_with(|last: char| last.is_alphanumeric() || last == '_') => {
                while characters.next_if(char::is_ascii_digit).is_some() {}
                alike.push('?');
            }
            character if character.is_whitespace() => {
                if !alike.ends_with(' ') {
                    alike.push(' ');
                }
            }
            other => alike.push(other),
        }
    }
    // A value as well, unless it is asked for with IS.
    alike.trim().replace("= NULL", "= ?").replace("THEN NULL", "THEN ?")
}
