//! What the flags come to.

use clap::Parser as _;
use mimecast_sim::{
    Bom, Empty, Fault, Future, Ids, LastPage, Options, ResultCount, Style, ToBound,
};

use super::Arguments;

fn options(flags: &str) -> Options {
    let arguments = ["mimecast-sim"].into_iter().chain(flags.split_whitespace());
    Arguments::try_parse_from(arguments).unwrap_or_else(|error| panic!("{error}")).options()
}

#[test]
fn without_flags_all_is_as_the_library_has_it() {
    assert_eq!(format!("{:?}", options("")), format!("{:?}", Options::default()));
}

#[test]
fn each_flag_sets_its_option() {
    let options = options(
        "--second-node-skew-secs -3600 --broken-rows 5 --index-lag 2h --window-max 1h \
         --refuse-future --oldest-age 30d --from-floor 1m --to-exclusive --rows-per-query 1000 \
         --count-off -3",
    );
    assert_eq!(options.second_node_skew_secs, -3600);
    assert_eq!((options.world.broken_rows, options.world.index_lag_secs), (5, 7200));
    let window = &options.window;
    assert_eq!((window.max_secs, window.future), (Some(3600), Future::Refused));
    assert_eq!((window.oldest_age_secs, window.from_floor_secs), (Some(2_592_000), Some(60)));
    let paging = &options.paging;
    assert_eq!((paging.to_bound, paging.rows_per_query), (ToBound::Exclusive, Some(1000)));
    assert_eq!(options.style.result_count, ResultCount::Off(-3));
}

#[test]
fn styles_go_together_unless_they_exclude_each_other() {
    let style = |names: &str| options(&format!("--style {names}")).style;
    assert_eq!(style("bom").bom, Bom::Present);
    for (name, last_page) in [
        ("bare-last-page", LastPage::NoPagination),
        ("endless-pages", LastPage::EmptyPages),
        ("endless-same", LastPage::SameEmptyPage),
        ("round-tokens", LastPage::FirstAgain),
        ("repeat-last", LastPage::LastAgain),
    ] {
        assert_eq!(style(name).last_page, last_page);
        assert_eq!(style(&format!("bare-last-page,{name}")).last_page, last_page, "the later one");
    }
    let several = Style {
        empty: Empty::NoData,
        last_page: LastPage::EmptyPages,
        ids: Ids::Shared,
        result_count: ResultCount::Absent,
        ..Style::default()
    };
    assert_eq!(style("empty-data,endless-pages,fresh-ids,shared-ids,no-result-count"), several);
    assert_eq!(
        options("--style no-result-count --count-off 3").style.result_count,
        ResultCount::Absent
    );
}

#[test]
fn figures_of_faults_go_to_their_rules() {
    let faults = |flags: &str| {
        let rules = options(&format!("--fault 429=5% --fault 503-date=5% {flags}")).faults;
        rules.into_iter().map(|rule| rule.fault).collect::<Vec<_>>()
    };
    let limit = |retry_after_secs| Fault::RateLimit { reset_ms: 1000, retry_after_secs };
    let date = |after_secs| Fault::RetryDate { status: 503, after_secs };
    assert_eq!(faults(""), [limit(None), date(3)]);
    assert_eq!(faults("--fault-retry-after-secs 7"), [limit(Some(7)), date(7)]);
}
