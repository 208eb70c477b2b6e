//! Who is calling.

mod bearer;

pub use self::bearer::Tokens;
