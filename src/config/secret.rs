//! Where a secret comes from: the file itself, `{ env = "NAME" }` or `{ file = "path" }`.

use super::{file::file, reader::Value, source::Read};
use crate::secret::Secret;

/// What is longer is not a secret but the wrong file.
const MOST_BYTES: usize = 4096;

/// Reads a secret. All of them travel in HTTP headers, so what could not (RFC 9110 §5.5) is a problem here and not
/// later in a request.
pub(super) fn secret(value: &Value<'_>) -> Read<Secret> {
    if let Some(text) = value.as_string() {
        return checked(value, text);
    }
    let mut table = value
        .as_table()
        .ok_or_else(|| value.unexpected("a string, { env = \"NAME\" } or { file = \"path\" }"))?;
    let environment = table.optional("env", |value| from_environment(&value));
    let file = table.optional("file", |value| from_file(&value));
    table.finish()?;
    match (environment?, file?) {
        (Some(secret), None) | (None, Some(secret)) => Ok(secret),
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

fn from_file(value: &Value<'_>) -> Read<Secret> {
    let (_, text) = file(value, MOST_BYTES as u64)?;
    checked(value, without_final_newline(&text))
}

/// Editors and `echo` end a file with a newline, which is not part of the secret.
fn without_final_newline(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

fn checked(value: &Value<'_>, text: &str) -> Read<Secret> {
    if text.is_empty() {
        return Err(value.report("is empty"));
    }
    if text.len() > MOST_BYTES {
        return Err(value.report(format_args!("is longer than {MOST_BYTES} bytes")));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(value.report("holds a space, a line break or another character that no token has"));
    }
    Ok(Secret::new(text))
}
