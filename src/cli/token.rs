//! `scim-bridge token`: make, list and revoke what opens an app, beside the process that serves it. That one notices within
//! seconds.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, bail, ensure};
use jiff::{SpanRelativeTo, fmt::friendly::SpanParser};

use crate::{
    auth::{Credential, Digest, Kind},
    clock::Time,
    config::{self, moment},
    store::{
        Store, StoreError, clock_of,
        token_uses::{self, TokenUse},
        tokens::{self, MadeToken, NewToken},
    },
};

use super::target_of_file::TargetOfFile;

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Token {
    /// Make a token, and print it. It is shown this once.
    Create(Create),
    /// List the tokens of an app: names, when they were made, when they expire, when they were last used and from where.
    List(TargetOfFile),
    /// Revoke a token. Whoever sends it is refused within seconds.
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
pub(super) struct Create {
    #[command(flatten)]
    app: TargetOfFile,
    /// What tells the token from others, such as the identity provider's name.
    #[arg(long)]
    name: String,
    /// When it expires: after a time ("90d", "52w", "12h"), or at a date ("2027-01-31"). Without it, never.
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// Make a secret of this client of the app's token endpoint (auth.oauth.clients) instead of a bearer token.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Revoke {
    #[command(flatten)]
    app: TargetOfFile,
    /// The token's name.
    #[arg(long)]
    name: String,
}

impl Token {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        match self {
            Self::Create(create) => create.run().await,
            Self::List(app) => list(app).await,
            Self::Revoke(revoke) => revoke.run().await,
        }
    }
}

impl Create {
    async fn run(&self) -> anyhow::Result<()> {
        ensure!(config::is_label(&self.name), "a name has from 1 to 64 characters, and no line break");
        let (app, store, now) = open(&self.app).await?;
        let expires_at = self.expires.as_deref().map(|when| expiry(when, now)).transpose()?;
        let kind = self.kind(&app)?;
        let is_configured = app.tokens.iter().any(|token| token.name == self.name);
        ensure!(!is_configured, "the configuration has a token {:?} already; choose another name", self.name);
        let secret = kind.fresh().map_err(|_| anyhow::anyhow!("the system has no random numbers"))?;
        let token = NewToken {
            app: app.name.to_string(),
            name: self.name.clone(),
            client: self.client.clone(),
            digest: Digest::of(secret.expose()).to_hex(),
            expires_at,
        };
        if !create(&store, token, now).await? {
            bail!(
                "there is a token {:?} already; choose another name, or revoke that one first with: \
                 scim-bridge token revoke",
                self.name
            );
        }
        store.close().await;
        let until = expires_at.map_or("until it is revoked".to_owned(), |time| format!("until {time}"));
        match &self.client {
            None => eprintln!("A token of {}, good {until}. It is shown this once:", app.name),
            Some(client) => {
                eprintln!(
                    "A secret of the client {client} of {}, good {until}. It is shown this once:",
                    app.name
                );
            }
        }
        println!("{}", secret.expose());
        Ok(())
    }

    fn kind(&self, app: &config::App) -> anyhow::Result<Kind> {
        let Some(client) = &self.client else { return Ok(Kind::BearerToken) };
        let clients = app.auth.oauth.iter().flat_map(|oauth| &oauth.clients);
        let known: Vec<_> = clients.map(|client| client.id.as_str()).collect();
        ensure!(
            known.contains(&client.as_str()),
            "apps.{}.auth.oauth.clients has no client {client:?}; it has: {}",
            app.name,
            if known.is_empty() { "none".to_owned() } else { known.join(", ") }
        );
        Ok(Kind::ClientSecret { client: client.clone() })
    }
}

impl Revoke {
    async fn run(&self) -> anyhow::Result<()> {
        let (app, store, now) = open(&self.app).await?;
        let (app_name, name) = (app.name.to_string(), self.name.clone());
        let revoked = store.write(move |transaction| {
            Box::pin(async move { tokens::revoke(transaction, &app_name, &name, now).await })
        });
        let is_revoked: bool = revoked.await.map_err(|error: StoreError| error)?;
        store.close().await;
        if is_revoked {
            println!("{:?} is revoked. Whoever sends it is refused within seconds.", self.name);
            return Ok(());
        }
        let is_configured =
            Credential::all_configured(&app).iter().any(|credential| credential.name == self.name);
        if is_configured {
            bail!(
                "{:?} stands in the configuration file; take it out there, and start the server again",
                self.name
            );
        }
        bail!("{} has no token {:?}; `scim-bridge token list` shows those that it has", app.name, self.name);
    }
}

/// The app, its database, and the time by the clock that the server goes by.
async fn open(app: &TargetOfFile) -> anyhow::Result<(config::App, Store, Time)> {
    let (config, app, store) = app.open_with_config().await?;
    let now = clock_of(&config.database.url).await?.now();
    Ok((app, store, now))
}

/// Whether the token was kept: its name may be taken.
async fn create(store: &Store, token: NewToken, now: Time) -> Result<bool, StoreError> {
    store
        .write(move |transaction| {
            Box::pin(async move {
                if tokens::exists(transaction, &token.app, &token.name).await? {
                    return Ok(false);
                }
                tokens::create(transaction, &token, now).await?;
                Ok(true)
            })
        })
        .await
}

async fn list(app: &TargetOfFile) -> anyhow::Result<()> {
    let (app, store, now) = open(app).await?;
    let made = tokens::list(&store, app.name.as_str()).await?;
    let uses = token_uses::list(&store, app.name.as_str()).await?;
    store.close().await;
    let configured = Credential::all_configured(&app);
    let rows = configured
        .iter()
        .map(|credential| of_configured(credential, &uses, now))
        .chain(made.iter().map(|token| of_made(token, &uses, now)));
    let header = ["NAME", "KIND", "MADE", "STATE", "LAST USED", "FROM", "BY"].map(str::to_owned);
    print_table(std::iter::once(header).chain(rows).collect());
    Ok(())
}

type Row = [String; 7];

fn of_configured(credential: &Credential, uses: &HashMap<String, TokenUse>, now: Time) -> Row {
    let made = "configured".to_owned();
    let state = state(credential.expires_at, None, now);
    row(&credential.name, &credential.kind, made, state, uses.get(&credential.id))
}

fn of_made(token: &MadeToken, uses: &HashMap<String, TokenUse>, now: Time) -> Row {
    let kind = match &token.client {
        Some(client) => Kind::ClientSecret { client: client.clone() },
        None => Kind::BearerToken,
    };
    let state = state(token.expires_at, token.revoked_at, now);
    row(&token.name, &kind, token.made_at.to_string(), state, uses.get(&token.id))
}

fn row(name: &str, kind: &Kind, made: String, state: String, last: Option<&TokenUse>) -> Row {
    let kind = match kind {
        Kind::BearerToken => "bearer token".to_owned(),
        Kind::ClientSecret { client } => format!("secret of {client}"),
    };
    let used = last.map_or("never".to_owned(), |last| last.at.to_string());
    let from = last.and_then(|last| last.address.clone()).unwrap_or_default();
    let by = last.and_then(|last| last.user_agent.clone()).unwrap_or_default();
    [name.to_owned(), kind, made, state, used, from, by]
}

fn state(expires_at: Option<Time>, revoked_at: Option<Time>, now: Time) -> String {
    match (revoked_at, expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) if at <= now => format!("expired {at}"),
        (None, Some(at)) => format!("expires {at}"),
        (None, None) => "never expires".to_owned(),
    }
}

fn print_table(rows: Vec<Row>) {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    for row in &rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        println!("{}", cells.join("  ").trim_end());
    }
}

/// When something expires that is made at `now`. A day has 24 hours.
fn expiry(when: &str, now: Time) -> anyhow::Result<Time> {
    let expires_at = match moment::parse(when) {
        Some(time) => time,
        None => {
            now + span(when).with_context(|| {
                format!("{when:?} is neither a time such as \"90d\" nor a date such as \"2027-01-31\"")
            })?
        }
    };
    ensure!(expires_at > now, "{when:?} is over already");
    Ok(expires_at)
}

fn span(text: &str) -> Option<Duration> {
    let span = SpanParser::new().parse_span(text).ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(duration).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("90d", "2024-02-12T22:13:20.000Z")]
    #[case("2w", "2023-11-28T22:13:20.000Z")]
    #[case("12h 30m", "2023-11-15T10:43:20.000Z")]
    #[case("2027-01-31", "2027-01-31T00:00:00.000Z")]
    fn a_token_expires_after_a_time_or_at_a_date(#[case] when: &str, #[case] expected: &str) {
        let now = Time::from_micros(1_700_000_000_000_000);
        assert_eq!(expiry(when, now).unwrap().to_string(), expected);
    }

    #[rstest]
    #[case("")]
    #[case("soon")]
    #[case("90")]
    #[case("0s")]
    #[case("-3d")]
    #[case("2020-01-01")]
    #[case("99999999999999999999d")]
    fn what_is_no_time_to_come_is_refused(#[case] when: &str) {
        assert!(expiry(when, Time::from_micros(1_700_000_000_000_000)).is_err());
    }
}
