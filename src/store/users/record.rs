//! One row of `users`, read and bound.

use serde::{Deserialize, Serialize};
use sqlx::{Any, Row, any::AnyRow, query::Query};

use crate::{
    cause::{Cause, RequestId, TraceParent},
    clock::Time,
    connector::{Account, Lane, Observed, Standing, rights::Given},
    scim::{fold::fold, meta, resource::Resource, urn},
    store::{
        GroupId, StoreError, UserId,
        key::{key, key_or_missing},
    },
};

/// A user: what the IdP wants, what the target was seen to hold, and where the work between the two stands.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// The SCIM id.
    pub id: UserId,
    /// The app it belongs to.
    pub app: String,
    /// Desired: the attributes that the IdP asserted.
    pub resource: Resource,
    /// How the bridge came by the account.
    pub ownership: Ownership,
    /// Counts the changes of the desired state.
    pub version: i64,
    /// The newest version that the target is known to agree with.
    pub applied_version: i64,
    /// When the resource was made here.
    pub created_at: Time,
    /// When the resource last really changed.
    pub modified_at: Time,
    /// When the IdP deleted it; it is invisible from then on.
    pub deleted_at: Option<Time>,
    /// What makes two users one account at the target, as the connector says; `None` where accounts are never shared.
    pub account_key: Option<String>,
    /// What was last seen at the target.
    pub observed: Observed,
    /// The account as it was known last, while it is not found: targets answer alike where one is gone and where it may not be seen,
    /// so it may come back with all that it holds.
    pub out_of_sight: Option<Account>,
    /// When that was.
    pub observed_at: Option<Time>,
    /// Whether the IdP holds a 2xx for `version`.
    pub answered: Answered,
    /// What to put back when the target rejects a version that is not answered yet; `None` also when nothing was there.
    pub fallback: Option<Fallback>,
    /// How urgent the work is.
    pub lane: Lane,
    /// When to work on it; `None`: nothing to do.
    pub due_at: Option<Time>,
    /// Attempts that failed in a row.
    pub attempts: u32,
    /// Why the last one failed.
    pub failure: Option<String>,
    /// When the brake stopped a revocation of it: it is not worked on until a person releases it.
    pub held_at: Option<Time>,
    /// Who works on it now.
    pub lease: Option<Lease>,
    /// Counts the changes of what its groups ask for, which make no new version of it.
    pub touched: i64,
    /// The request that asked for what is to be done, if one did.
    pub cause: Option<Cause>,
}

/// How the bridge came by an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ownership {
    /// The bridge made it, or will.
    Created,
    /// It was at the target, and the IdP took it over.
    Adopted,
    /// It was found at the target and the IdP has not written to it, or what it wrote was undone: the bridge changes nothing
    /// about it that it did not do itself.
    Unmanaged,
}

/// Whether the IdP was told that a version is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// A request still waits for the target, so a rejection can be answered and undone.
    No,
    /// The IdP was promised this version.
    Yes,
}

/// The state before an unanswered change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fallback {
    /// The desired state.
    pub resource: Resource,
    /// The ownership.
    pub ownership: Ownership,
    /// The version that had this state.
    pub version: i64,
    /// The groups that the user left because it was deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_groups: Vec<GroupId>,
}

/// The right of one worker to work on a user, until it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The worker.
    pub owner: String,
    /// When others may take over.
    pub until: Time,
}

/// The key of a `userName`, folded for comparison: it is unique without case (RFC 7643 §4.1.1).
pub fn user_name_key(user_name: &str) -> String {
    key(&fold(user_name))
}

impl User {
    /// Whether the newest desired state is not known to be at the target.
    pub fn is_pending(&self) -> bool {
        self.version > self.applied_version
    }

    /// Whether the IdP sees it.
    pub fn is_live(&self) -> bool {
        self.deleted_at.is_none()
    }

    /// What became of it. A user whose create was undone has an account, if any, that no IdP manages.
    pub fn standing(&self) -> Standing {
        match (self.deleted_at, self.ownership) {
            (None, _) => Standing::Live,
            (Some(_), Ownership::Unmanaged) => Standing::Withdrawn,
            (Some(_), Ownership::Created | Ownership::Adopted) => Standing::Deleted,
        }
    }

    /// What `active` reads as: what was promised while the work is pending, else the target's truth.
    pub fn shown_active(&self) -> bool {
        match &self.observed {
            Observed::Present(account) | Observed::Uncertain { account, .. } if !self.is_pending() => {
                account.enabled
            }
            Observed::Absent if !self.is_pending() => false,
            _ => self.resource.allows_access(),
        }
    }

    /// What answers show of the row, as [`meta::fragment`] makes it: what the IdP asserted, with `active`, if it is
    /// assigned, as [`shown_active`](Self::shown_active) says.
    pub fn fragment(&self) -> String {
        let shown = match self.resource.active() {
            Some(_) => self.resource.clone().with_active(self.shown_active()),
            None => self.resource.clone(),
        };
        meta::fragment(urn::USER, self.id.as_str(), &shown)
    }

    /// Whether something is to be done for it or is being done at `now`: what others saw of it meanwhile may be older. A right that the
    /// target refused, and that is asked for again later, says nothing about the account.
    pub fn has_work(&self, now: Time) -> bool {
        let is_in_doubt = matches!(self.observed, Observed::Uncertain { .. } | Observed::Suspected { .. });
        // A lease that is over with nothing left to do is one whose holder is gone.
        let is_leased = self.lease.as_ref().is_some_and(|lease| lease.until > now);
        let is_due = self.due_at.is_some_and(|due_at| is_in_doubt || due_at <= now);
        self.is_pending() || is_due || is_leased
    }

    /// What answers show changed without the IdP: a new version, which the target holds already.
    pub fn changed_at_target(&mut self, now: Time) {
        self.version += 1;
        self.applied_version = self.version;
        self.modified_at = now;
    }

    /// The account at the target, if one is known.
    pub fn account(&self) -> Option<&Account> {
        self.observed.account()
    }

    /// The account as it was known last, found or not.
    pub fn last_account(&self) -> Option<&Account> {
        self.account().or(self.out_of_sight.as_ref())
    }

    /// Takes over what is known of the account now. One that is not found any more is remembered.
    pub fn observe(&mut self, observed: Observed) {
        let before = std::mem::replace(&mut self.observed, observed);
        if let Observed::Present(account) | Observed::Uncertain { account, .. } = before
            && self.account().is_none()
        {
            self.out_of_sight = Some(account);
        }
    }
}

/// All columns, in the order in which [`bind`] binds them. Statements repeat it because SQL here is static text.
macro_rules! columns {
    () => {
        "id, app, user_name_key, external_id_key, account_key, resource, ownership, version, applied_version, created_at, \
         modified_at, deleted_at, account_id, observed, observed_at, enabled_administrator, answered, fallback, lane, \
         due_at, attempts, failure, lease_owner, lease_until, display, uncertain, held_at, touched, \
         request_id, trace_parent"
    };
}
pub(super) use columns;

/// What is written beside the columns that are read, and follows from them.
macro_rules! derived_columns {
    () => {
        "fragment, shown_active, account_enabled, asked_at"
    };
}
pub(super) use derived_columns;

/// Binds all columns of `user`, `$1` to `$30`, and the derived ones, `$31` to `$33`; `asked_at` follows from what stood there before.
///
/// # Errors
/// When a value cannot be written as JSON.
pub(super) fn bind<'q>(
    query: Query<'q, Any, sqlx::any::AnyArguments>,
    user: &User,
) -> Result<Query<'q, Any, sqlx::any::AnyArguments>, StoreError> {
    let account = user.account();
    let uncertain_until = match &user.observed {
        Observed::Uncertain { until, .. } | Observed::Suspected { until, .. } => until.as_micros().max(1),
        Observed::Unknown | Observed::Absent | Observed::Present(_) => 0,
    };
    // Who counts as an administrator that is left must be one for certain.
    let enabled_administrator = uncertain_until == 0
        && account.is_some_and(|account| {
            account.enabled && account.manages_users() && !account.entitlement.is_unsure_of_administration()
        });
    let out_of_sight = user.out_of_sight.clone();
    let seen = match &user.observed {
        Observed::Unknown => {
            out_of_sight.map(|out_of_sight| Seen::OutOfSight { out_of_sight, absent: false })
        }
        Observed::Absent => Some(match out_of_sight {
            Some(out_of_sight) => Seen::OutOfSight { out_of_sight, absent: true },
            None => Seen::Nothing(()),
        }),
        Observed::Suspected { email, given, .. } => {
            Some(Seen::Suspicion { suspected: email.clone(), given: given.clone(), out_of_sight })
        }
        Observed::Present(account) | Observed::Uncertain { account, .. } => {
            Some(Seen::Account(account.clone()))
        }
    };
    let observed = seen.map(|seen| to_json("observed", &seen)).transpose()?;
    Ok(query
        .bind(user.id.as_str().to_owned())
        .bind(user.app.clone())
        .bind(user_name_key(user.resource.user_name().unwrap_or_default()))
        .bind(key_or_missing(user.resource.external_id()))
        .bind(user.account_key.clone())
        .bind(to_json("resource", &user.resource)?)
        .bind(ownership_text(user.ownership))
        .bind(user.version)
        .bind(user.applied_version)
        .bind(user.created_at.as_micros())
        .bind(user.modified_at.as_micros())
        .bind(user.deleted_at.map(Time::as_micros))
        .bind(account.map(|account| account.id.clone()))
        .bind(observed)
        .bind(user.observed_at.map(Time::as_micros))
        .bind(i64::from(enabled_administrator))
        .bind(i64::from(user.answered == Answered::Yes))
        .bind(user.fallback.as_ref().map(|fallback| to_json("fallback", fallback)).transpose()?)
        .bind(user.lane.as_number())
        .bind(user.due_at.map(Time::as_micros))
        .bind(i64::from(user.attempts))
        .bind(user.failure.clone())
        .bind(user.lease.as_ref().map(|lease| lease.owner.clone()))
        .bind(user.lease.as_ref().map(|lease| lease.until.as_micros()))
        .bind(display(&user.resource).to_owned())
        .bind(uncertain_until)
        .bind(user.held_at.map(Time::as_micros))
        .bind(user.touched)
        .bind(user.cause.as_ref().map(|cause| cause.request_id.to_string()))
        .bind(user.cause.as_ref().and_then(|cause| cause.trace_parent).map(|parent| parent.to_string()))
        .bind(user.fragment())
        .bind(activity(user))
        .bind(i64::from(account.is_some_and(|account| account.enabled))))
}

/// `active` as filters find it: 1 if it reads as true, 0 if as false, -1 if it is unassigned, which equals neither.
fn activity(user: &User) -> i64 {
    user.resource.active().map_or(-1, |_| i64::from(user.shown_active()))
}

/// What a user is called where it is a member; empty if it has no name for people. A `userName` is none.
fn display(resource: &Resource) -> &str {
    let formatted = || resource.find("name")?.get("formatted")?.as_str();
    resource.display_name().or_else(formatted).unwrap_or_default()
}

/// Reads a row that has all columns.
///
/// # Errors
/// When a value is not what this program writes.
pub(super) fn read(row: &AnyRow) -> Result<User, StoreError> {
    let time = |column: &str| -> Result<Option<Time>, StoreError> {
        Ok(row.try_get::<Option<i64>, _>(column)?.map(Time::from_micros))
    };
    let required_time =
        |column: &str| -> Result<Time, StoreError> { Ok(Time::from_micros(row.try_get::<i64, _>(column)?)) };
    let seen = row.try_get::<Option<String>, _>("observed")?;
    let seen = seen.map(|json| from_json("observed", &json)).transpose()?;
    // Negative where a lease outlived its holder.
    let until = row.try_get::<i64, _>("uncertain")?.saturating_abs();
    let mut out_of_sight = None;
    let observed = match seen {
        None => Observed::Unknown,
        Some(Seen::Nothing(())) => Observed::Absent,
        Some(Seen::OutOfSight { out_of_sight: account, absent }) => {
            out_of_sight = Some(account);
            if absent { Observed::Absent } else { Observed::Unknown }
        }
        Some(Seen::Suspicion { suspected, given, out_of_sight: account }) => {
            out_of_sight = account;
            Observed::Suspected { email: suspected, until: Time::from_micros(until), given }
        }
        Some(Seen::Account(account)) if until == 0 => Observed::Present(account),
        Some(Seen::Account(account)) => Observed::Uncertain { account, until: Time::from_micros(until) },
    };
    let lane = row.try_get::<i64, _>("lane")?;
    let lease = match (row.try_get::<Option<String>, _>("lease_owner")?, time("lease_until")?) {
        (Some(owner), Some(until)) => Some(Lease { owner, until }),
        _ => None,
    };
    Ok(User {
        id: UserId::from(row.try_get::<String, _>("id")?),
        app: row.try_get("app")?,
        resource: from_json("resource", &row.try_get::<String, _>("resource")?)?,
        ownership: ownership_of(&row.try_get::<String, _>("ownership")?)?,
        version: row.try_get("version")?,
        applied_version: row.try_get("applied_version")?,
        created_at: required_time("created_at")?,
        modified_at: required_time("modified_at")?,
        deleted_at: time("deleted_at")?,
        account_key: row.try_get("account_key")?,
        observed,
        out_of_sight,
        observed_at: time("observed_at")?,
        answered: if row.try_get::<i64, _>("answered")? == 0 { Answered::No } else { Answered::Yes },
        fallback: row
            .try_get::<Option<String>, _>("fallback")?
            .map(|json| from_json("fallback", &json))
            .transpose()?,
        lane: Lane::from_number(lane)
            .ok_or_else(|| StoreError::Corrupt { column: "lane", reason: format!("{lane} is no lane") })?,
        due_at: time("due_at")?,
        attempts: u32::try_from(row.try_get::<i64, _>("attempts")?).unwrap_or(u32::MAX),
        failure: row.try_get("failure")?,
        held_at: time("held_at")?,
        lease,
        touched: row.try_get("touched")?,
        cause: cause(row)?,
    })
}

/// What is no id of a request, which nobody writes, is taken for none: no work is to fail for it.
fn cause(row: &AnyRow) -> Result<Option<Cause>, StoreError> {
    let request_id = row.try_get::<Option<String>, _>("request_id")?;
    let trace_parent = row.try_get::<Option<String>, _>("trace_parent")?;
    Ok(request_id.and_then(|text| RequestId::parse(&text)).map(|request_id| Cause {
        request_id,
        trace_parent: trace_parent.and_then(|text| TraceParent::parse(&text)),
    }))
}

/// The column `observed`: an account, an e-mail that there may be one under, one that is not found any more, or `null` where there
/// is none. How long it is in doubt stands in the column `uncertain`: a time in microseconds, or 0 where it is not in doubt.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Seen {
    Account(Account),
    Suspicion {
        suspected: String,
        #[serde(default)]
        given: Box<Given>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        out_of_sight: Option<Account>,
    },
    OutOfSight {
        out_of_sight: Account,
        /// Whether it was looked for since, and not found.
        absent: bool,
    },
    Nothing(()),
}

fn ownership_text(ownership: Ownership) -> &'static str {
    match ownership {
        Ownership::Created => "created",
        Ownership::Adopted => "adopted",
        Ownership::Unmanaged => "unmanaged",
    }
}

fn ownership_of(text: &str) -> Result<Ownership, StoreError> {
    [Ownership::Created, Ownership::Adopted, Ownership::Unmanaged]
        .into_iter()
        .find(|ownership| ownership_text(*ownership) == text)
        .ok_or_else(|| StoreError::Corrupt {
            column: "ownership",
            reason: format!("{text:?} is no ownership"),
        })
}

fn to_json(column: &'static str, value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt { column, reason: error.to_string() })
}

fn from_json<T: for<'de> Deserialize<'de>>(column: &'static str, json: &str) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Corrupt { column, reason: error.to_string() })
}
