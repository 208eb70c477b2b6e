//! What the tests of this folder store.

use serde_json::json;

use super::{Group, GroupId, Store, StoreError, Transaction, User, UserId, users};
use crate::{
    clock::Time,
    connector::{Lane, Observed},
};

/// A database in a folder of its own.
pub(super) struct Database {
    pub(super) url: String,
    _folder: tempfile::TempDir,
}

impl Database {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { url: format!("sqlite:{}", folder.path().join("test.db").display()), _folder: folder }
    }

    pub(super) async fn open(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }
}

/// Does some work in a transaction of its own.
pub(super) async fn write<T, F>(store: &Store, work: F) -> T
where
    T: Send + 'static,
    F: for<'t> FnOnce(&'t mut Transaction) -> futures_util::future::BoxFuture<'t, Result<T, StoreError>>
        + Send
        + 'static,
{
    store.write(work).await.unwrap()
}

/// A user of the app `a` for whom nothing is to be done.
pub(super) fn user(id: &str, resource: serde_json::Value) -> User {
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
pub(super) fn group(id: &str, display_name: &str) -> Group {
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
