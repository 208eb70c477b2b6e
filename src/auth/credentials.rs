//! The opaque secrets of one app that are good now, and their last uses.

use std::{
    collections::HashMap,
    mem,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use super::{
    Refused,
    credential::{Credential, Digest, Kind},
};
use crate::{
    clock::{Clock, Time},
    store::{Store, StoreError, token_uses::TokenUse, tokens},
};

/// So much of a `User-Agent` is kept.
const USER_AGENT_CHARACTERS: usize = 200;

/// An app's bearer tokens and client secrets: those of the configuration, and those that were made beside the running server.
#[derive(Debug)]
pub struct Credentials {
    app: String,
    clock: Arc<dyn Clock>,
    configured: Vec<Credential>,
    /// The configured ones and those of the database, as it was a moment ago.
    live: RwLock<Arc<Vec<Credential>>>,
    /// The last use of each since they were last written down, by id.
    uses: Mutex<HashMap<String, TokenUse>>,
}

/// Who presents something, as far as it is kept with the last use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Client<'r> {
    /// Where the request comes from.
    pub address: Option<IpAddr>,
    /// What it says about itself.
    pub user_agent: Option<&'r str>,
}

impl Credentials {
    /// Those of the configuration alone.
    pub fn new(app: &str, configured: Vec<Credential>, clock: Arc<dyn Clock>) -> Self {
        let live = RwLock::new(Arc::new(configured.clone()));
        Self { app: app.to_owned(), clock, configured, live, uses: Mutex::default() }
    }

    /// The app's name.
    pub fn app(&self) -> &str {
        &self.app
    }

    /// All that are good, and those that have expired.
    pub fn list(&self) -> Arc<Vec<Credential>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads again what was made and what was revoked.
    ///
    /// # Errors
    /// When the database fails; what was read before stays.
    pub async fn refresh(&self, store: &Store) -> Result<(), StoreError> {
        let made = tokens::list(store, &self.app).await?;
        let mut live = self.configured.clone();
        live.extend(made.into_iter().filter_map(Credential::of_made));
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(live);
        Ok(())
    }

    /// The credential of that kind that was presented, which counts as a use. `None` if there is none.
    ///
    /// # Errors
    /// When it is there, and has expired.
    pub(super) fn find(
        &self,
        kind: &Kind,
        presented: &str,
        client: Client<'_>,
    ) -> Result<Option<Credential>, Refused> {
        let digest = Digest::of(presented);
        let live = self.list();
        // Takes the same time whatever is presented: all are compared, each in constant time.
        let matching = live.iter().filter(|one| one.kind == *kind && one.digest.is(&digest));
        // The same secret may stand there twice, to be good for longer.
        let latest = |one: &&Credential| one.expires_at.unwrap_or(Time::MAX);
        let Some(found) = matching.max_by_key(latest) else { return Ok(None) };
        let now = self.clock.now();
        match found.expires_at {
            Some(expires_at) if expires_at <= now => Err(Refused::Expired(expires_at)),
            _ => {
                let user_agent = client.user_agent.map(shortened);
                let address = client.address.map(|address| address.to_string());
                let last = TokenUse { at: now, address, user_agent };
                self.uses.lock().unwrap_or_else(PoisonError::into_inner).insert(found.id.clone(), last);
                Ok(Some(found.clone()))
            }
        }
    }

    /// The digest of the credential with this id, if it is there and has not expired.
    pub(super) fn find_good(&self, id: &str) -> Option<Digest> {
        let now = self.clock.now();
        let is_good = |one: &&Credential| one.expires_at.is_none_or(|expires_at| expires_at > now);
        self.list().iter().filter(is_good).find(|one| one.id == id).map(|one| one.digest)
    }

    /// Takes the uses that are not written down yet.
    pub(super) fn take_uses(&self) -> HashMap<String, TokenUse> {
        mem::take(&mut *self.uses.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A use that was taken could not be written down. One since then counts instead.
    pub(super) fn give_back(&self, id: String, last: TokenUse) {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_insert(last);
    }
}

fn shortened(user_agent: &str) -> String {
    user_agent.chars().filter(|character| !character.is_control()).take(USER_AGENT_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{clock::ManualClock, config, secret::Secret};

    const NOW: Time = Time::from_micros(1_700_000_000_000_000);

    fn token(name: &str, text: &str, expires: Option<Time>) -> Credential {
        Credential::of_token(&config::Token { name: name.into(), token: Secret::new(text), expires })
    }

    fn credentials(list: Vec<Credential>) -> (Credentials, ManualClock) {
        let clock = ManualClock::new(NOW);
        (Credentials::new("aha", list, Arc::new(clock.clone())), clock)
    }

    fn found(credentials: &Credentials, presented: &str) -> Result<Option<String>, Refused> {
        let found = credentials.find(&Kind::BearerToken, presented, Client::default())?;
        Ok(found.map(|credential| credential.name))
    }

    #[test]
    fn a_token_is_found_by_its_whole_text_alone() {
        let (credentials, _) =
            credentials(vec![token("okta", "s3cret-one", None), token("entra", "s3cret-two", None)]);
        assert_eq!(found(&credentials, "s3cret-one"), Ok(Some("okta".into())));
        assert_eq!(found(&credentials, "s3cret-two"), Ok(Some("entra".into())));
        for wrong in ["", "s3cret", "s3cret-one ", "S3CRET-ONE", "s3cret-three"] {
            assert_eq!(found(&credentials, wrong), Ok(None), "{wrong:?}");
        }
    }

    #[test]
    fn a_token_is_refused_from_the_moment_on_at_which_it_expires() {
        let end = NOW + Duration::from_secs(1);
        let (credentials, clock) = credentials(vec![token("okta", "s3cret", Some(end))]);
        assert_eq!(found(&credentials, "s3cret"), Ok(Some("okta".into())));
        assert!(credentials.find_good("config/token/okta").is_some());
        clock.advance(Duration::from_secs(1));
        assert_eq!(found(&credentials, "s3cret"), Err(Refused::Expired(end)));
        assert!(credentials.find_good("config/token/okta").is_none());
        assert!(credentials.find_good("config/token/nobody").is_none());
    }

    #[test]
    fn a_token_that_is_there_twice_is_good_until_the_later_end() {
        let (past, future) = (Some(NOW - Duration::from_secs(1)), Some(NOW + Duration::from_secs(1)));
        for ends in [[past, future], [future, past], [past, None], [None, past]] {
            let list = ends.iter().enumerate().map(|(index, end)| token(&index.to_string(), "s3cret", *end));
            let (credentials, _) = credentials(list.collect());
            assert!(found(&credentials, "s3cret").unwrap().is_some(), "{ends:?}");
        }
    }

    #[test]
    fn the_secret_of_a_client_is_no_bearer_token_and_none_of_another_client() {
        let secret = config::ClientSecret { name: "1".into(), secret: Secret::new("s3cret"), expires: None };
        let (credentials, _) = credentials(vec![Credential::of_secret("entra", &secret)]);
        let found = |kind| credentials.find(&kind, "s3cret", Client::default()).unwrap().is_some();
        assert!(found(Kind::ClientSecret { client: "entra".into() }));
        assert!(!found(Kind::ClientSecret { client: "okta".into() }));
        assert!(!found(Kind::BearerToken));
    }

    #[test]
    fn the_last_use_is_kept_once_with_what_the_client_said_made_harmless() {
        let (credentials, clock) = credentials(vec![token("okta", "s3cret", None)]);
        let user_agent = format!("Okta\r\n{}", "x".repeat(1000));
        let client = Client { address: Some("192.0.2.1".parse().unwrap()), user_agent: Some(&user_agent) };
        credentials.find(&Kind::BearerToken, "s3cret", Client::default()).unwrap();
        clock.advance(Duration::from_secs(5));
        credentials.find(&Kind::BearerToken, "s3cret", client).unwrap();
        credentials.find(&Kind::BearerToken, "wrong", client).unwrap();
        let uses = credentials.take_uses();
        assert_eq!(uses.len(), 1);
        let last = &uses["config/token/okta"];
        assert_eq!((last.at, last.address.as_deref()), (NOW + Duration::from_secs(5), Some("192.0.2.1")));
        assert_eq!(last.user_agent, Some(format!("Okta{}", "x".repeat(196))));
        assert!(credentials.take_uses().is_empty());
    }

    #[test]
    fn a_use_that_is_given_back_yields_to_a_later_one() {
        let (credentials, clock) = credentials(vec![token("okta", "s3cret", None)]);
        let id = "config/token/okta".to_owned();
        credentials.find(&Kind::BearerToken, "s3cret", Client::default()).unwrap();
        let first = credentials.take_uses()[&id].clone();
        credentials.give_back(id.clone(), first.clone());
        assert_eq!(credentials.take_uses()[&id], first);
        clock.advance(Duration::from_secs(5));
        credentials.find(&Kind::BearerToken, "s3cret", Client::default()).unwrap();
        credentials.give_back(id.clone(), first);
        assert_eq!(credentials.take_uses()[&id].at, NOW + Duration::from_secs(5));
    }
}
