//! Where the bridge of a test keeps its state: in a file of its own, or, when `SCIM_BRIDGE_TEST_DATABASE` is `postgres`, in a
//! database of its own on a server.

use std::path::Path;

#[path = "../../support/postgres.rs"]
pub mod postgres;

/// The variable that says on which database the tests run.
pub const VARIABLE: &str = "SCIM_BRIDGE_TEST_DATABASE";

/// A database of one test.
pub struct TestDatabase {
    url: String,
    _on_server: Option<postgres::Database>,
}

/// Whether these tests run on PostgreSQL.
pub fn is_postgres() -> bool {
    std::env::var(VARIABLE).is_ok_and(|database| database == "postgres")
}

impl TestDatabase {
    /// An empty one; a file is in `folder`.
    pub fn new(folder: &Path) -> Self {
        if is_postgres() {
            return Self::on_server();
        }
        Self { url: format!("sqlite:{}", folder.join("bridge.db").display()), _on_server: None }
    }

    /// An empty one of PostgreSQL, wherever the other tests run.
    pub fn on_server() -> Self {
        let database = postgres::server().database();
        Self { url: database.url().to_owned(), _on_server: Some(database) }
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }
}
