//! The `users` table: desired and observed state, and the durable queue between them.
//!
//! [`record`](User) is the row; `read` serves SCIM reads; `write` is what transactions do to single rows; `queue` is the
//! worker's side; `administrators` is the guard's question, `held` the brake's; `look_up` is what people ask; `managed` is what listings compare and
//! a release hands back. What a change *means* is decided by the callers (`provision`, `converge`), never here.

mod administrators;
mod emails;
mod held;
mod look_up;
mod managed;
mod queue;
mod read;
mod record;
mod unsettled;
mod write;

pub use self::{
    administrators::{Leaving, has_other_enabled_administrator},
    held::{Held, find_held, list_held},
    look_up::{count_ahead, find_by_any_name},
    managed::{InHands, count_in_hands, find_named, page_in_hands, page_settled},
    queue::{
        Ahead, Claim, Claimed, QueueDepth, ahead, claim, depth, hasten_revocations, next_due, release_all,
        renew,
    },
    read::{Narrowing, count, count_matching, find_all, find_any, find_shown, page},
    record::{Answered, Fallback, Lease, Ownership, User, user_name_key},
    unsettled::{Adopted, list_unsettled},
    write::{
        delete_row, find_by_account, find_live_by_user_name, get, insert, list_accounts, list_incomplete,
        save,
    },
};
