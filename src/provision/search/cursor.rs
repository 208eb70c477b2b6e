//! Cursors: where the next page of a list starts, told so that only this service can say it (RFC 9865, RFC-127, RFC-136).
//!
//! A cursor is a [`Ticket`] as JSON, behind its HMAC-SHA-256, in base64url. Nothing is stored for it, so that no client can
//! fill the database by starting lists (RFC 9865 §5.3). The MAC covers what the list is of: the endpoint, the filter and the
//! order, so that a cursor leads through no other list.
//!
//! The key is each app's own, the same after a restart and on every replica. It has nothing to do with the app's tokens, which
//! may change in the middle of a list: whoever has a cursor and no token any more gets nothing for it (RFC 9865 §5.2).

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::{
    clock::Time,
    scim::{
        error::{Error, ScimType},
        sort::Key,
    },
};

/// How long a cursor can be used.
pub const CURSOR_TIMEOUT: Duration = Duration::from_hours(1);

/// The longest cursor that is read, in bytes; the longest that is made is shorter, since keys are.
const MAX_LENGTH: usize = 4096;

/// The bytes of a MAC.
const TAG: usize = 32;

/// Makes and reads the cursors of one app.
#[derive(Debug)]
pub struct Cursors(hmac::Key);

/// What a cursor says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ticket {
    /// Where the last page ended.
    #[serde(flatten)]
    pub(super) position: Position,
    /// How many resources a page has.
    #[serde(rename = "c")]
    pub(super) count: u64,
}

/// The place of a resource in its list, also of one that is no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Its sort key, in a sorted list.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Key>,
    /// The place of its type among those that are asked for.
    #[serde(rename = "s")]
    pub(super) source: usize,
    /// Its id.
    #[serde(rename = "i")]
    pub(super) id: String,
}

#[derive(Serialize, Deserialize)]
struct Sealed<T> {
    #[serde(rename = "e")]
    expires: Time,
    #[serde(flatten)]
    ticket: T,
}

impl Cursors {
    /// The cursors of `app`, under a key that follows from `key`, which all apps share.
    pub fn of(app: &str, key: &hmac::Key) -> Self {
        let own = hmac::sign(key, format!("cursors of {app}").as_bytes());
        Self(hmac::Key::new(hmac::HMAC_SHA256, own.as_ref()))
    }

    /// The cursor of a list: `binding` is what the list is of.
    pub(super) fn seal(&self, ticket: &Ticket, binding: &str, expires: Time) -> String {
        let payload = serde_json::to_vec(&Sealed { expires, ticket })
            .expect("numbers and texts under names that are text are written as JSON");
        let mut bytes = self.sign(binding, &payload).as_ref().to_vec();
        bytes.extend(payload);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a cursor of the list that `binding` tells.
    ///
    /// # Errors
    /// `invalidCursor` if it is none of ours for this list (RFC-128, RFC-129), `expiredCursor` if its time is over,
    /// `invalidCount` if the page is to have another size.
    pub(super) fn open(&self, cursor: &str, binding: &str, count: u64, now: Time) -> Result<Ticket, Error> {
        let Sealed { expires, ticket } = self.verify(cursor, binding).ok_or_else(|| {
            let detail = "This `cursor` is not one that was given for this query. Send `nextCursor` of the last answer \
                          with all other parameters unchanged, or an empty `cursor` to start again.";
            Error::new(ScimType::InvalidCursor, detail)
        })?;
        if expires <= now {
            let detail = format!(
                "This `cursor` was given more than {} seconds ago. Send an empty `cursor` to start again.",
                CURSOR_TIMEOUT.as_secs()
            );
            return Err(Error::new(ScimType::ExpiredCursor, detail));
        }
        if ticket.count != count {
            let detail =
                format!("`count` must stay what it was for the first page, which is {}.", ticket.count);
            return Err(Error::new(ScimType::InvalidCount, detail));
        }
        Ok(ticket)
    }

    fn verify(&self, cursor: &str, binding: &str) -> Option<Sealed<Ticket>> {
        if cursor.len() > MAX_LENGTH {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (tag, payload) = bytes.split_at_checked(TAG)?;
        hmac::verify(&self.0, &signed(binding, payload), tag).ok()?;
        serde_json::from_slice(payload).ok()
    }

    fn sign(&self, binding: &str, payload: &[u8]) -> hmac::Tag {
        hmac::sign(&self.0, &signed(binding, payload))
    }
}

/// What the MAC is of. The length keeps the two parts apart.
fn signed(binding: &str, payload: &[u8]) -> Vec<u8> {
    [&(binding.len() as u64).to_be_bytes()[..], binding.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    const NOW: Time = Time::from_micros(1_700_000_000_000_000);

    fn cursors(app: &str, key: &str) -> Cursors {
        Cursors::of(app, &hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()))
    }

    fn ticket(id: &str) -> Ticket {
        Ticket { position: Position { key: None, source: 1, id: id.to_owned() }, count: 10 }
    }

    #[test]
    fn a_cursor_is_read_by_its_own_app_for_its_own_list_alone_rfc_136() {
        let ours = cursors("a", "one");
        let cursor = ours.seal(&ticket("x"), "Users", NOW + CURSOR_TIMEOUT);
        assert_eq!(ours.open(&cursor, "Users", 10, NOW), Ok(ticket("x")));
        // The same on another replica.
        assert_eq!(cursors("a", "one").open(&cursor, "Users", 10, NOW), Ok(ticket("x")));
        for (others, list) in
            [(cursors("b", "one"), "Users"), (cursors("a", "two"), "Users"), (cursors("a", "one"), "Groups")]
        {
            assert_eq!(others.open(&cursor, list, 10, NOW).unwrap_err().scim_type, ScimType::InvalidCursor);
        }
    }

    #[test]
    fn a_cursor_ends_and_keeps_the_size_of_pages_rfc_128_rfc_129() {
        let ours = cursors("a", "one");
        let cursor = ours.seal(&ticket("x"), "", NOW);
        assert_eq!(ours.open(&cursor, "", 10, NOW).unwrap_err().scim_type, ScimType::ExpiredCursor);
        let cursor = ours.seal(&ticket("x"), "", NOW + CURSOR_TIMEOUT);
        assert_eq!(ours.open(&cursor, "", 11, NOW).unwrap_err().scim_type, ScimType::InvalidCount);
    }

    proptest! {
        #[test]
        fn a_cursor_has_safe_characters_and_any_change_is_noticed_rfc_127_rfc_129(
            id in ".{0,40}",
            place: prop::sample::Index,
            character in "[A-Za-z0-9_~.-]",
        ) {
            let ours = cursors("a", "one");
            let cursor = ours.seal(&ticket(&id), "list", NOW + CURSOR_TIMEOUT);
            prop_assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)));
            let place = place.index(cursor.len());
            let changed = format!("{}{character}{}", &cursor[..place], &cursor[place + 1..]);
            if changed != cursor {
                let error = ours.open(&changed, "list", 10, NOW).unwrap_err();
                prop_assert_eq!(error.scim_type, ScimType::InvalidCursor);
            }
        }

        #[test]
        fn no_text_makes_it_panic(cursor: String) {
            prop_assert!(cursors("a", "one").open(&cursor, "", 10, NOW).is_err());
        }

        #[test]
        fn the_longest_key_makes_a_cursor_that_can_be_read(text in "\\PC{256}") {
            let key = serde_json::from_value(text.into()).unwrap();
            let position = Position { key: Some(key), source: 0, id: "0".repeat(36) };
            let ticket = Ticket { position, count: 1000 };
            let ours = cursors("a", "one");
            let cursor = ours.seal(&ticket, "", NOW + CURSOR_TIMEOUT);
            prop_assert_eq!(ours.open(&cursor, "", 1000, NOW), Ok(ticket));
        }
    }
}
