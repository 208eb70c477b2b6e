//! The `list_marks` table: how many resources a list has, and where those far behind its start are.
//!
//! A database counts rows by looking at each of them, and passes over rows in the same way. So a mark stands in the list
//! of an app's users, and in that of its groups, about every [`SPAN`] resources, and says how many there are up to the next
//! one: to add up the marks counts the list, and a page starts at the last mark before it. Marks are kept up in the
//! transactions that add and remove resources. To keep one number for each resource, its place, would be simpler to read
//! and would have to be rewritten for all resources behind one that is removed.

use sqlx::{AnyPool, Connection, Row};

use super::{Store, StoreError, Transaction, dialect::serialize};

/// About how many resources stand between two marks: few enough to walk along, many enough that the marks of a hundred
/// thousand users are added up at once. Tests have fewer users.
const SPAN: i64 = if cfg!(test) { 5 } else { 1_000 };

/// A list in the order of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// Users that are not deleted.
    Users,
    /// Groups.
    Groups,
}

/// A mark, as seen from the start of its list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The id behind which it stands.
    pub(super) behind: String,
    /// How many resources stand before it.
    pub(super) passed: u64,
}

impl List {
    const ALL: [Self; 2] = [Self::Users, Self::Groups];

    /// As it is stored.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Users => "User",
            Self::Groups => "Group",
        }
    }
}

/// How many resources the list has.
pub(super) async fn count(store: &Store, app: &str, list: List) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar(
        "SELECT CAST(COALESCE(SUM(listed), 0) AS BIGINT) FROM list_marks WHERE app = $1 AND kind = $2",
    )
    .bind(app)
    .bind(list.as_str())
    .fetch_one(store.reader())
    .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// The last mark that has at most `offset` resources before it; `None` if it is not worth looking for.
pub(super) async fn find(
    store: &Store,
    app: &str,
    list: List,
    offset: u64,
) -> Result<Option<Mark>, StoreError> {
    let Some(offset) = i64::try_from(offset).ok().filter(|offset| *offset >= SPAN) else { return Ok(None) };
    let row = sqlx::query(
        "SELECT behind, passed FROM (SELECT behind, CAST(SUM(listed) OVER (ORDER BY behind) - listed AS BIGINT) AS passed \
         FROM list_marks WHERE app = $1 AND kind = $2) AS marks WHERE passed <= $3 ORDER BY behind DESC LIMIT 1",
    )
    .bind(app)
    .bind(list.as_str())
    .bind(offset)
    .fetch_optional(store.reader())
    .await?;
    row.map(|row| {
        let passed = u64::try_from(row.try_get::<i64, _>("passed")?).unwrap_or(0);
        Ok(Mark { behind: row.try_get("behind")?, passed })
    })
    .transpose()
}

/// The resource `id` is in the list from now on; its row says so already.
pub(super) async fn add(
    transaction: &mut Transaction,
    app: &str,
    list: List,
    id: &str,
) -> Result<(), StoreError> {
    alone(transaction).await?;
    let row = loop {
        let row = sqlx::query(
            "UPDATE list_marks SET listed = listed + 1 WHERE app = $1 AND kind = $2 AND behind = \
             (SELECT MAX(before.behind) FROM list_marks AS before \
             WHERE before.app = $1 AND before.kind = $2 AND before.behind < $3) RETURNING behind, listed",
        )
        .bind(app)
        .bind(list.as_str())
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
        match row {
            Some(row) => break row,
            None => start(transaction, app, list).await?,
        }
    };
    if row.try_get::<i64, _>("listed")? >= 2 * SPAN {
        split(transaction, app, list, &row.try_get::<String, _>("behind")?).await?;
    }
    Ok(())
}

/// The resource `id` is in the list no more.
pub(super) async fn remove(
    transaction: &mut Transaction,
    app: &str,
    list: List,
    id: &str,
) -> Result<(), StoreError> {
    alone(transaction).await?;
    sqlx::query(
        "UPDATE list_marks SET listed = listed - 1 WHERE app = $1 AND kind = $2 AND behind = \
         (SELECT MAX(before.behind) FROM list_marks AS before \
         WHERE before.app = $1 AND before.kind = $2 AND before.behind < $3)",
    )
    .bind(app)
    .bind(list.as_str())
    .bind(id)
    .execute(transaction)
    .await?;
    Ok(())
}

/// Keeps others from moving marks until the transaction ends: the last mark before an id is the right one only for as long as
/// nobody puts another one in front of it.
async fn alone(transaction: &mut Transaction) -> Result<(), StoreError> {
    serialize(transaction, "list_marks").await
}

/// Puts the mark before all resources.
async fn start(transaction: &mut Transaction, app: &str, list: List) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO list_marks (app, kind, behind, listed) VALUES ($1, $2, '', 0) ON CONFLICT DO NOTHING",
    )
    .bind(app)
    .bind(list.as_str())
    .execute(transaction)
    .await?;
    Ok(())
}

/// Puts a mark [`SPAN`] resources behind the one at `behind`. Answers its id.
async fn split(
    transaction: &mut Transaction,
    app: &str,
    list: List,
    behind: &str,
) -> Result<String, StoreError> {
    let last = match list {
        List::Users => {
            "SELECT id FROM users WHERE app = $1 AND deleted_at IS NULL AND id > $2 ORDER BY id LIMIT 1 OFFSET $3"
        }
        List::Groups => "SELECT id FROM user_groups WHERE app = $1 AND id > $2 ORDER BY id LIMIT 1 OFFSET $3",
    };
    let last: String =
        sqlx::query_scalar(last).bind(app).bind(behind).bind(SPAN - 1).fetch_one(&mut *transaction).await?;
    sqlx::query(
        "INSERT INTO list_marks (app, kind, behind, listed) SELECT app, kind, $4, listed - $5 FROM list_marks \
         WHERE app = $1 AND kind = $2 AND behind = $3",
    )
    .bind(app)
    .bind(list.as_str())
    .bind(behind)
    .bind(last.as_str())
    .bind(SPAN)
    .execute(&mut *transaction)
    .await?;
    sqlx::query("UPDATE list_marks SET listed = $4 WHERE app = $1 AND kind = $2 AND behind = $3")
        .bind(app)
        .bind(list.as_str())
        .bind(behind)
        .bind(SPAN)
        .execute(transaction)
        .await?;
    Ok(last)
}

/// The statements that put marks before all lists, and that count what stands behind each mark.
macro_rules! renewing {
    ($kind:literal, $table:literal, $listed:literal) => {
        (
            concat!(
                "INSERT INTO list_marks (app, kind, behind, listed) SELECT DISTINCT app, '",
                $kind,
                "', '', 0 FROM ",
                $table,
                " WHERE ",
                $listed,
                " ON CONFLICT DO NOTHING"
            ),
            // Ids are hexadecimal numbers with hyphens: the tilde stands behind them all.
            concat!(
                "UPDATE list_marks SET listed = (SELECT COUNT(*) FROM ",
                $table,
                " WHERE ",
                $table,
                ".app = list_marks.app AND ",
                $listed,
                " AND id > behind AND id <= COALESCE((SELECT MIN(next.behind) FROM list_marks AS next \
                WHERE next.app = list_marks.app AND next.kind = '",
                $kind,
                "' AND next.behind > list_marks.behind), '~')) \
                WHERE kind = '",
                $kind,
                "'"
            ),
        )
    };
}

/// Puts the marks right, whatever they were: of a database that has none yet, or that somebody else wrote to.
///
/// # Errors
/// When the database fails.
pub(super) async fn renew(pool: &AnyPool) -> Result<(), StoreError> {
    let mut connection = pool.acquire().await?;
    let mut transaction = connection.begin().await?;
    // Who adds a resource meanwhile adds to what is counted here.
    alone(&mut transaction).await?;
    for list in List::ALL {
        let (start, recount) = match list {
            List::Users => renewing!("User", "users", "deleted_at IS NULL"),
            List::Groups => renewing!("Group", "user_groups", "id <> ''"),
        };
        sqlx::query(start).execute(&mut *transaction).await?;
        sqlx::query(recount).execute(&mut *transaction).await?;
        let long = sqlx::query("SELECT app, behind, listed FROM list_marks WHERE kind = $1 AND listed >= $2")
            .bind(list.as_str())
            .bind(2 * SPAN)
            .fetch_all(&mut *transaction)
            .await?;
        for row in long {
            let (app, mut behind): (String, String) = (row.try_get("app")?, row.try_get("behind")?);
            for _ in 1..row.try_get::<i64, _>("listed")? / SPAN {
                behind = split(&mut transaction, &app, list, &behind).await?;
            }
        }
    }
    transaction.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::{
        prelude::*,
        strategy::ValueTree,
        test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
    };
    use serde_json::json;

    use super::*;
    use crate::{
        clock::Time,
        store::{
            User,
            fixture::{Database, group, user, write},
            groups,
            listing::Range,
            users,
        },
    };

    #[derive(Clone, Debug)]
    enum Step {
        AddUser(String),
        DeleteOrRestoreUser(usize),
        RemoveUser(usize),
        AddGroup(String),
        RemoveGroup(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            5 => "[a-z]{3}".prop_map(Step::AddUser),
            4 => any::<usize>().prop_map(Step::DeleteOrRestoreUser),
            2 => any::<usize>().prop_map(Step::RemoveUser),
            3 => "[a-z]{3}".prop_map(Step::AddGroup),
            1 => any::<usize>().prop_map(Step::RemoveGroup),
        ]
    }

    /// What should be there: whether each user is live, and the groups.
    #[derive(Default)]
    struct Model {
        users: BTreeMap<String, bool>,
        groups: BTreeSet<String>,
    }

    impl Model {
        async fn take(&mut self, store: &Store, step: Step) {
            match step {
                Step::AddUser(id) if !self.users.contains_key(&id) => {
                    self.users.insert(id.clone(), true);
                    let ours = user(&id, json!({ "userName": id }));
                    // Another app's list is another one.
                    let other = User { id: format!("{id}-other").into(), app: "b".into(), ..ours.clone() };
                    write(store, |transaction| {
                        Box::pin(async move {
                            users::insert(transaction, &ours).await?;
                            users::insert(transaction, &other).await
                        })
                    })
                    .await;
                }
                Step::DeleteOrRestoreUser(index) if !self.users.is_empty() => {
                    let place = index % self.users.len();
                    let (id, live) = self.users.iter_mut().nth(place).unwrap();
                    *live = !*live;
                    let deleted_at = (!*live).then(Time::default);
                    let user = User { deleted_at, ..user(id, json!({ "userName": id })) };
                    write(store, |transaction| {
                        Box::pin(async move { users::save(transaction, &user).await })
                    })
                    .await;
                }
                Step::RemoveUser(index) if !self.users.is_empty() => {
                    let id = self.users.keys().nth(index % self.users.len()).unwrap().clone();
                    self.users.remove(&id);
                    let user = user(&id, json!({ "userName": id }));
                    write(store, |transaction| {
                        Box::pin(async move { users::delete_row(transaction, &user, Time::default()).await })
                    })
                    .await;
                }
                Step::AddGroup(id) if self.groups.insert(id.clone()) => {
                    let group = group(&id, &id);
                    write(store, |transaction| {
                        Box::pin(async move { groups::insert(transaction, &group).await })
                    })
                    .await;
                }
                Step::RemoveGroup(index) if !self.groups.is_empty() => {
                    let id = self.groups.iter().nth(index % self.groups.len()).unwrap().clone();
                    self.groups.remove(&id);
                    write(store, |transaction| {
                        Box::pin(async move { groups::delete_row(transaction, &id.into()).await })
                    })
                    .await;
                }
                _ => {}
            }
        }

        async fn check(&self, store: &Store) {
            let live = self.users.iter().filter(|(_, live)| **live).map(|(id, _)| id);
            let lists = [live.collect::<Vec<_>>(), self.groups.iter().collect()];
            for (list, ids) in List::ALL.into_iter().zip(lists) {
                assert_eq!(count(store, "a", list).await.unwrap(), ids.len() as u64, "{list:?}");
                for offset in 0..ids.len() + 2 {
                    let range = Range { after: "", offset: offset as u64, limit: 3 };
                    let page = match list {
                        List::Users => users::page(store, "a", &users::Narrowing::All, range).await.unwrap(),
                        List::Groups => {
                            groups::page(store, "a", &groups::Narrowing::All, range).await.unwrap()
                        }
                    };
                    let page: Vec<_> = page.iter().map(|stored| &stored.id).collect();
                    let expected: Vec<_> = ids.iter().copied().skip(offset).take(3).collect();
                    assert_eq!(page, expected, "{list:?} from {offset}");
                }
            }
        }
    }

    async fn marks(store: &Store) -> i64 {
        sqlx::query_scalar("SELECT COUNT(*) FROM list_marks WHERE app = 'a' AND kind = 'User'")
            .fetch_one(store.reader())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn lists_are_counted_and_paged_as_they_are_whatever_comes_and_goes() {
        let database = Database::new();
        let mut store = database.open().await;
        let (mut model, mut most_marks) = (Model::default(), 0);
        let mut runner =
            TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        for round in 1..=6 {
            for _ in 0..50 {
                let step = step().new_tree(&mut runner).unwrap().current();
                model.take(&store, step).await;
            }
            model.check(&store).await;
            most_marks = most_marks.max(marks(&store).await);
            if round % 3 == 0 {
                store.close().await;
                drop(store);
                store = database.open().await;
                model.check(&store).await;
            }
        }
        assert!(most_marks > 4, "{most_marks} marks are too few to find a mistake");
        store.close().await;
    }

    #[tokio::test]
    async fn marks_that_are_wrong_are_put_right_when_the_database_is_opened() {
        let database = Database::new();
        let store = database.open().await;
        let mut model = Model::default();
        for number in 0..20 {
            model.take(&store, Step::AddUser(format!("{number:02}"))).await;
        }
        write(&store, |transaction| {
            Box::pin(async move {
                sqlx::query("UPDATE list_marks SET listed = listed + 7").execute(&mut *transaction).await?;
                sqlx::query("DELETE FROM list_marks WHERE behind > '09'").execute(transaction).await?;
                Ok(())
            })
        })
        .await;
        assert_ne!(count(&store, "a", List::Users).await.unwrap(), 20);
        store.close().await;
        drop(store);

        let store = database.open().await;
        model.check(&store).await;
        store.close().await;
    }
}
