//! `tokens`: what an identity provider presents to us.

use std::collections::HashSet;

use super::{reader::Value, secret::secret, source::Read};
use crate::secret::Secret;

/// More tokens than any app has identity providers.
const MOST_TOKENS: usize = 100;

/// A bearer token that gives access to one app.
#[derive(Clone, Debug)]
pub struct Token {
    /// Who presents it; unique within the app.
    pub name: String,
    /// What is presented.
    pub token: Secret,
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
            let name = token_name(&value)?;
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
        table.finish()?;
        Ok(Token { name: name?, token: token? })
    })
}

fn token_name(value: &Value<'_>) -> Read<String> {
    let name = value.string()?;
    if (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(value.report("must have from 1 to 64 characters, and no line break"))
}
