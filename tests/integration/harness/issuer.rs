//! Somebody who issues JWTs and publishes keys for them, as Entra ID does. Signs with aws-lc directly, so that nothing but the
//! code under test is a JWT library.

use std::{
    net::SocketAddr,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
        ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
        RsaEncoding, RsaKeyPair,
    },
};
use axum::{Router, extract::State, http::StatusCode, routing::get};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// Making an RSA key takes a while, so all tests share two, and one that nobody publishes.
static KEYS: LazyLock<[Arc<Key>; 3]> =
    LazyLock::new(|| ["one", "two", "foreign"].map(|id| Arc::new(Key::rsa(id))));

/// A key to sign with.
pub struct Key {
    /// `kid`.
    pub id: String,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair, &'static Curve),
    Ed(Ed25519KeyPair),
}

/// A curve of NIST's, and what is signed with on it.
pub struct Curve {
    name: &'static str,
    algorithm: &'static str,
    signing: &'static EcdsaSigningAlgorithm,
}

pub static P_256: Curve =
    Curve { name: "P-256", algorithm: "ES256", signing: &ECDSA_P256_SHA256_FIXED_SIGNING };
pub static P_384: Curve =
    Curve { name: "P-384", algorithm: "ES384", signing: &ECDSA_P384_SHA384_FIXED_SIGNING };
pub static P_521: Curve =
    Curve { name: "P-521", algorithm: "ES512", signing: &ECDSA_P521_SHA512_FIXED_SIGNING };

impl Key {
    fn rsa(id: &str) -> Self {
        Self { id: id.to_owned(), pair: Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()) }
    }

    /// A key of the curve P-256.
    pub fn ec(id: &str) -> Self {
        Self::on(&P_256, id)
    }

    /// A key of that curve.
    pub fn on(curve: &'static Curve, id: &str) -> Self {
        let pair = EcdsaKeyPair::generate(curve.signing).unwrap();
        Self { id: id.to_owned(), pair: Pair::Ec(pair, curve) }
    }

    /// A key of Ed25519.
    pub fn ed(id: &str) -> Self {
        Self { id: id.to_owned(), pair: Pair::Ed(Ed25519KeyPair::generate().unwrap()) }
    }

    /// An RSA key that nobody publishes.
    pub fn foreign() -> Arc<Self> {
        KEYS[2].clone()
    }

    /// Its algorithm; for a key of RSA the one that most use.
    pub fn algorithm(&self) -> &'static str {
        match &self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::Ec(_, curve) => curve.algorithm,
            Pair::Ed(_) => "EdDSA",
        }
    }

    /// The header of what it signs.
    pub fn header(&self) -> Value {
        json!({ "alg": self.algorithm(), "kid": self.id, "typ": "JWT" })
    }

    /// The public half, as it is published.
    pub fn public(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.pair {
            Pair::Rsa(pair) => {
                let key = pair.public_key();
                let (n, e) = (key.modulus(), key.exponent());
                let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
                // Entra ID names no algorithm beside its keys.
                json!({ "kty": "RSA", "use": "sig", "kid": self.id, "n": encode(n), "e": encode(e) })
            }
            Pair::Ec(pair, curve) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({
                    "kty": "EC", "use": "sig", "alg": curve.algorithm, "crv": curve.name, "kid": self.id,
                    "x": encode(x), "y": encode(y),
                })
            }
            Pair::Ed(pair) => {
                let x = encode(pair.public_key().as_ref());
                json!({ "kty": "OKP", "alg": "EdDSA", "crv": "Ed25519", "kid": self.id, "x": x })
            }
        }
    }

    /// A signed token, whatever it says of itself.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_by(self.algorithm(), header, claims)
    }

    /// The same by another algorithm that the key is good for.
    pub fn sign_by(&self, algorithm: &str, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encoded(header), encoded(claims));
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding(algorithm), &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair, _) => pair.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn encoding(algorithm: &str) -> &'static dyn RsaEncoding {
    match algorithm {
        "RS256" => &signature::RSA_PKCS1_SHA256,
        "RS384" => &signature::RSA_PKCS1_SHA384,
        "RS512" => &signature::RSA_PKCS1_SHA512,
        "PS256" => &signature::RSA_PSS_SHA256,
        "PS384" => &signature::RSA_PSS_SHA384,
        "PS512" => &signature::RSA_PSS_SHA512,
        other => panic!("{other} is no algorithm of RSA"),
    }
}

/// JSON as a part of a token.
pub fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

/// An issuer that publishes metadata and keys below any path, until dropped.
pub struct Issuer {
    address: SocketAddr,
    world: Arc<World>,
    server: JoinHandle<()>,
}

struct World {
    /// What the metadata say; for Entra ID that is another URL than where they are.
    issuer: Mutex<Option<String>>,
    published: Mutex<Value>,
    /// What all is answered with instead.
    failure: Mutex<Option<StatusCode>>,
    fetched: AtomicUsize,
    /// Whether its keys are not told for now.
    hanging: watch::Sender<bool>,
    url: Mutex<String>,
}

impl Issuer {
    /// One that signs with the first of its keys.
    pub async fn start() -> Self {
        let world = Arc::new(World {
            issuer: Mutex::default(),
            published: Mutex::new(json!({ "keys": [KEYS[0].public()] })),
            failure: Mutex::default(),
            fetched: AtomicUsize::new(0),
            hanging: watch::Sender::new(false),
            url: Mutex::default(),
        });
        let routes = Router::new()
            .route("/keys", get(keys))
            .route("/{tenant}/discovery/v2.0/keys", get(keys))
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/{tenant}/.well-known/openid-configuration", get(metadata))
            .with_state(world.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        *world.url.lock().unwrap() = format!("http://{address}");
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, world, server }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The key that it signs with at first.
    pub fn key(&self) -> Arc<Key> {
        KEYS[0].clone()
    }

    /// The key that it may sign with next.
    pub fn next_key(&self) -> Arc<Key> {
        KEYS[1].clone()
    }

    /// Signs with the first key.
    pub fn sign(&self, claims: &Value) -> String {
        let key = self.key();
        key.sign(&key.header(), claims)
    }

    /// Its metadata name this issuer.
    pub fn call_itself(&self, issuer: &str) {
        *self.world.issuer.lock().unwrap() = Some(issuer.to_owned());
    }

    /// Publishes these keys, and no others any more.
    pub fn publish(&self, keys: &[Value]) {
        *self.world.published.lock().unwrap() = json!({ "keys": keys });
    }

    /// Answers nothing but this status; `None`: works again.
    pub fn fail(&self, failure: Option<StatusCode>) {
        *self.world.failure.lock().unwrap() = failure;
    }

    /// Whoever asks for its keys waits, until it hangs no more.
    pub fn hang(&self, hanging: bool) {
        self.world.hanging.send_replace(hanging);
    }

    /// How often its keys were asked for.
    pub fn fetched(&self) -> usize {
        self.world.fetched.load(Ordering::SeqCst)
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn keys(State(world): State<Arc<World>>) -> Result<String, StatusCode> {
    world.fetched.fetch_add(1, Ordering::SeqCst);
    let _ = world.hanging.subscribe().wait_for(|hanging| !hanging).await;
    works(&world)?;
    Ok(world.published.lock().unwrap().to_string())
}

async fn metadata(State(world): State<Arc<World>>) -> Result<String, StatusCode> {
    works(&world)?;
    let url = world.url.lock().unwrap().clone();
    let issuer = world.issuer.lock().unwrap().clone().unwrap_or_else(|| url.clone());
    Ok(json!({ "issuer": issuer, "jwks_uri": format!("{url}/keys") }).to_string())
}

fn works(world: &World) -> Result<(), StatusCode> {
    world.failure.lock().unwrap().map_or(Ok(()), Err)
}
