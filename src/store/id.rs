//! Identifiers that the bridge makes.

use std::{
    fmt,
    sync::atomic::{AtomicU32, Ordering},
};

use serde::{Deserialize, Serialize};
use uuid::{Builder, NoContext, Timestamp, Uuid};

use crate::clock::Time;

/// Defines the id of a kind of resource: text, so that looking up one that we never made simply finds nothing.
macro_rules! resource_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// A new id, made at `now`: a UUIDv7, so that ids sort in the order of creation.
            pub fn new(now: Time) -> Self {
                Self(time_ordered(now))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(searchable(id))
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(searchable(id.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

resource_id! {
    /// The SCIM `id` of a user.
    UserId
}
resource_id! {
    /// The SCIM `id` of a group.
    GroupId
}

/// Clients ask for whatever they like; not every database takes a U+0000, which no id has.
fn searchable(id: String) -> String {
    if id.contains('\0') { id.replace('\0', "\u{fffd}") } else { id }
}

/// A UUIDv7 of that time, as text.
pub(super) fn time_ordered(now: Time) -> String {
    let micros = u64::try_from(now.as_micros()).unwrap_or(0);
    let nanos = u32::try_from(micros % 1_000_000).unwrap_or(0) * 1_000;
    Uuid::new_v7(Timestamp::from_unix(NoContext, micros / 1_000_000, nanos)).to_string()
}

/// A UUIDv7 of that time, as text, that sorts behind all that this process made before for the same microsecond: ids of
/// things whose order tells a story. The microseconds stand behind the milliseconds, as RFC 9562 §6.2 (method 3) has it, and a
/// count follows.
pub(super) fn next_in_order(now: Time) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let (millis, micros) = split(now);
    let mut bytes = Uuid::new_v7(Timestamp::from_unix(NoContext, 0, 0)).into_bytes();
    bytes[6..8].copy_from_slice(&micros.to_be_bytes());
    bytes[8..12].copy_from_slice(&(COUNT.fetch_add(1, Ordering::Relaxed) & COUNTED).to_be_bytes());
    let rest = bytes.last_chunk::<10>().expect("a UUID has sixteen bytes");
    Builder::from_unix_timestamp_millis(millis, rest).into_uuid().to_string()
}

/// What [`next_in_order`] counts to, and then begins again: the highest two bits belong to the UUID's form.
const COUNTED: u32 = u32::MAX >> 2;

/// No id that [`next_in_order`] makes from `time` on sorts before this, and all that it made for earlier times do.
pub(super) fn first_in_order(time: Time) -> String {
    let (millis, micros) = split(time);
    let [high, low] = micros.to_be_bytes();
    let rest = [high, low, 0, 0, 0, 0, 0, 0, 0, 0];
    Builder::from_unix_timestamp_millis(millis, &rest).into_uuid().to_string()
}

/// The milliseconds, and the microseconds beyond them.
fn split(time: Time) -> (u64, u16) {
    let micros = u64::try_from(time.as_micros()).unwrap_or(0);
    (micros / 1_000, u16::try_from(micros % 1_000).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_order_sort_as_they_were_made_and_by_time() {
        let time = |micros: i64| Time::from_micros(1_700_000_000_000_000 + micros);
        let ids: Vec<String> =
            [0, 0, 0, 1, 1, 999, 1_000, 1_001].map(|micros| next_in_order(time(micros))).into();
        assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
        for (micros, first) in [(0, 0), (1, 3), (2, 5), (1_000, 6), (2_000, 8)] {
            let bound = first_in_order(time(micros));
            assert_eq!(ids.partition_point(|id| *id < bound), first, "{micros} {bound} {ids:?}");
        }
    }
}
