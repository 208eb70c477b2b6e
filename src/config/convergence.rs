//! How carefully an app's accounts are brought to agree: the keys that every target with accounts of its own has.

use std::{num::NonZeroU32, time::Duration};

use super::{
    duration::duration,
    reader::{Table, Value},
    source::Read,
};

/// What the bridge may do at a target, and how fast.
#[derive(Clone, Debug)]
pub struct Convergence {
    /// Whether anything is changed at the target.
    pub mode: Mode,
    /// What is done about accounts that were changed at the target itself.
    pub drift: Drift,
    /// The longest that new grants may have to wait for their turn; beyond it they are refused for now.
    pub max_queue_wait: Duration,
    /// When revocations are too many to be meant; `None` for a target that has no brake.
    pub brake: Option<Brake>,
    /// How many invitations are sent in any hour; `None`: as many as there are to be sent.
    pub invites_per_hour: Option<NonZeroU32>,
}

/// Whether anything is changed at a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The IdP is answered as if all was done, and nothing is: what would be done is printed by `scim-bridge plan`.
    Plan,
    /// What the IdP asserts is carried out.
    Apply,
}

/// What is done about a managed account that was changed at the target itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// It is told.
    Report,
    /// It is told, and changed back.
    Enforce,
}

/// When revocations are too many to be meant: those beyond are held until a person has looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brake {
    /// How many are carried out in any span of the window's length; `None`: the larger of 10 and 10 % of the enabled accounts.
    pub max_revocations: Option<NonZeroU32>,
    /// The window's length.
    pub window: Duration,
}

impl Default for Convergence {
    fn default() -> Self {
        Self {
            mode: Mode::Apply,
            drift: Drift::Report,
            max_queue_wait: Duration::from_mins(15),
            brake: Some(Brake::default()),
            invites_per_hour: None,
        }
    }
}

impl Default for Brake {
    fn default() -> Self {
        Self { max_revocations: None, window: Duration::from_hours(1) }
    }
}

impl Convergence {
    /// Reads the keys of `table`, which is the app's.
    pub(super) fn read(table: &mut Table<'_>) -> Read<Self> {
        let default = Self::default();
        let mode = table
            .or("mode", default.mode, |value| value.one_of(&[("apply", Mode::Apply), ("plan", Mode::Plan)]));
        let drift = table.or("drift", default.drift, |value| {
            value.one_of(&[("report", Drift::Report), ("enforce", Drift::Enforce)])
        });
        let max_queue_wait = table.or("max_queue_wait", default.max_queue_wait, |value| {
            duration(&value, Duration::from_secs(1)..=Duration::from_hours(24))
        });
        let brake = table.section("brake", Brake::read);
        let invites_per_hour = table.optional("invites_per_hour", |value| count(&value));
        Ok(Self {
            mode: mode?,
            drift: drift?,
            max_queue_wait: max_queue_wait?,
            brake: Some(brake?),
            invites_per_hour: invites_per_hour?,
        })
    }
}

impl Brake {
    /// Reads the table.
    pub(super) fn read(mut table: Table<'_>) -> Read<Self> {
        let max_revocations = table.optional("max_revocations", |value| count(&value));
        let window = table.or("window", Self::default().window, |value| {
            duration(&value, Duration::from_mins(1)..=Duration::from_hours(7 * 24))
        });
        table.finish()?;
        Ok(Self { max_revocations: max_revocations?, window: window? })
    }
}

/// Reads a number from one to a million.
pub(super) fn count(value: &Value<'_>) -> Read<NonZeroU32> {
    let count = value.integer(1..=1_000_000)?;
    Ok(u32::try_from(count).ok().and_then(NonZeroU32::new).expect("it is from 1 to a million"))
}
