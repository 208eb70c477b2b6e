//! Groups, roles and entitlements give rights at Aha!.

mod catalogue;
mod changed_at_aha;
mod conversations;
pub mod fixture;
mod large;
mod lifecycle;
mod members;
mod policies;
mod rights_alone;
mod troubles;
mod urgency;
