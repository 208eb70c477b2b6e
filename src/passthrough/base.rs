//! A base URL as it occurs in other URLs, and the other base URL that takes its place.

/// Turns URLs that point below one base URL into those below another.
#[derive(Clone, Debug)]
pub(super) struct Translation {
    /// `host`, in lower case, with the port where it is not the scheme's own.
    authority: String,
    /// The scheme's own port, if that is the one: it may be written.
    default_port: Option<&'static str>,
    /// Empty, or beginning with `/` and not ending with it.
    path: String,
    /// What it becomes; no slash at its end.
    to: String,
}

/// What a URL's beginning may be at the most, beyond the base itself: `https` for `http`, a port that is written, and the
/// character behind it.
const SLACK: usize = 16;

impl Translation {
    /// From below `from` to below `to`; URLs with `http` or `https` and without a slash at their end.
    pub(super) fn new(from: &str, to: &str) -> Self {
        let (scheme, rest) = from.split_once("://").unwrap_or(("https", from));
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let default_port = if scheme == "https" { ":443" } else { ":80" };
        let is_default = !authority.rsplit(']').next().unwrap_or_default().contains(':');
        Self {
            authority: authority.to_ascii_lowercase(),
            default_port: is_default.then_some(default_port),
            path: path.trim_end_matches('/').to_owned(),
            to: to.to_owned(),
        }
    }

    /// The base that URLs get.
    pub(super) fn to(&self) -> &str {
        &self.to
    }

    /// How many bytes at its beginning say whether a URL points below the base.
    pub(super) fn reach(&self) -> usize {
        self.authority.len() + self.path.len() + "https://".len() + SLACK
    }

    /// What follows the base in `url`: empty, or beginning with `/`, `?` or `#`. `None` if it points elsewhere. `http` and
    /// `https` are the same here: a target behind a proxy that ends TLS may not know which of them it is reached by. A path
    /// alone counts where the base has one: `/Users` may as well be meant to follow the base (RFC 7643 §6).
    pub(super) fn find<'u>(&self, url: &'u str) -> Option<&'u str> {
        if url.starts_with('/') {
            return self.find_reference(url).filter(|_| !self.path.is_empty());
        }
        self.find_url(url)
    }

    fn find_url<'u>(&self, url: &'u str) -> Option<&'u str> {
        let rest = ["https://", "http://"].iter().find_map(|scheme| strip_prefix(url, scheme))?;
        self.below_authority(rest)
    }

    /// The same for what stands in a `Location`, which may leave out the scheme, or that and the host.
    pub(super) fn find_reference<'u>(&self, reference: &'u str) -> Option<&'u str> {
        if let Some(rest) = reference.strip_prefix("//") {
            return self.below_authority(rest);
        }
        match reference.strip_prefix('/') {
            Some(_) => self.below_path(reference),
            None => self.find_url(reference),
        }
    }

    /// Whether `url` names the base's host, whatever its path.
    pub(super) fn names_host(&self, url: &str) -> bool {
        let rest = ["https://", "http://"].iter().find_map(|scheme| strip_prefix(url, scheme));
        let Some(rest) = rest.and_then(|rest| strip_prefix(rest, &self.authority)) else { return false };
        let rest = self.default_port.and_then(|port| rest.strip_prefix(port)).unwrap_or(rest);
        rest.is_empty() || rest.starts_with(['/', '?', '#'])
    }

    fn below_authority<'u>(&self, rest: &'u str) -> Option<&'u str> {
        let rest = strip_prefix(rest, &self.authority)?;
        let rest = self.default_port.and_then(|port| rest.strip_prefix(port)).unwrap_or(rest);
        self.below_path(rest)
    }

    fn below_path<'u>(&self, rest: &'u str) -> Option<&'u str> {
        let below = rest.strip_prefix(self.path.as_str())?;
        (below.is_empty() || below.starts_with(['/', '?', '#'])).then_some(below)
    }
}

/// As [`str::strip_prefix`], without regard to ASCII case.
fn strip_prefix<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let begins = text.get(..prefix.len())?.eq_ignore_ascii_case(prefix);
    begins.then(|| &text[prefix.len()..])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://t.example/scim/v2", Some(""))]
    #[case("https://t.example/scim/v2/", Some("/"))]
    #[case("https://t.example/scim/v2/Users/1?a#b", Some("/Users/1?a#b"))]
    #[case("HTTPS://T.Example:443/scim/v2/Users", Some("/Users"))]
    #[case("http://t.example/scim/v2/Users", Some("/Users"))]
    #[case("https://t.example/scim/v2x", None)]
    #[case("https://t.example/scim", None)]
    #[case("https://t.example/SCIM/v2", None)]
    #[case("https://t.example:444/scim/v2", None)]
    #[case("https://t.example.evil/scim/v2", None)]
    #[case("https://t.example@evil/scim/v2", None)]
    #[case("https://évil.example/scim/v2", None)]
    #[case("/scim/v2/Users", Some("/Users"))]
    #[case("/scim/v2x", None)]
    #[case("//t.example/scim/v2/Users", Some("/Users"))]
    #[case("//other.example/scim/v2/Users", None)]
    #[case("/Users", None)]
    #[case("Users/1", None)]
    fn a_url_is_below_the_base_if_scheme_host_port_and_path_are_its(
        #[case] url: &str,
        #[case] expected: Option<&str>,
    ) {
        let translation = Translation::new("https://t.example/scim/v2", "https://b.example/t/scim/v2");
        assert_eq!(translation.find(url), expected);
        assert!(translation.reach() > "https://t.example:443/scim/v2".len());
    }

    #[rstest]
    #[case("http://t.example:8080", "http://t.example:8080/Users", Some("/Users"))]
    #[case("http://t.example:8080", "http://t.example/Users", None)]
    #[case("http://t.example:8080", "/Users", None)]
    #[case("http://[::1]/x", "http://[::1]:80/x/y", Some("/y"))]
    #[case("http://[::1]:8080/x", "http://[::1]:8080/x", Some(""))]
    fn a_base_may_have_a_port_or_no_path(
        #[case] base: &str,
        #[case] url: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(Translation::new(base, "").find(url), expected);
    }

    #[rstest]
    #[case("/scim/v2/Users/1", Some("/Users/1"))]
    #[case("//t.example/scim/v2/Users/1", Some("/Users/1"))]
    #[case("https://t.example/scim/v2/Users/1", Some("/Users/1"))]
    #[case("/other", None)]
    #[case("//other/scim/v2", None)]
    #[case("Users/1", None)]
    fn a_reference_may_leave_out_its_beginning(#[case] reference: &str, #[case] expected: Option<&str>) {
        let translation = Translation::new("https://t.example/scim/v2", "");
        assert_eq!(translation.find_reference(reference), expected);
    }
}
