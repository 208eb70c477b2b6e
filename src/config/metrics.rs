//! `[metrics]`: who may read `/metrics` and nothing else.

use super::{
    network::{Networks, networks},
    reader::Table,
    source::Read,
    token::{TakenTokens, Token, tokens},
};

/// Who reads what is measured.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// What they present. The tokens of apps open `/metrics` as well.
    pub tokens: Vec<Token>,
    /// Where it may be read from; empty: from anywhere.
    pub allow_from: Networks,
}

impl Metrics {
    /// Reads the section. No token of it may be an app's as well.
    pub(super) fn read(mut table: Table<'_>, taken: &mut TakenTokens) -> Read<Self> {
        let tokens = table.or("tokens", Vec::new(), |value| tokens(&value, taken));
        let allow_from = table.or("allow_from", Networks::default(), |value| networks(&value));
        table.finish()?;
        Ok(Self { tokens: tokens?, allow_from: allow_from? })
    }
}
