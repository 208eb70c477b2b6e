//! Integration tests, one binary: a real socket, a real database file, simulated targets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod aha_contract;
mod coverage_of_facts;
mod discovery_is_true;
mod extensions;
mod groups;
mod groups_conversations;
mod harness;
mod letter_of_the_rfc;
mod smoke;
