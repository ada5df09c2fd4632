//! Clocks of the API's that are not the host's.

use end_to_end::collector::{Auth, Collector};
use mimecast_sim::{ClockStart, Future, Options, Window};

use super::{assert_requests, collected_from, each_at_once, notices, push, world};

#[test]
fn an_api_that_minds_each_second_of_the_future_is_asked_up_to_its_own_present() {
    each_at_once(Auth::BOTH, |auth| {
        let clock = ClockStart::Machine { skew_secs: -5 };
        let window = Window { future: Future::Refused, ..Window::default() };
        let options = Options { clock, window, world: world(300), ..Options::default() };
        let api = options.start().unwrap();
        let collector = Collector::new(&format!("future-{auth:?}"), &api, "").with_auth(auth);
        assert_eq!(notices(&collected_from(&api, &collector)), [""; 0]);
        push(&api, 50, |_| 30);
        assert_eq!(notices(&collected_from(&api, &collector)), [""; 0]);
        assert_requests(&api, 20);
    });
}

#[test]
fn of_two_nodes_one_with_a_wrong_clock_costs_no_row_and_blames_nobody() {
    let cases = Auth::BOTH.into_iter().flat_map(|auth| [(auth, 3_600), (auth, -3_600)]);
    each_at_once(cases, |(auth, second_node_skew_secs)| {
        let options = Options { second_node_skew_secs, world: world(300), ..Options::default() };
        let api = options.start().unwrap();
        let test = format!("nodes-{auth:?}-{second_node_skew_secs}");
        let collector = Collector::new(&test, &api, "").with_auth(auth);
        for _ in 0..3 {
            let run = collected_from(&api, &collector);
            for word in ["ERROR", "kind=\"cursor\"", "check that secret_key"] {
                assert!(!run.stderr.contains(word), "{word} in: {}", run.stderr);
            }
            notices(&run);
            push(&api, 100, |number| 20 + number);
        }
        assert_requests(&api, 60);
    });
}
