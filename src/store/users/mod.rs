//! The `users` table: desired and observed state, and the durable queue between them.
//!
//! [`record`](User) is the row; `read`, `narrowing` and `sorted` serve SCIM reads; `write` is what transactions do to single
//! rows; `queue` is the worker's side; `administrators` is the guard's question, `held` the brake's; `look_up` is what people ask;
//! `managed` is what listings compare and a release hands back; `touch` is what groups do to their members; `unsettled` is what is
//! planned; `counts` is for whoever watches, `overdue` is whom people are told of. What a change *means* is decided
//! by the callers (`provision`, `converge`), never here.

mod administrators;
mod counts;
mod emails;
mod held;
mod look_up;
mod managed;
mod narrowing;
mod overdue;
mod queue;
mod read;
mod record;
mod sorted;
mod touch;
mod unsettled;
mod write;

pub use self::{
    administrators::{Leaving, has_other_enabled_administrator},
    counts::{Counts, counts},
    held::{Held, find_held, list_held},
    look_up::{count_before, find_by_any_name},
    managed::{InHands, count_in_hands, page_in_hands, page_settled},
    narrowing::{Narrowing, count_matching, page},
    overdue::{Overdue, find_overdue},
    queue::{
        Ahead, Claim, Claimed, Outlook, QueueDepth, Wanted, ahead, bring_back, claim, depth, end_leases_of,
        end_leases_of_the_gone, has_left_some, hasten_revocations, look, release_all, renew, wanted,
    },
    read::{count, find_all, find_any, find_shown},
    record::{Answered, Fallback, Lease, Ownership, User, user_name_key},
    sorted::{page_sorted, sort_key},
    touch::{Touch, adopt, touch, touch_members},
    unsettled::{Settled, list_unsettled},
    write::{
        delete_row, find_by_account, find_live_by_user_name, get, has_own_name, insert, list_accounts,
        list_incomplete, save,
    },
};
