//! Where SQLite and PostgreSQL cannot be treated alike. All of it is here.
//!
//! Statements are the same text for both. What differs lies around them:
//!
//! - **How a connection is prepared**, and how many there are. SQLite has one writer; PostgreSQL has several, each with one
//!   piece of work in a transaction, so that a row which two of them want is held for as long as one piece of work takes, not
//!   for a batch of them, and so that a database behind a network is not asked one statement at a time.
//! - **Order of text.** SQLite compares bytes. PostgreSQL compares as the database's locale says, in which `a-b` may stand
//!   behind `ab`: ids would not be in the order in which pages go through them. So columns of text get the collation `C` there,
//!   by a word that is added to each migration. The database itself may have any locale.
//! - **Who else writes.** In SQLite a transaction is alone from its first statement to its end. In PostgreSQL (READ COMMITTED)
//!   others commit between its statements. What is read to be changed is locked: by an `UPDATE … RETURNING` that changes nothing,
//!   which both understand, or, where that would write much for nothing, by a SELECT with two more words ([`locking`]). What is not
//!   there yet cannot be locked like that, so the few places that look for the absence of something take a lock with a name
//!   ([`serialize`]). Unique indexes stand behind both, and the writer runs work again that met another's.

use std::error::Error;

use sqlx::{
    AssertSqlSafe, SqlSafeStr,
    migrate::{Migration, Migrator},
};
use url::Url;

use super::{StoreError, Transaction, batch::Batch, bounded::Limits};
use crate::secret::DatabaseUrl;

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

/// Per connection: readers never block the writer (WAL), every commit is on the disk before it is answered
/// (synchronous=FULL), another process that writes is waited for.
const SQLITE_CONNECTION: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 10000; \
                                 PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -8000;";

/// Per connection: every commit is on the disk before it is answered, also where the server is set up to be faster than that; what
/// the locking is made for; and a process that stops in the middle of a transaction (a machine that is paused) soon loses it,
/// since others wait for its locks.
const POSTGRES_CONNECTION: &str = "SELECT set_config('synchronous_commit', 'on', false) \
                                   WHERE current_setting('synchronous_commit') = 'off'; \
                                   SET default_transaction_isolation = 'read committed'; \
                                   SET idle_in_transaction_session_timeout = '5s';";

impl Dialect {
    /// That of the database at `url`.
    pub(super) fn of(url: &DatabaseUrl) -> Self {
        if url.is_postgres() { Self::Postgres } else { Self::Sqlite }
    }

    /// That of the database that `transaction` is in.
    pub(super) fn of_transaction(transaction: &Transaction) -> Self {
        if transaction.backend_name() == "PostgreSQL" { Self::Postgres } else { Self::Sqlite }
    }

    /// What is connected to, with `url`'s password in it.
    pub(super) fn connect_to(self, url: &DatabaseUrl, creating: Creating) -> String {
        match (self, creating) {
            // SQLite makes no file unless told to.
            (Self::Sqlite, Creating::Yes) if !url.expose().contains("mode=") => {
                format!("{0}{1}mode=rwc", url.expose(), if url.expose().contains('?') { '&' } else { '?' })
            }
            (Self::Sqlite, _) => url.expose().to_owned(),
            (Self::Postgres, _) => with_postgres_settings(url.expose()),
        }
    }

    /// What each connection executes first.
    pub(super) const fn prepare_connection(self) -> &'static str {
        match self {
            Self::Sqlite => SQLITE_CONNECTION,
            Self::Postgres => POSTGRES_CONNECTION,
        }
    }

    /// How long it is waited for; `None`: until it answers or fails.
    pub(super) fn limits(self) -> Option<Limits> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(Limits::default()),
        }
    }

    /// What fails on a server that takes no writes, where there are such: one that replicates another.
    pub(super) const fn expect_writable(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(
                "DO $$ BEGIN IF current_setting('transaction_read_only') = 'on' THEN RAISE EXCEPTION USING ERRCODE = '25006', \
                 MESSAGE = 'the server takes no writes: it is a standby, or set up as read-only'; END IF; END $$",
            ),
        }
    }

    /// How many statements may read at a time. Reads are short; on SQLite each takes a thread.
    pub(super) const fn readers(self) -> u32 {
        match self {
            Self::Sqlite => 4,
            Self::Postgres => 8,
        }
    }

    /// How many transactions may write at a time.
    pub(super) const fn writers(self) -> u32 {
        match self {
            Self::Sqlite => 1,
            Self::Postgres => 8,
        }
    }

    /// How many transactions may give signs of life at a time; `None` where they are not apart from others. One may have been given up.
    pub(super) const fn writers_apart(self) -> Option<u32> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(2),
        }
    }

    /// How much work one transaction takes along at the most.
    pub(super) const fn batch(self) -> usize {
        match self {
            // One fsync for all of it.
            Self::Sqlite => 64,
            Self::Postgres => 1,
        }
    }

    /// Begins a transaction that writes. Answers what [`is_at_work`](Self::is_at_work) asks for, if it does.
    pub(super) const fn begin(self) -> &'static str {
        match self {
            // Takes the write lock now, so that no statement later on finds it taken.
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => {
                "BEGIN; SELECT CAST(pg_backend_pid() AS BIGINT), CAST(EXTRACT(EPOCH FROM now()) * 1000000 AS BIGINT)"
            }
        }
    }

    /// What asks whether a transaction is at work: whether there is one of this process of the server, which began at that time, and
    /// is in the middle of a statement.
    pub(super) const fn is_at_work(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(
                "SELECT COUNT(*) FROM pg_stat_activity WHERE pid = $1 AND state = 'active' \
                 AND CAST(EXTRACT(EPOCH FROM xact_start) * 1000000 AS BIGINT) = $2",
            ),
        }
    }

    /// What makes a connection's server end statements by itself that take longer than so many milliseconds.
    pub(super) const fn end_statements_after(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("SELECT set_config('statement_timeout', $1, false)"),
        }
    }

    /// Commits it.
    pub(super) const fn commit(self) -> &'static str {
        match self {
            Self::Sqlite => "COMMIT",
            // PostgreSQL takes the COMMIT of a transaction in which a statement failed for a ROLLBACK, and says that it went well.
            // The statement before it does not.
            Self::Postgres => "SELECT 1; COMMIT",
        }
    }

    /// What asks for its time, in microseconds since the Unix epoch; `None` where it has none of its own.
    pub(super) const fn time(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"),
        }
    }

    /// The `migrations`, in its words.
    pub(super) fn migrator(self, migrations: &Migrator) -> Migrator {
        let in_its_words = |migration: &Migration| match self {
            Self::Sqlite => migration.clone(),
            // The checksum stays that of the file, so that both databases tell the same of a file that was changed.
            Self::Postgres => Migration {
                sql: AssertSqlSafe(with_byte_order(migration.sql.as_str())).into_sql_str(),
                ..migration.clone()
            },
        };
        let mut migrator = Migrator::with_migrations(migrations.iter().map(in_its_words).collect());
        // While replicas are replaced one by one, one of the older version may start again on the newer schema, which
        // older versions can work with. A file has one process, so there a newer schema means that somebody went back.
        migrator.set_ignore_missing(self == Self::Postgres);
        migrator
    }
}

/// Whether the database is made if it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Creating {
    /// Only SQLite's.
    Yes,
    /// It must be there.
    No,
}

/// A SELECT that locks what it reads until the transaction ends. See [`locking`].
pub(super) struct Locking {
    pub(super) plain: &'static str,
    pub(super) locked: &'static str,
}

impl Locking {
    /// Its text for the database that `transaction` is in.
    pub(super) fn within(self, transaction: &Transaction) -> &'static str {
        match Dialect::of_transaction(transaction) {
            // Locked as a whole.
            Dialect::Sqlite => self.plain,
            Dialect::Postgres => self.locked,
        }
    }
}

/// A [`Locking`] SELECT, from its parts.
macro_rules! locking {
    ($($part:expr),+ $(,)?) => {
        crate::store::dialect::Locking { plain: concat!($($part),+), locked: concat!($($part,)+ " FOR UPDATE") }
    };
}
pub(super) use locking;

/// A SELECT by ids that locks what it reads, in the order of the ids, so that two who lock some of the same do not wait for each
/// other.
pub(super) struct LockingBatch {
    plain: Batch,
    locked: Batch,
}

impl LockingBatch {
    /// The statement that starts with `before`; the parameters of the ids start at `first`.
    pub(super) fn ids_in(before: &str, first: usize) -> Self {
        Self {
            plain: Batch::ids_in(before, first, ""),
            locked: Batch::ids_in(before, first, " ORDER BY id FOR UPDATE"),
        }
    }

    /// Its texts for the database that `transaction` is in.
    pub(super) fn within(&self, transaction: &Transaction) -> &Batch {
        match Dialect::of_transaction(transaction) {
            Dialect::Sqlite => &self.plain,
            Dialect::Postgres => &self.locked,
        }
    }
}

/// Keeps others who ask for the same `name` from going on until the transaction ends. For decisions that rest on something not
/// being there; names begin with what is decided. In SQLite nobody else writes.
///
/// # Errors
/// When the database fails.
pub(super) async fn serialize(transaction: &mut Transaction, name: &str) -> Result<(), StoreError> {
    if Dialect::of_transaction(transaction) == Dialect::Postgres {
        sqlx::query("SELECT CAST(pg_advisory_xact_lock(hashtextextended($1, 0)) AS TEXT)")
            .bind(name)
            .execute(transaction)
            .await?;
    }
    Ok(())
}

/// Why a transaction came to nothing, when it may go well if it is run again from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// Another transaction was in the way.
    Conflict,
    /// The connection ended.
    Disconnection,
}

impl Obstacle {
    /// That behind an error, if it is one.
    pub(super) fn behind(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut cause = error;
        loop {
            if let Some(error) = cause.downcast_ref::<sqlx::Error>() {
                return Self::of(error);
            }
            cause = cause.source()?;
        }
    }

    fn of(error: &sqlx::Error) -> Option<Self> {
        match error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) => Some(Self::Disconnection),
            // PostgreSQL's codes have five characters, SQLite's are numbers.
            sqlx::Error::Database(error) => match error.code()?.as_ref() {
                // A deadlock, a failure to serialize; or a row that somebody added since this transaction looked for it.
                "40P01" | "40001" | "23505" => Some(Self::Conflict),
                // The server goes down, crashed, or comes up; or the transaction waited for us for too long.
                "57P01" | "57P02" | "57P03" | "25P03" => Some(Self::Disconnection),
                // It takes no writes any more: another one does by now, and a new connection may lead there.
                "25006" => Some(Self::Disconnection),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Whether the database was prevented by the machine that it is on, whose disk is full, say, or by somebody who was in the way.
pub(super) fn was_prevented(error: &sqlx::Error) -> bool {
    let Some(code) = error.as_database_error().and_then(|error| error.code()) else { return false };
    match code.len() {
        // PostgreSQL: something is used up, somebody stepped in, the system fails; a lock was not to be had.
        5 => ["53", "57", "58"].iter().any(|class| code.starts_with(class)) || code == "55P03",
        // SQLite, the kind in the low byte: busy, locked, the system fails, full.
        _ => code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13)),
    }
}

/// Whether a statement failed because the table is not there: nobody has migrated the database of a server yet, which a person made.
/// SQLite has no code for it, and makes a file only to migrate it.
pub(super) fn is_of_no_table(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("42P01"))
}

/// Statements are prepared once; there are more of them than the driver would keep.
fn with_postgres_settings(url: &str) -> String {
    const STATEMENTS: &str = "500";
    let Ok(mut url) = Url::parse(url) else { return url.to_owned() };
    for (key, value) in [("statement-cache-capacity", STATEMENTS), ("application_name", "scim-bridge")] {
        if !url.query_pairs().any(|(given, _)| given == key) {
            url.query_pairs_mut().append_pair(key, value);
        }
    }
    url.into()
}

/// `sql` with columns of text that are compared as bytes.
fn with_byte_order(sql: &str) -> String {
    let lines = sql.lines().map(|line| {
        let (definition, comment) = line.split_at(line.find("--").unwrap_or(line.len()));
        definition.replace(" TEXT", " TEXT COLLATE \"C\"") + comment + "\n"
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_text_are_compared_as_bytes_by_postgres() {
        let sql = "CREATE TABLE t (\n  id TEXT NOT NULL, -- a TEXT\n  at BIGINT,\n  note TEXT\n);\n";
        assert_eq!(
            with_byte_order(sql),
            "CREATE TABLE t (\n  id TEXT COLLATE \"C\" NOT NULL, -- a TEXT\n  at BIGINT,\n  note TEXT COLLATE \"C\"\n);\n"
        );
    }

    #[test]
    fn a_url_keeps_the_settings_that_it_has() {
        assert_eq!(
            with_postgres_settings("postgres://host/db?application_name=bridge-2&sslmode=require"),
            "postgres://host/db?application_name=bridge-2&sslmode=require&statement-cache-capacity=500"
        );
    }
}
