//! What the groups of an app give, for `explain` and `doctor`.

use std::sync::Arc;

use crate::{
    app,
    clock::Clock,
    config::{self, Config, Connector},
    converge::{Target, roster::recall},
    explain::group::GroupExplanation,
    passthrough::probe::Finding,
    store::{Store, StoreError, groups, members},
};

/// How many groups are read at a time.
const PAGE: u32 = 500;

/// How many groups are named one by one, and how many failures of one group.
const NAMED: usize = 10;

/// How it stands with the group that goes by this `displayName`, or by this id; `None` if there is none.
///
/// # Errors
/// When the database fails.
pub(super) async fn explain(target: &Target, name: &str) -> Result<Option<GroupExplanation>, StoreError> {
    let Some(group) = groups::find_by_any_name(&target.store, &target.app, name).await? else {
        return Ok(None);
    };
    let standing = members::standing(&target.store, &group.id, NAMED as u32).await?;
    let display_name = group.resource.display_name().unwrap_or_default().to_owned();
    let meaning = target.connector.group_rights().map(|rights| rights.meaning(&display_name));
    let explanation = GroupExplanation {
        app: target.app.clone(),
        target: target.connector.target().to_owned(),
        id: group.id.as_str().to_owned(),
        display_name,
        offered: group.is_offered,
        gives: Vec::new(),
        problems: Vec::new(),
        users: standing.users,
        waiting: standing.waiting,
        failing: standing.failing,
    };
    Ok(Some(explanation.meaning(meaning.unwrap_or_default())))
}

/// What `doctor` says of the groups of an app: those that give nothing, and those that cannot give what they should.
pub(super) async fn findings(config: &Config, app: &config::App, clock: &Arc<dyn Clock>) -> Vec<Finding> {
    // A database that cannot be opened is told of by itself.
    let (Connector::Aha(_), Ok(store)) = (&app.connector, Store::open_beside(&config.database.url).await)
    else {
        return Vec::new();
    };
    let Ok(target) = app::target(app, &store, clock) else { return Vec::new() };
    let findings = look(&target).await;
    store.close().await;
    findings.unwrap_or_else(|error| vec![Finding::problem(format!("its groups cannot be read: {error}"))])
}

async fn look(target: &Target) -> Result<Vec<Finding>, StoreError> {
    let Some(rights) = target.connector.group_rights() else { return Ok(Vec::new()) };
    recall(target).await?;
    let (mut findings, mut giving, mut without) = (Vec::new(), 0_usize, Vec::new());
    let mut after = String::new();
    loop {
        let page = groups::list_names(&target.store, &target.app, &after, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        last.as_str().clone_into(&mut after);
        for (_, name) in page {
            let meaning = rights.meaning(&name);
            for problem in &meaning.problems {
                findings.push(Finding::warning(format!(
                    "the group {name:?} cannot give all that it should: {problem}"
                )));
            }
            if meaning.is_nothing() {
                without.push(name);
            } else {
                giving += 1;
            }
        }
    }
    if giving + without.len() > 0 {
        findings.push(Finding::ok(said(giving, &without)));
    }
    Ok(findings)
}

fn said(giving: usize, without: &[String]) -> String {
    let named: Vec<_> = without.iter().take(NAMED).map(|name| format!("{name:?}")).collect();
    let more = match without.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match without {
        [] => format!("all of its {giving} groups give something"),
        _ => format!(
            "{giving} of its groups give something; {} grant nothing: {}{more}. If one of them should, write a rule for it under `groups`",
            without.len(),
            named.join(", ")
        ),
    }
}
