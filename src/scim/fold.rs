//! How text is compared where case does not matter.

use std::borrow::Cow;

use icu_casemap::{CaseMapper, CaseMapperBorrowed};
use icu_normalizer::{
    ComposingNormalizer, ComposingNormalizerBorrowed, DecomposingNormalizer, DecomposingNormalizerBorrowed,
};

const DECOMPOSE: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizer::new_nfd();
const COMPOSE: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfc();
const FOLD_CASE: CaseMapperBorrowed<'static> = CaseMapper::new();

/// The form in which two texts are equal if they differ in case only, or in how their accents are encoded (RFC 7643 §2.2,
/// `caseExact: false`; RFC-028): case-folded by Unicode's full mapping and composed, which is its canonical caseless match
/// (Unicode §3.13, D145) in NFC. `STRASSE`, `Straße` and `straße` are the same, and so are the two ways to write `é`.
/// Lower case would not do: the last letter of `ΟΔΟΣ` is another one in lower case than the same letter elsewhere.
///
/// Filters and the store's indexes use the same form. What is stored and returned is always the text as it was sent.
pub fn fold(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        let decomposed = DECOMPOSE.normalize(text);
        return Cow::Owned(COMPOSE.normalize(&FOLD_CASE.fold_string(&decomposed)).into_owned());
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::letters("BOB@Example.com", "bob@example.com")]
    #[case::accents("ÉLODIE", "élodie")]
    #[case::encodings_of_an_accent("E\u{301}lodie", "\u{e9}LODIE")]
    #[case::order_of_accents("a\u{323}\u{302}", "\u{1ead}")]
    #[case::one_letter_that_is_two_in_upper_case("Straße", "STRASSE")]
    #[case::a_capital_that_is_rare("STRAẞE", "strasse")]
    #[case::ligatures("ﬁn", "FIN")]
    #[case::a_letter_that_depends_on_its_place("ΟΔΟΣ", "οδος")]
    #[case::the_same_inside("ΟΔΟΣΑ", "οδοσα")]
    #[case::an_accent_below("ᾳ", "ΑΙ")]
    #[case::sign_for_a_letter("\u{212a}elvin", "kelvin")]
    fn texts_that_differ_in_case_or_encoding_only_are_the_same_rfc_028(
        #[case] one: &str,
        #[case] other: &str,
    ) {
        assert_eq!(fold(one), fold(other));
    }

    #[rstest]
    #[case::accents_count("elodie", "élodie")]
    #[case::without_a_dot("ı", "i")]
    #[case::width("ａ", "a")]
    fn texts_that_differ_otherwise_are_not(#[case] one: &str, #[case] other: &str) {
        assert_ne!(fold(one), fold(other));
    }

    proptest! {
        #[test]
        fn to_fold_twice_is_to_fold_once(text: String) {
            let once = fold(&text).into_owned();
            prop_assert_eq!(fold(&once), once.as_str());
        }
    }

    #[test]
    fn the_case_of_no_letter_makes_a_difference() {
        let cased = ('\u{80}'..=char::MAX)
            .filter(|letter| letter.to_uppercase().ne([*letter]) || letter.to_lowercase().ne([*letter]));
        let different: String = cased
            .filter(|letter| {
                let cases: [String; 2] = [letter.to_uppercase().collect(), letter.to_lowercase().collect()];
                cases.iter().any(|case| fold(case) != fold(&letter.to_string()))
            })
            .collect();
        // The capital of the dotless letter is that of i.
        assert_eq!(different, "ı");
    }
}
