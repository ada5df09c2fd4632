//! How listings end, what they count, and how long a window they answer.

use std::collections::BTreeSet;

use end_to_end::collector::Collector;
use mimecast_sim::LastPage::{EmptyPages, FirstAgain, LastAgain, NoNext, SameEmptyPage};
use mimecast_sim::{Options, ResultCount, Style, Window, WorldOptions, api_date};

use super::{
    assert_few_requests, assert_requests, assert_told, codes, collected, collected_from,
    each_at_once, everything, few_rows_a_listing, notices, push, world,
};

#[test]
fn pages_without_rows_at_the_end_of_a_listing_are_taken_for_its_end() {
    let ends = [("new", EmptyPages), ("same", SameEmptyPage)];
    let counts =
        [ResultCount::Given, ResultCount::Off(3), ResultCount::Off(-3), ResultCount::Absent];
    each_at_once(ends.into_iter().flat_map(|end| counts.map(|count| (end, count))), |case| {
        let ((name, last_page), result_count) = case;
        let style = Style { last_page, result_count, ..Style::default() };
        let options = Options { style, world: world(1_200), ..Options::default() };
        let (api, run) = collected(&format!("ends-{name}-{result_count:?}"), options, "");
        if result_count == ResultCount::Off(3) {
            // Until it is known to be wrong, rows are looked for, and from both ends.
            let mut told = codes(&run);
            let withheld = told.iter().filter(|code| **code == "rows_withheld").count();
            told.dedup();
            assert_eq!(told, ["count_mismatch", "listing_ends_empty", "rows_withheld"]);
            assert!(withheld <= 2, "{withheld} seconds: {}", run.stderr);
            assert_few_requests(&api, 6);
        } else {
            assert_eq!(notices(&run), ["listing_ends_empty"], "{}", run.stderr);
            assert_few_requests(&api, 3);
        }
        assert_requests(&api, 150);
    });
}

#[test]
fn pages_that_go_round_end_a_listing_once_they_give_no_more_rows() {
    let styles = [("round", FirstAgain), ("last", LastAgain), ("end", NoNext)];
    let counts = [ResultCount::Given, ResultCount::Absent];
    each_at_once(styles.into_iter().flat_map(|style| counts.map(|count| (style, count))), |case| {
        let ((name, last_page), result_count) = case;
        let style = Style { last_page, result_count, ..Style::default() };
        let api = Options { style, world: world(0), ..Options::default() }.start().unwrap();
        push(&api, 2_500, |_| 3_000);
        let collector = Collector::new(&format!("round-{name}-{result_count:?}"), &api, "");
        let run = collected_from(&api, &collector);
        // Until it is known, an end is sought in ever smaller parts.
        let (told, max): (&[&str], _) =
            if last_page == NoNext { (&[], 20) } else { (&["listing_goes_round"], 320) };
        assert_eq!(notices(&run), told, "{}", run.stderr);
        assert_requests(&api, max);
        // It is known by then.
        let before = api.stats().requests;
        push(&api, 100, |_| 60);
        assert_eq!(notices(&collected_from(&api, &collector)), [""; 0]);
        assert_requests(&api, before + 40);
    });
}

#[test]
fn listings_that_give_a_thousand_rows_at_most_are_read_in_parts() {
    let api = few_rows_a_listing(3_000);
    let collector = Collector::new("thousand-rows", &api, "");
    assert_eq!(notices(&collected_from(&api, &collector)), [""; 0]);
    assert_requests(&api, 60);
    push(&api, 3_000, |number| 10 + number / 5);
    assert_eq!(notices(&collected_from(&api, &collector)), [""; 0]);
    assert_requests(&api, 120);
}

#[test]
fn rows_of_a_second_that_are_never_given_are_told_once_and_hold_nothing_up() {
    let api = few_rows_a_listing(400);
    let second = push(&api, 2_500, |_| 1_800) - 1_800;
    let collector = Collector::new("withheld", &api, "");
    let run = collector.catch_up();
    assert_eq!(notices(&run), ["rows_withheld"], "{}", run.stderr);
    let told = format!("the second {} is left behind", api_date(second).replace("+0000", "Z"));
    assert_told(&run, &[&told, "counts 500 rows more than it gives"]);
    assert_requests(&api, 80);

    // Nor is it looked for again.
    push(&api, 300, |number| 10 + number);
    assert_eq!(notices(&collector.catch_up()), [""; 0]);
    let withheld = 500;
    let lines: BTreeSet<String> = collector.events().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), collector.events().lines().count(), "some came twice");
    let rows = everything(&api);
    assert_eq!(lines.len(), rows.len() - withheld);
    let missing: Vec<&String> = rows.iter().filter(|row| !lines.contains(*row)).collect();
    assert_eq!(missing.len(), withheld);
    let of_second = api_date(second);
    assert!(missing.iter().all(|row| row.contains(&of_second)), "{:?}", missing.first());
    assert_requests(&api, 100);
}

#[test]
fn windows_that_are_too_long_for_the_api_are_cut() {
    let window = Window { max_secs: Some(3_600), ..Window::default() };
    let world = WorldOptions { span_secs: 3 * 86_400, ..world(600) };
    let api = Options { window, world, ..Options::default() }.start().unwrap();
    let collector = Collector::new("too-long", &api, "");
    let collector = collector.with_start(api.now_secs() - 3 * 86_400);
    let check = collector.host(&["check"]);
    assert_eq!(check.code, Some(0), "{}", check.stdout);
    assert!(check.stdout.contains("unanswered"), "{}", check.stdout);
    let run = collected_from(&api, &collector);
    assert_eq!(notices(&run), ["unanswered"], "{}", run.stderr);
    assert_told(&run, &["less is asked for at once"]);
    // From a second up to 2,048 s, by doubling: 127 of them in three days.
    assert_requests(&api, 150);
}
