//! Which version of a resource a client expects (RFC 7644 §3.14; RFC 9110 §13.1.1, §13.1.2).
//!
//! Our entity tags are weak, and RFC 9110 has `If-Match` compare strongly, so that no weak tag would ever match. RFC 7644
//! writes back in `If-Match` the weak tag that it read, and so do clients. So a tag compares by its opaque part, whether it
//! is spelled weak or strong (`RFC-049`), and also without its quotes, which some clients take off.
//!
//! A list that cannot be read is refused in `If-Match`: who sends one wants a change to be protected, and that could not be
//! done. In `If-None-Match` it matches nothing, since the whole answer is right for every reader.

use super::error::{Error, ScimType};

/// What a request demands of the version that a resource has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Precondition {
    if_match: Option<EntityTags>,
    if_none_match: Option<EntityTags>,
}

/// A list of entity tags.
#[derive(Clone, Debug, PartialEq, Eq)]
enum EntityTags {
    /// `*`: whatever there is.
    Any,
    /// The opaque parts.
    Listed(Vec<String>),
}

impl Precondition {
    /// Nothing is demanded (`RFC-047`).
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the values of the headers `If-Match` and `If-None-Match`, `None` for one that is not there. Of several header
    /// lines of one name, the values are joined by commas.
    ///
    /// # Errors
    /// `invalidValue` if `If-Match` is not a list of entity tags.
    pub fn parse(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Self, Error> {
        let if_match = if_match.map(|text| required("If-Match", text)).transpose()?;
        let nothing = || EntityTags::Listed(Vec::new());
        let if_none_match = if_none_match.map(|text| EntityTags::parse(text).unwrap_or_else(nothing));
        Ok(Self { if_match, if_none_match })
    }

    /// Reads the `version` of an operation in a bulk request, which stands for `If-Match` (RFC 7644 §3.7).
    ///
    /// # Errors
    /// `invalidValue` if it is not an entity tag.
    pub fn of_version(version: &str) -> Result<Self, Error> {
        Ok(Self { if_match: Some(required("version", version)?), if_none_match: None })
    }

    /// Whether a change of the resource that has this entity tag may go on.
    pub fn allows(&self, entity_tag: &str) -> bool {
        self.if_match.as_ref().is_none_or(|tags| tags.hold(entity_tag)) && !self.knows(entity_tag)
    }

    /// Whether the client has this version already, so that a read can be answered without it (`RFC-045`).
    pub fn knows(&self, entity_tag: &str) -> bool {
        self.if_none_match.as_ref().is_some_and(|tags| tags.hold(entity_tag))
    }
}

fn required(name: &str, text: &str) -> Result<EntityTags, Error> {
    EntityTags::parse(text).ok_or_else(|| {
        let detail = format!("`{name}` must be `*` or entity tags as in `meta.version`, such as `W/\"3\"`.");
        Error::new(ScimType::InvalidValue, detail)
    })
}

impl EntityTags {
    /// Reads a list; `None` if it is none, or empty.
    fn parse(text: &str) -> Option<Self> {
        let mut opaque_parts = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let tag = without_weakness(rest);
            let after = if let Some(quoted) = tag.strip_prefix('"') {
                // What stands in quotes may hold commas.
                let (opaque, after) = quoted.split_once('"')?;
                opaque_parts.push(opaque.to_owned());
                after
            } else {
                let (bare, after) = tag.split_at(tag.find(',').unwrap_or(tag.len()));
                match bare.trim_end() {
                    "*" => return Some(Self::Any),
                    "" => {}
                    bare if bare.contains('"') => return None,
                    bare => opaque_parts.push(bare.to_owned()),
                }
                after
            };
            let after = after.trim_start();
            rest = match after.strip_prefix(',') {
                Some(next) => next.trim_start(),
                None if after.is_empty() => after,
                None => return None,
            };
        }
        (!opaque_parts.is_empty()).then_some(Self::Listed(opaque_parts))
    }

    fn hold(&self, entity_tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(opaque_parts) => {
                let opaque = without_weakness(entity_tag).trim_matches('"');
                opaque_parts.iter().any(|part| part == opaque)
            }
        }
    }
}

fn without_weakness(tag: &str) -> &str {
    tag.strip_prefix("W/").or_else(|| tag.strip_prefix("w/")).unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::weak(r#"W/"3""#)]
    #[case::strong(r#""3""#)]
    #[case::without_quotes("3")]
    #[case::weak_without_quotes("W/3")]
    #[case::small_letter(r#"w/"3""#)]
    #[case::any("*")]
    #[case::one_of_a_list(r#""a","3""#)]
    #[case::one_of_a_mixed_list(r#" W/"a" ,, 7,W/"3" , "b""#)]
    #[case::any_in_a_list(r#""a", *"#)]
    #[case::after_a_tag_with_a_comma(r#""a,b", "3""#)]
    fn a_tag_compares_by_its_opaque_part_rfc_049(#[case] text: &str) {
        let if_match = Precondition::parse(Some(text), None).unwrap();
        assert!(if_match.allows("W/\"3\"") && !if_match.knows("W/\"3\""));
        let if_none_match = Precondition::parse(None, Some(text)).unwrap();
        assert!(if_none_match.knows("W/\"3\"") && !if_none_match.allows("W/\"3\""));
        assert_eq!(Precondition::of_version(text), Ok(if_match));
    }

    #[rstest]
    #[case::older(r#"W/"2""#)]
    #[case::longer(r#"W/"33""#)]
    #[case::in_a_tag_with_a_comma(r#""2,3""#)]
    #[case::a_list(r#""a", "b""#)]
    #[case::nothing_in_quotes("\"\"")]
    #[case::a_star_in_quotes("\"*\"")]
    #[case::another_server_s("e180ee84f0671b1")]
    fn another_tag_does_not_match_rfc_046(#[case] text: &str) {
        assert!(!Precondition::parse(Some(text), None).unwrap().allows("W/\"3\""));
        let if_none_match = Precondition::parse(None, Some(text)).unwrap();
        assert!(!if_none_match.knows("W/\"3\"") && if_none_match.allows("W/\"3\""));
    }

    #[rstest]
    #[case::nothing("")]
    #[case::no_tag_in_a_list(" , ,")]
    #[case::open_quotes("W/\"3")]
    #[case::quotes_too_late("3\"")]
    #[case::two_without_a_comma("\"3\" \"4\"")]
    fn a_list_that_cannot_be_read_is_refused_in_if_match_and_matches_nothing_in_if_none_match(
        #[case] text: &str,
    ) {
        let error = Precondition::parse(Some(text), None).unwrap_err();
        assert_eq!(error.scim_type, ScimType::InvalidValue);
        assert!(error.detail.starts_with("`If-Match` must be `*` or entity tags"), "{}", error.detail);
        assert!(Precondition::of_version(text).unwrap_err().detail.starts_with("`version` must be"));
        let if_none_match = Precondition::parse(None, Some(text)).unwrap();
        assert!(if_none_match.allows("W/\"3\"") && !if_none_match.knows("W/\"3\""));
    }

    #[test]
    fn without_a_precondition_every_version_may_be_changed_rfc_047() {
        assert_eq!(Precondition::parse(None, None), Ok(Precondition::none()));
        assert!(Precondition::none().allows("W/\"3\"") && !Precondition::none().knows("W/\"3\""));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_a_list_of_tags_holds_each_of_them(
            text in "[W/\"*, a1é]{0,20}",
            tags in proptest::collection::vec("[a-z0-9,*]{1,5}", 1..5),
            chosen: prop::sample::Index,
        ) {
            let _ = Precondition::parse(Some(&text), Some(&text));
            let list = tags.iter().map(|tag| format!("W/\"{tag}\"")).collect::<Vec<_>>();
            let precondition = Precondition::parse(Some(&list.join(", ")), None).unwrap();
            prop_assert!(precondition.allows(&list[chosen.index(list.len())]));
        }
    }
}
