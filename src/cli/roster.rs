//! `scim-bridge roster`: list the accounts of a target now, and print the report; or print the one that is kept.

use anyhow::{Context, anyhow};
use serde_json::{Map, Value, json};

use crate::{
    converge::{
        Target,
        roster::{
            self, Caller, Wanted,
            report::{self, Advised, Report},
        },
    },
    store::rosters::{Count, Roster},
};

use super::{signal, target_of_file::TargetOfFile};

/// Lists accounts and reports.
#[derive(Debug, clap::Args)]
pub(super) struct RosterCommand {
    #[command(flatten)]
    target: TargetOfFile,
    /// Print the report of the last listing, without a call.
    #[arg(long)]
    last: bool,
    /// Take what was told of a change of this account (by the target's id) as meant, and print the last report without it.
    #[arg(long, value_name = "ACCOUNT", conflicts_with = "last")]
    accept: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl RosterCommand {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let target = self.target.open().await?;
        let result = self.run_at(&target).await;
        target.store.close().await;
        result
    }

    async fn run_at(&self, target: &Target) -> anyhow::Result<()> {
        let synced = match &self.accept {
            Some(account_id) => accept(target, account_id).await.map(Some),
            None if self.last => Ok(None),
            None => sync(target).await.map(Some),
        };
        let report = report::load(target).await?;
        println!("{}", if self.json { as_json(target, &report) } else { as_text(target, &report) });
        synced?;
        report.roster.map(|_| ()).with_context(|| {
            format!("the accounts of {} were never listed from first to last", target.connector.target())
        })
    }
}

async fn sync(target: &Target) -> anyhow::Result<()> {
    let stopping = signal::stopping(signal::Hangup::Stops, || {})?;
    match roster::sync(target, Caller::Command, Wanted::New, &stopping).await {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(anyhow!(
            "the accounts of {} could not be listed now: {error}. The report above is that of the last listing",
            target.connector.target()
        )),
        None => Err(anyhow!("stopped before the accounts were listed; the report above is older")),
    }
}

async fn accept(target: &Target, account_id: &str) -> anyhow::Result<()> {
    let accepted = report::accept(target, account_id).await?;
    if accepted.is_empty() {
        return Err(anyhow!(
            "no change of an account with the id {account_id} is open; those that can be accepted are printed with the \
             command to do so"
        ));
    }
    Ok(())
}

fn as_text(target: &Target, report: &Report) -> String {
    let mut lines = Vec::new();
    match &report.roster {
        Some(roster) => lines.extend(table(target, roster)),
        None => lines.push(format!("The accounts of {} were not listed yet.", target.connector.target())),
    }
    if let Some(failure) = &report.failure {
        lines.push(String::new());
        lines.push(format!("The latest listing failed: {failure}"));
    }
    match report.findings.len() {
        // Who never looked has found nothing.
        0 if report.roster.is_none() => {}
        0 => lines.extend([String::new(), "Everything is as the identity provider asserts.".into()]),
        1 => lines.extend([String::new(), "1 finding:".into()]),
        many => lines.extend([String::new(), format!("{many} findings:")]),
    }
    for Advised { finding, advice } in &report.findings {
        lines.push(String::new());
        lines.push(format!("- {} (found {})", finding.sentence, finding.found_at));
        lines.push(format!("  {advice}"));
    }
    lines.join("\n")
}

fn table(target: &Target, roster: &Roster) -> Vec<String> {
    let plural = if roster.calls == 1 { "" } else { "s" };
    let mut lines = vec![
        format!(
            "{}: {} accounts, listed {} with {} call{plural}",
            target.connector.target(),
            roster.accounts,
            roster.completed_at,
            roster.calls
        ),
        String::new(),
        format!("  {:<46} {:>8} {:>8}", "", "enabled", "disabled"),
    ];
    for (owner, Count { enabled, disabled }) in roster.census.parts() {
        lines.push(format!("  {:<46} {enabled:>8} {disabled:>8}", described(owner)));
    }
    lines
}

fn described(owner: &str) -> &str {
    match owner {
        "created" => "created: made for the identity provider",
        "adopted" => "adopted: taken over by the identity provider",
        "unmanaged" => "unmanaged: the identity provider never wrote",
        "deleted" => "deleted by the identity provider, not shown",
        "hidden" => "hidden: the e-mail is a user's, not shown",
        other => other,
    }
}

fn as_json(target: &Target, report: &Report) -> String {
    let roster = report.roster.map(|roster| {
        let census: Map<_, _> = roster
            .census
            .parts()
            .into_iter()
            .map(|(owner, Count { enabled, disabled })| {
                (owner.to_owned(), json!({ "enabled": enabled, "disabled": disabled }))
            })
            .collect();
        json!({
            "started_at": roster.started_at.to_string(), "completed_at": roster.completed_at.to_string(),
            "accounts": roster.accounts, "calls": roster.calls, "by_ownership": census,
        })
    });
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|Advised { finding, advice }| {
            json!({
                "kind": finding.kind.as_str(), "user_id": finding.user_id, "account_id": finding.account_id,
                "sentence": finding.sentence, "advice": advice, "found_at": finding.found_at.to_string(),
                "seen_at": finding.seen_at.to_string(),
            })
        })
        .collect();
    let report = json!({
        "app": target.app, "target": target.connector.target(), "roster": roster, "failure": report.failure,
        "findings": findings,
    });
    format!("{report:#}")
}
