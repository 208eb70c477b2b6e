//! How long a transaction is waited for.
//!
//! One may take long for a good reason: a group of a hundred thousand, rows that another one holds, a standby that must have the commit
//! first. To give it up then would be to give it up for ever, since it takes as long the next time. And a server that vanished without
//! a word answers never. So when it has been silent for as long as a statement may take, it is asked on a new connection, which leads
//! to whichever machine is the server by then, whether it is at work on the transaction: one that vanished is not.

use std::{
    pin::{Pin, pin},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use futures_util::future::poll_fn;
use sqlx::{AnyConnection, AnyPool, Connection, Row};
use tokio::time::{Duration, sleep};

use super::{
    bounded::{Limits, unanswered, within},
    dialect::Dialect,
};

/// How far a transaction has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    begun: OnceLock<Begun>,
    is_committing: AtomicBool,
}

/// What a server knows a transaction by.
#[derive(Clone, Copy, Debug)]
struct Begun {
    process: i64,
    at: i64,
}

impl Progress {
    /// It has begun, and the database answered this, if it is one that must be asked later on.
    pub(super) fn begun(&self, answer: &[sqlx::any::AnyRow]) -> Result<(), sqlx::Error> {
        if let [row, ..] = answer {
            let _ = self.begun.set(Begun { process: row.try_get(0)?, at: row.try_get(1)? });
        }
        Ok(())
    }

    /// From now on it may be durable.
    pub(super) fn commits(&self) {
        self.is_committing.store(true, Ordering::Relaxed);
    }

    /// Whether it may be durable.
    pub(super) fn may_be_committed(&self) -> bool {
        self.is_committing.load(Ordering::Relaxed)
    }
}

/// Where a transaction is, for whoever asks what became of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whereabouts<'a> {
    pub(super) pool: &'a AnyPool,
    pub(super) dialect: Dialect,
    pub(super) limits: Option<Limits>,
}

impl Whereabouts<'_> {
    /// Waits for `transaction` as long as the server answers, or says that it is at work on it.
    ///
    /// # Errors
    /// When it does not.
    pub(super) async fn wait_for<T>(
        self,
        progress: &Progress,
        transaction: impl Future<Output = T>,
    ) -> Result<T, sqlx::Error> {
        let Some(limits) = self.limits else { return Ok(transaction.await) };
        let mut transaction = pin!(transaction);
        let mut is_last_chance = false;
        loop {
            let limit = if is_last_chance { limits.sign } else { limits.statement };
            match next_word(limit, transaction.as_mut()).await {
                Word::Last(end) => return Ok(end),
                Word::Some => is_last_chance = false,
                Word::None if is_last_chance => return Err(unanswered(limits.statement)),
                // Where it is not at work any more, the answer may have been on its way.
                Word::None => is_last_chance = !self.is_at_work(limits, progress).await,
            }
        }
    }

    /// Whether the server says that it is at work on a statement of the transaction.
    async fn is_at_work(self, limits: Limits, progress: &Progress) -> bool {
        let (Some(statement), Some(begun)) = (self.dialect.is_at_work(), progress.begun.get()) else {
            return false;
        };
        let asked = within(Some(limits.statement), async {
            let mut connection = AnyConnection::connect_with(&self.pool.connect_options()).await?;
            let found: i64 = sqlx::query_scalar(statement)
                .bind(begun.process)
                .bind(begun.at)
                .fetch_one(&mut connection)
                .await?;
            connection.close().await?;
            Ok(found > 0)
        });
        asked.await.unwrap_or_else(|error| {
            tracing::debug!(%error, "nobody can tell what became of a transaction");
            false
        })
    }
}

/// What is heard of something that goes on elsewhere.
enum Word<T> {
    /// It has ended.
    Last(T),
    /// It goes on.
    Some,
    /// Nothing, for too long.
    None,
}

/// Waits until there is something new of `answer`, or nothing within `limit`. That it is woken is something new.
async fn next_word<T>(limit: Duration, mut answer: Pin<&mut impl Future<Output = T>>) -> Word<T> {
    let mut silence = pin!(sleep(limit));
    let mut is_first_look = true;
    poll_fn(|context| {
        if let Poll::Ready(end) = answer.as_mut().poll(context) {
            return Poll::Ready(Word::Last(end));
        }
        if silence.as_mut().poll(context).is_ready() {
            return Poll::Ready(Word::None);
        }
        if std::mem::take(&mut is_first_look) { Poll::Pending } else { Poll::Ready(Word::Some) }
    })
    .await
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::store::{Store, StoreError, fixture::Database, network::Network};

    const LIMITS: Limits = Limits { sign: Duration::from_millis(300), statement: Duration::from_millis(300) };

    async fn sleep_in_transaction(store: &Store, seconds: &'static str) -> Result<(), StoreError> {
        store
            .write(move |transaction| {
                Box::pin(async move {
                    sqlx::query("SELECT CAST(pg_sleep(CAST($1 AS DOUBLE PRECISION)) AS TEXT)")
                        .bind(seconds)
                        .execute(transaction)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    #[tokio::test]
    async fn what_takes_long_is_waited_for_and_a_server_that_vanished_is_not() {
        let database = Database::on_server();
        let network = Network::before(&database.url).await;
        let store = Store::open_within(network.url.as_str().into(), Some(LIMITS)).await.unwrap();
        sleep_in_transaction(&store, "2").await.unwrap();

        // The answer to a commit never comes, nor does a word of what nobody is at work on.
        let vanishing = store.write(move |transaction| {
            Box::pin(async move {
                sqlx::query("SELECT 1").execute(transaction).await?;
                network.vanish();
                Ok::<_, StoreError>(())
            })
        });
        let vanished = timeout(Duration::from_secs(10), vanishing).await.expect("it is given up");
        assert!(matches!(vanished, Err(StoreError::Commit(_))), "{vanished:?}");
        store.close().await;
    }
}
