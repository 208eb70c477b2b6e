//! `[database]`: where the state is kept.

use std::{ops::RangeInclusive, time::Duration};

use url::Url;

use super::{
    duration::duration,
    reader::{Table, Value},
    secret::secret,
    source::Read,
};
use crate::secret::DatabaseUrl;

const DAY: Duration = Duration::from_hours(24);

/// The longest lease that may be configured.
pub const LONGEST_LEASE: Duration = Duration::from_mins(5);

/// Shorter ones would end when the database is slow for a moment.
const LEASES: RangeInclusive<Duration> = Duration::from_secs(2)..=LONGEST_LEASE;

/// The database.
#[derive(Clone, Debug)]
pub struct Database {
    /// `sqlite:PATH`, nothing more; a relative path starts from the working directory. The file need not exist yet. Or
    /// `postgres://…` of a database that exists.
    pub url: DatabaseUrl,
    /// How long events are kept.
    pub keep_events: Duration,
    /// After how long a process that gives no sign of life counts as gone.
    pub lease: Duration,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: DatabaseUrl::new("sqlite:scim-bridge.db"),
            keep_events: 400 * DAY,
            lease: Duration::from_secs(10),
        }
    }
}

impl Database {
    /// Reads the section.
    pub(super) fn read(mut table: Table<'_>) -> Read<Self> {
        let url = table.or("url", Self::default().url, |value| database_url(&value));
        let password = table.optional("password", |value| {
            let of_server = url.as_ref().is_ok_and(DatabaseUrl::is_postgres);
            let password = secret(&value)?;
            if url.is_ok() && !of_server {
                return Err(value.report("only PostgreSQL takes a password; this database is a file"));
            }
            Ok(password)
        });
        let keep_events =
            table.or("keep_events", Self::default().keep_events, |value| duration(&value, DAY..=3_650 * DAY));
        let lease = table.or("lease", Self::default().lease, |value| duration(&value, LEASES));
        table.finish()?;
        let url = match password? {
            Some(password) => url?.with_password(&password),
            None => url?,
        };
        Ok(Self { url, keep_events: keep_events?, lease: lease? })
    }
}

/// Reads a URL, or a secret that is one. The text is not shown in a problem: it may hold a password.
fn database_url(value: &Value<'_>) -> Read<DatabaseUrl> {
    let kept;
    let text = match value.as_string() {
        Some(text) => text,
        None => {
            kept = secret(value)?;
            kept.expose()
        }
    };
    if text.starts_with("postgres:") || text.starts_with("postgresql:") {
        postgres_url(value, text)
    } else {
        sqlite_url(value, text)
    }
}

/// Reads `postgres://USER@HOST/NAME`.
fn postgres_url(value: &Value<'_>, text: &str) -> Read<DatabaseUrl> {
    let names_a_database = Url::parse(text).is_ok_and(|url| {
        url.path().len() > 1 || url.query_pairs().any(|(key, value)| key == "dbname" && !value.is_empty())
    });
    if !names_a_database {
        return Err(value.report(
            "must be \"postgres://USER@HOST/NAME\", as in \"postgres://scim@db.example.com/scim?sslmode=verify-full\"",
        ));
    }
    Ok(DatabaseUrl::new(text))
}

/// Reads `sqlite:PATH` or `sqlite://PATH`.
fn sqlite_url(value: &Value<'_>, text: &str) -> Read<DatabaseUrl> {
    let Some(path) = text.strip_prefix("sqlite:") else {
        return Err(value.report(
            "must be \"sqlite:PATH\", as in \"sqlite:scim-bridge.db\", or \"postgres://USER@HOST/NAME\"",
        ));
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    if path == ":memory:" {
        return Err(value.report(
            "must name a file: a database in memory forgets at its end what the identity provider was promised",
        ));
    }
    if path.is_empty() || path.contains(['?', '#', '%']) {
        return Err(value.report("must be \"sqlite:PATH\", where the path has no \"?\", \"#\" or \"%\""));
    }
    Ok(DatabaseUrl::new(&format!("sqlite:{path}")))
}
