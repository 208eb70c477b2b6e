//! Who may call an app, from its configuration.

use std::sync::Arc;

use crate::{
    auth::{
        Authenticator, Credential, Credentials, WaysIn,
        jwt::TrustedIssuer,
        oauth::{AccessTokens, FederatedClient, SigningKeys, TokenEndpoint},
    },
    clock::Clock,
    config,
    converge::replica::Replica,
    store::Store,
    upstream::{Calls, Documents},
};

/// What the authenticators of all apps share.
pub(super) struct Shared<'a> {
    /// The database.
    pub(super) store: &'a Store,
    /// Time.
    pub(super) clock: &'a Arc<dyn Clock>,
    /// For the keys of issuers.
    pub(super) documents: &'a Documents,
    /// Counts the calls to targets.
    pub(super) calls: &'a Calls,
    /// The keys of access tokens.
    pub(super) signing_keys: &'a Arc<SigningKeys>,
    /// This process among those that work in the database.
    pub(super) replica: &'a Arc<Replica>,
}

/// Who may read what is measured, and nothing else.
pub(super) fn metrics_readers(metrics: &config::Metrics, clock: &Arc<dyn Clock>) -> Authenticator {
    let tokens = metrics.tokens.iter().map(Credential::of_token).collect();
    // No app has this name, so nobody is let in by a token that was made for one.
    let credentials = Arc::new(Credentials::new("metrics", tokens, clock.clone()));
    Authenticator::new(credentials, WaysIn::default(), clock.clone())
}

/// Who is let in to `app`.
pub(super) fn authenticator(app: &config::App, shared: &Shared<'_>) -> Authenticator {
    let Shared { store, clock, documents, signing_keys, .. } = shared;
    let name = app.name.as_str();
    for weak in app.weak_secrets() {
        tracing::warn!(
            app = name,
            secret = weak,
            "a secret is short enough to be guessed; put a longer one there"
        );
    }
    let credentials = Arc::new(Credentials::new(name, Credential::all_configured(app), (*clock).clone()));
    let entra = app.auth.entra.iter().map(|rule| TrustedIssuer::entra(rule, documents, clock));
    let others = app.auth.jwt.iter().map(|rule| TrustedIssuer::any(rule, documents, clock));
    let token_endpoint = app.auth.oauth.as_ref().map(|oauth| TokenEndpoint {
        credentials: credentials.clone(),
        clients: oauth.clients.iter().map(|client| client.id.clone()).collect(),
        federated: oauth
            .federated
            .iter()
            .map(|rule| FederatedClient {
                issuer: TrustedIssuer::of_assertions(rule, documents, clock),
                replay: rule.replay,
            })
            .collect(),
        access_tokens: AccessTokens::new(name, oauth.token_lifetime, (*signing_keys).clone()),
        store: (*store).clone(),
        clock: (*clock).clone(),
    });
    let ways_in = WaysIn {
        raw_token: app.auth.raw_token,
        basic: app.auth.basic.clone(),
        issuers: entra.chain(others).collect(),
        token_endpoint,
    };
    Authenticator::new(credentials, ways_in, (*clock).clone())
}
