//! The clock that counts for all who work in a database.
//!
//! Leases, due times and rate windows are times in rows, which one process writes and another reads. Where these may be on several
//! machines, whose clocks differ, all go by the clock of the database.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use super::{
    StoreError, Use,
    bounded::Reader,
    connect,
    dialect::{Creating, Dialect},
};
use crate::{
    clock::{Clock, SetClock, SystemClock, Time},
    secret::DatabaseUrl,
};

/// How often it is set. Clocks that run by themselves differ by some microseconds after that long.
const SET_EVERY: Duration = Duration::from_secs(5);

/// The clock of the database at `url`, which must be there already: of this machine for a file, and else that of the server.
///
/// # Errors
/// When the database cannot be asked.
pub async fn clock_of(url: impl Into<DatabaseUrl>) -> Result<Arc<dyn Clock>, StoreError> {
    let url = url.into();
    let Some(statement) = Dialect::of(&url).time() else { return Ok(Arc::new(SystemClock)) };
    sqlx::any::install_default_drivers();
    let limits = Dialect::of(&url).limits();
    let reader = Reader { pool: connect(&url, Creating::No, Use::Read(1), limits).await?, limits };
    let clock = Arc::new(SetClock::by(|| look(reader.clone(), statement)).await?);
    tokio::spawn(keep_set(Arc::downgrade(&clock), reader, statement));
    Ok(clock)
}

async fn look(reader: Reader, statement: &'static str) -> Result<Time, StoreError> {
    Ok(Time::from_micros(sqlx::query_scalar(statement).fetch_one(&reader).await?))
}

/// Sets the clock now and then for as long as anybody has it.
async fn keep_set(clock: Weak<SetClock>, reader: Reader, statement: &'static str) {
    let mut is_followed = true;
    loop {
        let Some(next) = clock.upgrade().map(|clock| clock.sleep_until(clock.now() + SET_EVERY)) else {
            break;
        };
        next.await;
        let Some(clock) = clock.upgrade() else { break };
        // While the database does not answer, which all others tell, it runs by itself.
        let Ok(was_followed) = clock.set(|| look(reader.clone(), statement)).await else { continue };
        if is_followed && !was_followed {
            tracing::error!(
                "the clock of the database was set back; this process goes by the time before. Restart all replicas at once"
            );
        }
        is_followed = was_followed;
    }
    reader.pool.close().await;
}
