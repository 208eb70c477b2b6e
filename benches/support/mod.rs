//! What measurements need: people, and somebody who asks for them.

pub mod fill;
pub mod load;
pub mod people;
