//! `tokens`: what an identity provider presents to us.

use std::collections::HashSet;

use super::{moment::moment, reader::Value, secret::secret, source::Read};
use crate::{clock::Time, secret::Secret};

/// More tokens than any app has identity providers.
const MOST_TOKENS: usize = 100;

/// A bearer token that gives access to one app.
#[derive(Clone, Debug)]
pub struct Token {
    /// Who presents it; unique within the app.
    pub name: String,
    /// What is presented.
    pub token: Secret,
    /// From when on it is refused; `None`: never.
    pub expires: Option<Time>,
}

/// The tokens seen so far, of all apps, each with the path of its key.
#[derive(Default)]
pub(super) struct TakenTokens(Vec<(Secret, String)>);

/// Reads an app's tokens. The same token twice is a problem, also in different apps: the token is what tells callers
/// apart.
pub(super) fn tokens(value: &Value<'_>, taken: &mut TakenTokens) -> Read<Vec<Token>> {
    let mut names = HashSet::new();
    value.array(MOST_TOKENS, |value| {
        let mut table = value.table()?;
        let name = table.required("name", "who presents the token, such as \"okta\"", |value| {
            let name = label(&value)?;
            if names.insert(name.clone()) {
                return Ok(name);
            }
            Err(value.report(format_args!("{name:?} is the name of another token of this app")))
        });
        let token = table.required("token", "what the identity provider sends as bearer token", |value| {
            let token = secret(&value)?;
            if let Some((_, other)) = taken.0.iter().find(|(other, _)| other.expose() == token.expose()) {
                return Err(
                    value.report(format_args!("is the same token as {other}; each must be different"))
                );
            }
            taken.0.push((token.clone(), value.path().to_owned()));
            Ok(token)
        });
        let expires = table.optional("expires", |value| moment(&value));
        table.finish()?;
        Ok(Token { name: name?, token: token?, expires: expires? })
    })
}

/// A name that the log and lists can show on one line.
pub(super) fn label(value: &Value<'_>) -> Read<String> {
    let name = value.string()?;
    if is_label(name) {
        return Ok(name.to_owned());
    }
    Err(value.report("must have from 1 to 64 characters, and no line break"))
}

/// Whether `name` can be the name of a token.
pub fn is_label(name: &str) -> bool {
    (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}
