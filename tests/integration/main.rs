//! Integration tests, one binary.

mod aha_contract;
