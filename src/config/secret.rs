//! Where a secret comes from: the file itself, `{ env = "NAME" }` or `{ file = "path" }`.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    file::{file, read_text},
    reader::Value,
    source::Read,
};
use crate::secret::Secret;

/// What is longer is not a secret but the wrong file.
const MOST_BYTES: usize = 4096;

/// What stands in the place of secrets in `config/deploy/kubernetes/secret.yaml.example`: everybody knows it.
const EXAMPLES: [&str; 4] = [
    "of-an-administrator-of-aha",
    "any-long-random-text",
    "of-the-user-scim",
    "the-output-of-openssl-rand-hex-32",
];

/// What stands where a secret should is none. A fragment that follows the name of the place.
#[derive(Debug, thiserror::Error)]
pub enum NoSecret {
    /// Nothing.
    #[error("is empty")]
    Empty,
    /// More than any secret has.
    #[error("is longer than {MOST_BYTES} bytes")]
    TooLong,
    /// What no HTTP header can hold.
    #[error("holds a space, a line break or another character that no token has")]
    Characters,
    /// That of an example.
    #[error("is what the shipped example has in its place, which everybody knows; put your own there")]
    Example,
    /// Its file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Reads a secret. All of them travel in HTTP headers, so what could not (RFC 9110 §5.5) is a problem here and not
/// later in a request.
pub(super) fn secret(value: &Value<'_>) -> Read<Secret> {
    located(value).map(|(secret, _)| secret)
}

/// The secret in the file at `path`, as it is now.
pub(super) fn read_secret(path: &Path) -> Result<Secret, NoSecret> {
    check(without_final_newline(&read_text(path, MOST_BYTES as u64)?))
}

/// Reads a secret, and the file that it stands in, if it does.
pub(super) fn located(value: &Value<'_>) -> Read<(Secret, Option<PathBuf>)> {
    if let Some(text) = value.as_string() {
        return Ok((checked(value, text)?, None));
    }
    let mut table = value
        .as_table()
        .ok_or_else(|| value.unexpected("a string, { env = \"NAME\" } or { file = \"path\" }"))?;
    let environment = table.optional("env", |value| from_environment(&value));
    let file = table.optional("file", |value| from_file(&value));
    table.finish()?;
    match (environment?, file?) {
        (Some(secret), None) => Ok((secret, None)),
        (None, Some((secret, path))) => Ok((secret, Some(path))),
        (None, None) | (Some(_), Some(_)) => Err(value.report("expected exactly one of env and file")),
    }
}

fn from_environment(value: &Value<'_>) -> Read<Secret> {
    let name = value.string()?;
    let text = (value.source.environment)(name).ok_or_else(|| {
        // What does not look like a name may be the secret itself in the wrong place, so it is not shown.
        let is_name =
            name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        let shown = if is_name { format!(" {name}") } else { String::new() };
        value.report(format_args!("the environment variable{shown} is not set"))
    })?;
    checked(value, without_final_newline(&text))
}

fn from_file(value: &Value<'_>) -> Read<(Secret, PathBuf)> {
    let (path, text) = file(value, MOST_BYTES as u64)?;
    Ok((checked(value, without_final_newline(&text))?, path))
}

/// Editors and `echo` end a file with a newline, which is not part of the secret.
fn without_final_newline(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

fn checked(value: &Value<'_>, text: &str) -> Read<Secret> {
    check(text).map_err(|problem| value.report(problem))
}

fn check(text: &str) -> Result<Secret, NoSecret> {
    if text.is_empty() {
        return Err(NoSecret::Empty);
    }
    if text.len() > MOST_BYTES {
        return Err(NoSecret::TooLong);
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(NoSecret::Characters);
    }
    if EXAMPLES.contains(&text) {
        return Err(NoSecret::Example);
    }
    Ok(Secret::new(text))
}
