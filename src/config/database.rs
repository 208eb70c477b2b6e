//! `[database]`: where the state is kept.

use std::time::Duration;

use super::{
    duration::duration,
    reader::{Table, Value},
    source::Read,
};

const DAY: Duration = Duration::from_hours(24);

/// The database.
#[derive(Clone, Debug)]
pub struct Database {
    /// `sqlite:PATH`, nothing more; a relative path starts from the working directory. The file need not exist yet.
    pub url: String,
    /// How long events are kept.
    pub keep_events: Duration,
}

impl Default for Database {
    fn default() -> Self {
        Self { url: "sqlite:scim-bridge.db".to_owned(), keep_events: 400 * DAY }
    }
}

impl Database {
    /// Reads the section.
    pub(super) fn read(mut table: Table<'_>) -> Read<Self> {
        let url = table.or("url", Self::default().url, |value| sqlite_url(&value));
        let keep_events =
            table.or("keep_events", Self::default().keep_events, |value| duration(&value, DAY..=3_650 * DAY));
        table.finish()?;
        Ok(Self { url: url?, keep_events: keep_events? })
    }
}

/// Reads `sqlite:PATH` or `sqlite://PATH`. The text is not shown in a problem: a database URL may hold a password.
fn sqlite_url(value: &Value<'_>) -> Read<String> {
    let text = value.string()?;
    if text.starts_with("postgres:") || text.starts_with("postgresql:") {
        return Err(value.report("this version stores in SQLite only; write \"sqlite:PATH\""));
    }
    let Some(path) = text.strip_prefix("sqlite:") else {
        return Err(value.report("must be \"sqlite:PATH\", as in \"sqlite:scim-bridge.db\""));
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
    Ok(format!("sqlite:{path}"))
}
