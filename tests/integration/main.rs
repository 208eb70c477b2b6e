//! Integration tests, one binary: a real socket, a real database file, simulated targets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod aha_contract;
mod aha_says_no;
mod architecture;
mod breaker;
mod budget;
mod bulk;
mod call_counts;
mod coverage_of_facts;
mod crash;
mod cursors;
mod discovery;
mod discovery_is_true;
mod doubt;
mod drift;
mod entra;
mod entra_validator;
mod errors;
mod etags;
mod events;
mod extensions;
mod failure_classes;
mod groups;
mod groups_conversations;
mod hang_up;
mod harness;
mod hostile;
mod letter_of_the_rfc;
mod lifecycle;
mod lists;
mod mutations;
mod okta;
mod okta_spec;
mod ownership;
mod process;
mod races;
mod roster;
mod search;
mod transport;
mod write_path;
