//! The whole file.

use std::{collections::BTreeMap, path::Path, time::Duration};

use toml::de::DeTable;

use super::{
    app::{App, AppName},
    database::Database,
    file::read_text,
    log::Log,
    metrics::Metrics,
    notify::Notify,
    problem::Problems,
    reader::Table,
    server::Server,
    source::{Environment, Read, Source},
    token::TakenTokens,
};

/// The largest configuration file, in bytes.
const MOST_BYTES: u64 = 1024 * 1024;

/// Everything that an admin can set. What is here has been checked: nothing downstream checks it again.
#[derive(Clone, Debug)]
pub struct Config {
    /// The HTTP server.
    pub server: Server,
    /// Where the state is kept.
    pub database: Database,
    /// The log.
    pub log: Log,
    /// Who reads what is measured.
    pub metrics: Metrics,
    /// The webhook by which people are told what needs them; `None`: they are told nothing.
    pub notify: Option<Notify>,
    /// The apps; at least one.
    pub apps: BTreeMap<AppName, App>,
}

impl Config {
    /// Reads the file at `path`. `environment` looks up environment variables.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn load(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let file = path.display().to_string();
        let text = read_text(path, MOST_BYTES)
            .map_err(|error| Problems::unreadable(&file, format!("cannot be read: {error}")))?;
        Self::parse(&text, &file, path.parent().unwrap_or(Path::new("")), environment)
    }

    /// Reads `text`, the content of `file`. Relative file names in it start from `folder`; `environment` looks up
    /// environment variables.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse(
        text: &str,
        file: &str,
        folder: &Path,
        environment: Environment<'_>,
    ) -> Result<Self, Problems> {
        let source = Source::new(text, folder, environment);
        let (tree, errors) = DeTable::parse_recoverable(text);
        let read = well_formed(&source, &errors)
            .and_then(|()| Self::read(&source, Table::root(&source, tree.get_ref())));
        source.finish(file, read)
    }

    fn read(source: &Source<'_>, mut root: Table<'_>) -> Read<Self> {
        let server = root.section("server", Server::read);
        source
            .set_sealing_key(server.as_ref().map(|server| server.secret_key.clone()).map_err(|known| *known));
        let database = root.section("database", Database::read);
        let log = root.section("log", Log::read);
        let mut taken = TakenTokens::default();
        let metrics = root.section("metrics", |table| Metrics::read(table, &mut taken));
        let notify = root.optional("notify", |value| Notify::read(&value));
        let request_timeout = server.as_ref().unwrap_or(&Server::default()).request_timeout;
        let apps = root.section("apps", |table| read_apps(&table, &mut taken, request_timeout));
        let seals = |apps: &BTreeMap<AppName, App>| apps.values().any(|app| app.auth.oauth.is_some());
        if let (Ok(server), Ok(apps)) = (&server, &apps)
            && server.secret_key.is_none()
            && seals(apps)
        {
            return Err(root.report(
                "server.secret_key is missing: the keys of an app with auth.oauth are kept sealed with it; make one with: \
                 openssl rand -hex 32",
            ));
        }
        root.finish()?;
        Ok(Self {
            server: server?,
            database: database?,
            log: log?,
            metrics: metrics?,
            notify: notify?,
            apps: apps?,
        })
    }
}

/// Reports what is not TOML. What the parser made of it is a guess, and not worth reading. Its messages are used without
/// the excerpt of the file that it would print, in which there might be a secret.
fn well_formed(source: &Source<'_>, errors: &[toml::de::Error]) -> Read<()> {
    let mut read = Ok(());
    for error in errors {
        let line = error.span().map(|span| source.line(span.start));
        read = Err(source.report(line, "", format_args!("is not TOML: {}", error.message())));
    }
    read
}

fn read_apps(
    table: &Table<'_>,
    taken: &mut TakenTokens,
    request_timeout: Duration,
) -> Read<BTreeMap<AppName, App>> {
    let apps: Vec<_> =
        table.names().map(|(name, value)| App::read(name, &value, taken, request_timeout)).collect();
    if apps.is_empty() {
        return Err(table.report("there is no app; add a section [apps.NAME]"));
    }
    apps.into_iter().map(|app| app.map(|app| (app.name.clone(), app))).collect()
}
