//! Whose JWTs are believed, and what they must say.

use std::sync::Arc;

use jsonwebtoken::Algorithm;

use super::{Claims, KeySet, KeySource, Problem, Unverified, problem::Shown};
use crate::{
    clock::{Clock, Time},
    config::{self, AssertionIssuer, ClaimRule},
    upstream::Documents,
};

/// What Entra ID signs with (`AUTH-6`).
const OF_ENTRA: &[Algorithm] = &[Algorithm::RS256];

/// What other issuers may sign with: everything that has a public key.
const ASYMMETRIC: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// An issuer, and the rules for its tokens.
#[derive(Debug)]
pub struct TrustedIssuer {
    /// What the caller is called in the log.
    pub name: String,
    issuers: Vec<String>,
    audiences: Vec<String>,
    /// All must be obeyed.
    claims: Vec<ClaimRule>,
    /// The claims, the first of which that is there names the client, and the client that it must name.
    client: Option<(&'static [&'static str], String)>,
    algorithms: &'static [Algorithm],
    presented: Presented,
    pub(super) keys: Arc<KeySet>,
}

/// How often a token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presented {
    /// With each request, until it expires.
    Again,
    /// It is good for one answer (RFC 7523): nothing is remembered that could let it in another time.
    Once,
}

/// A token that is believed.
#[derive(Debug)]
pub(in crate::auth) struct Believed<'t> {
    /// What it says.
    pub(in crate::auth) claims: Claims<'t>,
    /// When it expires.
    pub(in crate::auth) expires_at: Time,
}

impl TrustedIssuer {
    /// Entra ID, with the token that it issues for itself (`AUTH-8`). Its audience is the same for the custom apps of all
    /// tenants: without the tenant, anybody who has one could come in.
    pub fn entra(rule: &config::Entra, documents: &Documents, clock: &Arc<dyn Clock>) -> Self {
        let (authority, tenant) = (&rule.authority, &rule.tenant);
        let issuers = rule.issuers.clone().unwrap_or_else(|| {
            vec![format!("https://sts.windows.net/{tenant}/"), format!("{authority}/{tenant}/v2.0")]
        });
        let url = format!("{authority}/{tenant}/.well-known/openid-configuration");
        let source = KeySource::Metadata { url, issuers: issuers.clone() };
        Self {
            name: "entra".to_owned(),
            issuers,
            audiences: rule.audiences.clone(),
            claims: vec![claim("tid", tenant)],
            // Version 1 calls it `appid`, version 2 `azp`.
            client: Some((&["appid", "azp"], rule.app_id.clone())),
            algorithms: OF_ENTRA,
            presented: Presented::Again,
            keys: Arc::new(KeySet::new(source, documents.clone(), clock.clone())),
        }
    }

    /// Any issuer.
    pub fn any(rule: &config::JwtRule, documents: &Documents, clock: &Arc<dyn Clock>) -> Self {
        Self {
            name: rule.name.clone(),
            issuers: vec![rule.issuer.clone()],
            audiences: rule.audiences.clone(),
            claims: rule.claims.clone(),
            client: None,
            algorithms: ASYMMETRIC,
            presented: Presented::Again,
            keys: Arc::new(KeySet::new(
                source(&rule.issuer, rule.keys.as_ref()),
                documents.clone(),
                clock.clone(),
            )),
        }
    }

    /// Who vouches for a client at the token endpoint (`AUTH-6`).
    pub fn of_assertions(rule: &config::Federated, documents: &Documents, clock: &Arc<dyn Clock>) -> Self {
        let subject = claim("sub", &rule.subject);
        let (issuer, source, audiences, claims, algorithms) = match &rule.issuer {
            AssertionIssuer::Entra { tenant, authority } => (
                format!("{authority}/{tenant}/v2.0"),
                KeySource::Keys(format!("{authority}/{tenant}/discovery/v2.0/keys")),
                three_forms(&rule.audience),
                vec![subject, claim("tid", tenant), claim("ver", "2.0")],
                OF_ENTRA,
            ),
            AssertionIssuer::Other { issuer, keys } => (
                issuer.clone(),
                source(issuer, keys.as_ref()),
                vec![rule.audience.clone()],
                vec![subject],
                ASYMMETRIC,
            ),
        };
        Self {
            name: rule.id.clone(),
            issuers: vec![issuer],
            audiences,
            claims,
            client: None,
            algorithms,
            presented: Presented::Once,
            keys: Arc::new(KeySet::new(source, documents.clone(), clock.clone())),
        }
    }

    /// Whether the token says that it is of this issuer.
    pub(in crate::auth) fn is_named_by(&self, token: &Unverified<'_>) -> bool {
        token.issuer().is_some_and(|issuer| self.issuers.iter().any(|one| one == issuer))
    }

    /// All that decides who is believed, as a text that another rule does not have.
    pub(in crate::auth) fn rule(&self) -> String {
        format!("{:?}", (&self.issuers, &self.audiences, &self.claims, &self.client, self.keys.source()))
    }

    /// Believes the token, or says why not.
    ///
    /// # Errors
    /// When its signature is wrong, or it says something else than it must.
    pub(in crate::auth) async fn believe<'t>(
        &self,
        token: &'t Unverified<'_>,
        now: Time,
    ) -> Result<Believed<'t>, Problem> {
        let algorithm = token.algorithm();
        if !self.algorithms.contains(&algorithm) {
            return Err(Problem::Algorithm(Shown::new(format_args!("{algorithm:?}"))));
        }
        let key = self.keys.find(token.key_id(), algorithm).await?;
        let verified_before = token.find_among(&key.verified);
        let is_remembered = verified_before.is_some();
        let claims = match verified_before {
            Some(claims) => claims,
            None => token.verify(&key.key)?,
        };
        claims.is_issued_by(&self.issuers)?;
        claims.is_meant_for(&self.audiences)?;
        let expires_at = claims.is_valid_at(now)?;
        for rule in &self.claims {
            claims.obeys(rule)?;
        }
        if let Some((names, client)) = &self.client {
            let name = names.iter().find(|name| claims.text(name).is_some()).unwrap_or(&names[0]);
            claims.obeys(&claim(name, client))?;
        }
        if self.presented == Presented::Again && !is_remembered {
            key.verified.insert(token.digest());
        }
        Ok(Believed { claims, expires_at })
    }
}

fn claim(name: &str, value: &str) -> ClaimRule {
    ClaimRule { name: name.to_owned(), values: vec![value.to_owned()] }
}

fn source(issuer: &str, keys: Option<&config::BaseUrl>) -> KeySource {
    match keys {
        Some(url) => KeySource::Keys(url.as_str().to_owned()),
        None => KeySource::Metadata {
            url: format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')),
            issuers: vec![issuer.to_owned()],
        },
    }
}

/// Documents disagree whether Entra ID names an app by its id, by `api://` and its id, or by that and `/.default` (`AUTH-6`).
fn three_forms(audience: &str) -> Vec<String> {
    let id = audience.strip_prefix("api://").unwrap_or(audience);
    let id = id.strip_suffix("/.default").unwrap_or(id);
    vec![id.to_owned(), format!("api://{id}"), format!("api://{id}/.default")]
}
