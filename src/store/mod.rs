//! The database: what was promised, what was seen, what is left to do.
//!
//! One pool reads; one `Writer` commits. Callers write by handing over a piece of work that runs inside a
//! transaction ([`Store::write`]); the writer runs all that is waiting in one transaction, each in a savepoint of its own,
//! and answers when the commit is durable. So sixteen clients share one fsync, and a client that hangs up in the middle
//! cannot leave a transaction half open, since no transaction ever runs in a request's own task.
//!
//! SQL stays in this folder, one file per table, static text with binds, the same for every database.

pub mod admissions;
pub mod backup;
mod batch;
pub mod budgets;
pub mod catalogues;
mod complete;
mod error;
pub mod events;
pub mod findings;
#[cfg(test)]
mod fixture;
pub mod groups;
pub mod id;
mod key;
pub mod listing;
mod lock;
pub mod logins;
mod marks;
pub mod members;
pub mod notifications;
pub mod own_keys;
pub mod passed_revocations;
pub mod roster_passes;
pub mod rosters;
pub mod sorted;
pub mod spent_assertions;
pub mod target_tokens;
pub mod token_uses;
pub mod tokens;
pub mod users;
mod writer;

use std::{str::FromStr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::{
    AnyPool, Executor,
    any::{AnyConnectOptions, AnyPoolOptions},
};

pub use self::{
    error::StoreError,
    groups::Group,
    id::{GroupId, UserId},
    listing::Stored,
    users::User,
};
use self::{lock::Lock, writer::Writer};

/// A transaction that is open, inside [`Store::write`].
pub type Transaction = sqlx::AnyConnection;

/// The migrations, forward only.
static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// How many statements may read at a time. Reads are short; on SQLite each takes a thread.
const READERS: u32 = 4;

/// Per connection: readers never block the writer (WAL), every commit is on the disk before it is answered
/// (synchronous=FULL), another process that writes is waited for.
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 10000; \
                       PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -8000;";

/// The database, open. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    reader: AnyPool,
    writer: Writer,
    /// Of the process that works in the database; commands beside it have none.
    _lock: Option<Arc<Lock>>,
}

impl Store {
    /// Opens the database at `url` (`sqlite:path`) to work in it, makes it if it is not there, and migrates it.
    ///
    /// # Errors
    /// When the file cannot be opened or made, when another process works in it, or when a migration fails.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let lock = lock::take(url)?;
        let writing = connect(url, &creating(url), 1).await?;
        MIGRATOR.run(&writing).await.map_err(StoreError::Migrate)?;
        complete::rows(&writing).await?;
        marks::renew(&writing).await?;
        let reader = connect(url, &creating(url), READERS).await?;
        Ok(Self { reader, writer: Writer::start(writing), _lock: Some(lock) })
    }

    /// Opens the database at `url` for a command beside the process that works in it, if there is one: to look, and to leave
    /// word for that process in rows. Whoever opens it like this takes no work from the queue.
    ///
    /// # Errors
    /// When the database is not there, cannot be opened, or is of another version of this program.
    pub async fn open_beside(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let reader = connect(url, url, 1).await?;
        let writing = connect(url, url, 1).await?;
        let store = Self { reader, writer: Writer::start(writing), _lock: None };
        store.check().await?;
        Ok(store)
    }

    /// Runs `work` inside a transaction and answers once it is durable. When `work` fails, what it wrote is undone.
    /// The work is carried out even when the caller stops waiting.
    ///
    /// # Errors
    /// What `work` fails with; and a [`StoreError`] when the database does.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Transaction) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        self.writer.write(work).await
    }

    /// Whether the database answers and all migrations are there.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self) -> Result<(), StoreError> {
        let applied: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations WHERE success")
            .fetch_one(&self.reader)
            .await?;
        let known = MIGRATOR.iter().count();
        if usize::try_from(applied).is_ok_and(|applied| applied >= known) {
            Ok(())
        } else {
            Err(StoreError::NotMigrated { applied, known })
        }
    }

    /// Where reads go.
    fn reader(&self) -> &AnyPool {
        &self.reader
    }

    /// Finishes what is waiting to be written and closes the database.
    pub async fn close(&self) {
        self.writer.stop().await;
        self.reader.close().await;
    }
}

/// A pool of connections to the database that admins know as `url`.
async fn connect(url: &str, options: &str, size: u32) -> Result<AnyPool, StoreError> {
    let not_opened = |source| StoreError::Open { url: url.to_owned(), source };
    let options = AnyConnectOptions::from_str(options).map_err(not_opened)?;
    AnyPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(None)
        // A local file does not go away between two statements; asking each time would double what a read costs.
        .test_before_acquire(false)
        .max_lifetime(None)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(PRAGMAS).await?;
                Ok(())
            })
        })
        .connect_with(options)
        .await
        .map_err(not_opened)
}

/// SQLite makes no file unless told to.
fn creating(url: &str) -> String {
    if url.contains("mode=") {
        url.to_owned()
    } else {
        format!("{url}{}mode=rwc", if url.contains('?') { '&' } else { '?' })
    }
}
