//! Live users by what a filter asks of them.

use crate::{
    clock::Time,
    store::{
        Store, StoreError,
        key::{self, key, key_or_missing},
        listing::{Parameter, Range, Statements, Stored, shown_page},
        marks::{self, List},
    },
};

use super::read::{count, shown};

/// What a filter requires of every match, as far as an index can find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Narrowing {
    /// Nothing that is indexed.
    All,
    /// This id.
    Id(String),
    /// This `userName`, folded.
    UserName(String),
    /// A `userName` that starts so, folded; see [`Narrowing::of_start`].
    UserNamePrefix(String),
    /// This `externalId`, case-exact.
    ExternalId(String),
    /// One e-mail address is this one, folded.
    Email(String),
    /// `active` reads so.
    Active(bool),
    /// It was last changed at this time or later.
    ModifiedSince(Time),
    /// It was last changed before this time.
    ModifiedBefore(Time),
}

/// The two statements that read the live users that fulfil a condition, with as many values as it has places from `$2` on.
///
/// `where` walks along the ids, or finds the one row. `in` takes the ids from a list that another index gives: left alone,
/// SQLite, which knows nothing of how the values spread, would walk along the ids and look at every row.
macro_rules! statements {
    (where $condition:literal, []) => {
        statements!(@ live!($condition), " AND id > $2 ORDER BY id LIMIT $3 OFFSET $4", Vec::new())
    };
    (where $condition:literal, [$value:expr]) => {
        statements!(@ live!($condition), " AND id > $3 ORDER BY id LIMIT $4 OFFSET $5", vec![$value])
    };
    (in $list:literal, [$value:expr]) => {
        statements!(@ listed!($list), " AND id > $3 ORDER BY id LIMIT $4 OFFSET $5", vec![$value])
    };
    (in $list:literal, [$value:expr, $other:expr]) => {
        statements!(@ listed!($list), " AND id > $4 ORDER BY id LIMIT $5 OFFSET $6", vec![$value, $other])
    };
    (@ $condition:expr, $range:literal, $values:expr) => {
        Statements {
            page: shown_page!("SELECT ", shown!(), " FROM users WHERE ", $condition, $range),
            count: concat!("SELECT COUNT(*) FROM users WHERE ", $condition),
            values: $values,
        }
    };
}

macro_rules! live {
    ($condition:literal) => {
        concat!("app = $1 AND deleted_at IS NULL", $condition)
    };
}

macro_rules! listed {
    ($list:literal) => {
        concat!("deleted_at IS NULL AND id IN (", $list, ")")
    };
}

impl Narrowing {
    /// All whose `userName` starts so, folded; `None` if that is longer than what an index can tell.
    pub fn of_start(user_name: &str) -> Option<Self> {
        (user_name.chars().count() <= key::START).then(|| Self::UserNamePrefix(user_name.to_owned()))
    }

    fn statements(&self) -> Statements {
        let text = |text: &String| Parameter::Text(text.clone());
        match self {
            Self::All => statements!(where "", []),
            Self::Id(id) => statements!(where " AND id = $2", [text(id)]),
            Self::UserName(name) => {
                statements!(where " AND user_name_key = $2", [Parameter::Text(key(name))])
            }
            Self::UserNamePrefix(prefix) => match successor(prefix) {
                Some(end) => statements!(
                    in "SELECT id FROM users WHERE app = $1 AND deleted_at IS NULL \
                        AND user_name_key >= $2 AND user_name_key < $3",
                    [text(prefix), Parameter::Text(end)]
                ),
                None => statements!(
                    in "SELECT id FROM users WHERE app = $1 AND deleted_at IS NULL AND user_name_key >= $2",
                    [text(prefix)]
                ),
            },
            Self::ExternalId(id) => statements!(
                in "SELECT id FROM users WHERE app = $1 AND deleted_at IS NULL AND external_id_key = $2",
                [Parameter::Text(key_or_missing(Some(id)))]
            ),
            Self::Email(address) => statements!(
                in "SELECT user_id FROM user_emails WHERE user_emails.app = $1 AND value_key = $2",
                [Parameter::Text(key(address))]
            ),
            Self::Active(active) => {
                statements!(where " AND shown_active = $2", [Parameter::Number(i64::from(*active))])
            }
            Self::ModifiedSince(time) => statements!(
                in "SELECT id FROM users WHERE app = $1 AND deleted_at IS NULL AND modified_at >= $2",
                [Parameter::Number(time.as_micros())]
            ),
            Self::ModifiedBefore(time) => statements!(
                in "SELECT id FROM users WHERE app = $1 AND deleted_at IS NULL AND modified_at < $2",
                [Parameter::Number(time.as_micros())]
            ),
        }
    }
}

/// The first text behind all that start with `prefix`; `None` if there is none.
fn successor(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

/// The live users that fit `narrowing`, in the order of their ids, which is that of their creation.
///
/// # Errors
/// When the database fails.
pub async fn page(
    store: &Store,
    app: &str,
    narrowing: &Narrowing,
    range: Range<'_>,
) -> Result<Vec<Stored>, StoreError> {
    let mark = match narrowing {
        Narrowing::All if range.after.is_empty() => {
            marks::find(store, app, List::Users, range.offset).await?
        }
        _ => None,
    };
    let range = mark.as_ref().map_or(range, |mark| range.from(mark));
    narrowing.statements().page(store, app, range).await
}

/// How many live users fit `narrowing`.
///
/// # Errors
/// When the database fails.
pub async fn count_matching(store: &Store, app: &str, narrowing: &Narrowing) -> Result<u64, StoreError> {
    match narrowing {
        Narrowing::All => count(store, app).await,
        _ => narrowing.statements().count(store, app).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_of_a_prefix_stands_behind_all_that_start_with_it() {
        for (prefix, expected) in [
            ("a", Some("b")),
            ("az", Some("a{")),
            ("a\u{d7ff}", Some("a\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
            ("", None),
        ] {
            assert_eq!(successor(prefix).as_deref(), expected, "{prefix:?}");
        }
    }
}
