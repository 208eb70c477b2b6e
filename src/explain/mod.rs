//! Why is it so? What is known of one person, told in plain words, and how it stands.
//!
//! Pure: whoever asks reads the rows and hands them in as a [`Case`]. [`Explanation::of`] tells the [story] and the
//! [verdict]; it is printed as [text] or serialized as it is.

pub mod group;
mod request;
pub mod story;
mod target_state;
pub mod text;
pub mod verdict;

use serde::Serialize;

use crate::{
    clock::Time,
    config::{Drift, Mode},
    connector::{Call, Desired, Observed},
    store::{User, events::Recorded, members::Membership, users::Ownership},
};

pub use self::{story::Happening, verdict::Verdict};

/// All that is known of one person.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The app.
    pub app: &'a str,
    /// What the target is called.
    pub target: &'a str,
    /// How the person was asked for.
    pub asked_for: &'a str,
    /// The row; `None` if there is none any more, or never was because a create was refused.
    pub user: Option<&'a User>,
    /// The calls that would make the target agree.
    pub plan: &'a [Call],
    /// The groups that the user is in.
    pub groups: &'a [Membership],
    /// What happened, the oldest first.
    pub events: &'a [Recorded],
    /// Whether more happened before.
    pub has_earlier_events: bool,
    /// What happened to anybody lately, the newest first: whether the target works.
    pub lately: &'a [Recorded],
    /// How many users are worked on before this one.
    pub ahead: u64,
    /// Whether anything is changed at the target.
    pub mode: Mode,
    /// What is done about changes at the target itself.
    pub drift: Drift,
    /// What names the app to another command, such as `--config bridge.toml --app aha`.
    pub arguments: &'a str,
    /// Now.
    pub now: Time,
}

/// A person's story, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The app.
    pub app: String,
    /// What the target is called.
    pub target: String,
    /// How the person was asked for.
    pub asked_for: String,
    /// The user; `None` if there is none any more, or never was because a create was refused.
    pub user: Option<Known>,
    /// What happened, the oldest first.
    pub events: Vec<Happening>,
    /// Whether more happened before.
    pub has_earlier_events: bool,
    /// How it stands.
    pub verdict: Verdict,
}

/// What is known of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Known {
    /// The SCIM id.
    pub id: String,
    /// `userName`.
    pub user_name: String,
    /// `externalId`.
    pub external_id: Option<String>,
    /// When the identity provider deleted it.
    pub deleted_at: Option<String>,
    /// How the bridge came by the account: `created`, `adopted` or `unmanaged`.
    pub ownership: Ownership,
    /// What the identity provider wants.
    pub wanted: Wanted,
    /// What the target was seen to hold.
    pub seen: Seen,
    /// The groups it is in, by name.
    pub groups: Vec<String>,
}

/// What the identity provider wants an account to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wanted {
    /// Counts the changes.
    pub version: i64,
    /// When it was asked for.
    pub since: String,
    /// Whether the person may log in.
    pub enabled: bool,
    /// The login e-mail.
    pub email: String,
    /// First and last name, as far as they are told.
    pub name: Option<String>,
}

/// What the target was last seen to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// When.
    pub at: Option<String>,
    /// What.
    pub state: SeenState,
    /// The account, if there is one.
    pub account: Option<SeenAccount>,
}

/// Whether there is an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenState {
    /// Nobody has looked yet.
    Unknown,
    /// There is none.
    Absent,
    /// None was seen, but there may be one: a create was sent whose answer did not come.
    Suspected,
    /// There is one.
    Present,
    /// There is one, and a change of it was sent whose answer did not come.
    Uncertain,
}

/// An account as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeenAccount {
    /// The target's id of it.
    pub id: String,
    /// The login e-mail.
    pub email: String,
    /// The name.
    pub name: String,
    /// Whether it can log in.
    pub enabled: bool,
    /// Whether it administers the target.
    pub administrator: bool,
}

impl Explanation {
    /// Tells what `case` shows.
    pub fn of(case: &Case<'_>) -> Self {
        Self {
            app: case.app.to_owned(),
            target: case.target.to_owned(),
            asked_for: case.asked_for.to_owned(),
            user: case.user.map(|user| Known::of(user, case.groups)),
            events: case.events.iter().map(|event| story::tell(event, case.target)).collect(),
            has_earlier_events: case.has_earlier_events,
            verdict: verdict::judge(case),
        }
    }
}

impl Known {
    fn of(user: &User, groups: &[Membership]) -> Self {
        let desired = Desired::of(&user.resource, user.standing());
        let names = [desired.given_name.as_deref(), desired.family_name.as_deref()];
        let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
        Self {
            id: user.id.as_str().to_owned(),
            user_name: user.resource.user_name().unwrap_or_default().to_owned(),
            external_id: user.resource.external_id().map(str::to_owned),
            deleted_at: user.deleted_at.map(|time| time.to_string()),
            ownership: user.ownership,
            wanted: Wanted {
                version: user.version,
                since: user.modified_at.to_string(),
                enabled: desired.enabled,
                email: desired.email,
                name: Some(name).filter(|name| !name.is_empty()),
            },
            seen: Seen::of(user),
            groups: groups.iter().map(|group| group.display.clone()).collect(),
        }
    }
}

impl Seen {
    fn of(user: &User) -> Self {
        let state = match user.observed {
            Observed::Unknown => SeenState::Unknown,
            Observed::Absent => SeenState::Absent,
            Observed::Present(_) => SeenState::Present,
            Observed::Suspected { .. } => SeenState::Suspected,
            Observed::Uncertain { .. } => SeenState::Uncertain,
        };
        let account = user.account().map(|account| SeenAccount {
            id: account.id.clone(),
            email: account.email.clone(),
            name: account.name.clone(),
            enabled: account.enabled,
            administrator: account.administrator,
        });
        Self { at: user.observed_at.map(|time| time.to_string()), state, account }
    }
}
