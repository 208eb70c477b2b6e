//! Compares what was answered, what the bridge shows, and what Aha! holds.

use std::collections::BTreeMap;

use sqlx::{Connection as _, Row as _};

use crate::harness::{Answer, TOKEN};

use super::{
    Site,
    client::{Client, Group},
    person::{Asserted, Person},
};

/// All that is known of what was answered.
#[derive(Default)]
pub(crate) struct Verdict {
    people: Vec<Person>,
    groups: Vec<Group>,
}

impl Verdict {
    /// What a client knows in the end, without doubts.
    pub(crate) fn hear(&mut self, client: Client) {
        self.people.extend(client.people);
        self.groups.push(client.group);
    }

    /// Collects all that is not as it was answered, and fails if there is anything.
    pub(crate) async fn give(&self, site: &Site) {
        let mut wrongs = Vec::new();
        for person in &self.people {
            let problems = [view(site, person).await, account(site, person), invitations(site, person)];
            for problem in problems.into_iter().flatten() {
                wrongs.push(format!("{problem}\n{person}\n{}", behind(site, person)));
            }
        }
        for group in self.groups.iter().filter(|group| group.id.is_some()) {
            let answer = get(site, &format!("/Groups/{}", group.id.as_deref().unwrap_or_default())).await;
            let shown = Group::read(&answer.body);
            if shown != group.members {
                let history = group.history.join("\n");
                wrongs.push(format!("a group has {shown:?} and should have {:?}\n{history}", group.members));
            }
        }
        wrongs.extend(left_over(site).await);
        assert!(wrongs.is_empty(), "SCIM_BRIDGE_CRASH_SEED={}\n{}", site.seed, wrongs.join("\n\n"));
    }
}

async fn get(site: &Site, path: &str) -> Answer {
    let url = format!("{}/aha/scim/v2{path}", site.root().await);
    Answer::of(site.http.get(url).bearer_auth(TOKEN)).await
}

/// The bridge shows what was answered last, by id and by name.
async fn view(site: &Site, person: &Person) -> Option<String> {
    let Some(id) = &person.id else { return None };
    let by_id = get(site, &format!("/Users/{id}")).await;
    let filter = format!("/Users?filter=userName%20eq%20%22{}%22", person.user_name());
    let found = get(site, &filter).await.body["Resources"].as_array().cloned().unwrap_or_default();
    match &person.truth {
        None if by_id.status == 404 && found.is_empty() => None,
        Some(truth) if by_id.status == 200 && found.len() == 1 => {
            let (one, other) = (Asserted::read(&by_id.body), Asserted::read(&found[0]));
            (*truth != one || *truth != other)
                .then(|| format!("{} is shown as {one:?} and {other:?}", person.name))
        }
        _ => Some(format!("{} is shown as {by_id}, and found as {found:?}", person.name)),
    }
}

/// Aha! holds it: who is active has one account that can log in, with the e-mail and the name that was answered; nobody else
/// has any.
fn account(site: &Site, person: &Person) -> Option<String> {
    let accounts: Vec<_> =
        site.installation.aha.users().into_iter().filter(|user| person.has_had(&user.email)).collect();
    let enabled: Vec<_> = accounts
        .iter()
        .filter(|account| account.enabled)
        .map(|account| (account.email.as_str(), account.first_name.as_str(), account.last_name.as_str()))
        .collect();
    let truth = person.truth.as_ref().filter(|asserted| asserted.active);
    let expected: Vec<_> = truth
        .map(|asserted| (asserted.email.as_str(), asserted.given.as_str(), asserted.family.as_str()))
        .into_iter()
        .collect();
    (enabled != expected)
        .then(|| format!("{}: Aha! lets in {enabled:?}, and should {expected:?}", person.name))
}

/// No e-mail was invited twice, and nobody who had an account already.
fn invitations(site: &Site, person: &Person) -> Option<String> {
    let invitations = site.installation.aha.invitations();
    let mut times = BTreeMap::new();
    for invitation in invitations.iter().filter(|invitation| person.has_had(&invitation.email)) {
        *times.entry(invitation.email.as_str()).or_insert(0) += 1;
    }
    let twice = times.values().any(|times| *times > 1) || times.len() > person.invitable;
    twice.then(|| {
        format!(
            "{} was invited as {times:?}, and at most {} times there was need",
            person.name, person.invitable
        )
    })
}

/// Nothing waits, nothing has failed, nobody works.
async fn left_over(site: &Site) -> Option<String> {
    sqlx::any::install_default_drivers();
    let mut database = sqlx::AnyConnection::connect(&site.database).await.unwrap();
    let rows = sqlx::query(
        "SELECT id, resource, failure, due_at, lease_owner, version, applied_version, deleted_at, attempts, uncertain FROM users WHERE due_at IS NOT NULL OR lease_owner IS NOT NULL \
         OR applied_version <> version OR attempts > 0 OR uncertain <> 0 OR fallback IS NOT NULL",
    )
    .fetch_all(&mut database)
    .await
    .unwrap();
    let text = |row: &sqlx::any::AnyRow, name: &str| row.try_get::<String, _>(name).unwrap_or_default();
    let left: Vec<_> = rows
        .iter()
        .map(|row| {
            let texts = ["id", "resource", "failure", "lease_owner"].map(|name| text(row, name));
            let numbers = ["due_at", "version", "applied_version", "deleted_at", "attempts", "uncertain"]
                .map(|name| row.try_get::<i64, _>(name).ok());
            format!("{texts:?} {numbers:?}")
        })
        .collect();
    (!left.is_empty()).then(|| format!("left over: {left:#?}"))
}

/// All that Aha! was asked about a person, and what the bridge logged.
fn behind(site: &Site, person: &Person) -> String {
    let aha = &site.installation.aha;
    let accounts: Vec<_> = aha.users().into_iter().filter(|user| person.has_had(&user.email)).collect();
    let mut words: Vec<_> = accounts.iter().map(|account| account.id.to_string()).collect();
    let accounts: String = accounts
        .iter()
        .map(|account| format!("  {} {} {} {}\n", account.id, account.email, account.name(), account.enabled))
        .collect();
    words.extend([format!("{}.", person.name), format!("{}@", person.name)]);
    let calls: String = aha
        .calls()
        .iter()
        .filter(|call| words.iter().any(|word| call.to_string().contains(word.as_str())))
        .map(|call| format!("  {:?} {call} {:?}\n", call.at.since(site.started_at), call.outcome))
        .collect();
    words.extend(person.id.clone());
    format!("accounts:\n{accounts}calls:\n{calls}log:\n{}", site.log_of(&words))
}
