//! Thousands of clients hang up in the middle of a write: within the head, within the body, before the answer. Afterwards
//! everything works, what was answered is there, and nothing is kept for those who are gone.

mod storm;

use std::{collections::BTreeSet, time::Duration};

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    harness::{
        Answer, Bridge, Setup, TOKEN, eventually,
        random::{self, Random},
        user,
    },
    process::{API_KEY, Installation, Server},
};

use self::storm::{Storm, Toll};

/// How many clients hang up.
const CLIENTS: usize = 2_000;

/// How many connections to Aha! may be kept for the next calls, each with a task: as many as there are calls at a time, and
/// the roster's.
const KEPT: usize = 34;

/// How many people are there before.
const PEOPLE: usize = 40;

fn seed() -> u64 {
    let seed = random::from_environment("SCIM_BRIDGE_HANG_UP_SEED").unwrap_or_else(random::new_seed);
    println!("SCIM_BRIDGE_HANG_UP_SEED={seed}");
    seed
}

#[rstest]
#[case::aha(Setup::aha(), KEPT)]
#[case::memory(Setup::memory(), 0)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_who_hang_up_poison_nothing_and_lose_nothing_that_was_answered(
    #[case] setup: Setup,
    #[case] kept: usize,
) {
    let mut random = Random::of(seed());
    let mut bridge = setup.killable().start().await;
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        people.push(bridge.create_user(&format!("there.{number}@example.com")).await);
    }
    let tasks = settled_tasks(&bridge, usize::MAX).await;
    let storm = Storm::new(bridge.root(), "/test/scim/v2", &people);
    let toll = storm.blow(CLIENTS, &mut random).await;
    bridge.wait_until_idle().await;
    settled_tasks(&bridge, tasks + kept).await;

    works(&bridge, "right.after@example.com").await;
    let shown = everything(&bridge).await;
    is_right(&bridge, &shown, &toll).await;
    bridge.restart().await;
    assert_eq!(everything(&bridge).await, shown, "it was durable");
    works(&bridge, "after.restart@example.com").await;
    bridge.wait_until_idle().await;
}

/// Waits until there are no more tasks than `most` and their number does not change.
async fn settled_tasks(bridge: &Bridge, most: usize) -> usize {
    let mut before = usize::MAX;
    let mut now = bridge.alive_tasks();
    for _ in 0..1000 {
        if now == before && now <= most {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        (before, now) = (now, bridge.alive_tasks());
    }
    panic!("there are {now} tasks, and there were {most}");
}

/// One of each write, by a client that waits for the answers.
async fn works(bridge: &Bridge, email: &str) {
    let created = bridge.post("/Users", &user(email)).await;
    let path = created.path();
    assert_eq!(created.written(201), user(email));
    let mut renamed = user(email);
    renamed["name"]["familyName"] = json!("Renamed");
    assert_eq!(bridge.put(&path, &renamed).await.written(200), renamed);
    let disabled = bridge.patch(&path, json!([{ "op": "replace", "path": "active", "value": false }])).await;
    assert_eq!(disabled.written(200)["active"], false);
    assert_eq!(bridge.get(&path).await.read(), disabled.written(200));
    bridge.delete(&path).await.no_content();
    assert_eq!(bridge.get(&path).await.status, 404);
}

/// All users as clients assert them, by their ids.
async fn everything(bridge: &Bridge) -> Vec<Value> {
    let mut users = Vec::new();
    loop {
        let list = bridge.get(&format!("/Users?count=1000&startIndex={}", users.len() + 1)).await;
        let page = list.body["Resources"].as_array().unwrap();
        users.extend(page.iter().cloned().map(|mut user| {
            user["meta"] = Value::Null;
            user
        }));
        if page.is_empty()
            || users.len() == usize::try_from(list.body["totalResults"].as_u64().unwrap()).unwrap()
        {
            return users;
        }
    }
}

/// Who was answered is there; whoever is there is whole; and Aha! agrees.
async fn is_right(bridge: &Bridge, shown: &[Value], toll: &Toll) {
    let find = |id: &str| shown.iter().find(|user| user["id"] == id);
    for (id, email) in &toll.created {
        let user = find(id).unwrap_or_else(|| panic!("{email} was answered 201 and is not there"));
        assert_eq!(user["userName"], *email);
    }
    for id in &toll.deleted {
        assert!(find(id).is_none(), "{id} was answered 204 and is there");
    }
    for user in shown.iter().filter(|user| user["userName"].as_str().unwrap().starts_with("there.")) {
        let name = user["name"]["familyName"].as_str().unwrap();
        let is_whole = name.bytes().all(|byte| byte.is_ascii_digit()) || name.starts_with("Renamed");
        assert!(is_whole, "{user:#}");
    }
    let accounts = bridge.aha.users();
    if accounts.len() == 1 {
        // The target in memory: there is nobody but the owner of the key.
        return;
    }
    for account in accounts.iter().filter(|account| !account.email.starts_with("key.owner")) {
        let shown = shown.iter().find(|user| user["userName"] == account.email.as_str());
        assert_eq!(account.enabled, shown.is_some_and(|user| user["active"] == true), "{}", account.email);
    }
    let emails: Vec<_> = bridge.aha.invitations().into_iter().map(|invitation| invitation.email).collect();
    assert_eq!(emails.iter().collect::<BTreeSet<_>>().len(), emails.len(), "nobody is invited twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_thousands_who_hang_up_the_program_keeps_no_connection_and_no_memory() {
    let mut random = Random::of(seed());
    let app_keys = "rate = { per_second = 1000, per_minute = 60000 }\n\
                    brake = { max_revocations = 1000000 }\n\
                    [apps.lab]\nconnector = 'memory'\ntokens = [{ name = 'lab', token = 'lab-token-0123456789abcdef0123456789' }]";
    let installation = Installation::with(&format!("'{API_KEY}'"), &format!("'{TOKEN}'"), app_keys).await;
    let config = installation.folder().join("bridge.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(config, text.replace("level = 'trace'", "level = 'info'")).unwrap();
    let server = installation.serve().await;
    let storms = [("/aha/scim/v2", TOKEN), ("/lab/scim/v2", "lab-token-0123456789abcdef0123456789")]
        .map(|(base, token)| Storm::new(&server.root, base, &[]).with_token(token));
    // The first gusts fill the caches and pools.
    for storm in &storms {
        storm.blow(200, &mut random).await;
    }
    let before = calm(&server, usize::MAX).await;
    for storm in &storms {
        storm.blow(CLIENTS, &mut random).await;
    }
    let after = calm(&server, before.descriptors).await;
    println!("before: {before:?}, after {} clients: {after:?}", CLIENTS * 2);
    // What the users themselves take, which are in the caches of the database.
    assert!(after.kilobytes < before.kilobytes + 40_000, "before: {before:?}, after: {after:?}");
    let created = server.send(Method::POST, "/Users", Some(&user("right.after@example.com"))).await;
    assert_eq!(created.status, 201, "{created}");
}

/// What a process takes of the machine.
#[derive(Clone, Copy, Debug)]
struct Footprint {
    descriptors: usize,
    kilobytes: usize,
}

/// Waits until nothing is queued and all connections are let go of.
async fn calm(server: &Server, most_descriptors: usize) -> Footprint {
    server.wait_until_idle().await;
    let process = format!("/proc/{}", server.process.id());
    let descriptors = || std::fs::read_dir(format!("{process}/fd")).unwrap().count();
    let most = most_descriptors.saturating_add(KEPT);
    eventually("the end of all connections", async || descriptors() <= most).await;
    let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes = resident.trim().trim_end_matches(" kB").parse().unwrap();
    Footprint { descriptors: descriptors(), kilobytes }
}

#[tokio::test]
async fn a_write_is_done_to_the_end_when_its_client_hangs_up_before_the_answer() {
    let bridge = Setup::aha().start().await;
    let path = format!("/Users/{}", bridge.create_user("sam.doe@example.com").await);
    let storm = Storm::new(bridge.root(), "/test/scim/v2", &[]);
    for (method, path, body) in [
        (
            "PATCH",
            path.as_str(),
            json!({ "Operations": [{ "op": "replace", "path": "active", "value": false }] }),
        ),
        ("DELETE", path.as_str(), Value::Null),
        ("POST", "/Users", user("pat.roe@example.com")),
    ] {
        storm.send_and_hang_up(method, path, &body).await;
        let done = async || match method {
            "PATCH" => bridge.get(path).await.body["active"] == false,
            "DELETE" => bridge.get(path).await.status == 404,
            _ => found(&bridge, "pat.roe@example.com").await.body["totalResults"] == 1,
        };
        eventually(method, done).await;
    }
    bridge.wait_until_idle().await;
    assert!(!bridge.aha.find_user_by_email("sam.doe@example.com").unwrap().enabled);
    assert!(bridge.aha.find_user_by_email("pat.roe@example.com").unwrap().enabled);
}

async fn found(bridge: &Bridge, user_name: &str) -> Answer {
    bridge.filter("/Users", &format!("userName eq \"{user_name}\"")).await
}
