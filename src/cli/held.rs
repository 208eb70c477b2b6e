//! `scim-bridge held`: what a person decides about revocations that the brake holds.

use anyhow::{Context, bail};

use crate::{
    converge::{
        Target,
        held::{Decision, decide},
    },
    store::{User, events, users},
};

use super::target_of_file::TargetOfFile;

/// How many users are read, and decided about, in one step.
const STEP: u32 = 200;

/// Looks at what is held, and decides.
#[derive(Debug, clap::Args)]
pub(super) struct Held {
    #[command(flatten)]
    target: TargetOfFile,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Who is held, since when, who asked for it, and why.
    List,
    /// Disable these accounts, whatever the count says. The running server does it within seconds.
    Release(Chosen),
    /// Leave these accounts as they are: the users are active again, and who was deleted is an account that nobody manages.
    Drop(Chosen),
}

/// The users that are meant.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Chosen {
    /// Users by userName, e-mail, SCIM id or externalId.
    #[arg(value_name = "USER")]
    users: Vec<String>,
    /// All who are held now.
    #[arg(long)]
    all: bool,
}

impl Held {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let target = self.target.open().await?;
        match &self.what {
            What::List => list(&target).await,
            What::Release(chosen) => chosen.decide(&target, Decision::Release).await,
            What::Drop(chosen) => chosen.decide(&target, Decision::Drop).await,
        }
    }
}

async fn list(target: &Target) -> anyhow::Result<()> {
    let mut count = 0;
    let mut pages = Pages::of(target);
    while let Some(users) = pages.next().await? {
        for user in users {
            let asker = events::find_asker(&target.store, &target.app, &user.id).await?;
            println!("{}", line(&user, asker.as_deref()));
            count += 1;
        }
    }
    match count {
        0 => println!("Nothing is held for app {}.", target.app),
        _ => println!(
            "{count} held for app {}. Release or drop them: `held … release|drop [USER… | --all]`.",
            target.app
        ),
    }
    Ok(())
}

fn line(user: &User, asker: Option<&str>) -> String {
    let wanted = if user.is_live() { "deactivation" } else { "deletion" };
    let since = user.held_at.map(|time| time.to_string()).unwrap_or_default();
    format!(
        "{}  {}  {wanted} held since {since}, asked for by {}: {}",
        user.resource.user_name().unwrap_or_default(),
        user.id,
        asker.unwrap_or("the bridge itself"),
        user.failure.as_deref().unwrap_or("the brake is on")
    )
}

/// The users that are held, step by step.
struct Pages<'a> {
    target: &'a Target,
    after: String,
}

impl<'a> Pages<'a> {
    fn of(target: &'a Target) -> Self {
        Self { target, after: String::new() }
    }

    /// The next ones; `None` when there are no more.
    async fn next(&mut self) -> anyhow::Result<Option<Vec<User>>> {
        let users = users::list_held(&self.target.store, &self.target.app, &self.after, STEP).await?;
        let Some(last) = users.last() else { return Ok(None) };
        last.id.as_str().clone_into(&mut self.after);
        Ok(Some(users))
    }
}

impl Chosen {
    async fn decide(&self, target: &Target, decision: Decision) -> anyhow::Result<()> {
        let decided =
            if self.all { decide_all(target, decision).await? } else { self.some(target, decision).await? };
        if decided == 0 {
            bail!("nothing is held for app {}, so nothing was changed", target.app);
        }
        match decision {
            Decision::Release => println!(
                "{decided} released: the server disables the accounts within seconds, or when it runs again."
            ),
            Decision::Drop => println!("{decided} dropped: the accounts stay as they are."),
        }
        Ok(())
    }

    /// All that are named, or none if one of them is not held.
    async fn some(&self, target: &Target, decision: Decision) -> anyhow::Result<usize> {
        let mut ids = Vec::new();
        for name in &self.users {
            let mut found = users::find_by_any_name(&target.store, &target.app, name).await?;
            found.retain(|user| user.held_at.is_some());
            match found.as_slice() {
                [] => bail!(
                    "no user that is held is called {name}, so nothing was changed; `held … list` lists who is"
                ),
                [user] => ids.push(user.id.clone()),
                several => bail!(
                    "several users that are held are called {name}, so nothing was changed; choose by id: {}",
                    several.iter().map(|user| user.id.as_str()).collect::<Vec<_>>().join(", ")
                ),
            }
        }
        decide(target, ids, decision).await.context("the database failed")
    }
}

async fn decide_all(target: &Target, decision: Decision) -> anyhow::Result<usize> {
    let mut decided = 0;
    let mut pages = Pages::of(target);
    while let Some(users) = pages.next().await? {
        let ids = users.into_iter().map(|user| user.id).collect();
        decided += decide(target, ids, decision).await.context("the database failed")?;
    }
    Ok(decided)
}
