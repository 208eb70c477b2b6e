//! `connector`: the kind of target that an app has.

use std::{path::Path, time::Duration};

use super::{
    aha::AhaConfig,
    aha_account::AhaAccount,
    aha_portal::AhaPortalConfig,
    reader::{Table, quoted},
    scim::ScimConfig,
    source::{Read, Source},
};

/// A target and how to reach it.
#[derive(Clone, Debug)]
pub enum Connector {
    /// The accounts of Aha! Roadmaps.
    Aha(Box<AhaConfig>),
    /// The users of an Aha! ideas portal.
    AhaPortal(Box<AhaPortalConfig>),
    /// A target in memory that accepts everything.
    Memory,
    /// The target's own SCIM endpoint, to which requests are passed through.
    Scim(Box<ScimConfig>),
}

impl Connector {
    /// The Aha! account that is called, if it is one.
    pub fn aha_account(&self) -> Option<&AhaAccount> {
        match self {
            Self::Aha(aha) => Some(&aha.account),
            Self::AhaPortal(portal) => Some(&portal.account),
            Self::Memory | Self::Scim(_) => None,
        }
    }
}

/// The words that `connector` takes.
const KINDS: [(&str, Kind); 4] =
    [("aha", Kind::Aha), ("aha-portal", Kind::AhaPortal), ("memory", Kind::Memory), ("scim", Kind::Scim)];

/// Keys of apps whose users and groups the bridge keeps: it keeps none of an app that is passed through.
const OF_BRIDGED_APPS: [&str; 6] = [
    "confirm_within",
    "schemas",
    "group_schemas",
    "user_patch_answer",
    "group_patch_answer",
    "unknown_members",
];

/// What a problem says about the words that `connector` takes.
const CHOICES: &str = "write \"aha\", \"aha-portal\", \"memory\" or \"scim\"";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Aha,
    AhaPortal,
    Memory,
    Scim,
}

impl Connector {
    /// Reads `connector` and the keys of that kind of target, which stand beside it in the app's table; then ends the
    /// reading of that table. `request_timeout` is the server's.
    pub(super) fn read(mut table: Table<'_>, request_timeout: Duration) -> Read<Self> {
        let hint = format!("the kind of target; {CHOICES}");
        // Without a kind there is no telling which keys are unknown, so the table is left at that.
        let kind = table.required("connector", &hint, |value| {
            let word = value.string()?;
            KINDS.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind).ok_or_else(|| {
                value.report(format_args!("there is no connector {}; {CHOICES}", quoted(word)))
            })
        })?;
        let connector = match kind {
            Kind::Aha => AhaConfig::read(&mut table).map(Box::new).map(Connector::Aha),
            Kind::AhaPortal => AhaPortalConfig::read(&mut table).map(Box::new).map(Connector::AhaPortal),
            Kind::Memory => Ok(Connector::Memory),
            Kind::Scim => {
                let scim = ScimConfig::read(&mut table, request_timeout);
                for key in OF_BRIDGED_APPS {
                    table.refuse(
                        key,
                        "has no effect with connector \"scim\", which keeps no users; remove it",
                    )?;
                }
                scim.map(|scim| Connector::Scim(Box::new(scim)))
            }
        };
        table.finish_with(|key| belongs(key, kind))?;
        connector
    }
}

/// What to say of a key that `kind` does not have, if it belongs to another kind.
fn belongs(key: &str, kind: Kind) -> Option<String> {
    // The keys of a section are those that it asks an empty table for.
    let source = Source::new("", Path::new(""), &|_| None);
    let known = |other: Kind| {
        let mut table = Table::absent(&source);
        match other {
            Kind::Aha => drop(AhaConfig::read(&mut table)),
            Kind::AhaPortal => drop(AhaPortalConfig::read(&mut table)),
            Kind::Memory => {}
            Kind::Scim => drop(ScimConfig::read(&mut table, Duration::MAX)),
        }
        table.known().contains(&key)
    };
    let owners: Vec<_> = KINDS
        .iter()
        .filter(|(_, other)| *other != kind && known(*other))
        .map(|(name, _)| format!("{name:?}"))
        .collect();
    let (last, others) = owners.split_last()?;
    Some(match others {
        [] => format!("is a key of connector {last} only; remove it, or change the connector"),
        others => format!(
            "is a key of connectors {} and {last} only; remove it, or change the connector",
            others.join(", ")
        ),
    })
}
