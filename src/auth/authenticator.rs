//! Who is let in to one app.

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, header};

use super::{
    Refused,
    authorization::{self, Presented},
    credential::{Credential, Kind},
    credentials::{Client, Credentials},
    jwt::{Problem, Shown, TrustedIssuer, Unverified},
    oauth::{ISSUER, TokenEndpoint},
};
use crate::{clock::Clock, config, scim::discovery::AuthenticationScheme};

/// Decides who is let in to one app.
#[derive(Debug)]
pub struct Authenticator {
    credentials: Arc<Credentials>,
    ways_in: WaysIn,
    clock: Arc<dyn Clock>,
}

/// The ways into one app, beside bearer tokens.
#[derive(Debug, Default)]
pub struct WaysIn {
    /// Tokens that no scheme stands before (`OKT-17`).
    pub raw_token: bool,
    /// Tokens as passwords of HTTP Basic.
    pub basic: Option<config::Basic>,
    /// JWTs.
    pub issuers: Vec<TrustedIssuer>,
    /// The app's own token endpoint.
    pub token_endpoint: Option<TokenEndpoint>,
}

/// What the log hears of JWTs that are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refusals {
    /// Why.
    #[default]
    Logged,
    /// Nothing: whoever sends them failed too often already.
    Silent,
}

impl Authenticator {
    /// Lets in whoever has one of these credentials, or comes in another of these ways.
    pub fn new(credentials: Arc<Credentials>, ways_in: WaysIn, clock: Arc<dyn Clock>) -> Self {
        Self { credentials, ways_in, clock }
    }

    /// The name of who sends these headers, for the log and the record. Nobody of another app is found.
    ///
    /// # Errors
    /// When nobody is let in for them.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        address: Option<IpAddr>,
        refusals: Refusals,
    ) -> Result<String, Refused> {
        let client = client(headers, address);
        match authorization::read(headers)? {
            Presented::Bearer(token) => match self.by_token(token, client)? {
                Some(name) => Ok(name),
                None => self.by_jwt(token, refusals).await,
            },
            Presented::Raw(token) if self.ways_in.raw_token => {
                self.by_token(token, client)?.ok_or(Refused::Invalid)
            }
            Presented::Basic(pair) => {
                let basic = self.ways_in.basic.as_ref().ok_or(Refused::Invalid)?;
                if basic.user.as_ref().is_some_and(|user| *user != pair.user) {
                    return Err(Refused::Invalid);
                }
                self.by_token(pair.password.expose(), client)?.ok_or(Refused::Invalid)
            }
            Presented::Raw(_) => Err(Refused::Invalid),
        }
    }

    /// The app's token endpoint, if it has one.
    pub fn token_endpoint(&self) -> Option<&TokenEndpoint> {
        self.ways_in.token_endpoint.as_ref()
    }

    /// The app's opaque tokens.
    pub fn credentials(&self) -> &Arc<Credentials> {
        &self.credentials
    }

    /// Whether HTTP Basic is accepted, which a challenge then says.
    pub fn accepts_basic(&self) -> bool {
        self.ways_in.basic.is_some()
    }

    /// What is accepted now, the scheme first that is best.
    pub fn schemes(&self) -> Vec<AuthenticationScheme> {
        let now = self.clock.now();
        let is_good =
            |one: &Credential| one.kind == Kind::BearerToken && one.expires_at.is_none_or(|end| now < end);
        let has_tokens = self.credentials.list().iter().any(is_good);
        [
            (self.ways_in.token_endpoint.is_some(), AuthenticationScheme::ClientCredentials),
            (!self.ways_in.issuers.is_empty(), AuthenticationScheme::JsonWebToken),
            (has_tokens, AuthenticationScheme::BearerToken),
            (has_tokens && self.ways_in.raw_token, AuthenticationScheme::TokenWithoutScheme),
            (has_tokens && self.ways_in.basic.is_some(), AuthenticationScheme::Basic),
        ]
        .into_iter()
        .filter_map(|(is_accepted, scheme)| is_accepted.then_some(scheme))
        .collect()
    }

    fn by_token(&self, token: &str, client: Client<'_>) -> Result<Option<String>, Refused> {
        Ok(self.credentials.find(&Kind::BearerToken, token, client)?.map(|credential| credential.name))
    }

    async fn by_jwt(&self, token: &str, refusals: Refusals) -> Result<String, Refused> {
        let has_none = self.ways_in.issuers.is_empty() && self.ways_in.token_endpoint.is_none();
        if has_none || !Unverified::is_like(token) {
            return Err(Refused::Invalid);
        }
        self.verify(token).await.map_err(|problem| {
            let app = self.credentials.app();
            if refusals == Refusals::Logged {
                tracing::warn!(app, reason = %problem, "a JWT was refused");
            }
            match problem {
                Problem::KeysUnavailable(_) => Refused::KeysUnavailable,
                _ => Refused::Invalid,
            }
        })
    }

    /// The token names who issued it; that one's rules and keys alone decide. Several rules may be about one issuer.
    async fn verify(&self, token: &str) -> Result<String, Problem> {
        let parsed = Unverified::parse(token)?;
        if let Some(endpoint) = &self.ways_in.token_endpoint
            && parsed.issuer() == Some(ISSUER)
        {
            return endpoint.admit(&parsed);
        }
        let mut problem = Problem::Issuer(Shown::new(parsed.issuer().unwrap_or_default()));
        let now = self.clock.now();
        for issuer in self.ways_in.issuers.iter().filter(|issuer| issuer.is_named_by(&parsed)) {
            match issuer.believe(&parsed, now).await {
                Ok(_) => return Ok(issuer.name.clone()),
                Err(found) => problem = found,
            }
        }
        Err(problem)
    }
}

/// Who sends these headers from `address`, by their own account.
fn client(headers: &HeaderMap, address: Option<IpAddr>) -> Client<'_> {
    Client { address, user_agent: headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        clock::{ManualClock, Time},
        secret::Secret,
    };

    #[test]
    fn a_token_that_has_expired_is_no_way_in_c_20() {
        let clock = ManualClock::new(Time::from_micros(1_700_000_000_000_000));
        let expires = Some(clock.now() + Duration::from_secs(1));
        let token = config::Token { name: "idp".into(), token: Secret::new("planted-token"), expires };
        let credentials =
            Credentials::new("aha", vec![Credential::of_token(&token)], Arc::new(clock.clone()));
        let authenticator =
            Authenticator::new(Arc::new(credentials), WaysIn::default(), Arc::new(clock.clone()));
        assert_eq!(authenticator.schemes().len(), 1);
        clock.advance(Duration::from_secs(1));
        assert!(authenticator.schemes().is_empty());
    }

    /// Counts the events of this thread.
    #[derive(Clone, Default)]
    struct Events(Arc<std::sync::atomic::AtomicUsize>);

    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Events {
        fn on_event(&self, _: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn of_who_failed_too_often_the_log_hears_nothing() {
        use tracing_subscriber::layer::SubscriberExt as _;

        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Time::from_micros(1_700_000_000_000_000)));
        let rule = config::JwtRule {
            name: "corp".into(),
            issuer: "https://issuer.example.com".into(),
            keys: None,
            audiences: vec!["bridge".into()],
            claims: Vec::new(),
        };
        let documents = crate::upstream::Documents::new().unwrap();
        let issuers = vec![TrustedIssuer::any(&rule, &documents, &clock)];
        let ways_in = WaysIn { issuers, ..WaysIn::default() };
        let credentials = Credentials::new("aha", Vec::new(), clock.clone());
        let authenticator = Authenticator::new(Arc::new(credentials), ways_in, clock);
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, "Bearer eyJ.eyJ.eyJ".parse().unwrap());
        let events = Events::default();
        let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(events.clone()));
        for (refusals, logged) in [(Refusals::Logged, 1), (Refusals::Silent, 1), (Refusals::Logged, 2)] {
            assert_eq!(authenticator.authenticate(&headers, None, refusals).await, Err(Refused::Invalid));
            assert_eq!(events.0.load(std::sync::atomic::Ordering::Relaxed), logged);
        }
    }
}
