//! The database: what was promised, what was seen, what is left to do.
//!
//! One pool reads; one `Writer` commits. Callers write by handing over a piece of work that runs inside a
//! transaction ([`Store::write`]) and is answered when the commit is durable. A client that hangs up in the middle
//! cannot leave a transaction half open, since no transaction ever runs in a request's own task.
//!
//! SQL stays in this folder, one file per table, static text with binds, the same for SQLite and PostgreSQL; what differs
//! between the two is in `dialect`.

pub mod administrator_turns;
pub mod admissions;
pub mod backup;
mod batch;
mod bounded;
pub mod budgets;
pub mod catalogues;
mod clock;
mod complete;
mod dialect;
mod error;
pub mod events;
pub mod findings;
#[cfg(test)]
pub(crate) mod fixture;
pub mod groups;
pub mod id;
mod key;
pub mod listing;
mod lock;
pub mod logins;
mod marks;
pub mod members;
#[cfg(test)]
pub(crate) mod network;
pub mod notifications;
#[cfg(test)]
mod on_postgres;
pub mod outcomes;
pub mod own_keys;
pub mod passed_revocations;
mod patience;
pub mod protected_accounts;
pub mod replicas;
pub mod roster_passes;
pub mod rosters;
pub mod sorted;
pub mod spent_assertions;
pub mod target_tokens;
pub mod token_uses;
pub mod tokens;
pub mod transfer;
pub mod users;
mod writer;

use std::{error::Error, str::FromStr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::{
    AnyPool, Executor,
    any::{AnyConnectOptions, AnyPoolOptions},
};

use self::{
    bounded::{Limits, Reader, within},
    dialect::{Creating, Dialect},
    lock::Lock,
    writer::Writer,
};
pub use self::{
    clock::clock_of,
    error::StoreError,
    groups::Group,
    id::{GroupId, UserId},
    listing::Stored,
    users::User,
};
use crate::secret::DatabaseUrl;

/// A transaction that is open, inside [`Store::write`].
pub type Transaction = sqlx::AnyConnection;

/// The migrations, forward only.
static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// After how long without use a connection to a server is asked whether it still is one.
const IDLE: Duration = Duration::from_secs(1);

/// How long a connection may take to be free.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(10);

/// How long a connection to a server is used: what its name stands for may be another machine by then.
const LONGEST_LIFE: Duration = Duration::from_mins(10);

/// The database, open. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    reader: Reader,
    writer: Writer,
    /// For what must not stand behind other work.
    writer_apart: Writer,
    /// Of the process that works in a file; commands beside it have none, and a server keeps order by itself.
    _lock: Option<Arc<Lock>>,
}

impl Store {
    /// Opens the database at `url` (`sqlite:path` or `postgres://…`) to work in it and migrates it. A file is made if it is not
    /// there.
    ///
    /// # Errors
    /// When the database cannot be opened or made, when another process works in the file, or when a migration fails.
    pub async fn open(url: impl Into<DatabaseUrl>) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let url = url.into();
        let limits = Dialect::of(&url).limits();
        Self::open_within(url, limits).await
    }

    async fn open_within(url: DatabaseUrl, limits: Option<Limits>) -> Result<Self, StoreError> {
        let dialect = Dialect::of(&url);
        let (writing, lock) = open_to_write(&url, Creating::Yes, limits).await?;
        let pool = connect(&url, Creating::Yes, Use::Read(dialect.readers()), limits).await?;
        let reader = Reader { pool, limits };
        let writer = Writer::start(writing, dialect, limits);
        let writer_apart = match dialect.writers_apart() {
            None => writer.clone(),
            Some(writers) => {
                let limits = limits.map(Limits::of_what_is_urgent);
                let pool = connect(&url, Creating::No, Use::Write(writers), limits).await?;
                Writer::start(pool, dialect, limits)
            }
        };
        Ok(Self { reader, writer, writer_apart, _lock: lock })
    }

    /// Opens the database at `url` for a command beside the process that works in it, if there is one: to look, and to leave
    /// word for that process in rows. Whoever opens it like this takes no work from the queue.
    ///
    /// # Errors
    /// When the database is not there, cannot be opened, or is of another version of this program.
    pub async fn open_beside(url: impl Into<DatabaseUrl>) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let url = url.into();
        let dialect = Dialect::of(&url);
        let limits = dialect.limits();
        let reader = Reader { pool: connect(&url, Creating::No, Use::Read(1), limits).await?, limits };
        let writing = connect(&url, Creating::No, Use::Write(1), limits).await?;
        let writer = Writer::start(writing, dialect, limits);
        let store = Self { reader, writer_apart: writer.clone(), writer, _lock: None };
        store.check().await?;
        Ok(store)
    }

    /// Runs `work` inside a transaction and answers once it is durable. When `work` fails, what it wrote is undone.
    /// The work is carried out even when the caller stops waiting. A clone of it is run again from its start when another process
    /// was in its way, so what it does outside the transaction may be done more than once.
    ///
    /// # Errors
    /// What `work` fails with; and a [`StoreError`] when the database does.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
        F: for<'t> FnOnce(&'t mut Transaction) -> BoxFuture<'t, Result<T, E>> + Clone + Send + 'static,
    {
        self.writer.write(work).await
    }

    /// The same for what is short and must not stand behind other work: signs of life. While a server is gone without a word, all who
    /// write otherwise may be waiting for it.
    ///
    /// # Errors
    /// What `work` fails with; and a [`StoreError`] when the database does.
    pub async fn write_apart<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
        F: for<'t> FnOnce(&'t mut Transaction) -> BoxFuture<'t, Result<T, E>> + Clone + Send + 'static,
    {
        self.writer_apart.write(work).await
    }

    /// Whether the database answers, takes writes, and all migrations are there.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self) -> Result<(), StoreError> {
        let applied: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations WHERE success")
            .fetch_one(&self.reader)
            .await
            .or_else(|error| if dialect::is_of_no_table(&error) { Ok(0) } else { Err(error) })?;
        let known = MIGRATOR.iter().count();
        if usize::try_from(applied).is_ok_and(|applied| applied < known) {
            return Err(StoreError::NotMigrated { applied, known });
        }
        // One that has become a standby answers all the same. Those who write find out by themselves, and leave it.
        if let Some(statement) = Dialect::Postgres.expect_writable().filter(|_| self.is_shared()) {
            self.reader().execute(statement).await?;
        }
        Ok(())
    }

    /// Whether several processes may work in it.
    pub fn is_shared(&self) -> bool {
        self.reader.pool.connect_options().database_url.scheme().starts_with("postgres")
    }

    /// What tells whether a statement waits for its answer.
    pub fn activity(&self) -> Activity {
        Activity {
            pools: [&self.reader.pool, self.writer.pool(), self.writer_apart.pool()].map(AnyPool::clone),
        }
    }

    /// Where reads go.
    fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Finishes what is waiting to be written and closes the database.
    pub async fn close(&self) {
        self.writer.stop().await;
        self.writer_apart.stop().await;
        self.reader.pool.close().await;
    }
}

/// Whether a [`Store`] is at work. It does not keep the database from being closed.
#[derive(Clone, Debug)]
pub struct Activity {
    pools: [AnyPool; 3],
}

impl Activity {
    /// Whether nothing that this process asked of the database is under way.
    pub fn is_none(&self) -> bool {
        self.pools.iter().all(|pool| pool.is_closed() || pool.num_idle() == pool.size() as usize)
    }
}

/// A pool of connections that write, to a database that is up to date; and the lock of a file.
async fn open_to_write(
    url: &DatabaseUrl,
    creating: Creating,
    limits: Option<Limits>,
) -> Result<(AnyPool, Option<Arc<Lock>>), StoreError> {
    let dialect = Dialect::of(url);
    // First, since nothing of a file that another process has is to be touched.
    let lock = match dialect {
        Dialect::Sqlite => Some(lock::take(url.as_str())?),
        Dialect::Postgres => None,
    };
    let writing = connect(url, creating, Use::Write(dialect.writers()), limits).await?;
    dialect.migrator(&MIGRATOR).run(&writing).await.map_err(StoreError::Migrate)?;
    complete::rows(&writing).await?;
    marks::renew(&writing).await?;
    Ok((writing, lock))
}

/// What connections are for, and how many there are at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// To read, one statement after another.
    Read(u32),
    /// To write, in transactions.
    Write(u32),
}

/// A pool of connections to the database.
async fn connect(
    url: &DatabaseUrl,
    creating: Creating,
    purpose: Use,
    limits: Option<Limits>,
) -> Result<AnyPool, StoreError> {
    let dialect = Dialect::of(url);
    let (Use::Read(size) | Use::Write(size)) = purpose;
    // A little after who reads has given up, and all that reads gives up. Of what writes, the server is asked.
    let ends_after = match purpose {
        Use::Read(_) => limits.map(|limits| (limits.statement + limits.sign).as_millis().to_string()),
        Use::Write(_) => None,
    };
    let not_opened = |source| match dialect {
        Dialect::Sqlite => StoreError::Open { url: url.to_string(), source },
        Dialect::Postgres => StoreError::Connect { url: url.to_string(), source },
    };
    let options = AnyConnectOptions::from_str(&dialect.connect_to(url, creating)).map_err(not_opened)?;
    AnyPoolOptions::new()
        .max_connections(size)
        // One that is asked whether it is there and does not answer, and a new one.
        .acquire_timeout(limits.map_or(ACQUIRE_WITHIN, |limits| limits.sign + limits.statement))
        .idle_timeout(None)
        // Asking each time would double what a read costs.
        .test_before_acquire(false)
        .before_acquire(move |connection, meta| {
            Box::pin(async move {
                // A file does not go away between two statements; a server is started anew now and then, or becomes a standby.
                if let Some(statement) = dialect.expect_writable().filter(|_| meta.idle_for > IDLE) {
                    within(limits.map(|limits| limits.sign), connection.execute(statement)).await?;
                }
                Ok(true)
            })
        })
        .max_lifetime((dialect == Dialect::Postgres).then_some(LONGEST_LIFE))
        .after_connect(move |connection, _| {
            let end_statements = dialect.end_statements_after().zip(ends_after.clone());
            Box::pin(async move {
                let limit = limits.map(|limits| limits.statement);
                within(limit, connection.execute(dialect.prepare_connection())).await?;
                if let Some(statement) = dialect.expect_writable() {
                    within(limit, connection.execute(statement)).await?;
                }
                if let Some((statement, milliseconds)) = end_statements {
                    within(limit, sqlx::query(statement).bind(milliseconds).execute(connection)).await?;
                }
                Ok(())
            })
        })
        .connect_with(options)
        .await
        .map_err(not_opened)
}
