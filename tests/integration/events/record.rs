//! The record, as tests read it.

use scim_bridge::store::{
    Store,
    events::{self, Recorded, Subject},
};

use crate::harness::Bridge;

/// The most events that a test reads.
const ALL: u32 = 10_000;

/// The events of a subject, the oldest first.
pub async fn recorded(bridge: &Bridge, subject: Subject<'_>) -> Vec<Recorded> {
    let store = Store::open_beside(bridge.database_url()).await.unwrap();
    let mut events = events::list(&store, "test", &subject.key(), ALL).await.unwrap();
    events.reverse();
    events
}

/// The events of a user, a line each, as in `called worker 1: disable account <ann@example.com>: …`.
pub async fn of_user(bridge: &Bridge, id: &str) -> Vec<String> {
    lines(bridge, &recorded(bridge, Subject::User(&id.into())).await)
}

/// The events of a group.
pub async fn of_group(bridge: &Bridge, id: &str) -> Vec<String> {
    lines(bridge, &recorded(bridge, Subject::Group(&id.into())).await)
}

/// The events of whoever was asked for by that `userName`.
pub async fn of_name(bridge: &Bridge, name: &str) -> Vec<String> {
    lines(bridge, &recorded(bridge, Subject::Name(name)).await)
}

fn lines(bridge: &Bridge, events: &[Recorded]) -> Vec<String> {
    let line = |event: &Recorded| {
        let kind = event.kind.map_or("?", |kind| kind.as_str());
        let version = event.version.map(|version| format!(" {version}")).unwrap_or_default();
        let detail = if event.detail.is_empty() { String::new() } else { format!(": {}", event.detail) };
        let line = format!("{kind} {}{version}{detail}", event.actor);
        // Tests move the time, so calls take none.
        let line = line.replace(" (0 ms)", "");
        bridge
            .aha
            .users()
            .iter()
            .fold(line, |line, user| line.replace(&user.id.to_string(), &format!("<{}>", user.email)))
    };
    events.iter().map(line).collect()
}

/// The id of the user of that `userName`.
pub async fn id_of(bridge: &Bridge, user_name: &str) -> String {
    let found = bridge.filter("/Users", &format!("userName eq \"{user_name}\"")).await;
    found.body["Resources"][0]["id"].as_str().unwrap_or_else(|| panic!("no {user_name}: {found}")).to_owned()
}
