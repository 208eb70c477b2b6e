//! The decimal ids of Aha! records.

use std::fmt;

/// The first id given out. Aha!'s newer ids have 19 digits: more than 2^53, so that a client which reads them as
/// floating-point numbers is found out.
const FIRST: u64 = 7_400_000_000_000_000_000;

/// The distance between two ids: they ascend, and do not look like a count.
const STEP: u64 = 104_729;

/// Gives out ascending ids, one sequence for all kinds of record, as Aha! does.
#[derive(Debug)]
pub(super) struct IdSequence {
    next: u64,
}

impl Default for IdSequence {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl IdSequence {
    /// The next id.
    pub(super) fn next(&mut self) -> u64 {
        let id = self.next;
        self.next += STEP;
        id
    }
}

macro_rules! ids {
    ($($(#[$documentation:meta])+ $name:ident;)+) => {$(
        $(#[$documentation])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(super) u64);

        impl $name {
            /// The id that `text` spells; `None` for anything but decimal digits.
            pub fn parse(text: &str) -> Option<Self> {
                text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok().map(Self)).flatten()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

ids! {
    /// The id of a user.
    UserId;
    /// The id of a workspace (`product_id` on the wire).
    WorkspaceId;
    /// The id of an identity provider.
    IdentityProviderId;
    /// The id of a custom role.
    CustomRoleId;
    /// The id of a paid seat group.
    SeatGroupId;
    /// The id of an ideas portal.
    PortalId;
    /// The id of a user of an ideas portal.
    PortalUserId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_and_have_19_digits() {
        let mut sequence = IdSequence::default();
        let (first, second) = (sequence.next(), sequence.next());
        assert!(first < second);
        assert_eq!(second.to_string().len(), 19);
    }

    #[test]
    fn only_decimal_digits_are_an_id() {
        assert_eq!(UserId::parse("1020675218"), Some(UserId(1_020_675_218)));
        for text in ["", "+1", "-1", "1.0", "PRJ1", "99999999999999999999"] {
            assert_eq!(UserId::parse(text), None, "{text}");
        }
    }
}
