//! A copy of a SQLite database, made while it is worked in.
//!
//! SQLite writes the copy itself (`VACUUM INTO`), from one moment of the database: what was committed before is in it, what comes
//! later is not, and nobody waits. To copy the file would be wrong: the newest of what was committed stands in another one beside it.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use sqlx::{AnyConnection, ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use tempfile::TempPath;

use super::{Creating, StoreError, Use, connect};
use crate::secret::DatabaseUrl;

/// A copy that was made and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Its size.
    pub bytes: u64,
    /// How many migrations it has, which is the version of its schema.
    pub migrations: i64,
}

/// Why there is no copy. There is no part of one either.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It is another kind of database.
    #[error(
        "only a SQLite database is backed up by scim-bridge; of PostgreSQL make a dump: pg_dump --format=custom --file={} DATABASE",
        to.display()
    )]
    NotSqlite {
        /// Where the copy was to be.
        to: PathBuf,
    },
    /// There is a file already.
    #[error("{} is there already; name a file that is not", to.display())]
    Exists {
        /// The file.
        to: PathBuf,
    },
    /// The copy could not be written.
    #[error("{} cannot be written", to.display())]
    File {
        /// Where the copy was to be.
        to: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The copy is not what the database is, or the database is damaged.
    #[error("the copy is not sound, so it was not kept: {reason}")]
    Damaged {
        /// What is wrong.
        reason: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Copies the database at `url` to the file `to`, which nobody but its owner may read. It appears when it is complete, checked, and
/// on the disk.
///
/// # Errors
/// When `to` is there already or cannot be written, and when the database fails or is damaged.
pub async fn write(url: impl Into<DatabaseUrl>, to: &Path) -> Result<Backup, BackupError> {
    let url = url.into();
    if url.is_postgres() {
        return Err(BackupError::NotSqlite { to: to.to_owned() });
    }
    let exists = || BackupError::Exists { to: to.to_owned() };
    let failed = |source| BackupError::File { to: to.to_owned(), source };
    if to.try_exists().map_err(failed)? {
        return Err(exists());
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Beside its place, so that it can be moved there in one step; and empty, which SQLite takes for a file to be made.
    let copy = tempfile::Builder::new()
        .prefix(".scim-bridge-backup-")
        .tempfile_in(folder)
        .map_err(failed)?
        .into_temp_path();
    let migrations = copy_to(&url, &copy).await?;
    check(&copy, migrations).await?;
    let bytes = make_durable(&copy).map_err(failed)?;
    copy.persist_noclobber(to).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => exists(),
        _ => failed(error.error),
    })?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(Backup { bytes, migrations })
}

/// Writes the copy, and answers how many migrations the database has.
async fn copy_to(url: &DatabaseUrl, copy: &TempPath) -> Result<i64, BackupError> {
    sqlx::any::install_default_drivers();
    let database = connect(url, Creating::No, Use::Read(1), None).await?;
    let copied = async {
        let mut connection = database.acquire().await?;
        let migrations = count_migrations(&mut connection).await?;
        let path = copy.to_str().ok_or_else(|| BackupError::Damaged {
            reason: "SQLite takes only file names that are UTF-8".to_owned(),
        })?;
        sqlx::query("VACUUM INTO $1").bind(path).execute(&mut *connection).await?;
        Ok(migrations)
    };
    let copied = copied.await;
    database.close().await;
    copied
}

async fn count_migrations(connection: &mut AnyConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations").fetch_one(connection).await
}

/// Reads all of the copy.
async fn check(copy: &Path, migrations: i64) -> Result<(), BackupError> {
    let mut connection = SqliteConnectOptions::new().filename(copy).read_only(true).connect().await?;
    let said: Vec<String> =
        sqlx::query_scalar("PRAGMA integrity_check(10)").fetch_all(&mut connection).await?;
    let copied: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations").fetch_one(&mut connection).await?;
    connection.close().await?;
    if said != ["ok"] {
        return Err(BackupError::Damaged { reason: said.join("; ") });
    }
    if copied < migrations {
        return Err(BackupError::Damaged {
            reason: format!("it has {copied} migrations, and the database has {migrations}"),
        });
    }
    Ok(())
}

/// Waits until the file is on the disk, and answers its size.
fn make_durable(copy: &Path) -> io::Result<u64> {
    let file = File::open(copy)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}
