//! Whether what the configuration of an app names at Aha! is there: the workspace that new users join, and what rules of groups
//! give.

use std::sync::Arc;

use crate::{
    app,
    clock::Clock,
    config::{self, AhaConfig, Connector, Grant, Role},
    connector::{Catalogue, TargetError, registry::connect},
    passthrough::probe::Finding,
    store::Store,
};

use super::calls::Calls;

/// What is to be said of it. The target takes our credentials.
pub(super) async fn findings(
    app: &config::App,
    store: Option<&Store>,
    clock: &Arc<dyn Clock>,
) -> Vec<Finding> {
    let Connector::Aha(aha) = &app.connector else { return Vec::new() };
    let connected = app::credentials(app, store, clock)
        .and_then(|credentials| connect(app, credentials, clock.clone(), app.name.as_str().into()));
    // Where there is no connector it was said already.
    let Ok(connector) = connected else { return Vec::new() };
    let Some(rights) = connector.group_rights() else { return Vec::new() };
    match Calls::of(app, store, clock).make(async |paid| rights.catalogue(paid).await).await {
        Ok(catalogue) => of_catalogue(aha, &catalogue),
        Err(TargetError::RateLimited { .. }) => vec![Finding::warning(
            "Aha! takes no more calls for now (rate limit), so the workspaces were not looked at; try again in a minute",
        )],
        Err(error) => vec![Finding::problem(format!("the workspaces of Aha! cannot be listed: {error}"))],
    }
}

fn of_catalogue(aha: &AhaConfig, catalogue: &Catalogue) -> Vec<Finding> {
    let mut findings = Vec::new();
    let workspace = &aha.default_workspace;
    match catalogue.find_workspace(workspace) {
        Some(found) if found.is_line => findings.push(Finding::warning(format!(
            "default_workspace {workspace:?} is a line of workspaces; name a workspace, to which Aha! can invite"
        ))),
        Some(found) => {
            let gets = match aha.default_role {
                Role::None => "no role there".to_owned(),
                role => format!("the role {}", role.as_str()),
            };
            findings.push(Finding::ok(format!(
                "new users are invited to the workspace {} ({}), and get {gets}",
                found.key, found.name
            )));
        }
        None => findings.push(Finding::problem(format!(
            "Aha! has no workspace {workspace:?}, or does not show it to the owner of the credentials: set default_workspace to one \
             of {}",
            some_of(catalogue)
        ))),
    }
    for rule in &aha.groups.rules {
        for grant in &rule.grants {
            if let Some(missing) = missing(grant, catalogue) {
                findings.push(Finding::warning(format!(
                    "the rule for groups named {:?} gives {missing}, which Aha! does not have or does not show",
                    rule.name
                )));
            }
        }
    }
    findings
}

/// What a grant is about that is not there.
fn missing(grant: &Grant, catalogue: &Catalogue) -> Option<String> {
    match grant {
        Grant::Role { workspace, .. } | Grant::CustomRole { workspace, .. } => catalogue
            .find_workspace(workspace)
            .is_none()
            .then(|| format!("a role in the workspace {workspace:?}")),
        Grant::SeatGroup(group) => {
            catalogue.find_seat_group(group).is_none().then(|| format!("the paid seat group {group:?}"))
        }
        Grant::Administrator(_) => None,
    }
}

/// The prefixes of the first workspaces.
fn some_of(catalogue: &Catalogue) -> String {
    const NAMED: usize = 10;
    let keys: Vec<_> = catalogue.workspaces.iter().filter(|workspace| !workspace.is_line).collect();
    let named: Vec<_> = keys.iter().take(NAMED).map(|workspace| workspace.key.as_str()).collect();
    match keys.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
