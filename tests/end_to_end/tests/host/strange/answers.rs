//! Answers that are none, wait for a date, or are not as they are written.

use end_to_end::collector::{Auth, Collector};
use mimecast_sim::{Bom, Fault, FaultRule, Options, Style, When, Window};

use super::{
    assert_requests, assert_told, collected, collected_from, each_at_once, notices, world,
};

#[test]
fn a_firewall_in_the_apis_place_is_named_and_waited_for() {
    let faults = [Fault::ForbiddenHtml, Fault::UnauthorizedHtml];
    each_at_once(
        Auth::BOTH.into_iter().flat_map(|auth| faults.clone().map(|f| (auth, f))),
        |case| {
            let (auth, fault) = case;
            let test = format!("firewall-{auth:?}-{fault:?}");
            let faults = [1, 2].map(|n| FaultRule::new(fault.clone(), When::Nth(n)));
            let options =
                Options { faults: faults.into(), world: world(300), ..Options::default() };
            let api = options.start().unwrap();
            let run = collected_from(&api, &Collector::new(&test, &api, "").with_auth(auth));
            assert_eq!(run.stderr.matches("poll failed").count(), 2, "{}", run.stderr);
            assert_told(
                &run,
                &["kind=\"transient\"", "a proxy or a firewall answers in its place"],
            );
            assert_eq!(notices(&run), [""; 0]);
            assert_requests(&api, 20);
        },
    );
}

#[test]
fn a_date_until_which_to_wait_is_waited_for() {
    let fault = Fault::RetryDate { status: 429, after_secs: 3 };
    let faults = vec![FaultRule::new(fault, When::Nth(2))];
    let (api, _) =
        collected("until-date", Options { faults, world: world(300), ..Options::default() }, "");
    let times: Vec<i64> = api.requests().iter().map(|request| request.time_ms).collect();
    assert!((3_000..20_000).contains(&(times[2] - times[1])), "{times:?}");
}

#[test]
fn a_start_that_the_api_does_not_go_back_to_is_named() {
    let window = Window { oldest_age_secs: Some(10 * 86_400), ..Window::default() };
    let api = Options { window, world: world(300), ..Options::default() }.start().unwrap();
    let collector = Collector::new("oldest", &api, "");
    let collector = collector.with_start(api.now_secs() - 20 * 86_400);
    let mut host = collector.start(&["run", "--until-caught-up"]);
    host.wait_until_told("an error", |told| told.contains("poll failed"));
    let run = host.terminate();
    assert_told(&run, &["kind=\"protocol\"", "set `start` to a later time"]);
    // Before that window of many the newest row was asked for: there is a cursor.
    assert_eq!(collector.host(&["cursor", "reset", "acme"]).code, Some(0));
    let collector = collector.with_start(api.now_secs() - 9 * 86_400);
    assert_eq!(notices(&collected_from(&api, &collector)), [""; 0]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_an_answer() {
    for auth in Auth::BOTH {
        let style = Style { bom: Bom::Present, ..Style::default() };
        let api = Options { style, world: world(300), ..Options::default() }.start().unwrap();
        let collector = Collector::new(&format!("bom-{auth:?}"), &api, "").with_auth(auth);
        assert_eq!(notices(&collected_from(&api, &collector)), [""; 0]);
    }
}
