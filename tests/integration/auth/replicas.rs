//! Several replicas on one database: whom one lets in the others do, and what was spent or revoked at one is at all.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use futures_util::future::join_all;
use http::Method;
use scim_bridge::{
    auth::Digest,
    clock::{Clock, ManualClock},
    store::{
        StoreError,
        tokens::{self, NewToken},
    },
};
use serde_json::json;
use sqlx::Connection as _;
use url::form_urlencoded;

use super::{NOW, access_tokens::part, basic, setup};
use crate::harness::{Another, Answer, Bridge, Setup, at_rest, eventually, issuer::Issuer, pass_time};

const CLIENT: &str =
    "oauth = { clients = [{ id = 'entra', secrets = [{ name = '1', secret = 's3cret' }] }] }";

const GRANT: &str = "grant_type=client_credentials";

/// Within what time all know what was made or revoked at one, as the manual promises.
const KNOWN_WITHIN: Duration = Duration::from_secs(2);

/// One of the replicas.
#[derive(Clone, Copy)]
enum Replica<'r> {
    First(&'r Bridge),
    Other(&'r Another),
}

impl Replica<'_> {
    fn request(self, method: Method, path: &str) -> reqwest::RequestBuilder {
        match self {
            Self::First(bridge) => bridge.anonymous(method, path),
            Self::Other(another) => another.anonymous(method, path),
        }
    }

    /// Asks for an access token.
    async fn ask(self, secret: &str, form: &str) -> Answer {
        let mut request = self.request(Method::POST, "/test/oauth/token");
        if !secret.is_empty() {
            request = request.header("authorization", basic("entra", secret));
        }
        let media_type = "application/x-www-form-urlencoded";
        Answer::of(request.header("content-type", media_type).body(form.to_owned())).await
    }

    /// An access token for this secret.
    async fn grant(self, secret: &str) -> String {
        let answer = self.ask(secret, GRANT).await;
        answer.body["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Whether this token opens the app here.
    async fn opens(self, token: &str) -> bool {
        let answer = Answer::of(self.request(Method::GET, "/status").bearer_auth(token)).await;
        assert!(matches!(answer.status, 200 | 401), "{answer}");
        answer.status == 200
    }
}

/// A bridge that may have others beside it, and is asked until it knows. Its lease outlasts the steps by which a test moves the clock.
async fn start(setup: Setup) -> Bridge {
    let setup = setup.server_keys("failed_authentications_per_minute = 1000000");
    setup.on_server().database_keys("lease = '5m'").start().await
}

async fn pair(setup: Setup) -> (Bridge, Another) {
    let bridge = start(setup).await;
    let other = bridge.another().await;
    (bridge, other)
}

async fn make(bridge: &Bridge, clock: &ManualClock, name: &str, client: Option<&str>, secret: &str) {
    let (digest, now) = (Digest::of(secret).to_hex(), clock.now());
    let new = NewToken {
        app: "test".into(),
        name: name.into(),
        client: client.map(str::to_owned),
        digest,
        expires_at: None,
    };
    let store = bridge.store().await;
    let made =
        store.write(move |transaction| Box::pin(async move { tokens::create(transaction, &new, now).await }));
    made.await.map_err(|error: StoreError| error).unwrap();
}

async fn revoke(bridge: &Bridge, clock: &ManualClock, name: &str) {
    let (name, now) = (name.to_owned(), clock.now());
    let store = bridge.store().await;
    let revoked = store.write(move |transaction| {
        Box::pin(async move { tokens::revoke(transaction, "test", &name, now).await })
    });
    assert!(revoked.await.map_err(|error: StoreError| error).unwrap());
}

/// They look for new keys every other second, the one when the other does not.
#[tokio::test]
async fn an_access_token_of_one_replica_opens_the_other_at_once_also_when_another_key_signs() {
    let (setup, clock) = setup(CLIENT);
    let bridge = start(setup).await;
    let key_of = |token: &String| part(token, 0)["kid"].as_str().unwrap().to_owned();
    let first = key_of(&Replica::First(&bridge).grant("s3cret").await);
    let almost = clock.now() + Duration::from_secs(24 * 3600 - 120);
    pass_time(&clock, Duration::from_secs(120), "it is almost a day later", async || clock.now() >= almost)
        .await;
    clock.advance(Duration::from_secs(1));
    let other = bridge.another().await;
    let replicas = [Replica::First(&bridge), Replica::Other(&other)];
    let seen = Mutex::new(BTreeSet::new());
    pass_time(&clock, Duration::from_secs(1), "another key signs at both", || async {
        let given = [replicas[0].grant("s3cret").await, replicas[1].grant("s3cret").await];
        for replica in replicas {
            assert!(replica.opens(&given[0]).await && replica.opens(&given[1]).await, "{}", clock.now());
        }
        let keys = given.each_ref().map(key_of);
        let is_another = keys.iter().all(|key| *key != first);
        seen.lock().unwrap().extend(keys);
        is_another
    })
    .await;
    assert_eq!(seen.into_inner().unwrap().len(), 2, "one, and then one other");
}

/// None of them waits for another; neither may a client that has a token of one be told by another that it is worth nothing.
#[tokio::test]
async fn the_first_key_of_access_tokens_is_made_once_by_however_many_replicas_that_start_at_once() {
    let (setup, _) = setup(CLIENT);
    let bridge = setup.on_server().start().await;
    let mut database = sqlx::AnyConnection::connect(bridge.database_url()).await.unwrap();
    for _ in 0..5 {
        // As on an empty database. The clock stands still, so that the first replica does not see it.
        let keys = "FROM own_keys WHERE purpose = 'access tokens'";
        sqlx::query(sqlx::AssertSqlSafe(format!("DELETE {keys}"))).execute(&mut database).await.unwrap();
        let replicas = join_all((0..4).map(|_| bridge.another())).await;
        let replicas: Vec<_> = replicas.iter().map(Replica::Other).collect();
        let tokens = join_all(replicas.iter().map(|replica| replica.grant("s3cret"))).await;
        for (replica, token) in
            replicas.iter().flat_map(|replica| tokens.iter().map(move |token| (replica, token)))
        {
            assert!(replica.opens(token).await, "{:?}", part(token, 0));
        }
        let made: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT COUNT(*) {keys}")))
            .fetch_one(&mut database)
            .await
            .unwrap();
        assert_eq!(made, 1);
    }
}

#[tokio::test]
async fn an_assertion_that_one_replica_accepted_is_refused_by_the_other_and_of_both_at_once_one_accepts_it() {
    let issuer = Issuer::start().await;
    let (setup, _) = setup(&format!(
        "oauth = {{ federated = [{{ id = 'corp', issuer = '{}', audience = 'bridge', subject = 'corp' }}] }}",
        issuer.url()
    ));
    let (bridge, other) = pair(setup).await;
    let replicas = [Replica::First(&bridge), Replica::Other(&other)];
    let form = |id: &str| {
        let claims =
            json!({ "iss": issuer.url(), "aud": "bridge", "sub": "corp", "jti": id, "exp": NOW + 600 });
        let mut form = form_urlencoded::Serializer::new(GRANT.to_owned());
        form.append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        form.append_pair("client_assertion", &issuer.sign(&claims));
        form.finish()
    };
    let expect_refused = |answer: &Answer| {
        assert_eq!((answer.status, &answer.body["error"]), (401, &json!("invalid_client")), "{answer}");
    };
    for [one, another] in [[0, 1], [1, 0]] {
        let form = form(&format!("first at {one}"));
        let accepted = replicas[one].ask("", &form).await;
        assert_eq!(accepted.status, 200, "{accepted}");
        assert!(replicas[another].opens(accepted.body["access_token"].as_str().unwrap()).await);
        for again in [another, one] {
            expect_refused(&replicas[again].ask("", &form).await);
        }
    }
    for round in 0..10 {
        let form = form(&format!("at both, {round}"));
        let answers = join_all((0..6).map(|number| replicas[number % 2].ask("", &form))).await;
        let (accepted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!(accepted.len(), 1, "{round}");
        refused.into_iter().for_each(expect_refused);
    }
}

#[tokio::test]
async fn what_is_made_or_revoked_at_one_replica_counts_at_the_other_within_two_seconds() {
    let (setup, clock) = setup(CLIENT);
    let (bridge, other) = pair(setup).await;
    let replicas = [Replica::First(&bridge), Replica::Other(&other)];
    // Not a moment longer: the clock stands still until all know. Nobody may be looking already, who has seen what was before.
    let in_time = async |what: &str, expected: bool, tokens: &[&str]| {
        at_rest().await;
        clock.advance(KNOWN_WITHIN);
        eventually(what, async || {
            for replica in replicas {
                for token in tokens {
                    if replica.opens(token).await != expected {
                        return false;
                    }
                }
            }
            true
        })
        .await;
    };
    for round in 0..3 {
        let (token, secret) = (format!("made-token-{round}"), format!("made-secret-{round}"));
        make(&bridge, &clock, "okta", None, &token).await;
        make(&bridge, &clock, "spare", Some("entra"), &secret).await;
        in_time("the token opens both", true, &[&token]).await;
        // Both know the secret by then.
        let given = [replicas[0].grant(&secret).await, replicas[1].grant(&secret).await];
        in_time("what was given opens both", true, &[&given[0], &given[1]]).await;
        revoke(&bridge, &clock, "okta").await;
        revoke(&bridge, &clock, "spare").await;
        in_time("nothing of it opens any", false, &[&token, &given[0], &given[1]]).await;
        for replica in replicas {
            assert_eq!(replica.ask(&secret, GRANT).await.status, 401);
        }
        // What is configured goes on.
        assert!(replicas[1].opens(&replicas[0].grant("s3cret").await).await);
    }
}
