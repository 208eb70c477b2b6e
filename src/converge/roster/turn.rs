//! One pass an app at a time, over all processes: who makes one has a lease in the database, and whoever wants one meanwhile
//! waits for it and takes its result. So a command beside the server costs no second listing.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    clock::Time,
    store::{
        StoreError, Transaction, UserId,
        roster_passes::{self, RosterPass, Turn},
        rosters::{self, Roster},
    },
};

use super::{RosterError, Target, pass::pass, schedule::learn_catalogue};

/// How long a turn lasts beyond the last sign of life of who has it.
const LEASE: Duration = Duration::from_secs(30);

/// How often who has it gives one.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// How often to look whether the pass of another process has ended.
const POLL: Duration = Duration::from_millis(100);

/// Whether it has listed what groups give is looked at once in so many looks.
const LOOKS_FOR_CATALOGUE: u32 = 10;

/// Who asks for a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The process that serves.
    Server,
    /// A command beside it.
    Command,
}

impl Caller {
    /// How the names begin under which it takes turns.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Server => "server-",
            Self::Command => "command-",
        }
    }
}

/// Which pass somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// One that has not ended yet.
    New,
    /// Any that ended after the one that did then; `None`: any.
    After(Option<Time>),
}

/// Makes a pass, or waits for the one that is under way and answers what that came to. `None` when `stopping` came first.
///
/// # Errors
/// When a call or the database fails; what was seen until then is kept.
pub async fn sync(
    target: &Target,
    caller: Caller,
    wanted: Wanted,
    stopping: &CancellationToken,
) -> Option<Result<Roster, RosterError>> {
    let owner = format!("{}{}", caller.prefix(), UserId::new(target.clock.now()));
    let result = tokio::select! {
        biased;
        () = stopping.cancelled() => None,
        result = in_turn(target, &owner, wanted) => Some(result),
    };
    if result.is_none() {
        // Whoever is next need not wait until the lease is over.
        if let Err(error) = abandon(target, &owner).await {
            tracing::warn!(app = target.app, %error, "the turn to list accounts could not be given up");
        }
    }
    result
}

async fn in_turn(target: &Target, owner: &str, wanted: Wanted) -> Result<Roster, RosterError> {
    let (store, app) = (&target.store, target.app.as_str());
    let mut pass = roster_passes::find(store, app).await?;
    let last_end = match wanted {
        Wanted::New => pass.ended_at,
        Wanted::After(last_end) => last_end,
    };
    let (mut looks, mut learned) = (0_u32, None);
    loop {
        if pass.ended_at != last_end {
            return outcome(target, pass).await;
        }
        // What another one listed, a command perhaps, counts from now on; and while another makes its pass, work goes on here.
        if looks % LOOKS_FOR_CATALOGUE == 0 {
            learn_catalogue(target, &mut learned).await?;
        }
        looks += 1;
        // Whoever waits for another only looks: to ask for the turn is a write.
        if pass.is_free(target.clock.now()) && take(target, owner, last_end).await? {
            return make(target, owner).await;
        }
        target.clock.sleep_until(target.clock.now() + POLL).await;
        pass = roster_passes::find(store, app).await?;
    }
}

/// What the pass of another process came to.
async fn outcome(target: &Target, ended: RosterPass) -> Result<Roster, RosterError> {
    if let Some(reason) = ended.failure {
        return Err(RosterError::Elsewhere { reason });
    }
    let roster = rosters::find(&target.store, &target.app).await?;
    roster.ok_or_else(|| RosterError::Elsewhere { reason: "no pass was completed".into() })
}

async fn make(target: &Target, owner: &str) -> Result<Roster, RosterError> {
    let Some(directory) = target.connector.directory() else {
        return Err(RosterError::NoDirectory { target: target.connector.target().to_owned() });
    };
    let result = tokio::select! {
        biased;
        result = pass(target, directory, owner) => result,
        error = keep(target, owner) => Err(error),
    };
    if let Err(error) = &result {
        fail(target, owner, error.to_string()).await?;
    }
    result
}

/// Gives signs of life until the database fails, or the turn is another's: this process was paused for longer than a turn lasts.
async fn keep(target: &Target, owner: &str) -> RosterError {
    loop {
        target.clock.sleep_until(target.clock.now() + SIGN_OF_LIFE).await;
        let (app, owner) = (target.app.clone(), owner.to_owned());
        let until = target.clock.now() + LEASE;
        let renewed = target.store.write(move |transaction| {
            Box::pin(async move { roster_passes::renew(transaction, &app, &owner, until).await })
        });
        match renewed.await {
            Ok(true) => {}
            Ok(false) => return RosterError::turn_lost(),
            Err(error) => return error.into(),
        }
    }
}

async fn take(target: &Target, owner: &str, last_end: Option<Time>) -> Result<bool, StoreError> {
    let (app, owner, now) = (target.app.clone(), owner.to_owned(), target.clock.now());
    target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                let turn = Turn { owner: &owner, now, until: now + LEASE, last_end };
                roster_passes::take(transaction, &app, turn).await
            })
        })
        .await
}

async fn fail(target: &Target, owner: &str, reason: String) -> Result<(), StoreError> {
    let (app, owner, now) = (target.app.clone(), owner.to_owned(), target.clock.now());
    target
        .store
        .write(move |transaction| {
            Box::pin(async move {
                roster_passes::end(transaction, &app, &owner, now, Some(&reason)).await.map(|_| ())
            })
        })
        .await
}

/// Ends the turn of a server that is gone, for one that has the database to itself now. Commands beside it keep theirs.
///
/// # Errors
/// When the database fails.
pub async fn abandon_turns_of_servers(transaction: &mut Transaction, app: &str) -> Result<(), StoreError> {
    roster_passes::abandon(transaction, app, Caller::Server.prefix()).await
}

async fn abandon(target: &Target, owners: &str) -> Result<(), StoreError> {
    let (app, owners) = (target.app.clone(), owners.to_owned());
    target
        .store
        .write(move |transaction| {
            Box::pin(async move { roster_passes::abandon(transaction, &app, &owners).await })
        })
        .await
}
