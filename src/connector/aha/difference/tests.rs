use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::{
    config::{Administration, GroupRule, Pattern},
    connector::{
        catalogue::{SeatGroup, Workspace},
        rights::{AdministratorRole, Given, SeenRights},
    },
};

const VIEWER: WorkspaceRole = WorkspaceRole::Viewer;
const REVIEWER: WorkspaceRole = WorkspaceRole::Reviewer;
const DEVELOPER: WorkspaceRole = WorkspaceRole::Developer;
const CONTRIBUTOR: WorkspaceRole = WorkspaceRole::Contributor;
const OWNER: WorkspaceRole = WorkspaceRole::Owner;

fn in_workspace(role: Option<WorkspaceRole>) -> BTreeMap<String, WorkspaceRole> {
    role.map(|role| ("1".to_owned(), role)).into_iter().collect()
}

fn rules(roles: OtherRoles) -> GroupRules {
    GroupRules { roles, ..GroupRules::default() }
}

/// Workspaces, and whether each is a line.
fn listing(workspaces: &[(&str, bool)]) -> Catalogue {
    let workspace =
        |&(id, is_line): &(&str, bool)| Workspace { id: id.into(), key: id.into(), name: id.into(), is_line };
    Catalogue { workspaces: workspaces.iter().map(workspace).collect(), ..Catalogue::default() }
}

/// The one change in workspace 1, if there is one.
fn change(
    wanted: Option<WorkspaceRole>,
    seen: Option<WorkspaceRole>,
    given: Option<(WorkspaceRole, Option<WorkspaceRole>)>,
    roles: OtherRoles,
    default_role: Option<WorkspaceRole>,
) -> Option<RightChange> {
    let wanted = Rights { workspaces: in_workspace(wanted), ..Rights::default() };
    let held = Entitlement {
        seen: SeenRights { workspaces: Some(in_workspace(seen)), ..SeenRights::default() },
        given: Given {
            rights: Rights { workspaces: in_workspace(given.map(|(role, _)| role)), ..Rights::default() },
            instead_of: in_workspace(given.and_then(|(_, before)| before)),
        },
        lost: None,
    };
    let rules = rules(roles);
    let catalogue = listing(&[("1", false)]);
    let default_role = default_role.map(|role| DefaultRole { workspace: Some("1".into()), role });
    let policy = Policy { rules: &rules, catalogue: Some(&catalogue), default_role: default_role.as_ref() };
    let changes = changes(&wanted, &held, policy);
    assert!(changes.len() <= 1, "{changes:?}");
    changes.into_iter().next()
}

fn give(from: Option<WorkspaceRole>, role: WorkspaceRole) -> Option<RightChange> {
    Some(RightChange::GiveRole { workspace: "1".into(), from, role })
}

fn take(leaving: Option<WorkspaceRole>) -> Option<RightChange> {
    Some(RightChange::TakeRole { workspace: "1".into(), leaving })
}

#[rstest]
#[case::nothing(None, None, None, None)]
#[case::new(Some(VIEWER), None, None, give(None, VIEWER))]
#[case::as_it_is(Some(VIEWER), Some(VIEWER), None, None)]
#[case::more(Some(OWNER), Some(VIEWER), None, give(Some(VIEWER), OWNER))]
#[case::somebody_else_gave_more(Some(VIEWER), Some(OWNER), None, None)]
#[case::less_than_was_given(Some(VIEWER), Some(OWNER), Some((OWNER, None)), give(Some(OWNER), VIEWER))]
#[case::less_but_not_than_before(Some(VIEWER), Some(OWNER), Some((OWNER, Some(CONTRIBUTOR))), take(Some(CONTRIBUTOR)))]
#[case::less_and_as_before(Some(VIEWER), Some(OWNER), Some((OWNER, Some(VIEWER))), take(Some(VIEWER)))]
#[case::given_as_before(None, Some(VIEWER), Some((VIEWER, Some(VIEWER))), take(Some(VIEWER)))]
#[case::less_than_developer_before(Some(REVIEWER), Some(CONTRIBUTOR), Some((CONTRIBUTOR, Some(DEVELOPER))), take(Some(REVIEWER)))]
#[case::no_more_and_developer_before(None, Some(CONTRIBUTOR), Some((CONTRIBUTOR, Some(DEVELOPER))), take(Some(REVIEWER)))]
#[case::developer_by_hand(Some(REVIEWER), Some(DEVELOPER), None, None)]
#[case::taken_by_hand(None, None, Some((CONTRIBUTOR, Some(VIEWER))), take(None))]
#[case::taken_by_hand_and_wanted(Some(CONTRIBUTOR), None, Some((CONTRIBUTOR, Some(VIEWER))), give(None, CONTRIBUTOR))]
#[case::no_more(None, Some(CONTRIBUTOR), Some((CONTRIBUTOR, None)), take(None))]
#[case::no_more_and_back(None, Some(CONTRIBUTOR), Some((CONTRIBUTOR, Some(VIEWER))), take(Some(VIEWER)))]
#[case::begun_and_not_seen(None, None, Some((CONTRIBUTOR, None)), take(None))]
#[case::changed_by_hand(None, Some(OWNER), Some((CONTRIBUTOR, None)), None)]
#[case::given_by_hand(None, Some(OWNER), None, None)]
fn additive_roles_take_only_what_was_given(
    #[case] wanted: Option<WorkspaceRole>,
    #[case] seen: Option<WorkspaceRole>,
    #[case] given: Option<(WorkspaceRole, Option<WorkspaceRole>)>,
    #[case] expected: Option<RightChange>,
) {
    assert_eq!(change(wanted, seen, given, OtherRoles::Additive, None), expected);
}

#[rstest]
#[case::given_by_hand(None, Some(OWNER), None, take(None))]
#[case::more_by_hand(Some(VIEWER), Some(OWNER), None, give(Some(OWNER), VIEWER))]
#[case::the_default_role_stays(None, Some(VIEWER), Some(VIEWER), None)]
#[case::more_than_the_default_role(None, Some(OWNER), Some(VIEWER), take(Some(VIEWER)))]
fn authoritative_roles_take_what_no_group_gives(
    #[case] wanted: Option<WorkspaceRole>,
    #[case] seen: Option<WorkspaceRole>,
    #[case] default_role: Option<WorkspaceRole>,
    #[case] expected: Option<RightChange>,
) {
    assert_eq!(change(wanted, seen, None, OtherRoles::Authoritative, default_role), expected);
}

#[rstest]
#[case::no_stronger_than_in_the_line(&[("line", OWNER), ("1", CONTRIBUTOR)], Some("line"), &["line"])]
#[case::stronger_than_in_the_line(&[("line", VIEWER), ("1", OWNER)], None, &["1"])]
#[case::without_a_line(&[("1", OWNER), ("2", VIEWER)], None, &["1", "2"])]
fn authoritative_roles_leave_what_may_be_handed_down(
    #[case] seen: &[(&str, WorkspaceRole)],
    #[case] _line: Option<&str>,
    #[case] taken: &[&str],
) {
    let all = listing(&[("line", true), ("1", false), ("2", false)]);
    // What was a line stays one when it is not listed any more.
    let less = listing(&[("1", false), ("2", false)]).remembering(all.clone());
    for catalogue in [all, less] {
        assert_eq!(taken_from(seen, &catalogue, None), taken, "{catalogue:?}");
    }
}

/// The workspaces in which what was seen of an account is taken that no group gives anything.
fn taken_from(
    seen: &[(&str, WorkspaceRole)],
    catalogue: &Catalogue,
    default_role: Option<&DefaultRole>,
) -> Vec<String> {
    let seen = seen.iter().map(|(id, role)| ((*id).to_owned(), *role)).collect();
    let held = Entitlement {
        seen: SeenRights { workspaces: Some(seen), ..SeenRights::default() },
        ..Entitlement::default()
    };
    let rules = rules(OtherRoles::Authoritative);
    let policy = Policy { rules: &rules, catalogue: Some(catalogue), default_role };
    changes(&Rights::default(), &held, policy)
        .into_iter()
        .map(|change| match change {
            RightChange::TakeRole { workspace, .. } => workspace,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_default_workspace_that_is_not_known_may_be_any_that_is_not_listed() {
    let catalogue = listing(&[("2", false)]);
    let unknown = DefaultRole { workspace: None, role: VIEWER };
    let seen = [("1", VIEWER), ("2", VIEWER), ("3", OWNER)];
    assert_eq!(taken_from(&seen, &catalogue, Some(&unknown)), ["2", "3"]);
    let known = DefaultRole { workspace: Some("1".into()), role: VIEWER };
    assert_eq!(taken_from(&seen, &catalogue, Some(&known)), ["2", "3"]);
    assert_eq!(taken_from(&seen[1..], &catalogue, None), ["2", "3"]);
}

/// What the names of groups give is not known then.
#[test]
fn before_anything_is_listed_only_what_the_bridge_gave_is_taken() {
    let grants = vec![Grant::SeatGroup("8".into()), Grant::CustomRole { workspace: "1".into(), role: 7 }];
    let rule = GroupRule { name: Pattern::new("x"), grants };
    let rules = GroupRules { rules: vec![rule], ..rules(OtherRoles::Authoritative) };
    let custom_role = CustomRole { workspace: "1".into(), role: 7 };
    let rights = Rights {
        workspaces: in_workspace(Some(OWNER)),
        custom_roles: [custom_role].into(),
        seat_group: Some("8".into()),
        ..Rights::default()
    };
    let by_hand = Entitlement { seen: seen(&rights), ..Entitlement::default() };
    let given = Entitlement { given: Given { rights, ..Given::default() }, ..by_hand.clone() };
    let count = |held: &Entitlement, catalogue: Option<&Catalogue>| {
        changes(&Rights::default(), held, Policy { rules: &rules, catalogue, default_role: None }).len()
    };
    let without_seat_groups = listing(&[("1", false)]);
    let seat_groups = vec![SeatGroup { id: "9".into(), name: "Group 2".into() }];
    let with_seat_groups = Catalogue { seat_groups, ..without_seat_groups.clone() };
    for (catalogue, of_others) in [(None, 0), (Some(&without_seat_groups), 2), (Some(&with_seat_groups), 3)] {
        assert_eq!((count(&by_hand, catalogue), count(&given, catalogue)), (of_others, 3), "{catalogue:?}");
    }
}

#[test]
fn several_administrator_roles_are_one_change_and_those_of_others_stay() {
    use AdministratorRole::{Account, Billing, Configuration};
    let held = Entitlement {
        seen: SeenRights { administrator: Some([Billing, Configuration].into()), ..SeenRights::default() },
        given: Given {
            rights: Rights { administrator: [Configuration].into(), ..Rights::default() },
            ..Given::default()
        },
        lost: None,
    };
    let wanted = Rights { administrator: [Account].into(), ..Rights::default() };
    let changes_by =
        |rules: &GroupRules| changes(&wanted, &held, Policy { rules, catalogue: None, default_role: None });
    let expected = RightChange::Administrator { gives: [Account].into(), takes: [Configuration].into() };
    assert_eq!(changes_by(&rules(OtherRoles::Additive)), std::slice::from_ref(&expected));
    // Without a rule about administrators, they are nobody's business.
    assert_eq!(changes_by(&rules(OtherRoles::Authoritative)), [expected]);
    let rule =
        GroupRule { name: Pattern::new("x"), grants: vec![Grant::Administrator(Administration::Billing)] };
    let managed = GroupRules { rules: vec![rule], ..rules(OtherRoles::Authoritative) };
    let takes = [Billing, Configuration].into();
    assert_eq!(changes_by(&managed), [RightChange::Administrator { gives: [Account].into(), takes }]);
}

#[test]
fn a_seat_group_takes_the_place_of_another_and_comes_before_roles() {
    let held = Entitlement {
        seen: SeenRights {
            seat_groups: Some(["8".to_owned()].into()),
            workspaces: Some(BTreeMap::new()),
            custom_roles: Some(BTreeSet::new()),
            administrator: Some(BTreeSet::new()),
        },
        ..Entitlement::default()
    };
    let role = CustomRole { workspace: "1".into(), role: 7 };
    let wanted = Rights {
        seat_group: Some("9".into()),
        workspaces: in_workspace(Some(OWNER)),
        custom_roles: [role.clone()].into(),
        ..Rights::default()
    };
    let rules = rules(OtherRoles::Additive);
    let policy = Policy { rules: &rules, catalogue: None, default_role: None };
    let expected = [
        RightChange::LeaveSeatGroup("8".into()),
        RightChange::JoinSeatGroup("9".into()),
        RightChange::GiveRole { workspace: "1".into(), from: None, role: OWNER },
        RightChange::GiveCustomRole(role),
    ];
    assert_eq!(changes(&wanted, &held, policy), expected);
    assert_eq!(changes(&Rights::default(), &held, policy), [], "the bridge did not give it");
}

fn any_role() -> impl Strategy<Value = WorkspaceRole> {
    prop::sample::select(vec![VIEWER, WorkspaceRole::Reviewer, WorkspaceRole::Developer, CONTRIBUTOR, OWNER])
}

fn any_rights() -> impl Strategy<Value = Rights> {
    let id = || prop::sample::select(vec!["1".to_owned(), "2".to_owned(), "3".to_owned()]);
    (
        prop::collection::btree_map(id(), any_role(), 0..3),
        prop::collection::btree_set((id(), 0_u64..3), 0..3),
        prop::collection::btree_set(prop::sample::select(AdministratorRole::ALL.to_vec()), 0..3),
        prop::option::of(id()),
    )
        .prop_map(|(workspaces, custom, administrator, seat_group)| Rights {
            workspaces,
            custom_roles: custom
                .into_iter()
                .map(|(workspace, role)| CustomRole { workspace, role })
                .collect(),
            administrator,
            seat_group,
        })
}

fn seen(rights: &Rights) -> SeenRights {
    SeenRights {
        workspaces: Some(rights.workspaces.clone()),
        custom_roles: Some(rights.custom_roles.clone()),
        administrator: Some(rights.administrator.clone()),
        seat_groups: Some(rights.seat_group.clone().into_iter().collect()),
    }
}

proptest! {
    /// Carries changes out one after the other, planning anew after each as the worker does.
    #[test]
    fn any_wanted_rights_are_reached_and_what_was_given_goes_when_nothing_is_wanted(
        held in any_rights(),
        wanted in any_rights(),
        is_told in any::<bool>(),
        is_authoritative in any::<bool>(),
    ) {
        let rules = rules(if is_authoritative { OtherRoles::Authoritative } else { OtherRoles::Additive });
        let catalogue = listing(&[("1", false), ("2", false)]);
        let policy = Policy { rules: &rules, catalogue: Some(&catalogue), default_role: None };
        let mut entitlement = Entitlement {
            seen: if is_told { seen(&held) } else { SeenRights::default() },
            ..Entitlement::default()
        };
        for wanted in [wanted.clone(), Rights::default()] {
            let mut steps = 0;
            while let Some(change) = changes(&wanted, &entitlement, policy).into_iter().next() {
                entitlement.begin(&change);
                entitlement.finish(&change);
                steps += 1;
                prop_assert!(steps <= 16, "it does not end: {change:?}");
            }
            if wanted != Rights::default() {
                for (workspace, role) in &wanted.workspaces {
                    let have = entitlement.seen.workspaces.as_ref().unwrap()[workspace];
                    prop_assert!(have >= *role);
                }
                prop_assert!(wanted.administrator.iter().all(|role| entitlement.seen.administrator.as_ref().unwrap().contains(role)));
            }
        }
        let is_left = entitlement.given.rights.workspaces.iter().any(|(workspace, role)| {
            entitlement.seen.workspaces.as_ref().unwrap().get(workspace) == Some(role)
        });
        prop_assert!(!is_left);
        prop_assert_eq!(&entitlement.given.rights.administrator, &BTreeSet::new());
        prop_assert_eq!(&entitlement.given.rights.seat_group, &None);
        prop_assert_eq!(&entitlement.given.rights.custom_roles, &BTreeSet::new());
    }
}

/// Losing a right is as urgent as losing access, gaining one waits as an invitation does.
#[test]
fn a_right_is_lost_in_the_first_lane_and_gained_in_the_last() {
    use crate::connector::Lane;
    let custom = || CustomRole { workspace: "1".into(), role: 7 };
    let administrator = |gives: &[AdministratorRole], takes: &[AdministratorRole]| {
        let set = |roles: &[AdministratorRole]| roles.iter().copied().collect();
        RightChange::Administrator { gives: set(gives), takes: set(takes) }
    };
    let (account, billing) = (AdministratorRole::Account, AdministratorRole::Billing);
    for change in [
        take(None).unwrap(),
        take(Some(VIEWER)).unwrap(),
        give(Some(OWNER), VIEWER).unwrap(),
        RightChange::TakeCustomRoles { workspace: "1".into() },
        administrator(&[], &[account]),
        administrator(&[billing], &[account]),
        RightChange::LeaveSeatGroup("8".into()),
    ] {
        assert_eq!(change.lane(), Lane::Revoke, "{change:?}");
    }
    for change in [
        give(None, VIEWER).unwrap(),
        give(Some(VIEWER), OWNER).unwrap(),
        RightChange::GiveCustomRole(custom()),
        administrator(&[account], &[]),
        RightChange::JoinSeatGroup("8".into()),
    ] {
        assert_eq!(change.lane(), Lane::Grant, "{change:?}");
    }
}
