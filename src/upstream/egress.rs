//! Which addresses a target's name may lead to.
//!
//! Whoever controls a name's DNS chooses where the bridge connects to with the target's token: its own network, or the
//! metadata service of a cloud, which hands out credentials. So the addresses are judged after the name was resolved, and
//! one of the judged addresses is connected to: no second look-up can lead elsewhere. A literal address in a base URL is
//! the admin's own word, and is not judged.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// Whether a name may lead to addresses of private networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateNetworks {
    /// It may not.
    Refused,
    /// It may: the target is in the bridge's own network, or on this machine.
    Allowed,
}

/// What kind of address it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Of the internet.
    Public,
    /// Of a private network, or this machine.
    Private,
    /// Where no target ever is: link-local, the metadata services of clouds, everybody (multicast) and nobody.
    Never,
}

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// There is no such name, or no answer.
    #[error("the name {host} cannot be resolved: {source}")]
    Unknown {
        /// The name.
        host: String,
        /// What the resolver says.
        #[source]
        source: io::Error,
    },
    /// It leads to private addresses alone.
    #[error(
        "{host} leads to {address}, an address of a private network; set allow_private = true if that is right"
    )]
    Private {
        /// The name.
        host: String,
        /// Where it leads.
        address: IpAddr,
    },
    /// It leads to addresses that are refused always.
    #[error("{host} leads to {address}, where no target can be; its DNS entry is wrong or forged")]
    Never {
        /// The name.
        host: String,
        /// Where it leads.
        address: IpAddr,
    },
}

/// The addresses of a URL's host that may be connected to; at least one.
///
/// # Errors
/// When there is none.
pub(super) async fn addresses(
    host: &str,
    port: u16,
    private_networks: PrivateNetworks,
) -> Result<Vec<SocketAddr>, ResolveError> {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = literal.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let unknown = |source| ResolveError::Unknown { host: host.to_owned(), source };
    let found = tokio::net::lookup_host((host, port)).await.map_err(unknown)?;
    admit(host, found, private_networks)
}

fn admit(
    host: &str,
    found: impl Iterator<Item = SocketAddr>,
    private_networks: PrivateNetworks,
) -> Result<Vec<SocketAddr>, ResolveError> {
    let mut admitted = Vec::new();
    let mut refused = None;
    for address in found {
        match (reach(address.ip()), private_networks) {
            (Reach::Public, _) | (Reach::Private, PrivateNetworks::Allowed) => admitted.push(address),
            (Reach::Private, PrivateNetworks::Refused) => {
                refused = Some(ResolveError::Private { host: host.to_owned(), address: address.ip() });
            }
            (Reach::Never, _) => {
                refused = Some(ResolveError::Never { host: host.to_owned(), address: address.ip() });
            }
        }
    }
    if !admitted.is_empty() {
        return Ok(admitted);
    }
    let nothing = || ResolveError::Unknown {
        host: host.to_owned(),
        source: io::Error::new(io::ErrorKind::NotFound, "it has no address"),
    };
    Err(refused.unwrap_or_else(nothing))
}

fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

/// By the registry of special-purpose addresses (RFC 6890), and what clouds made of the rest.
fn reach_v4(address: Ipv4Addr) -> Reach {
    /// Where clouds other than with 169.254.169.254 hand out credentials: Azure, Oracle, Alibaba.
    const METADATA: [Ipv4Addr; 3] =
        [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192), Ipv4Addr::new(100, 100, 100, 200)];
    let [a, b, c, _] = address.octets();
    if METADATA.contains(&address) {
        return Reach::Never;
    }
    match (a, b, c) {
        (0 | 224.., _, _) | (169, 254, _) => Reach::Never,
        (10 | 127, _, _)
        | (172, 16..=31, _)
        | (192, 168, _)
        // Shared by carriers (RFC 6598), IETF protocols, benchmarks (RFC 2544).
        | (100, 64..=127, _)
        | (192, 0, 0)
        | (198, 18..=19, _) => Reach::Private,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    /// Where AWS, for machines and for pods, Google, Oracle, Scaleway, Linode and Alibaba hand out credentials.
    const METADATA: [Ipv6Addr; 7] = [
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
        Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
        Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
        Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
        Ipv6Addr::new(0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1),
        Ipv6Addr::new(0xfd00, 0x100, 0, 0, 0, 0, 0x100, 0x200),
    ];
    // A network's own NAT64 (RFC 8215) may lay the address out as for a prefix of 96 bits, or of 48.
    if let [0x64, 0xff9b, 1, high, middle, low, ..] = address.segments() {
        let of_48 = (high != 0).then(|| joined(high, (middle << 8) | (low >> 8)));
        let leads_nowhere = |inner| reach_v4(inner) == Reach::Never;
        let is_never = of_48.map_or_else(|| embedded(address).is_some_and(leads_nowhere), leads_nowhere);
        return if is_never { Reach::Never } else { Reach::Private };
    }
    if let Some(inner) = embedded(address) {
        return reach_v4(inner);
    }
    let first = address.segments()[0];
    if METADATA.contains(&address) || address.is_unspecified() {
        return Reach::Never;
    }
    match first {
        0xff00.. | 0xfe80..=0xfebf => Reach::Never,
        // ULA (RFC 4193), and the site-local addresses before them.
        0xfc00..=0xfdff | 0xfec0..=0xfeff => Reach::Private,
        _ if address.is_loopback() => Reach::Private,
        _ => Reach::Public,
    }
}

/// The IPv4 address of two halves.
fn joined(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

/// The IPv4 address that an IPv6 address stands for: mapped or compatible (RFC 4291), translated (RFC 2765), NAT64 (RFC 6052),
/// 6to4 (RFC 3056), Teredo (RFC 4380).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let at = |high, low| Some(joined(high, low));
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, _, _, _, _, high, low] => at(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => at(high, low),
        [0x2002, high, low, ..] => at(high, low),
        [0x2001, 0, _, _, _, _, high, low] => at(!high, !low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::public("93.184.216.34", Reach::Public)]
    #[case::next_to_private("172.32.0.1", Reach::Public)]
    #[case::next_to_shared("100.128.0.1", Reach::Public)]
    #[case::loopback("127.8.9.1", Reach::Private)]
    #[case::ten("10.1.2.3", Reach::Private)]
    #[case::one_seven_two("172.31.255.255", Reach::Private)]
    #[case::one_nine_two("192.168.0.1", Reach::Private)]
    #[case::carriers("100.64.0.1", Reach::Private)]
    #[case::benchmarks("198.19.255.255", Reach::Private)]
    #[case::link_local("169.254.1.1", Reach::Never)]
    #[case::metadata("169.254.169.254", Reach::Never)]
    #[case::metadata_of_alibaba("100.100.100.200", Reach::Never)]
    #[case::metadata_of_azure("168.63.129.16", Reach::Never)]
    #[case::this_network("0.0.0.0", Reach::Never)]
    #[case::multicast("224.0.0.1", Reach::Never)]
    #[case::broadcast("255.255.255.255", Reach::Never)]
    #[case::public_v6("2606:2800:220:1::1", Reach::Public)]
    #[case::loopback_v6("::1", Reach::Private)]
    #[case::unspecified_v6("::", Reach::Never)]
    #[case::ula("fd12:3456::1", Reach::Private)]
    #[case::site_local("fec0::1", Reach::Private)]
    #[case::link_local_v6("fe80::1", Reach::Never)]
    #[case::multicast_v6("ff02::1", Reach::Never)]
    #[case::metadata_v6("fd00:ec2::254", Reach::Never)]
    #[case::mapped_metadata("::ffff:169.254.169.254", Reach::Never)]
    #[case::mapped_loopback("::ffff:127.0.0.1", Reach::Private)]
    #[case::mapped_public("::ffff:93.184.216.34", Reach::Public)]
    #[case::compatible("::10.0.0.1", Reach::Private)]
    #[case::nat64("64:ff9b::a9fe:a9fe", Reach::Never)]
    #[case::local_nat64("64:ff9b:1::a00:1", Reach::Private)]
    #[case::local_nat64_to_metadata("64:ff9b:1::a9fe:a9fe", Reach::Never)]
    #[case::local_nat64_of_48_bits("64:ff9b:1:a9fe:a9:fe00::", Reach::Never)]
    #[case::translated("::ffff:0:169.254.169.254", Reach::Never)]
    #[case::metadata_of_pods("fd00:ec2::23", Reach::Never)]
    #[case::metadata_of_google("fd20:ce::254", Reach::Never)]
    #[case::metadata_of_oracle("fd00:c1::a9fe:a9fe", Reach::Never)]
    #[case::metadata_of_scaleway("fd00:42::42", Reach::Never)]
    #[case::metadata_of_linode("fd00:a9fe:a9fe::1", Reach::Never)]
    #[case::metadata_of_alibaba_v6("fd00:100::100:200", Reach::Never)]
    #[case::six_to_four("2002:a9fe:a9fe::1", Reach::Never)]
    #[case::teredo("2001:0:1:2:3:4:5601:5601", Reach::Never)]
    fn addresses_are_judged_by_what_they_lead_to(#[case] address: &str, #[case] expected: Reach) {
        assert_eq!(reach(address.parse().unwrap()), expected);
    }

    fn admitted(addresses: &[&str], private_networks: PrivateNetworks) -> Result<Vec<String>, String> {
        let found = addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 443));
        admit("target.example", found, private_networks)
            .map(|admitted| admitted.iter().map(|address| address.ip().to_string()).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn of_several_addresses_only_those_that_may_be_are_connected_to() {
        let mixed = ["169.254.169.254", "10.0.0.1", "93.184.216.34"];
        assert_eq!(admitted(&mixed, PrivateNetworks::Refused).unwrap(), ["93.184.216.34"]);
        assert_eq!(admitted(&mixed, PrivateNetworks::Allowed).unwrap(), ["10.0.0.1", "93.184.216.34"]);
    }

    #[test]
    fn a_name_that_leads_nowhere_else_is_refused_in_words() {
        assert_eq!(
            admitted(&["10.0.0.1"], PrivateNetworks::Refused).unwrap_err(),
            "target.example leads to 10.0.0.1, an address of a private network; set allow_private = true if that is right"
        );
        for private_networks in [PrivateNetworks::Refused, PrivateNetworks::Allowed] {
            assert_eq!(
                admitted(&["169.254.169.254"], private_networks).unwrap_err(),
                "target.example leads to 169.254.169.254, where no target can be; its DNS entry is wrong or forged"
            );
        }
        assert!(admitted(&[], PrivateNetworks::Refused).unwrap_err().contains("it has no address"));
    }

    #[tokio::test]
    async fn a_literal_address_is_taken_at_its_word_and_a_name_of_this_machine_is_not() {
        for literal in ["127.0.0.1", "169.254.169.254", "[::1]"] {
            let addresses = addresses(literal, 80, PrivateNetworks::Refused).await.unwrap();
            assert_eq!(addresses.len(), 1);
        }
        let refused = addresses("localhost", 80, PrivateNetworks::Refused).await.unwrap_err();
        assert!(matches!(refused, ResolveError::Private { .. }), "{refused}");
        assert!(addresses("localhost", 80, PrivateNetworks::Allowed).await.is_ok());
    }
}
