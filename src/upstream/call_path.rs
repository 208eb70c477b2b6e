//! The path of a call, and what the call is counted as.

/// A path below a target's base URL, made from a template such as `/users/{id}`. What is counted and shown by path goes by the
/// template: there are few of them, whatever ids there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallPath {
    template: &'static str,
    path: String,
}

impl CallPath {
    /// `template` with the `segments` in the places of its `{…}`, in order. What could change the path is escaped.
    ///
    /// # Panics
    /// When there are not as many places as segments, which the first call shows.
    pub fn new(template: &'static str, segments: &[&str]) -> Self {
        let mut path = String::with_capacity(template.len() + 20 * segments.len());
        let mut segments = segments.iter();
        let mut rest = template;
        while let Some((before, behind)) = rest.split_once('{') {
            let (_, after) = behind.split_once('}').expect("a place in a template of ours ends");
            path.push_str(before);
            push_escaped(&mut path, segments.next().expect("each place in a template of ours has a segment"));
            rest = after;
        }
        assert!(segments.next().is_none(), "{template} has fewer places than there are segments");
        path.push_str(rest);
        Self { template, path }
    }

    /// The template.
    pub fn template(&self) -> &'static str {
        self.template
    }

    /// The path itself.
    pub fn as_str(&self) -> &str {
        &self.path
    }
}

impl From<&'static str> for CallPath {
    /// A path that is the same for every call.
    fn from(path: &'static str) -> Self {
        Self::new(path, &[])
    }
}

/// Ids, and the keys of workspaces and portals, have nothing that is escaped.
fn push_escaped(path: &mut String, segment: &str) {
    for byte in segment.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => path.push(char::from(byte)),
            byte => path.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_stand_in_their_places_and_cannot_leave_them() {
        let path = CallPath::new("/users/{id}/product_roles/{workspace}", &["7", "../../me?a=b"]);
        assert_eq!(path.as_str(), "/users/7/product_roles/%2E%2E%2F%2E%2E%2Fme%3Fa%3Db");
        assert_eq!(path.template(), "/users/{id}/product_roles/{workspace}");
        assert_eq!(CallPath::from("/me").as_str(), "/me");
    }

    #[test]
    #[should_panic(expected = "fewer places")]
    fn a_segment_without_a_place_is_a_mistake_of_ours() {
        CallPath::new("/users", &["7"]);
    }
}
