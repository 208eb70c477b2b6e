use crate::connector::{
    Connector, Name,
    conformance::{Failure, Harness, conformance},
};

use super::Memory;

/// Nothing stands behind it.
impl Harness for Memory {
    fn connector(&self) -> &dyn Connector {
        self
    }

    fn seed(&self, _email: &str, _name: &Name, _enabled: bool) -> Option<String> {
        None
    }

    fn enabled_emails(&self) -> Option<Vec<String>> {
        None
    }

    fn invitations(&self) -> usize {
        0
    }

    fn fail(&self, _failure: Failure) -> bool {
        false
    }
}

async fn start() -> Memory {
    Memory
}

conformance!(start);
