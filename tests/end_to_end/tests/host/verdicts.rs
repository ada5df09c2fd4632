//! What `check` and a run say of a source that works, and of each way in which one does not.
//!
//! Fails when: a missing product is told as a missing permission; a failure of TLS as one of the
//! connection; the clock's side is turned; the oldest row is told for the newest.

use std::net::TcpListener;

use end_to_end::collector::{self, Auth, Collector};
use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{
    ClockStart, LedgerQuery, Options, Quota, Running, Standing, WorldOptions, api_date,
};
use serde_json::Value;

/// A source that does not work, and what is said of it.
struct Case {
    name: &'static str,
    /// Its section of the configuration.
    source: String,
    kind: &'static str,
    code: &'static str,
    /// Words of the message: what happened, and what to do about it.
    told: [&'static str; 2],
}

impl Case {
    fn new(
        name: &'static str,
        api: &Running,
        auth: Auth,
        (kind, code): (&'static str, &'static str),
        told: [&'static str; 2],
    ) -> Self {
        let source = collector::source(name, api, "");
        let source = source.replace(Auth::Hmac.setting(), auth.setting());
        Self { name, source, kind, code, told }
    }

    /// With another text in its section.
    fn with(mut self, text: &str, other: &str) -> Self {
        assert!(self.source.contains(text), "{text} is not in: {}", self.source);
        self.source = self.source.replace(text, other);
        self
    }
}

#[test]
fn credentials_that_are_refused_are_told_apart_with_what_to_do_by_check_and_run() {
    use Auth::{Hmac, Oauth2};
    let standing = |standing| Options { standing, ..Options::default() }.start().unwrap();
    let good = standing(Standing::Good);
    let lapsed = standing(Standing::Lapsed);
    let forbidden = standing(Standing::NotPermitted);
    let without_product = standing(Standing::NoProduct);
    let elsewhere = standing(Standing::OtherRegion);
    let client_refused = ("auth", "client_refused");
    let permission_missing = ("auth", "permission_missing");
    let client_words = ["refuses client_id and client_secret", "the application is enabled"];
    let permission = "Monitoring | Impersonation Protection | Read";
    let cases = [
        Case::new("wrong-secret", &good, Oauth2, client_refused, client_words)
            .with("${MC_CLIENT_SECRET}", "another-secret"),
        Case::new("wrong-client", &good, Oauth2, client_refused, client_words)
            .with("${MC_CLIENT_ID}", "another-client"),
        Case::new(
            "other-region-2",
            &elsewhere,
            Oauth2,
            client_refused,
            ["region", "the account's"],
        ),
        Case::new(
            "no-product",
            &without_product,
            Oauth2,
            ("auth", "product_missing"),
            ["lacks the product", "add \"Security Events\" to the application's products"],
        ),
        Case::new(
            "forbidden-2",
            &forbidden,
            Oauth2,
            permission_missing,
            [permission, "the application's role"],
        ),
        Case::new("forbidden-1", &forbidden, Hmac, permission_missing, [permission, "their user"]),
        Case::new(
            "other-region-1",
            &elsewhere,
            Hmac,
            ("auth", "access_key_unknown"),
            ["does not know the access_key", "another region than the account's"],
        ),
        Case::new(
            "wrong-signature",
            &good,
            Hmac,
            ("auth", "signature_refused"),
            ["refuses the signature", "secret_key belongs to access_key"],
        )
        .with("${MC_SECRET_KEY}", "YW5vdGhlciBzZWNyZXQga2V5"),
        Case::new(
            "wrong-app",
            &good,
            Hmac,
            ("auth", "application_unknown"),
            ["does not know the application", "check app_id and app_key"],
        )
        .with("${MC_APP_ID}", "another-app"),
        Case::new(
            "lapsed",
            &lapsed,
            Hmac,
            ("auth", "keys_lapsed"),
            ["has lapsed (418)", "make a new pair"],
        ),
        Case::new("not-allowed", &good, Oauth2, ("config", "denied"), ["is not in", "allow"]).with(
            &format!("allow = [\"{}\"]", good.base_url()),
            "allow = [\"https://api.example\"]",
        ),
    ];
    let collector = Collector::with_config("verdicts-refused", good.keys(), &config(&cases));
    assert_checked(&collector, &cases);

    let run = collector.run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{}", run.stderr);
    for case in &cases {
        let line = line_of(&run.stderr, case);
        assert!(line.contains("ERROR") && line.contains("source ended"), "{line}");
    }
    // Nothing is tried again by itself: of two sources each, by two checks and a run.
    assert_eq!((good.stats().requests, good.stats().token_requests), (6, 6));
}

#[test]
fn an_api_that_is_not_reached_is_told_by_where_the_way_ends() {
    let api = Options::default().start().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let at = |name, code, url: &str, told| {
        let case = Case::new(name, &api, Auth::Oauth2, ("transient", code), told);
        case.with(&api.base_url(), url)
    };
    let cases = [
        at(
            "no-name",
            "dns",
            "https://does-not-exist.invalid",
            ["does-not-exist.invalid", "check the name"],
        ),
        at("closed", "connect", &format!("http://{closed}"), ["refused", "check host and port"]),
        at(
            "no-tls",
            "tls",
            &api.base_url().replace("http:", "https:"),
            ["no TLS with", "does it speak TLS?"],
        ),
    ];
    let collector = Collector::with_config("verdicts-unreached", api.keys(), &config(&cases));
    assert_checked(&collector, &cases);
    // It may pass: a run tries again, ten times before it ends.
    let mut host = collector.start(&["run", "--until-caught-up"]);
    host.wait_until_told("an error of each", |told| {
        cases.iter().all(|case| told.contains(&format!("source=\"{}\"", case.name)))
    });
    let run = host.terminate();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for case in &cases {
        let line = line_of(&run.stderr, case);
        assert!(line.contains("WARN") && line.contains("wait_ms="), "{line}");
    }
}

#[test]
fn a_source_that_works_is_ok_with_its_newest_row_and_its_quota() {
    let quota = Quota { limit: 10, window_ms: 600_000 };
    for auth in Auth::BOTH {
        let api = Options { quota, world: world(), ..Options::default() }.start().unwrap();
        let test = format!("verdicts-well-{auth:?}");
        let collector = Collector::new(&test, &api, "").with_auth(auth);
        let checked = checked(&collector, 0);
        assert_eq!(checked["ok"], true);
        let [source] = &checked["sources"].as_array().unwrap()[..] else { panic!("{checked}") };
        assert_eq!(source["state"], "ok", "{source}");
        assert_eq!(source["newest"], newest(&api));
        assert_eq!(source["quota"]["remaining"], 9, "{source}");
        let reset_ms = source["quota"]["reset_ms"].as_u64().unwrap();
        assert!((1..=600_000).contains(&reset_ms), "{source}");
        assert!(source["clock_offset_ms"].as_i64().unwrap().abs() < 60_000, "{source}");
        let with_token = u64::from(auth == Auth::Oauth2);
        assert_eq!(source["requests"], 1 + with_token, "{source}");
        assert_eq!((api.stats().requests, api.stats().token_requests), (1, with_token));

        // Nothing was collected, and no position kept: a run begins at its beginning.
        collector.catch_up();
        assert_each_once(&collector.events(), &ledger(&api, &LedgerQuery::default()));
    }
}

#[test]
fn a_clock_that_is_off_is_a_warning_with_the_seconds_and_no_failure() {
    // API 1.0 refuses dates that are off by more than 15 minutes: then one request more tells.
    for (auth, skew_secs, requests) in [
        (Auth::Hmac, 300, 1),
        (Auth::Hmac, -7_200, 2),
        (Auth::Oauth2, 7_200, 2),
        (Auth::Oauth2, -300, 2),
    ] {
        let clock = ClockStart::Machine { skew_secs };
        let api = Options { clock, world: world(), ..Options::default() }.start().unwrap();
        let test = format!("verdicts-clock-{skew_secs}-{auth:?}");
        let collector = Collector::new(&test, &api, "").with_auth(auth);
        let source = &checked(&collector, 0)["sources"][0];
        assert_eq!(source["state"], "warning", "{source}");
        assert_eq!(source["requests"], requests, "{source}");
        let offset_ms = source["clock_offset_ms"].as_i64().unwrap();
        // A busy machine reads the reply late.
        assert!((skew_secs * 1_000 - offset_ms).abs() < 30_000, "{source}");

        let run = collector.host(&["check"]);
        assert_eq!(run.code, Some(0), "{}", run.stdout);
        let (_, rest) = run.stdout.split_once("this machine's clock is ").unwrap();
        let (secs, rest) = rest.split_once(" s ").unwrap();
        let side = if skew_secs > 0 { "behind" } else { "ahead" };
        assert!(rest.starts_with(side) && rest.contains("NTP"), "{}", run.stdout);
        assert!((secs.parse::<i64>().unwrap() - skew_secs.abs()).abs() < 30, "{}", run.stdout);
        assert!(run.stdout.contains(&format!("host is {secs} s {side}")), "{}", run.stdout);
    }
}

#[test]
fn the_table_has_a_line_for_the_good_source_and_one_for_the_bad() {
    let quota = Quota { limit: 100, window_ms: 3_600_000 };
    let start = || Options { quota, world: world(), ..Options::default() }.start().unwrap();
    let (good, bad) = (start(), start());
    let sources = [
        collector::source("acme", &good, "").replace(Auth::Hmac.setting(), Auth::Oauth2.setting()),
        collector::source("globex", &bad, "").replace("${MC_APP_KEY}", "another"),
    ];
    let config = collector::config("type = \"stdout\"", &sources.concat());
    let run = Collector::with_config("verdicts-table", good.keys(), &config).host(&["check"]);
    let lines: Vec<&str> = run.stdout.lines().collect();
    let [heading, acme, globex, ref below @ ..] = lines[..] else { panic!("{}", run.stdout) };
    let columns = "SOURCE  STATE   NEWEST EVENT          QUOTA LEFT                   CLOCK  ";
    assert!(heading.starts_with(columns), "{}", run.stdout);
    // Where the clock stands, a busy machine decides.
    let begin = format!("acme    ok      {}  99 of 100, resets in 60 min  ", newest(&good));
    assert!(acme.starts_with(&begin) && acme.ends_with("  2"), "{}", run.stdout);
    let words: Vec<&str> = globex.split_whitespace().collect();
    assert_eq!(words.join(" "), "globex failed - 99 of 100, resets in 60 min - 1");
    assert_eq!(
        below,
        [
            "",
            "globex: auth error signature_refused: the API refuses the signature: check that",
            "  secret_key belongs to access_key and app_key to app_id, each copied whole",
        ]
    );
    assert_eq!(run.code, Some(1), "{}", run.stderr);
}

/// A configuration with these sources.
fn config(cases: &[Case]) -> String {
    let sources: Vec<&str> = cases.iter().map(|case| case.source.as_str()).collect();
    collector::config("type = \"stdout\"", &sources.concat())
}

/// Holds `check`, in both forms, to what is to be said.
#[track_caller]
fn assert_checked(collector: &Collector, cases: &[Case]) {
    let checked = checked(collector, 1);
    let table = collector.host(&["check"]);
    assert_eq!(table.code, Some(1), "{}", table.stderr);
    // Lines are wrapped between words.
    let table: Vec<&str> = table.stdout.split_whitespace().collect();
    let table = table.join(" ");
    assert_eq!(checked["ok"], false);
    let sources = checked["sources"].as_array().unwrap();
    assert_eq!(sources.len(), cases.len());
    for (case, source) in cases.iter().zip(sources) {
        let Case { name, kind, code, told, .. } = case;
        assert_eq!(source["source"], *name);
        assert_eq!(source["state"], "failed", "{source}");
        assert_eq!((&source["kind"], &source["code"]), (&(*kind).into(), &(*code).into()));
        assert!(source["newest"].is_null(), "{source}");
        let message = source["message"].as_str().unwrap();
        for words in told {
            assert!(message.contains(words), "{words} is not in: {message}");
        }
        let sentence = format!("{name}: {kind} error {code}: {message}");
        assert!(table.contains(&sentence), "{sentence} is not in: {table}");
    }
}

/// What `check --json` prints.
#[track_caller]
fn checked(collector: &Collector, code: i32) -> Value {
    let run = collector.host(&["check", "--json"]);
    assert_eq!(run.code, Some(code), "{} {}", run.stdout, run.stderr);
    assert_eq!(run.stdout.lines().count(), 1, "{}", run.stdout);
    serde_json::from_str(&run.stdout).unwrap()
}

/// The line of a run that tells of a case, held to what is to be said.
#[track_caller]
fn line_of<'a>(stderr: &'a str, case: &Case) -> &'a str {
    let Case { name, kind, code, told, .. } = case;
    let source = format!("source=\"{name}\"");
    let line = stderr.lines().find(|line| line.contains(&source));
    let line = line.unwrap_or_else(|| panic!("nothing of {name}: {stderr}"));
    for words in [&format!("kind=\"{kind}\"")[..], &format!("code=\"{code}\""), told[0], told[1]] {
        assert!(line.contains(words), "{words} is not in: {line}");
    }
    line
}

fn newest(api: &Running) -> String {
    let newest = api.ledger(&LedgerQuery::default()).last().unwrap();
    api_date(newest.event_secs).replace("+0000", "Z")
}

fn world() -> WorldOptions {
    WorldOptions { late_max_secs: 0, ..WorldOptions::default() }
}
