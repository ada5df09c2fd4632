//! The position of a source outlives its credentials and the address of the API.
//!
//! A page token of one address is refused by the other: the window that it was of is read again.
//!
//! Fails when: a refused page token ends in an error.

use std::fs;

use end_to_end::collector::{Auth, Collector};
use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{
    ClientCredentials, ClockStart, Fault, FaultRule, Keys, LedgerQuery, Options, When, WorldOptions,
};

#[test]
fn a_run_goes_on_with_other_credentials_and_at_another_address() {
    let first = options().start().unwrap();
    let rows = ledger(&first, &LedgerQuery::default());
    let mut collector = Collector::new("credentials", &first, "page_size = 50");
    for auth in [Auth::Hmac, Auth::Oauth2] {
        collector = collector.with_auth(auth);
        run_a_part(&collector);
    }
    assert_eq!(first.stats().token_requests, 1);

    // The same account, moved: the same rows, other credentials of both kinds.
    let second = Options {
        keys: Keys {
            access_key: "another-access-key".to_owned(),
            secret_key: "YW5vdGhlciBzZWNyZXQga2V5".to_owned(),
            app_id: "another-app".to_owned(),
            app_key: "another-app-key".to_owned(),
        },
        client: ClientCredentials {
            client_id: "another-client".to_owned(),
            client_secret: "another/client+secret=".to_owned(),
        },
        clock: ClockStart::Stopped { unix_secs: first.now_secs() },
        ..options()
    };
    let second = second.start().unwrap();
    assert_eq!(ledger(&second, &LedgerQuery::default()), rows);
    let requests = first.stats().requests;
    for auth in [Auth::Oauth2, Auth::Hmac] {
        collector = collector.with_api(&second).with_auth(auth);
        run_a_part(&collector);
    }
    let part = collector.events().lines().count();
    assert!(part < rows.len(), "nothing was left");
    collector.catch_up();
    assert_each_once(&collector.events(), &rows);
    assert_eq!(first.stats().requests, requests);
    let asked_again = second.stats().rows_sent + first.stats().rows_sent;
    assert!(asked_again < 2 * rows.len() as u64, "{asked_again} rows were sent");
}

/// Collects some pages of new rows, and is told to end.
#[track_caller]
fn run_a_part(collector: &Collector) {
    let events = collector.dir().join("events.json");
    let length = || fs::metadata(&events).map_or(0, |file| file.len());
    let before = length();
    let mut host = collector.start(&["run"]);
    host.wait_until("some pages", || length() > before + 200_000);
    let run = host.terminate();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

/// Every answer takes a while, so that there is time to end in the middle.
fn options() -> Options {
    let slow = FaultRule::new(Fault::Slow { delay_ms: 10 }, When::Every(1));
    let world = WorldOptions { rows: 5_000, late_max_secs: 0, ..WorldOptions::default() };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let unix_secs = i64::try_from(now.as_secs()).unwrap();
    let clock = ClockStart::Stopped { unix_secs };
    Options { clock, faults: vec![slow], world, ..Options::default() }
}
