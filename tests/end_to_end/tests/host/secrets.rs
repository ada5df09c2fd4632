//! No secret in anything that the host writes, whatever happens to it.

use end_to_end::collector::Collector;
use mimecast_sim::{Fault, FaultRule, Keys, Options, Standing, When};

#[test]
fn no_secret_is_in_any_output_log_error_cursor_or_state_file() {
    let faults = "503=nth:2 html=nth:4 garbage=nth:6 fail=nth:8 cut=nth:10 429=nth:12 drop=nth:14";
    let faults = faults.split(' ').map(|fault| fault.parse().unwrap()).collect();
    let api = Options { faults, ..Options::default() }.start().unwrap();

    let collector = Collector::new("secrets", &api, "page_size = 50");
    collector.catch_up();
    let _ = collector.cursor();
    let _ = collector.host(&["cursor", "list"]);
    let _ = collector.host(&["run", "--until-caught-up", "--log-format", "json"]);
    api.set_faults(vec![FaultRule::new(Fault::Status(500), When::Nth(1))]);
    for standing in [Standing::Lapsed, Standing::NotPermitted, Standing::Good] {
        api.set_standing(standing);
        let _ = collector.run();
        let _ = collector.host(&["run", "--until-caught-up", "--log-format", "json"]);
    }
    assert_no_secret(&collector, &api.keys());

    // A host that is killed leaves its journals behind.
    let mut host = collector.start(&["run"]);
    let requests = api.stats().requests;
    host.wait_until("a request", || api.stats().requests > requests);
    host.kill();
    assert_no_secret(&collector, &api.keys());
}

#[test]
fn a_secret_that_is_refused_is_not_repeated() {
    let api = Options::default().start().unwrap();
    for (number, spoil) in ["\n", " with spaces", "\u{7}", "é", "!"].into_iter().enumerate() {
        let Keys { access_key, secret_key, app_id, app_key } = api.keys();
        let keys = Keys {
            access_key: access_key + spoil,
            secret_key: secret_key + spoil,
            app_id,
            app_key: app_key + spoil,
        };
        let test = format!("spoiled-{number}");
        let collector = Collector::new(&test, &api, "").with_keys(keys);
        let run = collector.run();
        assert!(matches!(run.code, Some(1 | 2)), "{}", run.stderr);
        assert_no_secret(&collector, &api.keys());
    }
}

fn assert_no_secret(collector: &Collector, keys: &Keys) {
    let files = collector.files();
    assert!(files.len() >= 3, "{} files", files.len());
    for (name, bytes) in files {
        for secret in [&keys.access_key, &keys.secret_key, &keys.app_key] {
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{secret} is in {name}");
        }
    }
}
