//! When Aha! says no to a right, fails, or does not answer.

use std::time::Duration;

use scim_bridge::sim::aha::{Fault, Role, switches::Permission};
use serde_json::json;

use super::fixture::{at_aha, create_group, expect_roles, failure, join, leave, prepared, roles, setup};
use crate::harness::{Setup, as_time_passes, eventually, pass_time, user};

const SAM: &str = "sam.doe@example.com";

#[tokio::test]
async fn a_right_that_aha_refuses_does_not_hold_up_the_others_or_the_user() {
    let bridge = setup().start().await;
    let sam = bridge.create_user(SAM).await;
    create_group(&bridge, "Broken", &[&sam]).await;
    create_group(&bridge, "Aha PMs", &[&sam]).await;
    let failure = failure(&bridge, &sam).await;
    assert!(failure.contains("workspace 4711"), "{failure}");
    eventually("the other role", || async { roles(&bridge, SAM) == [("PRJ1", Role::Contributor)].into() })
        .await;
    let rename = json!([{ "op": "replace", "path": "name.familyName", "value": "Jones" }]);
    bridge.patch(&format!("/Users/{sam}"), rename).await.written(200);
    assert_eq!(at_aha(&bridge.aha, SAM).last_name, "Jones");
}

#[tokio::test]
async fn somebody_whose_role_cannot_be_given_is_created_all_the_same() {
    let bridge = setup().start().await;
    let mut sent = user(SAM);
    sent["roles"] = json!([{ "value": "Broken" }]);
    let created = bridge.post("/Users", &sent).await;
    assert_eq!(created.status, 201, "{created}");
    assert!(at_aha(&bridge.aha, SAM).enabled);
    assert!(failure(&bridge, &created.id()).await.contains("workspace 4711"));
}

#[tokio::test]
async fn a_plan_without_custom_roles_and_seat_groups_is_told() {
    let unlicensed = |aha: &scim_bridge::sim::aha::SimulatedAha| {
        aha.change(|switches| switches.enterprise_plus = Permission::Refused);
    };
    let bridge = setup().with(unlicensed).start().await;
    let sam = bridge.create_user(SAM).await;
    create_group(&bridge, "Scoped", &[&sam]).await;
    assert!(failure(&bridge, &sam).await.contains("plan"));
    create_group(&bridge, "Seats", &[&sam]).await;
    create_group(&bridge, "Aha PMs", &[&sam]).await;
    eventually("the role", || async { roles(&bridge, SAM) == [("PRJ1", Role::Contributor)].into() }).await;
}

#[tokio::test]
async fn a_role_whose_answer_was_lost_is_taken_when_the_group_is_left_at_once() {
    for on in [
        "POST /users/:id/product_roles",
        "POST /users/:id/user_roles",
        "POST /paid_seat_groups/:id/modify_user",
    ] {
        let bridge = setup().app_keys("request_timeout = '200ms'").start().await;
        let sam = bridge.create_user(SAM).await;
        bridge.aha.fault(Fault::drop_connection().after_applying().on(on));
        let groups = [
            create_group(&bridge, "Aha PMs", &[&sam]).await,
            create_group(&bridge, "Scoped", &[&sam]).await,
            create_group(&bridge, "Seats", &[&sam]).await,
        ];
        eventually("the fault", || async { !bridge.aha.has_faults() }).await;
        for group in groups {
            bridge.delete(&group).await.no_content();
        }
        expect_roles(&bridge, SAM, []).await;
        let account = at_aha(&bridge.aha, SAM);
        assert_eq!((account.custom_roles.len(), account.seat_group), (0, None), "{on}");
    }
}

/// What was lost on its way takes effect after what was said since.
#[tokio::test]
async fn what_takes_effect_late_is_undone() {
    for is_group_left in [true, false] {
        let (setup, clock) = Setup::aha_with_manual_clock();
        let bridge = prepared(setup).start().await;
        let (sam, step) = (bridge.create_user(SAM).await, Duration::from_millis(500));
        let is_idle = async || as_time_passes(&clock, step, bridge.wait_until_idle()).await;
        let group = create_group(&bridge, "Aha PMs", &[]).await;
        if !is_group_left {
            join(&bridge, &group, &sam).await;
        }
        is_idle().await;
        let lost = |call| Fault::drop_connection().on(call);
        bridge.aha.fault(lost("POST /users/:id/product_roles"));
        bridge.aha.fault(lost("DELETE /users/:id/product_roles/:product_id"));
        let change = async |is_member: bool| match is_member {
            true => join(&bridge, &group, &sam).await,
            false => leave(&bridge, &group, &sam).await,
        };
        change(is_group_left).await;
        failure(&bridge, &sam).await;
        bridge.aha.clear_faults();
        change(!is_group_left).await;
        let settled = async || bridge.failure_of(&sam).await.is_none();
        pass_time(&clock, step, "the newer change", settled).await;
        let prj1 = bridge.aha.find_workspace("PRJ1").unwrap();
        let late = is_group_left.then_some(Role::Contributor);
        bridge.aha.set_role(at_aha(&bridge.aha, SAM).id, prj1, late);
        is_idle().await;
        let expected = if is_group_left { None } else { Some(("PRJ1", Role::Contributor)) };
        assert_eq!(roles(&bridge, SAM), expected.into_iter().collect(), "{}", bridge.aha.calls());
        // It is over: nothing is looked at any more.
        bridge.aha.take_calls();
        change(is_group_left).await;
        change(!is_group_left).await;
        is_idle().await;
        assert_eq!(roles(&bridge, SAM), expected.into_iter().collect());
        assert!(bridge.aha.calls().to("GET /users/:id").is_empty(), "{}", bridge.aha.calls());
    }
}

/// The same of rights that no look at an account tells: they are said again.
#[tokio::test]
async fn a_custom_role_and_a_seat_that_take_effect_late_are_taken() {
    for (name, on) in
        [("Scoped", "POST /users/:id/user_roles"), ("Seats", "POST /paid_seat_groups/:id/modify_user")]
    {
        let (setup, clock) = Setup::aha_with_manual_clock();
        let bridge = prepared(setup).start().await;
        let (sam, step) = (bridge.create_user(SAM).await, Duration::from_millis(500));
        let is_idle = async || as_time_passes(&clock, step, bridge.wait_until_idle()).await;
        let group = create_group(&bridge, name, &[&sam]).await;
        is_idle().await;
        let given = at_aha(&bridge.aha, SAM);
        assert!(given.custom_roles.len() + usize::from(given.seat_group.is_some()) == 1, "{name}");
        leave(&bridge, &group, &sam).await;
        is_idle().await;

        bridge.aha.fault(Fault::drop_connection().on(on));
        join(&bridge, &group, &sam).await;
        failure(&bridge, &sam).await;
        bridge.aha.clear_faults();
        leave(&bridge, &group, &sam).await;
        let settled = async || bridge.failure_of(&sam).await.is_none();
        pass_time(&clock, step, "the newer change", settled).await;
        for (workspace, role) in given.custom_roles {
            bridge.aha.set_custom_role(given.id, workspace, role, true);
        }
        bridge.aha.set_seat_group(given.id, given.seat_group);
        is_idle().await;
        let account = at_aha(&bridge.aha, SAM);
        assert_eq!((account.custom_roles.len(), account.seat_group), (0, None), "{}", bridge.aha.calls());
    }
}

/// What Aha! does where it does not allow a change is not documented.
#[tokio::test]
async fn a_change_that_aha_accepts_and_does_not_carry_out_is_not_taken_for_done() {
    let bridge = setup().start().await;
    let sam = bridge.create_user(SAM).await;
    let id = at_aha(&bridge.aha, SAM).id.to_string();
    let roles = json!({ "administer_account": false, "administer_billing": false, "administer_configuration": false });
    let unchanged =
        json!({ "id": id, "name": "Sam Doe", "email": SAM, "enabled": true, "administrator_roles": roles });
    bridge.aha.fault(Fault::json(200, &unchanged).on("PUT /users/:id"));
    create_group(&bridge, "Admins", &[&sam]).await;
    let told = failure(&bridge, &sam).await;
    assert!(told.contains("administrator roles (account)") && told.contains("it is not done"), "{told}");

    let ann = bridge.create_user("ann@example.com").await;
    let weaker = json!({ "role": 50, "role_description": "Viewer", "product_id": "1", "product_name": null });
    bridge.aha.fault(Fault::json(200, &weaker).on("POST /users/:id/product_roles"));
    create_group(&bridge, "Aha PMs", &[&ann]).await;
    let told = failure(&bridge, &ann).await;
    assert!(told.contains("the role contributor") && told.contains("it is not done"), "{told}");
}

#[tokio::test]
async fn roles_follow_when_aha_is_back_and_group_writes_do_not_wait_for_it() {
    let mut bridge = setup().start().await;
    let sam = bridge.create_user(SAM).await;
    bridge.unplug_aha().await;
    let group = create_group(&bridge, "Aha PMs", &[&sam]).await;
    assert_eq!(bridge.get(&group).await.status, 200);
    eventually("an attempt", || async { bridge.failure_of(&sam).await.is_some() }).await;
    bridge.plug_aha_in().await;
    eventually("the role", || async { roles(&bridge, SAM) == [("PRJ1", Role::Contributor)].into() }).await;
}
