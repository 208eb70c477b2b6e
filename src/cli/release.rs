//! `scim-bridge release`: hand users back, without touching their accounts.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{anyhow, bail};

use crate::{
    converge::{
        Target,
        release::{self, Released},
    },
    store::{User, UserId, users},
};

use super::target_of_file::TargetOfFile;

/// What whoever uses this must know.
const DISCONNECT_FIRST: &str =
    "An identity provider that still writes to them takes them over again: disconnect it first.";

/// Hands users back.
#[derive(Debug, clap::Args)]
pub(super) struct Release {
    #[command(flatten)]
    target: TargetOfFile,
    /// Whom: a userName, an e-mail, an id, an externalId, or the target's id of the account.
    #[arg(value_name = "USER", required_unless_present = "all", conflicts_with = "all")]
    users: Vec<String>,
    /// All users of the app.
    #[arg(long)]
    all: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

impl Release {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let target = self.target.open().await?;
        let result = if self.all { self.all(&target).await } else { self.some(&target).await };
        target.store.close().await;
        println!("{}", summary(&target, &result?));
        Ok(())
    }

    async fn all(&self, target: &Target) -> anyhow::Result<Released> {
        let hands = release::count(target).await?;
        if hands.managed + hands.leaving == 0 {
            bail!(
                "no user of app {} is managed by an identity provider; there is nothing to release",
                target.app
            );
        }
        println!(
            "{} of app {} are handed back: the bridge changes nothing about them any more, and their accounts at {} stay as \
             they are now.\nWhat is not done yet for {} of them is dropped. The accounts of {} that the identity provider \
             deleted are not disabled any more.\n{DISCONNECT_FIRST}",
            counted(hands.managed, "user"),
            target.app,
            target.connector.target(),
            hands.unfinished,
            counted(hands.leaving, "user"),
        );
        if !self.yes && !confirmed()? {
            bail!("nothing was released");
        }
        Ok(release::all(target).await?)
    }

    async fn some(&self, target: &Target) -> anyhow::Result<Released> {
        let mut ids = Vec::new();
        for name in &self.users {
            let id = find(target, name).await?;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        println!("{DISCONNECT_FIRST}");
        Ok(release::some(target, ids).await?)
    }
}

/// The user that `name` means.
async fn find(target: &Target, name: &str) -> anyhow::Result<UserId> {
    let mut found = users::find_by_any_name(&target.store, &target.app, name).await?;
    // Deleted users that are done with are nobody's any more.
    found.retain(|user| user.is_live() || user.due_at.is_some());
    match found.as_slice() {
        [] => Err(anyhow!(
            "app {} has no user {name:?}; nothing was released. A user is named by userName, e-mail, id, externalId, or the \
             id of the account at {}",
            target.app,
            target.connector.target()
        )),
        [user] => Ok(user.id.clone()),
        several => {
            let listed: Vec<_> = several.iter().map(described).collect();
            Err(anyhow!(
                "{name:?} may be any of these; nothing was released. Name one by its id:\n{}",
                listed.join("\n")
            ))
        }
    }
}

fn described(user: &User) -> String {
    let name = user.resource.user_name().unwrap_or_default();
    let deleted = if user.is_live() { "" } else { ", deleted" };
    format!("  {}  {name}{deleted}", user.id)
}

/// Asks on the terminal; without one, nobody can say yes.
fn confirmed() -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("nothing was released: add --yes to go ahead");
    }
    print!("Go ahead? Type yes: ");
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}

fn summary(target: &Target, released: &Released) -> String {
    let Released { handed_back, dropped_work, without_account, leaving, untouched, in_doubt } = *released;
    let mut lines = vec![format!("{} handed back.", counted(handed_back, "user"))];
    let mut tell = |number: u64, line: String| {
        if number > 0 {
            lines.push(line);
        }
    };
    tell(dropped_work, format!("What was not done yet was dropped for {dropped_work} of them."));
    tell(
        without_account,
        format!(
            "{} had no account at {}: nothing is left of them.",
            counted(without_account, "user"),
            target.connector.target()
        ),
    );
    tell(
        leaving,
        format!(
            "{} of deleted users stay as they are, and show again after the next listing.",
            counted(leaving, "account")
        ),
    );
    tell(untouched, format!("{} had been managed by nobody.", counted(untouched, "user")));
    tell(
        in_doubt,
        format!(
            "{} may be getting an account just now, and stay as they are. Run this again in a few minutes.",
            counted(in_doubt, "user")
        ),
    );
    lines.join("\n")
}

fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
