//! `scim-bridge plan`: what would be done at the target.

use std::io::{self, BufWriter, ErrorKind, Write};

use serde_json::{Map, Value, json};

use crate::{
    config::written_duration,
    connector::{Call, Changes},
    converge::{
        Target,
        forecast::{self, Accounts, Action, Forecast, Totals},
    },
    store::{User, rosters, users::Ownership},
};

use super::target_of_file::TargetOfFile;

/// Says what would be done.
#[derive(Debug, clap::Args)]
pub(super) struct Plan {
    #[command(flatten)]
    target: TargetOfFile,
    /// One JSON document instead of text.
    #[arg(long)]
    json: bool,
}

impl Plan {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let target = self.target.open().await?;
        let mut output = BufWriter::new(io::stdout().lock());
        let printed = if self.json {
            print_json(&target, &mut output).await
        } else {
            print_text(&target, &mut output).await
        };
        match printed {
            // Who reads has seen enough, as `head` has.
            Err(error) if is_closed(&error) => Ok(()),
            printed => printed,
        }
    }
}

fn is_closed(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

async fn accounts(target: &Target) -> anyhow::Result<Accounts> {
    let is_listed =
        target.connector.directory().is_none() || rosters::find(&target.store, &target.app).await?.is_some();
    Ok(if is_listed { Accounts::Listed } else { Accounts::NotListed })
}

async fn print_text(target: &Target, output: &mut impl Write) -> anyhow::Result<()> {
    let accounts = accounts(target).await?;
    let name = target.connector.target();
    if target.is_carried_out() {
        writeln!(output, "What is still to be done at {name} for app {}:", target.app)?;
    } else {
        writeln!(
            output,
            "Plan mode is on for app {}: nothing is changed at {name}. With mode = \"apply\" this would be done:",
            target.app
        )?;
    }
    if accounts == Accounts::NotListed {
        writeln!(
            output,
            "The accounts of {name} were not listed yet, so nobody can tell who has one. Run this again after the first listing."
        )?;
    }
    let mut separator = "\n";
    let totals = forecast::all(target, accounts, |user, forecast| -> anyhow::Result<()> {
        writeln!(output, "{separator}{}", line(user, forecast))?;
        separator = "";
        Ok(())
    })
    .await?;
    writeln!(output, "\n{}", summary(target, &totals))?;
    output.flush()?;
    Ok(())
}

/// A user's line.
fn line(user: &User, forecast: &Forecast) -> String {
    let mut line =
        format!("{:<8} {}", forecast.action.as_str(), user.resource.user_name().unwrap_or_default());
    let mut notes = Vec::new();
    if !user.is_live() {
        notes.push("deleted by the identity provider".to_owned());
    } else if user.ownership == Ownership::Adopted && forecast.action != Action::Adopt {
        notes.push("an account that was there".to_owned());
    }
    for call in &forecast.calls {
        match call {
            Call::Find { email } if forecast.calls.len() == 1 => {
                notes.push(format!("{email} is looked up, to be sure"))
            }
            Call::Find { .. } | Call::Delete { .. } => {}
            Call::Create { email, name, .. } => notes.push(format!("{} is invited as {email}", name.full())),
            Call::Update { changes, .. } => {
                notes.extend(changed(changes).map(|(what, value)| format!("{what}: {value}")))
            }
            Call::ChangeRight { account, change } => {
                notes.push(format!("{} account {}", change.describe(), account.id))
            }
        }
    }
    notes.extend(forecast.refusal.clone());
    if let Some(held_at) = user.held_at {
        notes.push(format!("held by the brake since {held_at}"));
    } else if let Some(failure) = &user.failure {
        notes.push(format!("not done yet: {failure}"));
    }
    if !notes.is_empty() {
        line.push_str("  (");
        line.push_str(&notes.join("; "));
        line.push(')');
    }
    line
}

/// What is changed beside the access, and to what.
fn changed(changes: &Changes) -> impl Iterator<Item = (&'static str, &str)> {
    [("email", &changes.email), ("first_name", &changes.given_name), ("last_name", &changes.family_name)]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
}

fn summary(target: &Target, totals: &Totals) -> String {
    if totals.users.iter().all(|users| *users == 0) {
        return "Nothing.".to_owned();
    }
    let mut lines = vec!["In all:".to_owned()];
    for action in Action::ALL {
        if totals.of(action) > 0 {
            lines.push(format!("  {:<16}{}", action.as_str(), totals.of(action)));
        }
    }
    lines.push(format!("  {:<16}{}", "invitations", totals.invitations));
    lines.push(format!("  {:<16}{}", "calls", totals.calls));
    if let Some(time) = totals.duration_of_calls(&target.budget) {
        lines.push(format!("That takes about {} within the budget.", written_duration(time)));
    }
    if let Some(per_hour) = target.convergence.invites_per_hour {
        let took = written_duration(totals.duration_of_invitations(per_hour.get()));
        lines.push(format!("The invitations take about {took} at {per_hour} an hour."));
    }
    if totals.to_be_held > 0 {
        lines.push(format!("The brake would hold {} of those who lose access.", totals.to_be_held));
    }
    if totals.held > 0 {
        lines.push(format!("The brake holds {} now; `scim-bridge held` releases or drops them. They are not among the calls.", totals.held));
    }
    lines.join("\n")
}

/// The same as one document, written piece by piece.
async fn print_json(target: &Target, output: &mut impl Write) -> anyhow::Result<()> {
    let accounts = accounts(target).await?;
    write!(
        output,
        "{{\"app\":{},\"mode\":{},\"accounts_listed\":{},\"users\":[",
        json!(target.app),
        json!(if target.is_carried_out() { "apply" } else { "plan" }),
        accounts == Accounts::Listed
    )?;
    let mut separator = "\n";
    let totals = forecast::all(target, accounts, |user, forecast| -> anyhow::Result<()> {
        write!(output, "{separator}{}", user_json(user, forecast))?;
        separator = ",\n";
        Ok(())
    })
    .await?;
    writeln!(output, "\n],\"totals\":{}}}", totals_json(target, &totals))?;
    output.flush()?;
    Ok(())
}

fn user_json(user: &User, forecast: &Forecast) -> Value {
    let changes: Map<_, _> = forecast
        .calls
        .iter()
        .filter_map(|call| match call {
            Call::Update { changes, .. } => Some(changes),
            _ => None,
        })
        .flat_map(changed)
        .map(|(what, value)| (what.to_owned(), value.into()))
        .collect();
    let rights: Vec<_> = forecast
        .calls
        .iter()
        .filter_map(|call| match call {
            Call::ChangeRight { change, .. } => Some(change.describe()),
            _ => None,
        })
        .collect();
    json!({
        "id": user.id.as_str(),
        "user_name": user.resource.user_name(),
        "action": forecast.action.as_str(),
        "calls": forecast.calls.iter().map(Call::name).collect::<Vec<_>>(),
        "changes": changes,
        "rights": rights,
        "refusal": forecast.refusal,
        "adopted": user.ownership == Ownership::Adopted,
        "deleted": !user.is_live(),
        "held_at": user.held_at.map(|time| time.to_string()),
        "failure": user.failure,
    })
}

fn totals_json(target: &Target, totals: &Totals) -> Value {
    let users: Map<_, _> = Action::ALL
        .into_iter()
        .map(|action| (action.as_str().replace(' ', "_"), totals.of(action).into()))
        .collect();
    let per_hour = target.convergence.invites_per_hour;
    json!({
        "users": users,
        "invitations": totals.invitations,
        "calls": totals.calls,
        "duration_s": totals.duration_of_calls(&target.budget).map(|time| time.as_secs()),
        "invitations_duration_s": per_hour.map(|per_hour| totals.duration_of_invitations(per_hour.get()).as_secs()),
        "held": totals.held,
        "to_be_held": totals.to_be_held,
    })
}
