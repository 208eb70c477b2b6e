//! Connections to a server, and how long it is waited for.
//!
//! A server that vanishes without a word (its machine lost power, a firewall forgot the connection) is waited for by TCP for a quarter
//! of an hour. All that time every connection to it would be taken, signs of life would not be given, and revoked tokens would not be
//! known. So what is asked of a server has a limit, after which the connection is closed: the next question makes another one, to
//! whichever machine the server is on by then. A file answers or fails, and is waited for.

use std::{
    io,
    ops::{Deref, DerefMut},
    time::Duration,
};

use futures_util::{
    FutureExt, StreamExt, TryStreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use sqlx::{
    Any, AnyConnection, AnyPool, Describe, Either, Execute, Executor, SqlStr,
    any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo},
    pool::PoolConnection,
};
use tokio::{runtime::Handle, time::timeout};

/// How long a server is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Until it says that it is there.
    pub(super) sign: Duration,
    /// Until a statement has its answer. One inside a transaction is waited for as long as the server is at work on it (`patience`).
    pub(super) statement: Duration,
}

impl Limits {
    /// Where what is asked is short, and is of no use unless it is answered soon.
    pub(super) const fn of_what_is_urgent(self) -> Self {
        Self { statement: self.sign, ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { sign: Duration::from_secs(2), statement: Duration::from_secs(10) }
    }
}

/// Waits for `answer` for as long as `limit`, if there is one.
///
/// # Errors
/// As `answer` fails; and when it does not come.
pub(super) async fn within<T>(
    limit: Option<Duration>,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let Some(limit) = limit else { return answer.await };
    timeout(limit, answer).await.unwrap_or_else(|_| Err(unanswered(limit)))
}

/// The error of an answer that did not come within `limit`.
pub(super) fn unanswered(limit: Duration) -> sqlx::Error {
    let reason = format!("the server of the database did not answer within {limit:?}");
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, reason))
}

/// A connection that is taken from a pool. Dropped in the middle of something it is closed: nobody knows what it will answer.
pub(super) struct Lent {
    connection: PoolConnection<Any>,
    limits: Option<Limits>,
    is_idle: bool,
}

impl Lent {
    /// Takes one. In the middle of something from then on, until that is [finished](Self::finished).
    ///
    /// # Errors
    /// When there is none to be had.
    pub(super) async fn from(pool: &AnyPool, limits: Option<Limits>) -> Result<Self, sqlx::Error> {
        Ok(Self { connection: pool.acquire().await?, limits, is_idle: false })
    }

    /// Nothing is under way on it: somebody else may have it.
    pub(super) fn finished(&mut self) {
        self.is_idle = true;
    }
}

impl Deref for Lent {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.connection
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        match self.limits {
            // The pool asks whether it is still there before it takes it back, and would wait for that.
            Some(limits) if self.is_idle => {
                let returned = self.connection.return_to_pool();
                // Where nothing runs any more, it is closed.
                if let Ok(runtime) = Handle::try_current() {
                    runtime.spawn(timeout(limits.sign, returned));
                }
            }
            _ if self.is_idle => {}
            _ => self.connection.close_on_drop(),
        }
    }
}

/// Where reads go.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) pool: AnyPool,
    /// `None` for a file.
    pub(super) limits: Option<Limits>,
}

impl<'r> Executor<'r> for &'r Reader {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<AnyQueryResult, AnyRow>, sqlx::Error>>
    where
        'r: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let Some(limits) = self.limits else { return self.pool.fetch_many(query) };
        let answer = async move {
            let mut connection = Lent::from(&self.pool, self.limits).await?;
            let steps: Vec<_> =
                within(Some(limits.statement), connection.fetch_many(query).try_collect()).await?;
            connection.finished();
            Ok::<_, sqlx::Error>(stream::iter(steps.into_iter().map(Ok)))
        };
        stream::once(answer).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, sqlx::Error>>
    where
        'r: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let Some(limits) = self.limits else { return self.pool.fetch_optional(query) };
        let answer = async move {
            let mut connection = Lent::from(&self.pool, self.limits).await?;
            let row = within(Some(limits.statement), connection.fetch_optional(query)).await?;
            connection.finished();
            Ok(row)
        };
        answer.boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, sqlx::Error>>
    where
        'r: 'e,
    {
        self.pool.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Any>, sqlx::Error>>
    where
        'r: 'e,
    {
        self.pool.describe(sql)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Barrier;
    use url::Url;

    use super::*;
    use crate::store::{Store, StoreError, fixture::Database, network::Network};

    const LIMITS: Limits = Limits { sign: Duration::from_millis(300), statement: Duration::from_millis(500) };

    async fn read(store: &Store) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar("SELECT COUNT(*) FROM rosters").fetch_one(store.reader()).await
    }

    async fn write(store: &Store) -> Result<(), StoreError> {
        store
            .write(|transaction| {
                Box::pin(async move {
                    transaction.execute("UPDATE rosters SET accounts = accounts + 1").await?;
                    Ok(())
                })
            })
            .await
    }

    #[tokio::test]
    async fn a_server_that_vanishes_without_a_word_holds_nobody_up_for_long() {
        let database = Database::on_server();
        let network = Network::before(&database.url).await;
        let store = Store::open_within(network.url.as_str().into(), Some(LIMITS)).await.unwrap();
        // All connections there may be, so that none is left that was never used.
        for round in 0..3 {
            let (store, network) = (&store, &network);
            let work = || async move { (read(store).await.is_ok(), write(store).await.is_ok()) };
            let used = futures_util::future::join_all((0..16).map(|_| work())).await;
            assert!(used.iter().all(|done| *done == (true, true)), "{round}: {used:?}");
            network.vanish();
            // Far less than TCP waits. Some fail, since nobody knows what became of them; none hangs, and soon all is well.
            let recovered = async {
                while !futures_util::future::join_all((0..16).map(|_| work()))
                    .await
                    .iter()
                    .all(|done| *done == (true, true))
                {}
                store.check().await.unwrap();
            };
            timeout(Duration::from_secs(20), recovered)
                .await
                .expect("it goes on with the server in its place");
        }
        store.close().await;
    }

    #[tokio::test]
    async fn who_does_not_wait_for_an_answer_leaves_no_connection_behind_that_has_one_to_come() {
        let database = Database::on_server();
        let store = database.open().await;
        for _ in 0..20 {
            let slow =
                sqlx::query_scalar::<_, String>("SELECT CAST(pg_sleep(5) AS TEXT)").fetch_one(store.reader());
            assert!(timeout(Duration::from_millis(10), slow).await.is_err());
        }
        let answers = (0..8).map(|number| {
            sqlx::query_scalar::<_, i64>("SELECT CAST($1 AS BIGINT)").bind(number).fetch_one(store.reader())
        });
        let answers: Vec<_> =
            futures_util::future::join_all(answers).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, (0..8).collect::<Vec<_>>());
        store.close().await;
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_ended_by_the_server() {
        let database = Database::on_server();
        let store = Store::open_within(database.url.as_str().into(), Some(LIMITS)).await.unwrap();
        const SLOW: &str = "SELECT CAST(pg_sleep(60) AS TEXT)";
        for _ in 0..4 {
            let slow = sqlx::query_scalar::<_, String>(SLOW).fetch_one(store.reader());
            // Some give up, some wait for as long as it is allowed.
            let _ = timeout(LIMITS.sign, slow).await;
        }
        assert!(sqlx::query_scalar::<_, String>(SLOW).fetch_one(store.reader()).await.is_err());
        let ended = async {
            let at_work = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
                           AND state = 'active' AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()";
            while sqlx::query_scalar::<_, i64>(at_work).fetch_one(store.reader()).await.unwrap() > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(10), ended).await.expect("the server works for nobody");
        store.close().await;
    }

    #[tokio::test]
    async fn when_all_connections_are_idle_and_dead_the_first_write_finds_the_server_in_their_place() {
        let database = Database::on_server();
        let network = Network::before(&database.url).await;
        let store = Store::open_within(network.url.as_str().into(), Some(LIMITS)).await.unwrap();
        let all = Arc::new(Barrier::new(8));
        let meet = (0..8).map(|_| {
            let all = all.clone();
            store.write(move |transaction| {
                Box::pin(async move {
                    transaction.execute("SELECT 1").await?;
                    all.wait().await;
                    Ok::<_, StoreError>(())
                })
            })
        });
        futures_util::future::try_join_all(meet).await.unwrap();
        // Until they are asked whether they still are there.
        tokio::time::sleep(super::super::IDLE + LIMITS.sign).await;
        network.vanish();
        write(&store).await.unwrap();
        store.close().await;
    }

    #[tokio::test]
    async fn a_server_that_becomes_a_standby_is_left_as_soon_as_that_shows() {
        let database = Database::on_server();
        let store = Store::open_within(database.url.as_str().into(), Some(LIMITS)).await.unwrap();
        write(&store).await.unwrap();
        let name = Url::parse(&database.url).unwrap().path().trim_start_matches('/').to_owned();
        // As far as it can be had without a second server: new connections do not write, and those that are there do not any more.
        let alter = |value: &str| {
            sqlx::AssertSqlSafe(format!("ALTER DATABASE {name} SET default_transaction_read_only = {value}"))
        };
        let mut administrator = <AnyConnection as sqlx::Connection>::connect(&database.url).await.unwrap();
        administrator.execute("SET default_transaction_read_only = off").await.unwrap();
        administrator.execute(alter("on")).await.unwrap();
        const BECOME: &str = "SET SESSION default_transaction_read_only = on";
        let left = async {
            while write(&store).await.is_ok() {
                let become_standby = store.write(|transaction| {
                    Box::pin(async move { Ok::<_, StoreError>(transaction.execute(BECOME).await.map(drop)?) })
                });
                // It fails where the last one was left a moment ago.
                let _ = become_standby.await;
            }
            while store.check().await.is_ok() {
                let _ = sqlx::query(BECOME).execute(store.reader()).await;
            }
        };
        timeout(Duration::from_secs(20), left).await.expect("what takes no writes is told");
        administrator.execute(alter("off")).await.unwrap();
        // Not one of the connections that were read-only is used again.
        for _ in 0..8 {
            write(&store).await.unwrap();
        }
        store.check().await.unwrap();
        store.close().await;
    }
}
