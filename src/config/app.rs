//! `[apps.NAME]`: one target instance, and who may provision it.

use std::{borrow::Borrow, fmt, path::PathBuf, str::FromStr, time::Duration};

use super::{
    auth::Auth,
    connector::Connector,
    duration::{duration, written},
    file::file,
    network::{Networks, networks},
    reader::Value,
    source::Read,
    token::{TakenTokens, Token, tokens},
};
use crate::{scim::extension, secret::Secret};

/// The first segments of our own URLs, which no app can have.
const RESERVED: [&str; 5] = ["healthz", "readyz", "status", "metrics", "hooks"];

/// Entra ID sends 25 requests a second, and wants no 429 for that, also where each takes the 30 seconds that one may take.
const MAX_CONCURRENT_REQUESTS: usize = 1024;

/// So many requests a second meet no 429, however long each of them takes (`C-19`).
const REQUESTS_PER_SECOND: u128 = 25;

/// Tokens and secrets with fewer characters are short enough to be guessed.
pub const LEAST_STRONG: usize = 24;

/// The largest file of an extension schema, in bytes.
const MOST_SCHEMA_BYTES: u64 = 1024 * 1024;

/// One configured target instance.
#[derive(Clone, Debug)]
pub struct App {
    /// The first segment of its URLs.
    pub name: AppName,
    /// The tokens that give access to it.
    pub tokens: Vec<Token>,
    /// Other ways in.
    pub auth: Auth,
    /// The networks that requests may come from; none: all.
    pub allow_from: Networks,
    /// How many requests may be worked on at a time.
    pub max_concurrent_requests: usize,
    /// How long a write waits for the target before it is answered as accepted.
    pub confirm_within: Duration,
    /// The schemas that extend its users.
    pub schemas: Vec<ExtensionSchema>,
    /// The schemas that extend its groups.
    pub group_schemas: Vec<ExtensionSchema>,
    /// What a PATCH of a user is answered with.
    pub user_patch_answer: PatchAnswer,
    /// What a PATCH of a group is answered with.
    pub group_patch_answer: PatchAnswer,
    /// What becomes of a member of a group whose id belongs to nothing here.
    pub unknown_members: UnknownMembers,
    /// The target.
    pub connector: Connector,
}

/// An app's name: from 1 to 32 lower-case letters, digits and hyphens, and not the first segment of a URL of our own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppName(String);

/// Why a text is not an [`AppName`].
#[derive(Debug, thiserror::Error)]
pub enum InvalidAppName {
    /// A wrong character or length.
    #[error("the name of an app has from 1 to 32 lower-case letters, digits and hyphens")]
    Form,
    /// Taken by ourselves.
    #[error("the name of an app is the first part of its URL, and this one is ours; choose another")]
    Reserved,
}

/// A schema that an admin adds.
#[derive(Clone, Debug)]
pub struct ExtensionSchema {
    /// The file it was read from.
    pub path: PathBuf,
    /// The file's content: JSON that has the form of a [schema](crate::scim::schema::Schema).
    pub text: String,
}

/// What a successful PATCH is answered with; RFC 7644 §3.5.2 allows either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchAnswer {
    /// 200 and the resource.
    Resource,
    /// 204.
    NoContent,
}

/// What becomes of a member of a group whose id belongs to nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownMembers {
    /// The request is refused.
    Refuse,
    /// It is kept as a member.
    Keep,
}

impl App {
    /// Reads the app `name`. `request_timeout` is the server's.
    pub(super) fn read(
        name: &str,
        value: &Value<'_>,
        taken: &mut TakenTokens,
        request_timeout: Duration,
    ) -> Read<Self> {
        const ANSWERS: [(&str, PatchAnswer); 2] =
            [("resource", PatchAnswer::Resource), ("no_content", PatchAnswer::NoContent)];
        let name = name.parse().map_err(|error: InvalidAppName| value.report(error));
        let mut table = value.table()?;
        let tokens = table.or("tokens", Vec::new(), |value| tokens(&value, taken));
        let auth = table.section("auth", Auth::read);
        let allow_from = table.or("allow_from", Networks::default(), |value| networks(&value));
        let max_concurrent_requests = table.or("max_concurrent_requests", MAX_CONCURRENT_REQUESTS, |value| {
            value.integer(50..=100_000).map(|requests| requests as usize)
        });
        let confirm_within = table
            .or("confirm_within", Duration::from_secs(8), |value| confirm_within(&value, request_timeout));
        let schemas =
            table.or("schemas", Vec::new(), |value| value.array(20, |value| extension_schema(&value)));
        let group_schemas =
            table.or("group_schemas", Vec::new(), |value| value.array(20, |value| extension_schema(&value)));
        let user_patch_answer =
            table.or("user_patch_answer", PatchAnswer::Resource, |value| value.one_of(&ANSWERS));
        let group_patch_answer =
            table.or("group_patch_answer", PatchAnswer::NoContent, |value| value.one_of(&ANSWERS));
        let unknown_members = table.or("unknown_members", UnknownMembers::Refuse, |value| {
            value.one_of(&[("refuse", UnknownMembers::Refuse), ("keep", UnknownMembers::Keep)])
        });
        let connector = Connector::read(table, request_timeout);
        Ok(Self {
            name: name?,
            tokens: tokens?,
            auth: auth?,
            allow_from: allow_from?,
            max_concurrent_requests: max_concurrent_requests?,
            confirm_within: confirm_within?,
            schemas: schemas?,
            group_schemas: group_schemas?,
            user_patch_answer: user_patch_answer?,
            group_patch_answer: group_patch_answer?,
            unknown_members: unknown_members?,
            connector: connector?,
        })
    }
}

impl App {
    /// The tokens and secrets that let somebody in and are short enough to be guessed, by what they are called.
    pub fn weak_secrets(&self) -> Vec<String> {
        let is_weak = |secret: &Secret| secret.expose().len() < LEAST_STRONG;
        let tokens = self.tokens.iter().filter(|token| is_weak(&token.token));
        let clients = self.auth.oauth.iter().flat_map(|oauth| &oauth.clients);
        let of_clients = clients.flat_map(|client| {
            let weak = client.secrets.iter().filter(|secret| is_weak(&secret.secret));
            weak.map(|secret| format!("the secret {:?} of the client {:?}", secret.name, client.id))
        });
        tokens.map(|token| format!("the token {:?}", token.name)).chain(of_clients).collect()
    }

    /// How many requests would have to be worked on at a time so that 25 a second meet no 429 (`C-19`), where that is more than
    /// may be. Each takes `request_timeout`, which is the server's, at the longest.
    pub fn requests_to_allow(&self, request_timeout: Duration) -> Option<usize> {
        let needed = (REQUESTS_PER_SECOND * request_timeout.as_millis()).div_ceil(1000);
        usize::try_from(needed).ok().filter(|needed| *needed > self.max_concurrent_requests)
    }

    /// Whether the configuration lets nobody in. Tokens that are made beside it still may.
    pub fn has_no_way_in(&self) -> bool {
        self.tokens.is_empty()
            && self.auth.entra.is_none()
            && self.auth.jwt.is_empty()
            && self.auth.oauth.is_none()
    }
}

impl AppName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AppName {
    type Err = InvalidAppName;

    fn from_str(text: &str) -> Result<Self, InvalidAppName> {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=32).contains(&text.len()) || !text.bytes().all(is_allowed) {
            return Err(InvalidAppName::Form);
        }
        if RESERVED.contains(&text) {
            return Err(InvalidAppName::Reserved);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Lets a map with names as keys be asked with text.
impl Borrow<str> for AppName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn confirm_within(value: &Value<'_>, request_timeout: Duration) -> Read<Duration> {
    let confirm_within = duration(value, Duration::ZERO..=Duration::from_mins(10))?;
    if confirm_within < request_timeout {
        return Ok(confirm_within);
    }
    let limit = written(request_timeout);
    Err(value.report(format_args!("must be shorter than server.request_timeout, which is {limit}")))
}

fn extension_schema(value: &Value<'_>) -> Read<ExtensionSchema> {
    let (path, text) = file(value, MOST_SCHEMA_BYTES)?;
    extension::parse(&text).map_err(|problems| {
        let problems = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        value.report(format_args!("{} is not a SCIM schema: {problems}", path.display()))
    })?;
    Ok(ExtensionSchema { path, text })
}
