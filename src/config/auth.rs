//! `[apps.NAME.auth]`: who may call an app, beside those who have one of its `tokens`.

mod oauth;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use super::{
    base_url::BaseUrl,
    reader::{Table, Value, quoted},
    source::Read,
    token::label,
};

pub use self::oauth::{AssertionIssuer, Client, ClientSecret, Federated, OAuth, Replay};

/// The resource that Entra ID asks tokens for when an app that is not in its gallery has no secret token (`AUTH-8`).
const NON_GALLERY_APPS: &str = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621";

/// Entra ID's provisioning service, as the client of such tokens.
const PROVISIONING_SERVICE: &str = "00000014-0000-0000-c000-000000000000";

/// Where Entra ID is, outside of national clouds.
const AUTHORITY: &str = "https://login.microsoftonline.com";

/// More of anything than an app has identity providers.
const MOST: usize = 20;

/// Ways in.
#[derive(Clone, Debug, Default)]
pub struct Auth {
    /// Tokens are also read from an `Authorization` header that names no scheme (`OKT-17`).
    pub raw_token: bool,
    /// Tokens are also read as the password of HTTP Basic.
    pub basic: Option<Basic>,
    /// Tokens that Entra ID issues for itself.
    pub entra: Option<Entra>,
    /// JWTs of other issuers.
    pub jwt: Vec<JwtRule>,
    /// The app's own token endpoint.
    pub oauth: Option<OAuth>,
}

/// HTTP Basic (RFC 7617): the password is one of the app's tokens.
#[derive(Clone, Debug)]
pub struct Basic {
    /// The user name that must stand beside it; `None`: any.
    pub user: Option<String>,
}

/// Entra ID's own token, which it sends when the admin leaves *Secret Token* blank.
#[derive(Clone, Debug)]
pub struct Entra {
    /// The tenant's id, a GUID.
    pub tenant: String,
    /// What the token must be for; any of these.
    pub audiences: Vec<String>,
    /// The client that it must have been issued to (`appid`, or `azp` in version 2).
    pub app_id: String,
    /// Where Entra ID is.
    pub authority: BaseUrl,
    /// Who must have issued it, any of these; `None`: the issuers of the tenant in versions 1 and 2.
    pub issuers: Option<Vec<String>>,
}

/// Whose JWTs are let in.
#[derive(Clone, Debug)]
pub struct JwtRule {
    /// What the caller is called in the log.
    pub name: String,
    /// `iss`, and where the issuer's keys are found by OpenID Connect Discovery.
    pub issuer: String,
    /// `aud`: any of these.
    pub audiences: Vec<String>,
    /// What else it must say; at least one.
    pub claims: Vec<ClaimRule>,
    /// The issuer's keys, a JWK Set; `None`: found by discovery.
    pub keys: Option<BaseUrl>,
}

/// A claim must be, or hold, one of these values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRule {
    /// The claim's name.
    pub name: String,
    /// The values.
    pub values: Vec<String>,
}

impl Auth {
    /// Reads the section.
    pub(super) fn read(mut table: Table<'_>) -> Read<Self> {
        let raw_token = table.or("raw_token", false, |value| value.boolean());
        let basic = table.optional("basic", |value| value.boolean());
        let basic_user = table.optional("basic_user", |value| {
            if matches!(basic, Ok(Some(false))) {
                return Err(value.report("has no effect with basic = false"));
            }
            user_name(&value)
        });
        let entra = table.optional("entra", |value| Entra::read(value.table()?));
        let mut names = HashSet::new();
        let jwt = table.or("jwt", Vec::new(), |value| {
            value.array(MOST, |value| JwtRule::read(value.table()?, &mut names))
        });
        let oauth = table.optional("oauth", |value| OAuth::read(value.table()?));
        table.finish()?;
        let user = basic_user?;
        let is_basic_allowed = basic?.unwrap_or(user.is_some());
        Ok(Self {
            raw_token: raw_token?,
            basic: is_basic_allowed.then_some(Basic { user }),
            entra: entra?,
            jwt: jwt?,
            oauth: oauth?,
        })
    }
}

impl Entra {
    fn read(mut table: Table<'_>) -> Read<Self> {
        let tenant = table.required("tenant", "the id of the Entra tenant, a GUID", |value| guid(&value));
        let audiences = table
            .or("audience", vec![NON_GALLERY_APPS.to_owned()], |value| one_or_more(&value, "an audience"));
        let app_id = table.or("app_id", PROVISIONING_SERVICE.to_owned(), |value| text(&value));
        let authority = authority(&mut table);
        let issuers = table.optional("issuers", |value| one_or_more(&value, "an issuer"));
        table.finish()?;
        Ok(Self {
            tenant: tenant?,
            audiences: audiences?,
            app_id: app_id?,
            authority: authority?,
            issuers: issuers?,
        })
    }
}

impl JwtRule {
    fn read(mut table: Table<'_>, names: &mut HashSet<String>) -> Read<Self> {
        let name =
            table.required("name", "who presents the token, such as \"corp\"", |value| unique(&value, names));
        let issuer =
            table.required("issuer", "the iss of the tokens, an https:// URL", |value| issuer(&value));
        let audiences =
            table.required("audience", "the aud of the tokens", |value| one_or_more(&value, "an audience"));
        let claims = table.required(
            "claims",
            "what tells the caller from the issuer's other clients, such as { sub = \"…\" } or { azp = \"…\" }",
            |value| claims(&value),
        );
        let keys = table.optional("keys", |value| secure_url(&value));
        table.finish()?;
        Ok(Self { name: name?, issuer: issuer?, audiences: audiences?, claims: claims?, keys: keys? })
    }
}

fn authority(table: &mut Table<'_>) -> Read<BaseUrl> {
    let default = AUTHORITY.parse().expect("it is a URL with nothing but a scheme and a host");
    table.or("authority", default, |value| secure_url(&value))
}

fn claims(value: &Value<'_>) -> Read<Vec<ClaimRule>> {
    let table = value.table()?;
    let rules: Vec<_> = table
        .names()
        .map(|(name, value)| Ok(ClaimRule { name: name.to_owned(), values: one_or_more(&value, "a value")? }))
        .collect();
    if rules.is_empty() {
        return Err(value.report(
            "is empty: everybody to whom the issuer gives tokens would be let in; name a claim, such as sub",
        ));
    }
    rules.into_iter().collect()
}

/// An `iss`. It is compared as it stands, so a slash at the end counts.
fn issuer(value: &Value<'_>) -> Read<String> {
    secure_url(value)?;
    Ok(value.string()?.to_owned())
}

/// A URL that nobody can tamper with on the way: what is fetched there decides who is let in.
fn secure_url(value: &Value<'_>) -> Read<BaseUrl> {
    let url: BaseUrl = value.string()?.parse().map_err(|error| value.report(error))?;
    if url.is_encrypted() || url.is_loopback() {
        return Ok(url);
    }
    Err(value.report("must begin with https://: what is fetched there decides who is let in"))
}

/// A label that none of `names` is.
fn unique(value: &Value<'_>, names: &mut HashSet<String>) -> Read<String> {
    let name = label(value)?;
    if names.insert(name.clone()) {
        return Ok(name);
    }
    Err(value.report(format_args!("{} is there twice", quoted(&name))))
}

/// A text, or an array of texts.
fn one_or_more(value: &Value<'_>, what: &str) -> Read<Vec<String>> {
    if value.as_string().is_some() {
        return Ok(vec![text(value)?]);
    }
    let texts = value.array(MOST, |value| text(&value))?;
    if texts.is_empty() {
        return Err(value.report(format_args!("is empty; write {what}")));
    }
    Ok(texts)
}

fn text(value: &Value<'_>) -> Read<String> {
    let text = value.string()?;
    if (1..=1024).contains(&text.len()) && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(value.report("must have from 1 to 1024 bytes, and no line break"))
}

fn user_name(value: &Value<'_>) -> Read<String> {
    let user = text(value)?;
    if user.contains(':') {
        return Err(value.report("must not have a \":\", which ends the user name of HTTP Basic"));
    }
    Ok(user)
}

/// A GUID, in lower case as tokens have it.
fn guid(value: &Value<'_>) -> Read<String> {
    let text = value.string()?;
    // The crate reads other forms, too.
    match uuid::Uuid::try_parse(text) {
        Ok(guid) if text.len() == 36 => Ok(guid.to_string()),
        _ => Err(value.report(format_args!(
            "{} is not an id such as \"01234567-89ab-cdef-0123-456789abcdef\"",
            quoted(text)
        ))),
    }
}
