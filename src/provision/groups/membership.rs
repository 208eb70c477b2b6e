//! Changes of members, row by row.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::{
    provision::present::show_member,
    scim::{
        error::{Error, ScimType},
        patch::{MembershipChange, member_id},
    },
    store::{
        Group, Transaction,
        members::{self, MemberKind},
    },
};

use super::{BridgedApp, ProvisionError, record::MembersChanged};

/// What becomes of a member whose id belongs to nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownMembers {
    /// The request is refused (`C-23`).
    Refused,
    /// It becomes a member like any other, as RFC 7644 allows. Only some test suites want that.
    Kept,
}

/// How many bytes the id of a member may have that belongs to nothing here: it stands in an index, and none takes more than 2,704.
const LONGEST_UNKNOWN_ID: usize = 1_024;

/// What an app says of members, to be taken into a transaction.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    base_url: String,
    unknown_members: UnknownMembers,
}

impl Rules {
    pub(super) fn of(app: &BridgedApp) -> Self {
        Self { base_url: app.base_url.clone(), unknown_members: app.unknown_members }
    }

    /// Carries the changes out in order. Answers who is a member now and was none before, and the other way round.
    ///
    /// # Errors
    /// `invalidValue` for a member that does not exist (`C-23`, `ENT-40`), has too long an id or is not what its `type` says, what a rewrite of
    /// the list fails with, and failures of the database.
    pub(super) async fn change(
        &self,
        transaction: &mut Transaction,
        group: &Group,
        changes: Vec<MembershipChange>,
    ) -> Result<MembersChanged, ProvisionError> {
        let mut changed = MembersChanged::default();
        for change in changes {
            match change {
                MembershipChange::Add(list) => self.add(transaction, group, &list, &mut changed).await?,
                MembershipChange::Remove(ids) => {
                    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                    changed.remove(members::remove(transaction, &group.id, &ids).await?);
                }
                MembershipChange::Clear => changed.remove(members::clear(transaction, &group.id).await?),
                MembershipChange::Replace(list) => {
                    self.replace(transaction, group, &list, &mut changed).await?;
                }
                MembershipChange::Rewrite(rewrite) => {
                    let before = members::list_in(transaction, &group.id).await?;
                    let shown = before.iter().map(|member| show_member(&self.base_url, member));
                    let after = rewrite.apply(shown.collect())?;
                    self.replace(transaction, group, &after, &mut changed).await?;
                }
            }
        }
        Ok(changed)
    }

    async fn add(
        &self,
        transaction: &mut Transaction,
        group: &Group,
        list: &[Value],
        changed: &mut MembersChanged,
    ) -> Result<(), ProvisionError> {
        let asserted = asserted(list);
        let ids: Vec<&str> = asserted.keys().map(String::as_str).collect();
        let known = members::kinds(transaction, &group.app, &ids).await?;
        let (mut users, mut groups) = (Vec::new(), Vec::new());
        for (id, asserted) in &asserted {
            let kind = match known.get(id) {
                _ if id == group.id.as_str() => {
                    return Err(invalid("A group cannot be its own member.".into()));
                }
                Some(kind) => *kind,
                None if self.unknown_members == UnknownMembers::Kept && id.len() <= LONGEST_UNKNOWN_ID => {
                    asserted.unwrap_or(MemberKind::User)
                }
                None if self.unknown_members == UnknownMembers::Kept => {
                    let id = quotable(id);
                    let detail = format!(
                        "The id of a member may be {LONGEST_UNKNOWN_ID} bytes long; {id}… is longer."
                    );
                    return Err(invalid(detail));
                }
                None => {
                    let id = quotable(id);
                    let detail =
                        format!("There is no user or group with the id {id} that could be a member.");
                    return Err(invalid(detail));
                }
            };
            check_kind(id, *asserted, kind)?;
            match kind {
                MemberKind::User => users.push(id.as_str()),
                MemberKind::Group => groups.push(id.as_str()),
            }
        }
        for (kind, ids) in [(MemberKind::User, users), (MemberKind::Group, groups)] {
            let added = members::add(transaction, &group.app, &group.id, kind, &ids).await?;
            changed.add(added.into_iter().map(|id| (id, kind)));
        }
        Ok(())
    }

    /// Makes the list exact by the difference to what is there: Okta sends whole lists for one change.
    async fn replace(
        &self,
        transaction: &mut Transaction,
        group: &Group,
        list: &[Value],
        changed: &mut MembersChanged,
    ) -> Result<(), ProvisionError> {
        let before = members::ids(transaction, &group.id).await?;
        let wanted: HashSet<String> = list.iter().filter_map(member_id).collect();
        let left: Vec<&str> = before.keys().filter(|id| !wanted.contains(*id)).map(String::as_str).collect();
        let mut new = Vec::new();
        for member in list {
            let Some(id) = member_id(member) else { continue };
            match before.get(&id) {
                Some(kind) => check_kind(&id, asserted_kind(member), *kind)?,
                None => new.push(member.clone()),
            }
        }
        changed.remove(members::remove(transaction, &group.id, &left).await?);
        self.add(transaction, group, &new, changed).await
    }
}

/// The ids of a list of members, each with what the client says that it belongs to.
fn asserted(list: &[Value]) -> HashMap<String, Option<MemberKind>> {
    list.iter().filter_map(|member| Some((member_id(member)?, asserted_kind(member)))).collect()
}

fn asserted_kind(member: &Value) -> Option<MemberKind> {
    MemberKind::find(member.get("type")?.as_str()?)
}

/// Refuses a member that is called a user and is a group, or the other way round: one of the two is a mistake, and it is not
/// for us to say which. Most clients leave `type` out (`Q-51`).
fn check_kind(id: &str, asserted: Option<MemberKind>, kind: MemberKind) -> Result<(), ProvisionError> {
    match asserted {
        Some(asserted) if asserted != kind => {
            let (id, asserted, kind) = (quotable(id), asserted.as_str(), kind.as_str());
            Err(invalid(format!("`members.type` of {id} is {asserted}, and the id belongs to a {kind}.")))
        }
        _ => Ok(()),
    }
}

/// An id is repeated as it came, but not at any length.
fn quotable(id: &str) -> String {
    id.chars().take(64).collect()
}

fn invalid(detail: String) -> ProvisionError {
    Error::new(ScimType::InvalidValue, detail).into()
}
