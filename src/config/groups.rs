//! What an app's groups give at Aha!: `groups`, `roles`, `on_deactivate` and `catalogue`.

use std::fmt;

use super::{
    aha::{Role, workspace_name},
    reader::{Table, Value, quoted},
    source::Read,
};
use crate::scim::fold::fold;

/// What groups give, and what becomes of what they do not.
#[derive(Clone, Debug, Default)]
pub struct GroupRules {
    /// The rules, in the order in which they are asked: the first that fits a group decides.
    pub rules: Vec<GroupRule>,
    /// What becomes of roles that no group gives.
    pub roles: OtherRoles,
    /// What becomes of the roles of somebody who is deactivated.
    pub on_deactivate: OnDeactivate,
    /// Whether there is a group for each role in each workspace before an IdP makes one; `None`: if they are not too many.
    pub catalogue: Option<bool>,
}

/// What the groups of a name give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRule {
    /// Which groups.
    pub name: Pattern,
    /// What they give; nothing, if it is empty.
    pub grants: Vec<Grant>,
}

/// Something that a group gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// A role in a workspace.
    Role {
        /// The workspace: its prefix, its id or its name.
        workspace: String,
        /// The role; never `none`.
        role: Role,
    },
    /// A custom role in a workspace.
    CustomRole {
        /// The workspace: its prefix, its id or its name.
        workspace: String,
        /// The custom role's id.
        role: u64,
    },
    /// An administrator role.
    Administrator(Administration),
    /// A paid seat group, by its name or its id.
    SeatGroup(String),
}

/// What an administrator administers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Administration {
    /// The account.
    Account,
    /// Billing.
    Billing,
    /// The configuration.
    Configuration,
    /// All three.
    All,
}

/// What becomes of roles that no group gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OtherRoles {
    /// They stay, unless the bridge gave them.
    #[default]
    Additive,
    /// They are taken away.
    Authoritative,
}

/// What becomes of the roles of somebody who is deactivated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDeactivate {
    /// They stay: the account is disabled, and has them when it is enabled again.
    #[default]
    Disable,
    /// Those that may be taken away are, after the account was disabled.
    DisableAndRemoveRoles,
}

/// A name in which `*` stands for any text and `?` for any one character. Compares without case.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern {
    written: String,
    folded: Vec<char>,
}

impl Pattern {
    /// The pattern that `text` spells.
    pub fn new(text: &str) -> Self {
        Self { written: text.to_owned(), folded: fold(text).chars().collect() }
    }

    /// Whether `name` fits.
    pub fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = fold(name).chars().collect();
        // Where to go on if the text after the last `*` does not fit: that `*`, and what it stands for so far.
        let mut again: Option<(usize, usize)> = None;
        let (mut at, mut read) = (0, 0);
        while read < name.len() {
            match self.folded.get(at) {
                Some('*') => {
                    again = Some((at, read));
                    at += 1;
                }
                Some(expected) if *expected == '?' || *expected == name[read] => {
                    at += 1;
                    read += 1;
                }
                _ => match &mut again {
                    Some((star, stands_for)) => {
                        *stands_for += 1;
                        (at, read) = (*star + 1, *stands_for);
                    }
                    None => return false,
                },
            }
        }
        self.folded[at..].iter().all(|left| *left == '*')
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written.fmt(f)
    }
}

impl GroupRules {
    /// Reads the keys of `table`, which is the app's.
    pub(super) fn read(table: &mut Table<'_>) -> Read<Self> {
        let rules = table.or("groups", Vec::new(), |value| value.array(1000, |value| rule(&value)));
        let roles = table.or("roles", OtherRoles::default(), |value| {
            value.one_of(&[("additive", OtherRoles::Additive), ("authoritative", OtherRoles::Authoritative)])
        });
        let on_deactivate = table.or("on_deactivate", OnDeactivate::default(), |value| {
            value.one_of(&[
                ("disable", OnDeactivate::Disable),
                ("disable_and_remove_roles", OnDeactivate::DisableAndRemoveRoles),
            ])
        });
        let catalogue = table.optional("catalogue", |value| value.boolean());
        Ok(Self { rules: rules?, roles: roles?, on_deactivate: on_deactivate?, catalogue: catalogue? })
    }

    /// Whether a rule gives anything of which `is_such` is true.
    pub fn give(&self, is_such: impl Fn(&Grant) -> bool) -> bool {
        self.rules.iter().flat_map(|rule| &rule.grants).any(is_such)
    }
}

fn rule(value: &Value<'_>) -> Read<GroupRule> {
    let mut table = value.table()?;
    let name =
        table.required("name", "the displayName of the groups, in which * and ? stand for others", |value| {
            name(&value).map(Pattern::new)
        });
    let grants = table.required(
        "grants",
        "what the groups give, as in [{ workspace = \"PRJ1\", role = \"viewer\" }]",
        |value| value.array(100, |value| grant(&value)),
    );
    table.finish()?;
    Ok(GroupRule { name: name?, grants: grants? })
}

fn grant(value: &Value<'_>) -> Read<Grant> {
    const ROLES: [(&str, Role); 5] = [
        ("product_owner", Role::ProductOwner),
        ("owner", Role::ProductOwner),
        ("contributor", Role::Contributor),
        ("reviewer", Role::Reviewer),
        ("viewer", Role::Viewer),
    ];
    const ADMINISTRATION: [(&str, Administration); 4] = [
        ("account", Administration::Account),
        ("billing", Administration::Billing),
        ("configuration", Administration::Configuration),
        ("all", Administration::All),
    ];
    let mut table = value.table()?;
    let workspace = table.optional("workspace", |value| workspace_name(&value));
    let role = table.optional("role", |value| value.one_of(&ROLES));
    let custom_role = table.optional("custom_role", |value| value.integer(1..=i64::MAX as u64));
    let administrator = table.optional("administrator", |value| value.one_of(&ADMINISTRATION));
    let seat_group = table.optional("seat_group", |value| name(&value).map(str::to_owned));
    table.finish()?;
    match (workspace?, role?, custom_role?, administrator?, seat_group?) {
        (Some(workspace), Some(role), None, None, None) => Ok(Grant::Role { workspace, role }),
        (Some(workspace), None, Some(role), None, None) => Ok(Grant::CustomRole { workspace, role }),
        (None, None, None, Some(administration), None) => Ok(Grant::Administrator(administration)),
        (None, None, None, None, Some(group)) => Ok(Grant::SeatGroup(group)),
        _ => Err(value.report(
            "must be one of { workspace, role }, { workspace, custom_role }, { administrator } and { seat_group }",
        )),
    }
}

fn name<'a>(value: &Value<'a>) -> Read<&'a str> {
    let text = value.string()?;
    if (1..=256).contains(&text.len()) && text.trim() == text {
        return Ok(text);
    }
    Err(value.report(format_args!(
        "{} is not a name: from 1 to 256 characters, and no blanks around it",
        quoted(text)
    )))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Aha PMs", "aha pms", true)]
    #[case("Aha PMs", "Aha PMs Berlin", false)]
    #[case("Aha *", "Aha PMs", true)]
    #[case("Aha *", "Aha", false)]
    #[case("*PMs", "Aha PMs PMs", true)]
    #[case("a*b*c", "aXbYbZc", true)]
    #[case("a*b*c", "aXbYbZ", false)]
    #[case("team-?", "TEAM-7", true)]
    #[case("team-?", "team-77", false)]
    #[case("*", "", true)]
    #[case("Straße*", "STRASSE 7", true)]
    fn a_pattern_fits_names_without_case(#[case] pattern: &str, #[case] name: &str, #[case] fits: bool) {
        assert_eq!(Pattern::new(pattern).matches(name), fits);
    }

    #[test]
    fn a_hostile_name_takes_no_longer_than_its_length_times_that_of_the_pattern() {
        let pattern = Pattern::new(&"*a".repeat(100));
        assert!(!pattern.matches(&"a".repeat(99)));
        assert!(!pattern.matches(&format!("{}b", "a".repeat(100_000))));
    }
}
