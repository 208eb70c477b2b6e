//! End to end on PostgreSQL.
//!
//! All tests run on SQLite. What can differ on PostgreSQL is what `src/store` does there, and all of them twice would take twice
//! the time. So its own tests run on both, and here some of the others run again: one or two of each kind of work, and enough that
//! every statement of the store is executed, which the server is asked about afterwards. For any others there is
//! `SCIM_BRIDGE_TEST_DATABASE=postgres cargo test --test integration NAME`. Some fail then, and are right to: those that look
//! into the file, and those in which a bridge that starts again lists accounts at once, which it leaves to the replicas' turn.

mod statements;

use std::{
    io::{self, Write},
    path::Path,
    process::Command,
};

use crate::harness::database::{VARIABLE, is_postgres, postgres::server};

/// What runs again.
const AGAIN: &[&str] = &[
    // What identity providers say of users and groups.
    "okta::conversations::assign_new_okt_seq_2",
    "okta::conversations::deactivate_and_reactivate_with_the_same_id_okt_seq_5_okt_seq_6_q_10",
    "entra::conversations::initial_cycle_probe_match_create_and_the_manager_later_ent_seq_1_ent_seq_3_ent_seq_4_ent_seq_5",
    "entra::conversations::hard_delete_and_create_again_is_the_same_account_without_another_invitation_ent_seq_9_q_11",
    "groups_conversations::entra_provisions_a_group_references_last_ent_seq_5_ent_seq_10::case_2_aha",
    "groups_conversations::okta_pushes_a_group_with_patch_okt_seq_9::case_2_aha",
    "groups::kept_up::groups_in_groups_follow_names_and_deletions",
    "groups::requests::how_many_match_is_told_without_any_of_them",
    "bulk::a_client_that_hangs_up_loses_nothing",
    // What they read.
    "lists::times_are_compared_as_times_ent_44",
    "search::a_reference_is_checked_by_filter_and_members_are_left_out_on_request_ent_11_q_09_q_12_rfc_057",
    "search::sorting::an_order_that_an_index_has_is_the_order_of_the_values_rfc_061_q_13::case_1_no_filter::sort_by_2___userName__::order_2_Order__Descending",
    "search::sorting::names_that_no_index_holds_whole_are_found_and_sorted",
    // Several who write at a time, and ends in the middle.
    "lifecycle::of_many_users_with_one_email_at_once_one_is_created",
    "races::a_clock_that_jumps_ahead_during_a_create_invites_nobody_again",
    "races::two_administrators_who_leave_at_once_do_not_leave_the_account_without_one",
    "database_fails::a_write_that_cannot_be_stored_is_not_answered_as_done_and_nothing_is_sent",
    "process::serve::a_user_that_was_promised_survives_kill_9_and_is_invited_exactly_once::case_2_while_aha_works",
    "process::serve::what_was_written_is_there_after_a_restart_and_costs_no_call",
    // What groups give at Aha!, and a portal.
    "group_rights::conversations::okta_pushes_a_group_with_put_okt_seq_8",
    "group_rights::members::administrator_roles_of_several_groups_are_one_call",
    "process::groups::a_group_and_its_members_are_explained_while_aha_does_not_give_the_role",
    "aha_portal::creates_are_paced_as_if_each_sent_an_invitation",
    // Listings, what they find, and what is planned or handed back.
    "roster::a_page_that_is_older_than_a_write_does_not_undo_it",
    "process::roster::a_server_that_stops_in_the_middle_of_a_pass_leaves_it_to_the_command_that_waits",
    "process::roster::beside_a_server_it_lists_now_and_says_what_to_do",
    "drift::what_becomes_so_again_is_found_again_and_the_first_time_is_kept",
    "hooks::what_is_changed_at_aha_by_hand_is_found_without_waiting_for_the_next_listing::case_1_activity",
    "plan_mode::before_the_first_roster_nobody_can_tell_a_create_from_an_adoption",
    "plan_mode::guards_refuse_with_403_also_what_is_only_planned",
    "process::release::without_a_server_it_hands_back_as_well",
    // The budget and the brake.
    "budget::a_clock_that_was_set_back_holds_up_nobody_for_as_long",
    "budget::during_a_stop_grants_wait_for_its_end_as_well",
    "budget::invitations_that_are_paced_make_the_wait_longer",
    "budget::what_others_call_is_left_to_them::case_3_tightest",
    "brake::a_release_holds_until_it_is_carried_out_however_often_that_fails",
    "process::held::list_says_who_is_held_since_when_on_whose_word_and_why",
    // Who calls, and as whom the bridge does.
    "auth::assertions::many_at_a_time_show_one_assertion_and_one_of_them_gets_a_token",
    "auth::tokens::a_cursor_outlives_the_token_that_it_was_given_for_and_the_first_secret_key",
    "auth::tokens::a_token_that_is_made_counts_within_seconds_and_one_that_is_revoked_does_not_any_more",
    "auth::tokens::the_last_use_of_each_token_is_written_down_with_where_it_came_from",
    "process::tokens::a_secret_of_a_client_is_made_for_clients_that_are_configured",
    "login::callback::a_person_who_refuses_ends_the_login_and_aha_is_asked_for_no_token",
    "login::callback::a_state_of_one_app_completes_no_login_of_another",
    "login::renewal::an_endpoint_that_is_down_costs_a_pause_and_not_the_login",
    "rotation::a_key_that_is_replaced_leaves_no_gap",
    // Who begins after all have died and the clock was set back.
    "replicas::clocks::what_was_held_by_who_died_before_the_clock_was_set_back_is_taken_over",
    // What is passed through, with its record.
    "passthrough::brake::a_person_lifts_the_brake_for_a_while_beside_the_running_server",
    "passthrough::brake::people_are_notified_once_in_a_window_that_the_brake_holds",
    "passthrough::brake::who_certainly_lost_nothing_does_not_count",
    // Who operates it.
    "metrics::calls_to_the_target_are_counted_and_timed_by_call_and_outcome_and_never_by_id",
    "metrics::names::the_dashboard_the_alerts_and_the_readme_name_what_there_is",
    "notifications::delivery::several_processes_deliver_each_notification_once",
    "notifications::occasions::a_key_that_is_refused_is_told_once_until_another_one_is",
    "notifications::occasions::all_that_one_listing_finds_is_told_once_with_its_numbers_and_no_names",
    "process::backup::for_postgresql_it_says_what_makes_a_dump",
    "process::doctor::all_is_well_and_each_check_says_so",
    "process::explain::a_create_that_was_refused_or_rejected_says_so_by_the_name_that_was_asked_for",
];

/// Statements that none of these reaches: the first are for names which an older version stored otherwise, the last for a commit whose
/// answer is lost, which a test of the worker executes.
const NOT_EXECUTED: [&str; 3] = [
    "SELECT ? FROM users WHERE id = ? AND user_name_key = ?",
    "SELECT ? FROM user_groups WHERE id = ? AND display_name_key = ?",
    "UPDATE users SET lease_until = ? WHERE app = ? AND lease_until > ? AND lease_owner = ?",
];

#[test]
fn each_kind_of_work_is_done_on_postgres_and_every_statement_of_the_store_executed() {
    if is_postgres() {
        // This is the run that is made here, or one that was asked for.
        return;
    }
    let ended = Command::new(std::env::current_exe().unwrap())
        .arg("--exact")
        .args(AGAIN)
        .env(VARIABLE, "postgres")
        .env("TEST_POSTGRES_URL", server().url())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{said}{}", String::from_utf8_lossy(&ended.stderr));
    let summary = said.lines().find(|line| line.starts_with("test result: ok.")).unwrap();
    let all = format!(" {} passed;", AGAIN.len());
    assert!(summary.contains(&all), "a test has another name now: {said}");
    // Past the capture of tests' output.
    let _ = writeln!(io::stderr(), "end to end, on {}: {summary}", server().version());

    let executed: Vec<String> =
        server().statements().iter().map(|statement| statements::alike(statement)).collect();
    if executed.is_empty() {
        let said = "whether each statement was executed is not known: the server has no pg_stat_statements";
        let _ = writeln!(io::stderr(), "{said}");
        return;
    }
    let missing: Vec<String> =
        statements::written(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store")))
            .into_iter()
            .filter(|part| !NOT_EXECUTED.contains(&part.as_str()))
            .filter(|part| !executed.iter().any(|statement| statement.contains(part.as_str())))
            .collect();
    assert!(
        missing.is_empty(),
        "no test executes these on PostgreSQL; add the name of one to AGAIN:\n{}",
        missing.join("\n")
    );
}
