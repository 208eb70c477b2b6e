//! How the database fails.

use super::dialect::{Obstacle, was_prevented};

/// A failure of the database. Its text is for the log; clients are told only that the bridge failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file could not be opened.
    #[error("the database {url} could not be opened; is its folder there, and may it be written to?")]
    Open {
        /// Where it was looked for.
        url: String,
        /// What the driver says.
        #[source]
        source: sqlx::Error,
    },
    /// Its server could not be reached, or does not let us in.
    #[error(
        "the database {url} could not be opened; does its server run, and are user, password and name right?"
    )]
    Connect {
        /// Where it was looked for, without the password.
        url: String,
        /// What the driver says.
        #[source]
        source: sqlx::Error,
    },
    /// The file beside it, which keeps other processes out, could not be made.
    #[error("the database {url} could not be opened; is its folder there, and may it be written to?")]
    Lock {
        /// The database.
        url: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Another process has it.
    #[error("the database {url} is in use by another scim-bridge; stop that one first")]
    InUse {
        /// The database.
        url: String,
    },
    /// The schema could not be brought up to date.
    #[error("the database could not be migrated")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// Migrations are missing.
    #[error("the database has {applied} of {known} migrations; run `scim-bridge migrate`")]
    NotMigrated {
        /// How many are there.
        applied: i64,
        /// How many this program knows.
        known: usize,
    },
    /// A statement failed.
    #[error("the database failed: {0}")]
    Query(#[from] sqlx::Error),
    /// A stored value is not what this program writes.
    #[error("the database holds a value in {column} that cannot be read: {reason}")]
    Corrupt {
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The transaction that the work was part of could not be committed. It was undone; or it was committed all the same, where the
    /// answer to that was lost, so whoever goes by it looks again.
    #[error("the transaction could not be committed, as far as is known: {0}")]
    Commit(String),
    /// The store is shutting down.
    #[error("the database is closed")]
    Closed,
    /// The work itself panicked; nothing of it is stored.
    #[error("the work on the database panicked")]
    Panicked,
}

impl StoreError {
    /// Whether it is about the database or the way to it, and not about what was asked: the same may go well another time.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Commit(_) | Self::Query(sqlx::Error::PoolTimedOut) => true,
            Self::Query(error) if was_prevented(error) => true,
            _ => Obstacle::behind(self).is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::store::fixture::Database;

    const FULL: &[&str] =
        &["PRAGMA max_page_count = 1", "CREATE TABLE filler AS SELECT randomblob(1000000) AS filler"];
    const FULL_ON_SERVER: &[&str] = &["DO $$ BEGIN RAISE 'full' USING ERRCODE = 'disk_full'; END $$"];
    const WRONG: &[&str] = &["INSERT INTO events (id) VALUES ('none')"];

    #[rstest]
    #[case::a_file_on_a_disk_that_is_full(Database::file(), FULL, true)]
    #[case::a_server_whose_disk_is_full(Database::on_server(), FULL_ON_SERVER, true)]
    #[case::what_a_file_does_not_take(Database::file(), WRONG, false)]
    #[case::what_a_server_does_not_take(Database::on_server(), WRONG, false)]
    #[tokio::test]
    async fn what_is_about_the_database_may_pass_and_what_is_about_what_was_asked_does_not(
        #[case] database: Database,
        #[case] statements: &'static [&'static str],
        #[case] may_pass: bool,
    ) {
        let store = database.open().await;
        let failed = store.write(move |transaction| {
            Box::pin(async move {
                for statement in statements {
                    sqlx::query(*statement).execute(&mut *transaction).await?;
                }
                Ok::<_, StoreError>(())
            })
        });
        let error = failed.await.unwrap_err();
        assert_eq!(error.may_pass(), may_pass, "{error}");
        store.close().await;
    }
}
