//! The database, and whether it is of this version.

use crate::{
    passthrough::probe::Finding,
    secret::DatabaseUrl,
    store::{Store, StoreError},
};

/// What was found of the database.
pub(super) struct Database {
    /// Whether it is there.
    pub(super) found: Finding,
    /// Whether it is up to date, if it is there.
    pub(super) migrations: Option<Finding>,
}

/// Opens the database beside whoever has it, and says how it is.
pub(super) async fn open(database: &DatabaseUrl) -> (Option<Store>, Database) {
    let url = database.as_str();
    match Store::open_beside(database).await {
        Ok(store) => {
            let found = Finding::ok(format!("{url} is there and up to date"));
            let migrations = Some(Finding::ok("all that this version knows are applied"));
            (Some(store), Database { found, migrations })
        }
        Err(StoreError::NotMigrated { .. }) => {
            let behind = "the database is of an older version; `serve` or `migrate` brings it up to date";
            let found = Finding::ok(format!("{url} is there"));
            (None, Database { found, migrations: Some(Finding::warning(behind)) })
        }
        Err(StoreError::Open { .. }) => {
            let found = Finding::warning(format!(
                "{url} cannot be opened; if the bridge has not run yet, `serve` makes it, else see that the file is there and readable"
            ));
            (None, Database { found, migrations: None })
        }
        // The database of a server is made by a person, and must be there.
        Err(StoreError::Connect { source, .. }) => {
            let found = Finding::problem(format!(
                "{url} cannot be opened: {source}. See that the server runs, that the database was made, and that user and password \
                 are right"
            ));
            (None, Database { found, migrations: None })
        }
        Err(error) => {
            let found = Finding::problem(format!("{url}: {:#}", anyhow::Error::from(error)));
            (None, Database { found, migrations: None })
        }
    }
}
