//! Who loses a right loses it at once, whatever is being done for them already.

use std::time::Duration;

use rstest::rstest;
use scim_bridge::sim::aha::{Person, Role, switches::RateRules};
use sqlx::Connection as _;

use super::fixture::{at_aha, create_group, leave, prepared, rename};
use crate::{
    groups::fixture::group,
    harness::{Bridge, Setup, as_time_passes, eventually},
};

/// How many people there are: two more than a second allows who do not lose anything.
const PEOPLE: usize = 20;

fn email(number: usize) -> String {
    format!("person{number}@example.com")
}

/// The numbers of those whom the worker is at work on, once it is at work on only two.
async fn in_hand(bridge: &Bridge) -> Vec<usize> {
    let mut database = sqlx::AnyConnection::connect(bridge.database_url()).await.unwrap();
    for _ in 0..10_000 {
        let leased = sqlx::query_scalar("SELECT user_name_key FROM users WHERE lease_owner IS NOT NULL");
        let in_hand: Vec<String> = leased.fetch_all(&mut database).await.unwrap();
        if in_hand.len() == 2 {
            return (0..PEOPLE).filter(|number| in_hand.contains(&email(*number))).collect();
        }
    }
    panic!("the worker is at work on others");
}

/// Twenty people get a role, more than a second allows. Of the two who wait for their turn another role is taken: with what is
/// kept for those who lose something, before any time has passed.
#[rstest]
#[tokio::test]
async fn a_role_is_taken_at_once_from_whom_another_is_about_to_be_given(
    #[values("a member leaves", "the list is replaced", "the group is renamed", "the group is deleted")]
    how: &str,
) {
    let (setup, clock) = Setup::aha_with_manual_clock();
    let setup = prepared(setup).rate(20, 300).server_keys("request_timeout = '10m'").with(|aha| {
        aha.change(|switches| switches.rate = RateRules::default());
        for number in 0..PEOPLE {
            aha.seed(Person::new("Some", "Person", &email(number)));
        }
    });
    let bridge = setup.start_unready().await;
    as_time_passes(&clock, Duration::from_millis(100), bridge.wait_until_ready()).await;
    let (mut ids, mut groups) = (Vec::new(), Vec::new());
    for number in 0..PEOPLE {
        let found = bridge.filter("/Users", &format!("userName eq \"{}\"", email(number))).await;
        let id = found.only()["id"].as_str().unwrap().to_owned();
        groups.push(create_group(&bridge, &format!("Readers {number}"), &[&id]).await);
        ids.push(id);
    }
    as_time_passes(&clock, Duration::from_millis(100), bridge.wait_until_idle()).await;
    clock.advance(Duration::from_secs(120));
    bridge.aha.take_calls();
    create_group(&bridge, "Aha PMs", &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    eventually("what a second allows", async || bridge.aha.calls().len() == 18).await;
    let waiting = in_hand(&bridge).await;
    for number in &waiting {
        let (path, name) = (&groups[*number], format!("Readers {number}"));
        match how {
            "a member leaves" => leave(&bridge, path, &ids[*number]).await,
            "the list is replaced" => {
                assert_eq!(bridge.put(path, &group(&name, &[])).await.status, 200);
            }
            "the group is renamed" => rename(&bridge, path, &format!("Staff {number}")).await,
            _ => bridge.delete(path).await.no_content(),
        }
    }
    let prj2 = bridge.aha.find_workspace("PRJ2").unwrap();
    let has_lost = |number: &usize| !at_aha(&bridge.aha, &email(*number)).roles.contains_key(&prj2);
    eventually("both have lost the role", async || waiting.iter().all(has_lost)).await;
    assert_eq!(bridge.aha.calls().len(), 20);
    as_time_passes(&clock, Duration::from_millis(100), bridge.wait_until_idle()).await;
    let prj1 = bridge.aha.find_workspace("PRJ1").unwrap();
    for number in 0..PEOPLE {
        assert_eq!(at_aha(&bridge.aha, &email(number)).roles.get(&prj1), Some(&Role::Contributor));
    }
}
