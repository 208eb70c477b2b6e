//! What the tests of this folder store.

use serde_json::json;

use super::{Group, GroupId, Store, StoreError, Transaction, User, UserId, users};
use crate::{
    clock::Time,
    connector::{Lane, Observed},
};

#[path = "../../tests/support/postgres.rs"]
pub(crate) mod postgres;

/// A database of its own: a file, or one of PostgreSQL's where the environment says so.
pub(crate) struct Database {
    pub(crate) url: String,
    _place: Place,
}

enum Place {
    File { _folder: tempfile::TempDir },
    Postgres { _database: postgres::Database },
}

impl Database {
    pub(crate) fn new() -> Self {
        if std::env::var("SCIM_BRIDGE_TEST_DATABASE").is_ok_and(|database| database == "postgres") {
            return Self::on_server();
        }
        Self::file()
    }

    /// PostgreSQL's, wherever else the tests run.
    pub(crate) fn on_server() -> Self {
        let database = postgres::server().database();
        Self { url: database.url().to_owned(), _place: Place::Postgres { _database: database } }
    }

    /// SQLite's, wherever else the tests run.
    pub(crate) fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        Self { url, _place: Place::File { _folder: folder } }
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }
}

/// Does some work in a transaction of its own.
pub(crate) async fn write<T, F>(store: &Store, work: F) -> T
where
    T: Send + 'static,
    F: for<'t> FnOnce(&'t mut Transaction) -> futures_util::future::BoxFuture<'t, Result<T, StoreError>>
        + Clone
        + Send
        + 'static,
{
    store.write(work).await.unwrap()
}

/// A user of the app `a` for whom nothing is to be done.
pub(crate) fn user(id: &str, resource: serde_json::Value) -> User {
    User {
        id: UserId::from(id),
        app: "a".into(),
        resource: serde_json::from_value(resource).unwrap(),
        ownership: users::Ownership::Created,
        version: 1,
        applied_version: 1,
        created_at: Time::default(),
        modified_at: Time::default(),
        deleted_at: None,
        account_key: None,
        observed: Observed::Unknown,
        out_of_sight: None,
        observed_at: None,
        answered: users::Answered::Yes,
        fallback: None,
        lane: Lane::Grant,
        due_at: None,
        attempts: 0,
        failure: None,
        held_at: None,
        lease: None,
        touched: 0,
        cause: None,
    }
}

/// A group of the app `a`.
pub(crate) fn group(id: &str, display_name: &str) -> Group {
    Group {
        id: GroupId::from(id),
        app: "a".into(),
        resource: serde_json::from_value(json!({ "displayName": display_name })).unwrap(),
        version: 1,
        created_at: Time::default(),
        modified_at: Time::default(),
        is_offered: false,
    }
}
