//! What is remembered of users and groups: who asked for what, what was decided, what the target said. Names of attributes,
//! never their values; and nothing for ever.

mod attempts;
mod groups;
mod record;
mod retention;
mod users;
