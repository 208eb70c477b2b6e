use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::{
    config::{GroupRule, Pattern},
    connector::catalogue::{SeatGroup, Workspace},
};

fn workspace(id: &str, key: &str, name: &str) -> Workspace {
    Workspace { id: id.into(), key: key.into(), name: name.into(), is_line: false }
}

fn catalogue() -> Catalogue {
    Catalogue {
        workspaces: vec![workspace("11", "PRJ1", "Project: 1"), workspace("22", "PRJ2", "Project 2")],
        seat_groups: vec![
            SeatGroup { id: "8".into(), name: "Group 1".into() },
            SeatGroup { id: "9".into(), name: "Group 2".into() },
        ],
        ..Catalogue::default()
    }
}

fn rule(name: &str, grants: impl Into<Vec<Grant>>) -> GroupRule {
    GroupRule { name: Pattern::new(name), grants: grants.into() }
}

fn role(workspace: &str, role: Role) -> Grant {
    Grant::Role { workspace: workspace.into(), role }
}

fn rules() -> GroupRules {
    let rules = vec![
        rule("Aha PMs", [role("PRJ1", Role::Contributor), role("project 2", Role::Viewer)]),
        rule("Aha Owners*", [role("11", Role::ProductOwner), Grant::Administrator(Administration::Account)]),
        rule("Admins", [Grant::Administrator(Administration::All)]),
        rule("Scoped", [Grant::CustomRole { workspace: "prj2".into(), role: 7 }]),
        rule("Seats", [Grant::SeatGroup("group 2".into())]),
        rule("More seats", [Grant::SeatGroup("8".into())]),
        rule("Broken", [role("PRJ9", Role::Viewer), Grant::SeatGroup("Group 9".into())]),
        rule("PRJ2: owner", []),
        rule("Hidden", [role("4711", Role::Viewer)]),
    ];
    GroupRules { rules, ..GroupRules::default() }
}

fn rights_of(names: &[&str]) -> Rights {
    let (rules, catalogue) = (rules(), catalogue());
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Meanings { rules: &rules, catalogue: Some(&catalogue) }.asked(&names).rights
}

#[rstest]
#[case::a_rule(&["aha pms"], &[("11", WorkspaceRole::Contributor), ("22", WorkspaceRole::Viewer)])]
#[case::the_catalogue_by_key(&["PRJ1: contributor"], &[("11", WorkspaceRole::Contributor)])]
#[case::without_case(&["prj1:VIEWER"], &[("11", WorkspaceRole::Viewer)])]
#[case::by_a_name_with_a_colon(&["Project: 1: reviewer"], &[("11", WorkspaceRole::Reviewer)])]
#[case::by_id_and_written_name(&["22: product_owner"], &[("22", WorkspaceRole::Owner)])]
#[case::a_rule_before_the_catalogue(&["PRJ2: owner"], &[])]
#[case::no_such_workspace(&["PRJ9: viewer"], &[])]
#[case::no_such_role(&["PRJ1: developer", "PRJ1: none", "PRJ1", "PRJ1:"], &[])]
#[case::nothing(&["Staff"], &[])]
#[case::the_strongest_wins(&["PRJ1: viewer", "Aha PMs", "Aha Owners DE"], &[("11", WorkspaceRole::Owner), ("22", WorkspaceRole::Viewer)])]
#[case::what_cannot_be_given_is_left_out(&["Broken", "PRJ1: viewer"], &[("11", WorkspaceRole::Viewer)])]
#[case::an_id_that_is_not_listed(&["Hidden"], &[("4711", WorkspaceRole::Viewer)])]
fn names_give_roles_in_workspaces(#[case] names: &[&str], #[case] expected: &[(&str, WorkspaceRole)]) {
    let expected = expected.iter().map(|(id, role)| ((*id).to_owned(), *role)).collect();
    assert_eq!(rights_of(names).workspaces, expected);
}

#[test]
fn administrator_and_custom_roles_add_up_and_of_seat_groups_the_first_counts() {
    let rights = rights_of(&["Aha Owners", "Scoped", "Seats", "More seats"]);
    assert_eq!(rights.administrator, [AdministratorRole::Account].into());
    assert_eq!(rights.custom_roles, [CustomRole { workspace: "22".into(), role: 7 }].into());
    assert_eq!(rights.seat_group.as_deref(), Some("8"));
    assert_eq!(rights_of(&["Admins", "Aha Owners"]).administrator, AdministratorRole::ALL.into());
}

#[test]
fn a_meaning_says_what_is_given_and_what_hinders_the_rest() {
    let (rules, catalogue) = (rules(), catalogue());
    let meanings = Meanings { rules: &rules, catalogue: Some(&catalogue) };
    assert_eq!(meanings.meaning("Aha PMs").gives, ["contributor in PRJ1", "viewer in PRJ2"]);
    assert!(meanings.meaning("Staff").is_nothing());
    let broken = meanings.meaning("Broken");
    assert_eq!(broken.gives, Vec::<String>::new());
    assert_eq!(broken.problems.len(), 2);
    assert!(!broken.is_nothing());
    let unlisted = Meanings { rules: &rules, catalogue: None };
    assert!(unlisted.meaning("Aha PMs").problems[0].contains("not listed yet"));
}

/// Of overlapping rules the first decides, also where a later one gives more; what a rule says twice counts once.
#[test]
fn the_first_rule_that_fits_decides_and_the_strongest_of_its_roles_counts() {
    let catalogue = catalogue();
    let rules = vec![
        rule(
            "Aha * DE",
            [role("PRJ1", Role::Viewer), role("11", Role::Reviewer), role("Project: 1", Role::Viewer)],
        ),
        rule("Aha *", [role("PRJ2", Role::ProductOwner)]),
        rule("*", []),
    ];
    let rules = GroupRules { rules, ..GroupRules::default() };
    let rights_of = |name: &str| {
        let names = [name.to_owned()].into();
        Meanings { rules: &rules, catalogue: Some(&catalogue) }.asked(&names).rights.workspaces
    };
    assert_eq!(rights_of("aha pms de"), [("11".to_owned(), WorkspaceRole::Reviewer)].into());
    assert_eq!(rights_of("Aha PMs"), [("22".to_owned(), WorkspaceRole::Owner)].into());
    // A rule for all other names stands before the catalogue.
    assert_eq!(rights_of("PRJ1: owner"), [].into());
}

/// A name that several workspaces have, or may have, gives nothing and takes nothing.
#[test]
fn a_name_of_more_than_one_workspace_is_that_of_none() {
    let listing = |workspaces: Vec<Workspace>| Catalogue { workspaces, ..Catalogue::default() };
    let (one, other) = (workspace("1", "ONE", "Mobile"), workspace("2", "TWO", "mobile"));
    let both = listing(vec![one.clone(), other.clone()]);
    let one_less = listing(vec![other.clone()]).remembering(both.clone());
    let named_like_a_prefix = workspace("3", "THREE", "ONE");
    let prefix_gone = listing(vec![named_like_a_prefix.clone()]).remembering(listing(vec![one.clone()]));
    let made_again = listing(vec![workspace("4", "ONE", "Mobile")]).remembering(listing(vec![one.clone()]));
    let rules =
        GroupRules { rules: vec![rule("Ruled", [role("Mobile", Role::Viewer)])], ..GroupRules::default() };
    for (catalogue, name, gives, doubtful) in [
        (&both, "Mobile: owner", None, &["1", "2"][..]),
        (&both, "Ruled", None, &["1", "2"]),
        (&both, "TWO: owner", Some("2"), &[]),
        (&one_less, "Mobile: owner", None, &["1", "2"]),
        (&one_less, "Ruled", None, &["1", "2"]),
        (&prefix_gone, "ONE: owner", None, &["1", "3"]),
        (&made_again, "ONE: owner", Some("4"), &[]),
        (&listing(vec![one.clone(), workspace("5", "MOBILE", "Other")]), "mobile: owner", Some("5"), &[]),
    ] {
        let names = [name.to_owned()].into();
        let asked = Meanings { rules: &rules, catalogue: Some(catalogue) }.asked(&names);
        let given: Vec<_> = asked.rights.workspaces.keys().map(String::as_str).collect();
        assert_eq!(given, gives.into_iter().collect::<Vec<_>>(), "{name} {catalogue:?}");
        let expected: BTreeSet<_> = doubtful.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(asked.doubtful.roles_in, expected, "{name} {catalogue:?}");
    }
}

/// What a name gave is not taken because it is not listed any more.
#[rstest]
#[case::a_workspace_that_a_rule_names(&["Broken"], &["11", "8"])]
#[case::a_custom_role_in_it(&["Lost"], &["custom 11"])]
#[case::a_name_of_the_catalogue(&["PRJ9: viewer", "gone: OWNER"], &["33"])]
#[case::listed_under_another_name(&["PRJ9: owner"], &[])]
#[case::known(&["Aha PMs", "PRJ1: viewer", "Seats", "Scoped", "Admins"], &[])]
#[case::about_no_workspace(&["Staff", "Gone: all"], &[])]
fn what_is_not_listed_any_more_is_not_taken(#[case] names: &[&str], #[case] expected: &[&str]) {
    let mut rules = rules();
    rules.rules.push(rule("Lost", [Grant::CustomRole { workspace: "PRJ9".into(), role: 7 }]));
    // What was PRJ9 is PRJ1 now; another one is not seen any more, nor is a seat group.
    let earlier = Catalogue {
        workspaces: vec![workspace("11", "PRJ9", "Project: 1"), workspace("33", "GONE", "Project 3")],
        seat_groups: vec![SeatGroup { id: "8".into(), name: "Group 9".into() }],
        ..Catalogue::default()
    };
    let catalogue = catalogue().remembering(earlier);
    let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let doubtful = Meanings { rules: &rules, catalogue: Some(&catalogue) }.asked(&names).doubtful;
    let take = |workspace: &str| RightChange::TakeRole { workspace: workspace.into(), leaving: None };
    let changes = [
        ("11", take("11")),
        ("22", take("22")),
        ("33", take("33")),
        ("custom 11", RightChange::TakeCustomRoles { workspace: "11".into() }),
        ("8", RightChange::LeaveSeatGroup("8".into())),
        ("9", RightChange::LeaveSeatGroup("9".into())),
    ];
    let forbidden: Vec<_> = changes
        .iter()
        .filter(|(_, change)| doubtful.forbids(change, &Entitlement::default()))
        .map(|(id, _)| *id)
        .collect();
    assert_eq!(forbidden, expected);
    let raise = RightChange::GiveRole { workspace: "33".into(), from: None, role: WorkspaceRole::Viewer };
    let lower = RightChange::GiveRole {
        workspace: "33".into(),
        from: Some(WorkspaceRole::Owner),
        role: WorkspaceRole::Viewer,
    };
    assert!(!doubtful.forbids(&raise, &Entitlement::default()));
    // Such a group is none that gives nothing: who leaves it is looked at.
    let meanings = Meanings { rules: &rules, catalogue: Some(&catalogue) };
    for name in names.iter().filter(|_| !expected.is_empty()) {
        assert_eq!(meanings.meaning(name).is_nothing(), *name == "PRJ9: viewer", "{name}");
    }
    assert_eq!(doubtful.forbids(&lower, &Entitlement::default()), expected.contains(&"33"));
}

/// It may be any that is not listed. What the bridge gave is given by its id, so it is not meant.
#[rstest]
#[case::a_name_of_the_catalogue("PRJ7: viewer", &["33", "44"])]
#[case::a_workspace_that_a_rule_names("Broken", &["33", "44"])]
#[case::a_custom_role_in_it("Lost", &["custom 33"])]
#[case::a_rule_that_gives_nothing("PRJ8: owner", &[])]
fn of_a_workspace_that_was_never_listed_nothing_is_taken_that_others_gave(
    #[case] name: &str,
    #[case] expected: &[&str],
) {
    let mut rules = rules();
    rules.rules.push(rule("Lost", [Grant::CustomRole { workspace: "PRJ9".into(), role: 7 }]));
    rules.rules.push(rule("PRJ8: owner", []));
    let catalogue = catalogue();
    let names = [name.to_owned()].into();
    let doubtful = Meanings { rules: &rules, catalogue: Some(&catalogue) }.asked(&names).doubtful;
    let take = |workspace: &str| RightChange::TakeRole { workspace: workspace.into(), leaving: None };
    let take_custom = |workspace: &str| RightChange::TakeCustomRoles { workspace: workspace.into() };
    let changes = [
        ("11", take("11")),
        ("33", take("33")),
        ("44", take("44")),
        ("custom 11", take_custom("11")),
        ("custom 33", take_custom("33")),
    ];
    let by_hand = Entitlement::default();
    let mut given = Entitlement::default();
    for workspace in ["11", "33", "44"] {
        given.given.rights.workspaces.insert(workspace.into(), WorkspaceRole::Viewer);
        given.given.rights.custom_roles.insert(CustomRole { workspace: workspace.into(), role: 7 });
    }
    let forbidden = |held: &Entitlement| -> Vec<_> {
        changes.iter().filter(|(_, change)| doubtful.forbids(change, held)).map(|(id, _)| *id).collect()
    };
    assert_eq!(forbidden(&by_hand), expected);
    assert_eq!(forbidden(&given), [""; 0]);
}

#[test]
fn a_workspace_is_known_by_its_listing_or_the_former_one_and_an_id_at_its_word() {
    let moved = Catalogue::default().remembering(catalogue());
    let two = Catalogue { workspaces: vec![workspace("55", "PRJ1", "Other")], ..Catalogue::default() };
    let two = Catalogue::default().remembering(two.remembering(catalogue()));
    for (text, catalogue, expected) in [
        ("prj1", Some(&catalogue()), Some("11")),
        ("prj1", Some(&moved), Some("11")),
        ("PRJ2", Some(&two), Some("22")),
        ("PRJ1", Some(&two), None),
        ("PRJ7", Some(&moved), None),
        ("PRJ1", None, None),
        ("4711", Some(&moved), Some("4711")),
        ("4711", None, Some("4711")),
    ] {
        assert_eq!(workspace_id(text, catalogue).as_deref(), expected, "{text} {catalogue:?}");
    }
}

#[test]
fn a_name_that_several_workspaces_have_is_told_with_their_prefixes() {
    let workspaces = vec![workspace("1", "ONE", "Mobile"), workspace("2", "TWO", "mobile")];
    let catalogue = Catalogue { workspaces, ..Catalogue::default() };
    let rules = GroupRules { rules: vec![rule("Mobile: owner", [])], ..GroupRules::default() };
    let meanings = Meanings { rules: &rules, catalogue: Some(&catalogue) };
    let meaning = meanings.meaning("Mobile: viewer");
    assert!(meaning.problems[0].contains("2 workspaces are called \"Mobile\": ONE, TWO"), "{meaning:?}");
    assert!(meanings.meaning("Mobile: owner").is_nothing(), "a rule says so");
    assert_eq!(meanings.meaning("ONE: owner").problems, [""; 0]);
}

#[test]
fn what_is_listed_again_is_not_remembered_as_gone() {
    let earlier = catalogue();
    let without = Catalogue::default().remembering(earlier.clone());
    assert_eq!(without.former.workspaces, earlier.workspaces);
    assert_eq!(without.former.seat_groups, earlier.seat_groups);
    assert_eq!(earlier.clone().remembering(without.clone()), earlier);
    // However often nothing is listed.
    assert_eq!(Catalogue::default().remembering(without.clone()), without);
}

#[test]
fn four_groups_a_workspace_are_offered_unless_there_are_too_many_or_it_is_said() {
    let many = Catalogue {
        workspaces: (0..51).map(|n| workspace(&n.to_string(), &format!("W{n}"), "W")).collect(),
        ..Catalogue::default()
    };
    let offers = |catalogue: &Catalogue, said| {
        let rules = GroupRules { catalogue: said, ..GroupRules::default() };
        Meanings { rules: &rules, catalogue: Some(catalogue) }.offers().len()
    };
    assert_eq!([None, Some(true), Some(false)].map(|said| offers(&catalogue(), said)), [8, 8, 0]);
    assert_eq!([None, Some(true), Some(false)].map(|said| offers(&many, said)), [0, 204, 0]);
}

proptest! {
    #[test]
    fn the_order_and_the_repetition_of_groups_do_not_matter(
        mut names in prop::collection::vec(
            prop::sample::select(vec![
                "Aha PMs", "Aha Owners", "Admins", "Scoped", "Seats", "More seats", "Broken", "PRJ1: viewer",
                "PRJ2: reviewer", "PRJ2: owner", "Staff",
            ]),
            0..12,
        ),
    ) {
        let together = rights_of(&names);
        // One group after the other, in any order, comes to the same as all of them.
        let mut joined = Rights::default();
        for name in names.iter().rev() {
            let one = rights_of(&[name]);
            for (workspace, role) in one.workspaces {
                let strongest = joined.workspaces.entry(workspace).or_insert(role);
                *strongest = role.max(*strongest);
            }
            joined.custom_roles.extend(one.custom_roles);
            joined.administrator.extend(one.administrator);
            joined.seat_group = joined.seat_group.into_iter().chain(one.seat_group).min();
        }
        prop_assert_eq!(&joined, &together);
        names.reverse();
        names.extend_from_within(..);
        prop_assert_eq!(rights_of(&names), together);
    }
}
