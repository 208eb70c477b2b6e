//! Whether the URL that identity providers are told has a form in which they can reach it. Whether it leads here, only they
//! can say.

use std::net::{IpAddr, Ipv4Addr};

use url::{Host, Url};

use crate::{config::Server, passthrough::probe::Finding};

/// What is to be said of it.
pub(super) fn findings(server: &Server) -> Vec<Finding> {
    let Some(public_url) = &server.public_url else {
        return vec![Finding::warning(format!(
            "public_url is not set, so URLs in answers name the address that is listened on ({}); write the one that identity \
             providers use",
            server.listen
        ))];
    };
    let text = public_url.as_str();
    let Ok(url) = Url::parse(text) else {
        return vec![Finding::problem(format!("{text} is no URL"))];
    };
    let mut findings = Vec::new();
    if let Some(reason) = url.host().and_then(|host| unreachable(&host)) {
        findings.push(Finding::warning(format!(
            "{text} is {reason}: Okta and Entra ID call from the internet, unless an agent of theirs runs in your network"
        )));
    }
    if url.scheme() != "https" {
        findings.push(Finding::warning(format!(
            "{text} is not encrypted, and tokens would travel in clear; let a proxy end TLS in front, or set tls, and write \
             https://"
        )));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(format!(
            "{text} has the form that identity providers can reach; an app's tenant URL is {text}/APP/scim/v2"
        )));
    }
    findings
}

/// Why nobody reaches the host from the internet, if so.
fn unreachable(host: &Host<&str>) -> Option<&'static str> {
    const MACHINE: &str = "this machine alone";
    const NETWORK: &str = "an address of a private network";
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let ends =
                |end: &str| name.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            if ends("localhost") {
                return Some(MACHINE);
            }
            let is_private = ends("local") || ends("internal") || ends("test") || !name.contains('.');
            is_private.then_some("a name that only a private network knows")
        }
        Host::Ipv4(address) => of_ipv4(*address),
        Host::Ipv6(address) => match IpAddr::V6(*address).to_canonical() {
            IpAddr::V4(address) => of_ipv4(address),
            IpAddr::V6(address) if address.is_loopback() => Some(MACHINE),
            IpAddr::V6(address) if address.is_unspecified() => Some("no address at all"),
            IpAddr::V6(address) => {
                (address.is_unique_local() || address.is_unicast_link_local()).then_some(NETWORK)
            }
        },
    }
}

fn of_ipv4(address: Ipv4Addr) -> Option<&'static str> {
    if address.is_loopback() {
        return Some("this machine alone");
    }
    if address.is_unspecified() {
        return Some("no address at all");
    }
    (address.is_private() || address.is_link_local()).then_some("an address of a private network")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::passthrough::probe::Level;

    #[rstest]
    #[case::as_it_should_be("https://scim.example.com", Level::Ok, "can reach")]
    #[case::with_a_path("https://example.com/bridge", Level::Ok, "can reach")]
    #[case::in_clear("http://scim.example.com", Level::Warning, "not encrypted")]
    #[case::this_machine("https://localhost:8080", Level::Warning, "this machine alone")]
    #[case::this_machine_by_address("https://127.0.0.1", Level::Warning, "this machine alone")]
    #[case::a_private_network("https://10.0.0.7", Level::Warning, "private network")]
    #[case::a_private_network_in_ipv6("https://[fd00::7]", Level::Warning, "private network")]
    #[case::one_word("https://scim", Level::Warning, "only a private network knows")]
    #[case::a_private_name("https://scim.corp.internal", Level::Warning, "only a private network knows")]
    #[case::everywhere("https://0.0.0.0", Level::Warning, "no address at all")]
    fn what_keeps_identity_providers_out_is_told(
        #[case] url: &str,
        #[case] level: Level,
        #[case] text: &str,
    ) {
        let server = Server { public_url: Some(url.parse().unwrap()), ..Server::default() };
        let findings = findings(&server);
        assert_eq!(findings[0].level, level, "{findings:?}");
        assert!(findings[0].text.contains(text), "{findings:?}");
    }

    #[test]
    fn without_one_the_address_that_is_listened_on_is_told() {
        let findings = findings(&Server::default());
        assert!(findings[0].level == Level::Warning && findings[0].text.contains("127.0.0.1:8080"));
    }
}
