//! The one task that commits.

use std::{any::Any, panic::AssertUnwindSafe};

use futures_util::{
    FutureExt,
    future::{BoxFuture, poll_fn},
};
use sqlx::{AnyConnection, AnyPool, Executor};
use tokio::sync::{mpsc, oneshot};

use super::StoreError;

/// How much work one transaction takes along at the most: one fsync for all of it.
const BATCH: usize = 64;

/// How much work may wait before callers wait to hand over more.
const QUEUE: usize = 1024;

/// Hands work to the task that commits. Clones share the task; it ends when the last one is gone or `stop` is called.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
}

enum Message {
    Work(Box<dyn Work>),
    Stop(oneshot::Sender<()>),
}

/// A piece of work, with its result and its caller hidden so that a batch can hold many kinds.
trait Work: Send {
    /// Does it inside the open transaction and keeps the result. Whether it succeeded.
    fn run<'t>(&'t mut self, connection: &'t mut AnyConnection) -> BoxFuture<'t, bool>;

    /// The transaction is durable (or could not be committed): tells the caller.
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

/// Work that has not run yet or has its result.
struct Job<F, T, E> {
    work: Option<F>,
    result: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Work for Job<F, T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
    F: for<'t> FnOnce(&'t mut AnyConnection) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
{
    fn run<'t>(&'t mut self, connection: &'t mut AnyConnection) -> BoxFuture<'t, bool> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return false };
            // A panic inside the work must not take the writer with it.
            let result = AssertUnwindSafe(async move { work(connection).await })
                .catch_unwind()
                .await
                .unwrap_or_else(|panic: Box<dyn Any + Send>| {
                    let message = panic.downcast_ref::<&str>().copied().unwrap_or("no message");
                    tracing::error!(panic = message, "work on the database panicked");
                    Err(StoreError::Panicked.into())
                });
            let succeeded = result.is_ok();
            self.result = Some(result);
            succeeded
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
    /// Starts the task. `pool` is its own, of one connection.
    pub(super) fn start(pool: AnyPool) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(run(pool, waiting));
        Self { queue }
    }

    /// See [`Store::write`](super::Store::write).
    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut AnyConnection) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let (caller, result) = oneshot::channel();
        let job = Job { work: Some(work), result: None, caller };
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

async fn run(pool: AnyPool, mut queue: mpsc::Receiver<Message>) {
    let mut messages = Vec::with_capacity(BATCH);
    let mut stopping = None;
    while stopping.is_none()
        && poll_fn(|context| queue.poll_recv_many(context, &mut messages, BATCH)).await > 0
    {
        let mut batch = Vec::with_capacity(messages.len());
        for message in messages.drain(..) {
            match message {
                Message::Work(work) => batch.push(work),
                Message::Stop(stopped) => stopping = Some(stopped),
            }
        }
        commit(&pool, batch).await;
    }
    pool.close().await;
    if let Some(stopped) = stopping {
        let _ = stopped.send(());
    }
}

/// Runs the batch in one transaction and tells every caller.
async fn commit(pool: &AnyPool, mut batch: Vec<Box<dyn Work>>) {
    if batch.is_empty() {
        return;
    }
    let committed = transact(pool, &mut batch).await.map_err(|error| {
        tracing::error!(%error, "a database transaction failed");
        error.to_string()
    });
    for work in batch {
        work.finish(committed.clone().map_err(StoreError::Commit));
    }
}

async fn transact(pool: &AnyPool, batch: &mut [Box<dyn Work>]) -> Result<(), sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let outcome = transact_on(&mut connection, batch).await;
    if outcome.is_err() {
        // Whatever state it is in, the next batch starts on a fresh one.
        connection.close_on_drop();
    }
    outcome
}

async fn transact_on(connection: &mut AnyConnection, batch: &mut [Box<dyn Work>]) -> Result<(), sqlx::Error> {
    // IMMEDIATE: take the write lock now, so that no statement later on finds it taken.
    connection.execute("BEGIN IMMEDIATE").await?;
    if let [work] = batch {
        let end = if work.run(connection).await { "COMMIT" } else { "ROLLBACK" };
        connection.execute(end).await?;
        return Ok(());
    }
    for work in batch {
        connection.execute("SAVEPOINT work").await?;
        if !work.run(connection).await {
            connection.execute("ROLLBACK TO work").await?;
        }
        connection.execute("RELEASE work").await?;
    }
    connection.execute("COMMIT").await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Store;
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
        let folder = tempfile::tempdir().unwrap();
        let store =
            Store::open(&format!("sqlite:{}", folder.path().join("test.db").display())).await.unwrap();
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
        let folder = tempfile::tempdir().unwrap();
        let store =
            Store::open(&format!("sqlite:{}", folder.path().join("test.db").display())).await.unwrap();
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
