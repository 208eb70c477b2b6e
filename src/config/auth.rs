//! `[apps.NAME.auth]`: who may call an app, beside those who have one of its `tokens`.

use std::{collections::HashSet, time::Duration};

use super::{
    base_url::BaseUrl,
    duration::duration,
    moment::moment,
    reader::{Table, Value, quoted},
    secret::secret,
    source::Read,
    token::label,
};
use crate::{clock::Time, secret::Secret};

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

/// The app's own token endpoint (RFC 6749 §4.4).
#[derive(Clone, Debug)]
pub struct OAuth {
    /// How long an access token is good.
    pub token_lifetime: Duration,
    /// Who gets tokens for a secret.
    pub clients: Vec<Client>,
    /// Who gets tokens for an assertion.
    pub federated: Vec<Federated>,
}

/// A client with secrets. More secrets are made with `token create --client`.
#[derive(Clone, Debug)]
pub struct Client {
    /// `client_id`; unique within the app.
    pub id: String,
    /// Any of these opens.
    pub secrets: Vec<ClientSecret>,
}

/// A client's secret.
#[derive(Clone, Debug)]
pub struct ClientSecret {
    /// What tells it from the client's others.
    pub name: String,
    /// What the client sends.
    pub secret: Secret,
    /// From when on it is refused; `None`: never.
    pub expires: Option<Time>,
}

/// A client that shows an assertion of its identity provider (RFC 7523; Workload Identity Federation).
#[derive(Clone, Debug)]
pub struct Federated {
    /// `client_id`; unique within the app.
    pub id: String,
    /// Who issues the assertion.
    pub issuer: AssertionIssuer,
    /// What the assertion must be for.
    pub audience: String,
    /// Whom it must be about (`sub`).
    pub subject: String,
    /// Whether an assertion may be shown more than once.
    pub replay: Replay,
}

/// Who issues assertions.
#[derive(Clone, Debug)]
pub enum AssertionIssuer {
    /// Entra ID, for a tenant.
    Entra {
        /// The tenant's id, a GUID.
        tenant: String,
        /// Where Entra ID is.
        authority: BaseUrl,
    },
    /// Any other.
    Other {
        /// `iss`, and where its keys are found by OpenID Connect Discovery.
        issuer: String,
        /// Its keys, a JWK Set; `None`: found by discovery.
        keys: Option<BaseUrl>,
    },
}

/// What becomes of an assertion that is shown again before it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// It is refused.
    Refuse,
    /// It is accepted.
    Allow,
}

impl Auth {
    /// Reads the section.
    pub(super) fn read(mut table: Table<'_>) -> Read<Self> {
        let raw_token = table.or("raw_token", false, |value| value.boolean());
        let basic = table.or("basic", false, |value| value.boolean());
        let basic_user = table.optional("basic_user", |value| {
            if matches!(basic, Ok(false)) {
                return Err(value.report("has no effect without basic = true"));
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
        let basic_user = basic_user?;
        Ok(Self {
            raw_token: raw_token?,
            basic: basic?.then_some(Basic { user: basic_user }),
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

impl OAuth {
    fn read(mut table: Table<'_>) -> Read<Self> {
        // Microsoft wants from one to six hours (`AUTH-5`, `LAV-7`).
        let token_lifetime = table.or("token_lifetime", Duration::from_mins(60), |value| {
            duration(&value, Duration::from_mins(60)..=Duration::from_hours(6))
        });
        let mut ids = HashSet::new();
        let clients = table.or("clients", Vec::new(), |value| {
            value.array(MOST, |value| Client::read(value.table()?, &mut ids))
        });
        let federated = table.or("federated", Vec::new(), |value| {
            value.array(MOST, |value| Federated::read(value.table()?, &mut ids))
        });
        if matches!((&clients, &federated), (Ok(clients), Ok(federated)) if clients.is_empty() && federated.is_empty())
        {
            return Err(table.report("has neither clients nor federated: nobody could get a token"));
        }
        table.finish()?;
        Ok(Self { token_lifetime: token_lifetime?, clients: clients?, federated: federated? })
    }
}

impl Client {
    fn read(mut table: Table<'_>, ids: &mut HashSet<String>) -> Read<Self> {
        let id = table.required("id", "the client_id", |value| unique(&value, ids));
        let mut names = HashSet::new();
        let secrets = table.or("secrets", Vec::new(), |value| {
            value.array(MOST, |value| {
                let mut table = value.table()?;
                let name = table.required("name", "what tells the secret from others", |value| {
                    unique(&value, &mut names)
                });
                let secret = table.required("secret", "what the client sends", |value| secret(&value));
                let expires = table.optional("expires", |value| moment(&value));
                table.finish()?;
                Ok(ClientSecret { name: name?, secret: secret?, expires: expires? })
            })
        });
        table.finish()?;
        Ok(Self { id: id?, secrets: secrets? })
    }
}

impl Federated {
    fn read(mut table: Table<'_>, ids: &mut HashSet<String>) -> Read<Self> {
        let id = table.required("id", "the client_id", |value| unique(&value, ids));
        let tenant = table.optional("tenant", |value| guid(&value));
        let authority = authority(&mut table);
        let issuer = table.optional("issuer", |value| issuer(&value));
        let keys = table.optional("keys", |value| secure_url(&value));
        let audience = table.required("audience", "the aud of the assertions", |value| text(&value));
        let subject =
            table.required("subject", "the sub of the assertions: the object id of the caller", |value| {
                text(&value)
            });
        let replay = table.or("replay", Replay::Refuse, |value| {
            value.one_of(&[("refuse", Replay::Refuse), ("allow", Replay::Allow)])
        });
        let issuer = match (tenant?, issuer?, keys?) {
            (Some(tenant), None, None) => AssertionIssuer::Entra { tenant, authority: authority? },
            (None, Some(issuer), keys) => AssertionIssuer::Other { issuer, keys },
            (Some(_), _, _) => return Err(table.report("expected tenant, or issuer (and keys), not both")),
            (None, None, _) => return Err(table.report("expected tenant (for Entra ID) or issuer")),
        };
        table.finish()?;
        Ok(Self { id: id?, issuer, audience: audience?, subject: subject?, replay: replay? })
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
