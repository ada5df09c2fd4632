//! What signals do to a host, and to the other commands.

use crate::bench::{Bench, Source, acme, wait_for};
use crate::server::{Server, reply};

#[test]
fn a_host_in_service_outlives_signals_that_ask_for_something_else() {
    let server = Server::start(|_, _| reply(200, "", ""));
    let url = server.url();
    let keys = format!("allow = [\"{url}\"]");
    let config = format!("do = \"follow\"\nmore = true\nurl = \"{url}\"");
    let bench = Bench::with(&[Source { name: "acme", keys: &keys, config: &config }]);
    let running = bench.start();
    wait_for("a request", || !server.received().is_empty());
    for signal in ["HUP", "USR1", "USR2", "HUP"] {
        let told = format!("SIG{signal} is ignored: ");
        let before = running.log().matches(&told).count();
        running.signal(signal);
        wait_for(&told, || running.log().matches(&told).count() > before);
        let requests = server.received().len();
        wait_for("more requests", || server.received().len() > requests);
    }
    running.signal("TERM");
    assert_eq!(running.end().0, Some(0));
}

#[test]
fn a_hangup_before_the_first_poll_does_not_end_a_host_either() {
    let bench = Bench::with(&[acme("do = \"loop in validate\"")]);
    let running = bench.start();
    wait_for("the watch for signals", || running.catches_signal(1));
    running.signal("HUP");
    running.until("SIGHUP is ignored: ");
    running.signal("TERM");
    assert_eq!(running.end().0, Some(0));
}

#[test]
fn a_hangup_ends_a_check() {
    let server = Server::start(|_, _| {
        loop {
            std::thread::park();
        }
    });
    let keys = format!("allow = [\"{}\"]", server.url());
    let config = format!("do = \"fetch\"\nurl = \"{}\"", server.url());
    let mut bench = Bench::with(&[Source { name: "acme", keys: &keys, config: &config }]);
    bench.starter = signals_end();
    let output = std::fs::File::create(bench.path("stdout")).unwrap();
    let running = bench.start_command(&["check"], output);
    wait_for("the request", || !server.received().is_empty());
    running.signal("HUP");
    assert_eq!(running.end().0, None);
}

/// What starts a command as a terminal would: under `nohup`, or in the background of a script, it would
/// inherit that signals are ignored.
pub(crate) fn signals_end() -> Vec<String> {
    ["env", "--default-signal=HUP,INT"].map(str::to_owned).into()
}
