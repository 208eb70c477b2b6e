//! Identifiers that the bridge makes.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::{NoContext, Timestamp, Uuid};

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
