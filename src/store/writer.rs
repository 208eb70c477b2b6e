//! The one task that commits, or has others commit.
//!
//! SQLite has one writer at a time: all that is waiting goes into one transaction, each piece of work in a savepoint of its own, so
//! that sixteen clients share one fsync. PostgreSQL has several, each with one piece of work at a time.

use std::{any::Any, error::Error, panic::AssertUnwindSafe, sync::Arc};

use futures_util::{
    FutureExt,
    future::{BoxFuture, poll_fn},
};
use sqlx::{AnyConnection, AnyPool, Executor};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{
    StoreError,
    bounded::{Lent, Limits},
    dialect::{Dialect, Obstacle},
    patience::{Progress, Whereabouts},
};

/// How much work may wait before callers wait to hand over more.
const QUEUE: usize = 1024;

/// How often work is run that others get in the way of.
const ATTEMPTS: u32 = 5;

/// Hands work to the task that commits. Clones share the task; it ends when the last one is gone or `stop` is called.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    pool: AnyPool,
}

enum Message {
    Work(Box<dyn Work>),
    Stop(oneshot::Sender<()>),
}

/// A piece of work, with its result and its caller hidden so that a batch can hold many kinds.
trait Work: Send {
    /// Does it inside the open transaction and keeps the result.
    fn run<'t>(&'t mut self, connection: &'t mut AnyConnection) -> BoxFuture<'t, Outcome>;

    /// The transaction is durable (or could not be committed): tells the caller.
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

/// How a piece of work went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Well.
    Done,
    /// It is to be undone.
    Failed,
    /// It is to be undone, and may go well another time.
    Obstructed(Obstacle),
}

/// Work, and its result once it has run.
struct Job<F, T, E> {
    work: F,
    result: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Work for Job<F, T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Error + Send + 'static,
    F: for<'t> FnOnce(&'t mut AnyConnection) -> BoxFuture<'t, Result<T, E>> + Clone + Send + 'static,
{
    fn run<'t>(&'t mut self, connection: &'t mut AnyConnection) -> BoxFuture<'t, Outcome> {
        Box::pin(async move {
            let work = self.work.clone();
            // A panic inside the work must not take the writer with it.
            let result = AssertUnwindSafe(async move { work(connection).await })
                .catch_unwind()
                .await
                .unwrap_or_else(|panic: Box<dyn Any + Send>| {
                    let message = panic.downcast_ref::<&str>().copied().unwrap_or("no message");
                    tracing::error!(panic = message, "work on the database panicked");
                    Err(StoreError::Panicked.into())
                });
            let outcome = match &result {
                Ok(_) => Outcome::Done,
                Err(error) => Obstacle::behind(error).map_or(Outcome::Failed, Outcome::Obstructed),
            };
            self.result = Some(result);
            outcome
        })
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (self.result, committed) {
            // Work that failed was rolled back by itself; its own error says more than the transaction's.
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(error.into()),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(StoreError::Closed.into()),
        };
        // The caller may have gone; the work is done all the same.
        let _ = self.caller.send(result);
    }
}

impl Writer {
    /// Starts the task. `pool` is its own.
    pub(super) fn start(pool: AnyPool, dialect: Dialect, limits: Option<Limits>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(run(Database { pool: pool.clone(), dialect, limits }, waiting));
        Self { queue, pool }
    }

    /// Its connections.
    pub(super) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// See [`Store::write`](super::Store::write).
    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Error + Send + 'static,
        F: for<'t> FnOnce(&'t mut AnyConnection) -> BoxFuture<'t, Result<T, E>> + Clone + Send + 'static,
    {
        let (caller, result) = oneshot::channel();
        let job = Job { work, result: None, caller };
        self.queue.send(Message::Work(Box::new(job))).await.map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }

    /// Finishes what was handed over before and ends the task.
    pub(super) async fn stop(&self) {
        let (stopped, done) = oneshot::channel();
        if self.queue.send(Message::Stop(stopped)).await.is_ok() {
            let _ = done.await;
        }
    }
}

/// What is written to.
#[derive(Clone, Debug)]
struct Database {
    pool: AnyPool,
    dialect: Dialect,
    limits: Option<Limits>,
}

impl Database {
    fn whereabouts(&self) -> Whereabouts<'_> {
        Whereabouts { pool: &self.pool, dialect: self.dialect, limits: self.limits }
    }
}

async fn run(database: Database, mut queue: mpsc::Receiver<Message>) {
    let Database { pool, dialect, .. } = &database;
    let writers = pool.options().get_max_connections();
    let turns = Arc::new(Semaphore::new(writers as usize));
    let mut messages = Vec::with_capacity(dialect.batch());
    let mut stopping = None;
    while stopping.is_none() {
        // First the turn: while all are taken, work gathers for the next batch.
        let turn = turns.clone().acquire_owned().await.expect("nobody closes it");
        if poll_fn(|context| queue.poll_recv_many(context, &mut messages, dialect.batch())).await == 0 {
            break;
        }
        let mut batch = Vec::with_capacity(messages.len());
        for message in messages.drain(..) {
            match message {
                Message::Work(work) => batch.push(work),
                Message::Stop(stopped) => stopping = Some(stopped),
            }
        }
        let database = database.clone();
        tokio::spawn(async move {
            commit(&database, batch).await;
            drop(turn);
        });
    }
    let _all = turns.acquire_many(writers).await;
    pool.close().await;
    if let Some(stopped) = stopping {
        let _ = stopped.send(());
    }
}

/// Runs the batch in one transaction and tells every caller.
async fn commit(database: &Database, mut batch: Vec<Box<dyn Work>>) {
    if batch.is_empty() {
        return;
    }
    let committed = transact(database, &mut batch).await.map_err(|error| {
        tracing::error!(%error, "a database transaction failed");
        error.to_string()
    });
    for work in batch {
        work.finish(committed.clone().map_err(StoreError::Commit));
    }
}

/// Runs the batch in a transaction, and again while something is in its way: nobody was told of a result yet.
async fn transact(database: &Database, batch: &mut [Box<dyn Work>]) -> Result<(), sqlx::Error> {
    for attempt in 1.. {
        let mut connection = Lent::from(&database.pool, database.limits).await?;
        let progress = Progress::default();
        let transaction = transact_on(&mut connection, database.dialect, batch, &progress);
        let ended = database.whereabouts().wait_for(&progress, transaction).await;
        let ended = ended.unwrap_or_else(|error| match progress.may_be_committed() {
            true => Err(Unfinished::NotCommitted(error)),
            false => Err(Unfinished::NotEnded(error)),
        });
        if matches!(ended, Ok(()) | Err(Unfinished::Obstructed(Obstacle::Conflict))) {
            // Otherwise, whatever state it is in, the next batch starts on a fresh one.
            connection.finished();
        }
        drop(connection);
        match ended {
            Ok(()) => break,
            Err(Unfinished::NotEnded(error)) if attempt == ATTEMPTS || Obstacle::behind(&error).is_none() => {
                return Err(error);
            }
            Err(Unfinished::NotCommitted(error)) => return Err(error),
            Err(Unfinished::Obstructed(_)) if attempt == ATTEMPTS => break,
            Err(unfinished) => tracing::debug!(attempt, ?unfinished, "work on the database is run again"),
        }
    }
    Ok(())
}

/// Why a transaction left nothing, as far as is known.
#[derive(Debug)]
enum Unfinished {
    /// It did not come to its end, or did not even begin.
    NotEnded(sqlx::Error),
    /// Something was in the way of its work, whose error is kept with it.
    Obstructed(Obstacle),
    /// The commit failed. It may have been carried out all the same, so nothing is tried again.
    NotCommitted(sqlx::Error),
}

async fn transact_on(
    connection: &mut AnyConnection,
    dialect: Dialect,
    batch: &mut [Box<dyn Work>],
    progress: &Progress,
) -> Result<(), Unfinished> {
    let begun = connection.fetch_all(dialect.begin()).await.map_err(Unfinished::NotEnded)?;
    progress.begun(&begun).map_err(Unfinished::NotEnded)?;
    let end = match batch {
        [work] => match work.run(connection).await {
            Outcome::Done => dialect.commit(),
            Outcome::Failed => "ROLLBACK",
            Outcome::Obstructed(obstacle) => {
                if obstacle == Obstacle::Conflict {
                    connection.execute("ROLLBACK").await.map_err(Unfinished::NotCommitted)?;
                }
                return Err(Unfinished::Obstructed(obstacle));
            }
        },
        _ => {
            run_all(connection, batch).await.map_err(Unfinished::NotCommitted)?;
            dialect.commit()
        }
    };
    progress.commits();
    connection.execute(end).await.map_err(Unfinished::NotCommitted)?;
    Ok(())
}

/// Runs all of it, each in a savepoint of its own.
async fn run_all(connection: &mut AnyConnection, batch: &mut [Box<dyn Work>]) -> Result<(), sqlx::Error> {
    for work in batch {
        connection.execute("SAVEPOINT work").await?;
        if work.run(connection).await != Outcome::Done {
            connection.execute("ROLLBACK TO work").await?;
        }
        connection.execute("RELEASE work").await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Store, fixture::Database};
    use super::*;

    async fn count(store: &Store) -> i64 {
        sqlx::query_scalar("SELECT COUNT(*) FROM rosters").fetch_one(store.reader()).await.unwrap()
    }

    fn insert(
        store: &Store,
        app: &'static str,
        then: Result<(), &'static str>,
    ) -> impl Future<Output = Result<(), StoreError>> + use<> {
        let store = store.clone();
        async move {
            store
                .write(move |connection| {
                    Box::pin(async move {
                        sqlx::query("INSERT INTO rosters (app, completed_at, accounts) VALUES ($1, 0, 0)")
                            .bind(app)
                            .execute(&mut *connection)
                            .await?;
                        then.map_err(|reason| StoreError::Commit(reason.to_owned()))
                    })
                })
                .await
        }
    }

    #[tokio::test]
    async fn work_that_fails_or_panics_is_undone_and_its_neighbours_are_kept() {
        let database = Database::new();
        let store = database.open().await;
        let panicking = store.write::<(), StoreError, _>(|_| Box::pin(async { panic!("on purpose") }));
        let (kept, failed, panicked, also_kept) = tokio::join!(
            insert(&store, "a", Ok(())),
            insert(&store, "b", Err("no")),
            panicking,
            insert(&store, "c", Ok(()))
        );
        assert!(kept.is_ok() && also_kept.is_ok());
        assert!(failed.is_err());
        assert!(matches!(panicked, Err(StoreError::Panicked)));
        assert_eq!(count(&store).await, 2);
        store.close().await;
    }

    #[tokio::test]
    async fn callers_that_hang_up_in_the_middle_lose_nothing_and_poison_nothing() {
        let database = Database::new();
        let store = database.open().await;
        for round in 0..2_000_u32 {
            let app: &'static str = Box::leak(format!("app-{round}").into_boxed_str());
            let write = tokio::spawn(insert(&store, app, Ok(())));
            // Different rounds stop waiting at different points of the work.
            for _ in 0..round % 7 {
                tokio::task::yield_now().await;
            }
            write.abort();
        }
        insert(&store, "after", Ok(())).await.unwrap();
        assert_eq!(
            sqlx::query_scalar::<_, String>("SELECT app FROM rosters WHERE app = 'after'")
                .fetch_all(store.reader())
                .await
                .unwrap()
                .len(),
            1
        );
        store.close().await;
    }
}
