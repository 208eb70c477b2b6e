//! Who gets an access token.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use http::HeaderMap;

use super::{
    super::{
        Refusals, Refused,
        credential::{Digest, Kind},
        credentials::{Client, Credentials},
        jwt::{Problem, Shown as Quoted, TrustedIssuer, Unverified},
    },
    AccessTokens, GrantError, Shown,
    access_token::Statement,
    request::{Proof, SecretProof, TokenRequest},
};
use crate::{
    clock::{Clock, Time},
    config::Replay,
    secret::Secret,
    store::{Store, spent_assertions},
};

/// The longest that an assertion may be valid from now on: so long it must be remembered. Entra ID's are valid for an hour,
/// those of managed identities for a day.
const LONGEST_ASSERTION: Duration = Duration::from_hours(25);

/// The token endpoint of one app.
#[derive(Debug)]
pub struct TokenEndpoint {
    /// The app's secrets.
    pub credentials: Arc<Credentials>,
    /// The ids of the clients that have secrets.
    pub clients: BTreeSet<String>,
    /// The clients that have assertions.
    pub federated: Vec<FederatedClient>,
    /// What they get.
    pub access_tokens: AccessTokens,
    /// Where assertions are remembered.
    pub store: Store,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// A client that shows assertions.
#[derive(Debug)]
pub struct FederatedClient {
    /// Who vouches for it; the name is the client's id.
    pub issuer: TrustedIssuer,
    /// Whether an assertion may be shown again.
    pub replay: Replay,
}

/// What a client gets.
#[derive(Debug)]
pub struct AccessToken {
    /// The client that it was given to.
    pub client: String,
    /// The token.
    pub token: Secret,
    /// How long it is good.
    pub expires_in: Duration,
    /// The scope that was asked for. There is one thing that a token opens, so it changes nothing.
    pub scope: Option<String>,
}

impl TokenEndpoint {
    /// Gives an access token to whoever proves to be one of the clients.
    ///
    /// # Errors
    /// When the request cannot be understood, or proves nothing.
    pub async fn grant(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        from: Client<'_>,
        refusals: Refusals,
    ) -> Result<AccessToken, GrantError> {
        let request = TokenRequest::read(headers, body)?;
        let statement = match request.proof {
            Proof::Secret(proof) => self.by_secret(&proof, from)?,
            // What is good once must not be spent in vain.
            Proof::Assertion { .. } if !self.access_tokens.can_issue(self.clock.now()) => {
                return Err(GrantError::Unavailable);
            }
            Proof::Assertion { client, assertion } => {
                self.by_assertion(client.as_deref(), &assertion, refusals).await?
            }
        };
        let now = self.clock.now();
        let token = self.access_tokens.issue(&statement, now).ok_or(GrantError::Unavailable)?;
        Ok(AccessToken {
            client: statement.client,
            token: Secret::new(token),
            expires_in: self.access_tokens.lifetime(),
            scope: request.scope,
        })
    }

    /// The client that an access token was given to. What it was given for must still be good, and the same: a secret that is
    /// revoked or replaced takes its tokens along, and so does a rule that is changed.
    ///
    /// # Errors
    /// When the token is none of this app's.
    pub(in crate::auth) fn admit(&self, token: &Unverified<'_>) -> Result<String, Problem> {
        let given = self.access_tokens.read(token, self.clock.now())?;
        let is_good = match &given.credential {
            Some(id) => {
                let is_ground = |digest: Digest| given.is_on(&digest.to_bytes());
                self.clients.contains(&given.client) && self.credentials.find_good(id).is_some_and(is_ground)
            }
            None => {
                let mut rules = self.federated.iter().map(|federated| &federated.issuer);
                rules.any(|rule| rule.name == given.client && given.is_on(rule.rule().as_bytes()))
            }
        };
        if is_good { Ok(given.client) } else { Err(Problem::Withdrawn) }
    }

    fn by_secret(&self, proof: &SecretProof, from: Client<'_>) -> Result<Statement, GrantError> {
        for (id, secret) in proof.readings.iter().filter(|(id, _)| self.clients.contains(id)) {
            let kind = Kind::ClientSecret { client: id.clone() };
            match self.credentials.find(&kind, secret.expose(), from) {
                Ok(Some(found)) => {
                    let ground = found.digest.to_bytes().to_vec();
                    return Ok(Statement { client: id.clone(), credential: Some(found.id), ground });
                }
                Err(Refused::Expired(expired_at)) => {
                    return Err(GrantError::ExpiredSecret { expired_at, shown: proof.shown });
                }
                Ok(None) | Err(_) => {}
            }
        }
        Err(GrantError::InvalidClient(proof.shown))
    }

    async fn by_assertion(
        &self,
        client: Option<&str>,
        assertion: &Secret,
        refusals: Refusals,
    ) -> Result<Statement, GrantError> {
        let mut problem = Problem::Issuer(Quoted::new(client.unwrap_or_default()));
        for federated in &self.federated {
            if client.is_some_and(|client| client != federated.issuer.name) {
                continue;
            }
            match self.believe(federated, assertion).await? {
                Ok(()) => {
                    let client = federated.issuer.name.clone();
                    let ground = federated.issuer.rule().into_bytes();
                    return Ok(Statement { client, credential: None, ground });
                }
                Err(found) => problem = found,
            }
        }
        if refusals == Refusals::Logged {
            let app = self.credentials.app();
            tracing::warn!(app, client, reason = %problem, "an assertion was refused");
        }
        match problem {
            Problem::KeysUnavailable(_) => Err(GrantError::Unavailable),
            _ => Err(GrantError::InvalidClient(Shown::InBody)),
        }
    }

    async fn believe(
        &self,
        federated: &FederatedClient,
        assertion: &Secret,
    ) -> Result<Result<(), Problem>, GrantError> {
        let now = self.clock.now();
        let token = match Unverified::parse(assertion.expose()) {
            Ok(token) => token,
            Err(problem) => return Ok(Err(problem)),
        };
        let believed = match federated.issuer.believe(&token, now).await {
            Ok(believed) => believed,
            Err(problem) => return Ok(Err(problem)),
        };
        if believed.expires_at > now + LONGEST_ASSERTION {
            return Ok(Err(Problem::TooLongLived(LONGEST_ASSERTION.as_secs() / 3600)));
        }
        if federated.replay == Replay::Refuse
            && !self.spend(believed.claims.id(), believed.expires_at).await?
        {
            return Ok(Err(Problem::Replayed));
        }
        Ok(Ok(()))
    }

    /// Whether the assertion was not shown before.
    async fn spend(&self, id: String, expires_at: Time) -> Result<bool, GrantError> {
        let app = self.credentials.app().to_owned();
        let until = super::super::jwt::Claims::remembered_until(expires_at);
        let spent = self.store.write(move |transaction| {
            Box::pin(async move { spent_assertions::spend(transaction, &app, &id, until).await })
        });
        Ok(spent.await?)
    }
}
