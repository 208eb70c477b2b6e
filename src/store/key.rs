//! What indexes hold of texts.
//!
//! A client's text can be 64 KB long, which no index takes (PostgreSQL's end at 2,704 bytes) and no cursor holds. So an index
//! holds its key: the text itself, or, where it is long, its start and a digest of all of it. Keys are equal if the texts are,
//! sort as the texts do by their starts, and start as the texts do.

use aws_lc_rs::digest::{SHA256, digest};

/// The longest text that is its own key, in characters.
const MAX_CHARACTERS: usize = 256;

/// How many characters of a longer one its key starts with.
pub(super) const START: usize = 192;

/// The key of a text.
pub(super) fn key(text: &str) -> String {
    // Most are short in bytes already.
    if text.len() <= MAX_CHARACTERS || text.chars().count() <= MAX_CHARACTERS {
        return text.to_owned();
    }
    let mut key: String = text.chars().take(START).collect();
    for byte in digest(&SHA256, text.as_bytes()).as_ref() {
        key.push_str(&format!("{byte:02x}"));
    }
    key
}

/// The key of a text that may be missing; that of a missing one stands behind all others.
pub(super) fn key_or_missing(text: Option<&str>) -> String {
    text.map_or_else(|| "1".to_owned(), |text| format!("0{}", key(text)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_are_short_and_as_different_as_texts_and_start_and_sort_as_they_do(
            (one, other) in ("[aä]{0,2}".prop_map(|start| start.repeat(150)), "[aä]{0,2}")
                .prop_map(|(start, end)| (start.clone(), format!("{start}{end}"))),
        ) {
            for text in [&one, &other] {
                prop_assert!(key(text).chars().count() <= MAX_CHARACTERS);
                let start: String = text.chars().take(START).collect();
                prop_assert!(key(text).starts_with(&start));
            }
            prop_assert_eq!(one == other, key(&one) == key(&other));
            if one.chars().count() <= MAX_CHARACTERS && other.chars().count() <= MAX_CHARACTERS {
                prop_assert_eq!(one.cmp(&other), key(&one).cmp(&key(&other)));
            }
            prop_assert!(key_or_missing(Some(&one)) < key_or_missing(None));
        }
    }
}
