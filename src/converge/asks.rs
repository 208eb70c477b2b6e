//! What is desired of users together with what their groups ask for.
//!
//! A user's groups are rows of their own, so that to change one costs the same however large it is. They are read whenever it is
//! planned what is to be done, and only where groups give something. Only direct members count: an IdP that has groups
//! within groups sends who is in them.

use std::collections::HashMap;

use crate::{
    connector::{Connector, Desired},
    store::{
        Store, StoreError, Transaction, User,
        members::{self, Membership},
    },
};

/// What is desired of `user`.
///
/// # Errors
/// When the database fails.
pub async fn desired(store: &Store, connector: &dyn Connector, user: &User) -> Result<Desired, StoreError> {
    let mut desired = desired_of_all(store, connector, std::slice::from_ref(user)).await?;
    Ok(desired.pop().unwrap_or_else(|| Desired::of(&user.resource, user.standing())))
}

/// What is desired of each of `users`, in their order.
///
/// # Errors
/// When the database fails.
pub async fn desired_of_all(
    store: &Store,
    connector: &dyn Connector,
    users: &[User],
) -> Result<Vec<Desired>, StoreError> {
    let of = |user: &User| Desired::of(&user.resource, user.standing());
    let Some(app) = users.first().map(|user| &user.app).filter(|_| connector.group_rights().is_some()) else {
        return Ok(users.iter().map(of).collect());
    };
    let ids: Vec<_> = users.iter().map(|user| user.id.as_str()).collect();
    let mut groups: HashMap<String, Vec<String>> = HashMap::new();
    for Membership { member_id, display, .. } in members::memberships(store, app, &ids).await? {
        groups.entry(member_id).or_default().push(display);
    }
    let mut groups_of = |user: &User| groups.remove(user.id.as_str()).unwrap_or_default();
    Ok(users.iter().map(|user| of(user).in_groups(&user.resource, groups_of(user))).collect())
}

/// As [`desired`], inside a transaction.
///
/// # Errors
/// When the database fails.
pub async fn desired_in(
    transaction: &mut Transaction,
    connector: &dyn Connector,
    user: &User,
) -> Result<Desired, StoreError> {
    let desired = Desired::of(&user.resource, user.standing());
    if connector.group_rights().is_none() {
        return Ok(desired);
    }
    let groups = members::groups_of(transaction, &user.app, user.id.as_str()).await?;
    Ok(desired.in_groups(&user.resource, groups))
}
