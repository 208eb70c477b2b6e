//! `[apps.NAME.auth.oauth]`: the app's own token endpoint.

use std::{collections::HashSet, time::Duration};

use super::{
    super::{
        base_url::BaseUrl, duration::duration, moment::moment, reader::Table, secret::secret, source::Read,
    },
    MOST, authority, guid, issuer, secure_url, text, unique,
};
use crate::{clock::Time, secret::Secret};

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

impl OAuth {
    /// Reads the section.
    pub(super) fn read(mut table: Table<'_>) -> Read<Self> {
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
