//! Networks, written as `"10.0.0.0/8"`, `"2001:db8::/32"` or a single address.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{
    reader::{Value, quoted},
    source::Read,
};

/// More networks than any identity provider calls from.
const MOST_NETWORKS: usize = 1000;

/// A set of networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Whether there is none in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `address` is in one of them. An IPv4 address that is written as an IPv6 one is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromIterator<IpNet> for Networks {
    fn from_iter<T: IntoIterator<Item = IpNet>>(networks: T) -> Self {
        Self(networks.into_iter().collect())
    }
}

/// Reads an array of networks.
pub(super) fn networks(value: &Value<'_>) -> Read<Networks> {
    Ok(value.array(MOST_NETWORKS, |value| network(&value))?.into_iter().collect())
}

fn network(value: &Value<'_>) -> Read<IpNet> {
    let text = value.string()?;
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let Ok(network) = network else {
        return Err(value.report(format_args!(
            "{} is not a network; write it as in \"10.0.0.0/8\", \"2001:db8::/32\" or \"192.0.2.7\"",
            quoted(text)
        )));
    };
    if network.trunc() != network {
        return Err(value.report(format_args!(
            "has an address that is not its network's first; write {}",
            network.trunc()
        )));
    }
    Ok(network)
}
