//! The `findings` table: what is not at a target as the IdP asserted it, for a person to look at.
//!
//! Of one kind there is one open finding an account (or a user, where there is no account any more). What becomes so again
//! after it was resolved is a finding of its own.

use sqlx::{Row, any::AnyRow};

use crate::clock::Time;

use super::{Store, StoreError, Transaction, UserId, id::time_ordered};

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// Whose account it is, or whose e-mail it has; `None`: nobody's here.
    pub user_id: Option<UserId>,
    /// The account, by the target's id; `None` if there is none any more.
    pub account_id: Option<String>,
    /// What was found, for an admin.
    pub sentence: String,
    /// When it was found first.
    pub found_at: Time,
    /// When it was last found so.
    pub seen_at: Time,
    /// When it was found to be gone; `None`: it is open.
    pub resolved_at: Option<Time>,
}

/// What a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// A user's account was disabled there.
    Disabled,
    /// The account of a user who must not have access was enabled there.
    Enabled,
    /// A user's account was given another e-mail.
    EmailChanged,
    /// A user's account was given an e-mail that is another user's.
    EmailOfAnother,
    /// A user's account was given another name.
    NameChanged,
    /// A right that a group gives was taken, or changed, or one given that none does.
    RoleChanged,
    /// A user's account is not there any more.
    Vanished,
    /// An account, not shown, has the e-mail of a user whose account is another one.
    SecondAccount,
    /// An account is not shown, since its e-mail is the `userName` of a user whose e-mail is another one.
    UserNameTaken,
    /// A user's account was made an administrator.
    BecameAdministrator,
    /// A user's account is an administrator no more.
    NoLongerAdministrator,
    /// An account that nobody manages is a new administrator.
    UnmanagedAdministrator,
    /// The account of a user whom the IdP deleted was enabled there.
    LeaverEnabled,
}

/// What a finding is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// A user's row tells it: desired and observed differ.
    Drift,
    /// Each listing tells it anew: the account has no row of its own.
    Collision,
    /// A change told it, and it stays until that is undone or accepted.
    Change,
}

impl FindingKind {
    /// All kinds.
    pub const ALL: [FindingKind; 13] = [
        Self::Disabled,
        Self::Enabled,
        Self::EmailChanged,
        Self::EmailOfAnother,
        Self::NameChanged,
        Self::RoleChanged,
        Self::Vanished,
        Self::SecondAccount,
        Self::UserNameTaken,
        Self::BecameAdministrator,
        Self::NoLongerAdministrator,
        Self::UnmanagedAdministrator,
        Self::LeaverEnabled,
    ];

    /// As it is stored, and named where programs read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
            Self::EmailChanged => "email_changed",
            Self::EmailOfAnother => "email_of_another_user",
            Self::NameChanged => "name_changed",
            Self::RoleChanged => "role_changed",
            Self::Vanished => "account_vanished",
            Self::SecondAccount => "second_account",
            Self::UserNameTaken => "user_name_taken",
            Self::BecameAdministrator => "became_administrator",
            Self::NoLongerAdministrator => "no_longer_administrator",
            Self::UnmanagedAdministrator => "unmanaged_administrator",
            Self::LeaverEnabled => "leaver_enabled",
        }
    }

    /// What it is known by.
    pub const fn nature(self) -> Nature {
        match self {
            Self::Disabled
            | Self::Enabled
            | Self::EmailChanged
            | Self::EmailOfAnother
            | Self::NameChanged
            | Self::RoleChanged
            | Self::Vanished => Nature::Drift,
            Self::SecondAccount | Self::UserNameTaken => Nature::Collision,
            Self::BecameAdministrator
            | Self::NoLongerAdministrator
            | Self::UnmanagedAdministrator
            | Self::LeaverEnabled => Nature::Change,
        }
    }

    fn read(text: &str) -> Result<Self, StoreError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| StoreError::Corrupt { column: "kind", reason: format!("{text:?} is no finding") })
    }
}

/// Whether a finding was open before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It is new.
    Now,
    /// It was known.
    Before,
}

macro_rules! columns {
    () => {
        "kind, user_id, account_id, sentence, found_at, seen_at, resolved_at"
    };
}

const LIST_OPEN: &str =
    concat!("SELECT ", columns!(), " FROM findings WHERE app = $1 AND resolved_at IS NULL ORDER BY id");

/// Opens `finding`, or says of the open one of this kind and account when it was last seen.
///
/// # Errors
/// When the database fails.
pub async fn open(transaction: &mut Transaction, app: &str, finding: &Finding) -> Result<Opened, StoreError> {
    let user_id = finding.user_id.as_ref().map(UserId::as_str);
    let known = sqlx::query(
        "UPDATE findings SET seen_at = $1, sentence = $2, user_id = $3 WHERE app = $4 AND kind = $5 \
         AND COALESCE(account_id, user_id) = $6 AND resolved_at IS NULL",
    )
    .bind(finding.seen_at.as_micros())
    .bind(finding.sentence.as_str())
    .bind(user_id)
    .bind(app)
    .bind(finding.kind.as_str())
    .bind(finding.account_id.as_deref().or(user_id))
    .execute(&mut *transaction)
    .await?;
    if known.rows_affected() > 0 {
        return Ok(Opened::Before);
    }
    sqlx::query(
        "INSERT INTO findings (id, app, kind, user_id, account_id, sentence, found_at, seen_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(time_ordered(finding.found_at))
    .bind(app)
    .bind(finding.kind.as_str())
    .bind(user_id)
    .bind(finding.account_id.as_deref())
    .bind(finding.sentence.as_str())
    .bind(finding.found_at.as_micros())
    .bind(finding.seen_at.as_micros())
    .execute(transaction)
    .await?;
    Ok(Opened::Now)
}

/// Closes `finding`, which was read as an open one. Whether it still was.
///
/// # Errors
/// When the database fails.
pub async fn resolve(
    transaction: &mut Transaction,
    app: &str,
    finding: &Finding,
    now: Time,
) -> Result<bool, StoreError> {
    let user_id = finding.user_id.as_ref().map(UserId::as_str);
    let resolved = sqlx::query(
        "UPDATE findings SET resolved_at = $1 WHERE app = $2 AND kind = $3 \
         AND COALESCE(account_id, user_id) = $4 AND resolved_at IS NULL",
    )
    .bind(now.as_micros())
    .bind(app)
    .bind(finding.kind.as_str())
    .bind(finding.account_id.as_deref().or(user_id))
    .execute(transaction)
    .await?;
    Ok(resolved.rows_affected() > 0)
}

/// The open findings about a user.
///
/// # Errors
/// When the database fails.
pub async fn list_open_of(
    transaction: &mut Transaction,
    app: &str,
    user_id: &UserId,
) -> Result<Vec<Finding>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM findings WHERE app = $1 AND user_id = $2 AND resolved_at IS NULL ORDER BY id"
    ))
    .bind(app)
    .bind(user_id.as_str())
    .fetch_all(transaction)
    .await?;
    rows.iter().map(read).collect()
}

/// All open findings, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list_open(store: &Store, app: &str) -> Result<Vec<Finding>, StoreError> {
    sqlx::query(LIST_OPEN).bind(app).fetch_all(store.reader()).await?.iter().map(read).collect()
}

/// All open findings, as a transaction sees them, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list_open_in(transaction: &mut Transaction, app: &str) -> Result<Vec<Finding>, StoreError> {
    sqlx::query(LIST_OPEN).bind(app).fetch_all(transaction).await?.iter().map(read).collect()
}

/// All findings about a user, open and resolved, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list_of(store: &Store, app: &str, user_id: &UserId) -> Result<Vec<Finding>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM findings WHERE app = $1 AND user_id = $2 ORDER BY id"
    ))
    .bind(app)
    .bind(user_id.as_str())
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(read).collect()
}

/// How many findings of each kind are open; kinds without any are left out.
///
/// # Errors
/// When the database fails.
pub async fn count_open(store: &Store, app: &str) -> Result<Vec<(FindingKind, u64)>, StoreError> {
    let rows = sqlx::query(
        "SELECT kind, COUNT(*) AS findings FROM findings WHERE app = $1 AND resolved_at IS NULL \
         GROUP BY kind ORDER BY kind",
    )
    .bind(app)
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(read_count).collect()
}

/// How many findings of each kind were found from `from` to `until`, open or not; kinds without any are left out.
///
/// # Errors
/// When the database fails.
pub async fn count_found(
    store: &Store,
    app: &str,
    from: Time,
    until: Time,
) -> Result<Vec<(FindingKind, u64)>, StoreError> {
    let rows = sqlx::query(
        "SELECT kind, COUNT(*) AS findings FROM findings WHERE app = $1 AND found_at BETWEEN $2 AND $3 \
         GROUP BY kind ORDER BY kind",
    )
    .bind(app)
    .bind(from.as_micros())
    .bind(until.as_micros())
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(read_count).collect()
}

/// Forgets what was resolved before `time`.
///
/// # Errors
/// When the database fails.
pub async fn forget_resolved(transaction: &mut Transaction, app: &str, time: Time) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM findings WHERE app = $1 AND resolved_at < $2")
        .bind(app)
        .bind(time.as_micros())
        .execute(transaction)
        .await?;
    Ok(())
}

fn read_count(row: &AnyRow) -> Result<(FindingKind, u64), StoreError> {
    let kind = FindingKind::read(&row.try_get::<String, _>("kind")?)?;
    Ok((kind, u64::try_from(row.try_get::<i64, _>("findings")?).unwrap_or(0)))
}

fn read(row: &AnyRow) -> Result<Finding, StoreError> {
    Ok(Finding {
        kind: FindingKind::read(&row.try_get::<String, _>("kind")?)?,
        user_id: row.try_get::<Option<String>, _>("user_id")?.map(UserId::from),
        account_id: row.try_get("account_id")?,
        sentence: row.try_get("sentence")?,
        found_at: Time::from_micros(row.try_get("found_at")?),
        seen_at: Time::from_micros(row.try_get("seen_at")?),
        resolved_at: row.try_get::<Option<i64>, _>("resolved_at")?.map(Time::from_micros),
    })
}
