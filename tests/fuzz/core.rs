//! The protocol core alone, as the package has it. It is pure, so nothing that serves, stores or calls has to be compiled anew
//! with the fuzzer's instruments.

#[path = "../../src/clock/mod.rs"]
pub mod clock;
#[path = "../../src/scim/mod.rs"]
pub mod scim;
