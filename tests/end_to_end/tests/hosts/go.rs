//! The host in Go: the scenarios of `tests/conformance/`, and what every example does, but for what it refuses
//! sooner.

use std::process::Command;

use end_to_end::artifacts;

use crate::conformance::{assert_as_expected, scenarios};
use crate::example::{Language, exchanges};
use crate::node::run;

crate::behaviours::test_example! { Language::Go =>
    every_row_comes_once_and_a_second_run_gives_nothing
    what_its_readme_shows_collects
    another_source_of_the_contract_is_loaded_too
    kills_lose_nothing_and_repeat_at_most_a_page_each
    it_ends_when_it_is_asked_to_and_repeats_nothing
    in_service_it_waits_as_told_and_collects_what_comes
    what_the_api_does_wrong_is_waited_out
    to_be_told_to_wait_is_told_as_no_error
    what_is_beyond_the_contract_is_not_delivered
    waits_grow_while_errors_go_on
    credentials_that_are_refused_end_it_with_the_reason
    faults_of_the_configuration_are_told_and_nothing_is_sent
    the_file_of_the_cursor_is_always_whole
    a_cursor_that_cannot_be_read_is_never_begun_anew
    a_cursor_that_another_has_changed_ends_it
    a_batch_that_nobody_takes_comes_again
    a_kill_while_nobody_reads_loses_nothing
    a_stop_while_nobody_reads_loses_nothing
    a_cursor_that_cannot_be_stored_lets_no_batch_out
    a_stdout_that_leads_nowhere_is_refused
    a_pipe_that_does_not_block_gets_every_line_whole
    a_stderr_that_nobody_reads_holds_up_nothing
    a_stderr_that_is_closed_spoils_nothing
    a_terminal_that_goes_away_ends_nothing
    no_secret_is_in_any_output
}
crate::exchange::test_exchanges!(|asked| exchanges(Language::Go, asked));
crate::exchange::test_exchanges!(|asked| exchanges(Language::Go, asked) =>
    more_than_256_headers_are_too_large
);

#[test]
fn every_scenario_ends_as_it_says() {
    let transcripts = artifacts::scratch("conformance-go");
    run(Command::new(artifacts::go_program("conformance"))
        .arg(artifacts::component())
        .arg(scenarios())
        .arg(&transcripts));
    assert_as_expected(&transcripts);
}
