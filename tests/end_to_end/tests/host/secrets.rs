//! No secret in anything that the host writes, whatever happens to it.
//!
//! Fails when: a reply of the token endpoint is told and nothing redacts it; a notice holds an access
//! token.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use end_to_end::collector::{self, Auth, Collector};
use end_to_end::recorder::Recorder;
use mimecast_sim::{
    ClientCredentials, Compression, Fault, FaultRule, Keys, Options, Running, Standing, Style, When,
};

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
    assert_no_secret(&collector, &of_keys(&api));

    // A host that is killed leaves its journals behind.
    let mut host = collector.start(&["run"]);
    let requests = api.stats().requests;
    host.wait_until("a request", || api.stats().requests > requests);
    host.kill();
    assert_no_secret(&collector, &of_keys(&api));
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
        assert_no_secret(&collector, &of_keys(&api));
    }
}

#[test]
fn a_client_secret_that_the_token_endpoint_repeats_is_not_told() {
    let client = ClientCredentials {
        client_secret: "cs/Wr0ng+d1stinct1ve=secret~7".to_owned(),
        ..ClientCredentials::default()
    };
    let secret = client.client_secret.clone();
    let (api, recorder) = recorded("");
    let collector = recorded_collector("echoed-secret", &api, &recorder).with_client(client);
    for command in [
        &["run", "--until-caught-up"][..],
        &["run", "--until-caught-up", "--log-format", "json"],
        &["check"],
        &["check", "--json"],
    ] {
        let run = collector.host(command);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!((run.stdout + &run.stderr).contains("client_refused"), "{}", run.stderr);
    }
    let mut host = collector.start(&["run"]);
    host.wait_until_told("a refusal", |told| told.contains("client_refused"));
    host.kill();
    assert_no_secret(&collector, std::slice::from_ref(&secret));

    let heard = recorder.heard();
    assert!(heard.contains(&percent_encoded(&secret)), "it was not sent: {heard}");
    assert!(heard.contains(&format!("client_secret={secret}")), "it was not repeated: {heard}");
}

#[test]
fn neither_an_access_token_nor_the_client_secret_is_kept_or_told() {
    let faults = "503=nth:2 token-expired=nth:4 garbage=nth:6 token-unverified=nth:8 fail=nth:9 \
                  cut=nth:11 token:503=nth:2 token:garbage=nth:4 token:html=nth:6 drop=nth:14";
    let (api, recorder) = recorded(faults);
    let collector = recorded_collector("access-token", &api, &recorder);
    collector.catch_up();
    let _ = collector.cursor();
    for command in [&["check"][..], &["check", "--json"], &["cursor", "list"]] {
        let _ = collector.host(command);
    }
    for standing in [Standing::NotPermitted, Standing::NoProduct, Standing::OtherRegion] {
        api.set_standing(standing);
        let run = collector.host(&["run", "--until-caught-up", "--log-format", "json"]);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
    }
    api.set_standing(Standing::Good);
    // A host that is killed leaves its journals behind.
    let mut host = collector.start(&["run"]);
    let requests = api.stats().requests;
    host.wait_until("a request", || api.stats().requests > requests);
    host.kill();

    let heard = recorder.heard();
    let mut secrets = vec![api.client().client_secret];
    let given = heard.split(r#""access_token":""#).skip(1);
    // Garbage of the endpoint ends before its token does.
    let tokens = given.filter_map(|rest| rest.split_once('"')).map(|(token, _)| token.to_owned());
    secrets.extend(tokens.filter(|token| heard.contains(&format!("Bearer {token}"))));
    assert!(secrets.len() > 4, "{} tokens were used", secrets.len() - 1);
    assert_no_secret(&collector, &secrets);
}

/// An API and what listens before it. Replies are not compressed, so that they can be read.
fn recorded(faults: &str) -> (Running, Recorder) {
    let faults = faults.split_whitespace().map(|fault| fault.parse().unwrap()).collect();
    let style = Style { compression: Compression::Off, ..Style::default() };
    let api = Options { faults, style, ..Options::default() }.start().unwrap();
    let recorder = Recorder::start(&api.base_url()).unwrap();
    (api, recorder)
}

fn recorded_collector(test: &str, api: &Running, recorder: &Recorder) -> Collector {
    let source = collector::source("acme", api, "page_size = 50");
    let source = source.replace(&api.base_url(), &recorder.base_url());
    let config = collector::config("type = \"file\"\npath = \"events.json\"", &source);
    Collector::with_config(test, api.keys(), &config).with_auth(Auth::Oauth2)
}

fn of_keys(api: &Running) -> [String; 3] {
    let Keys { access_key, secret_key, app_key, .. } = api.keys();
    [access_key, secret_key, app_key]
}

fn assert_no_secret(collector: &Collector, secrets: &[String]) {
    let files = collector.files();
    assert!(files.len() >= 3, "{} files", files.len());
    for (name, bytes) in files {
        for secret in secrets {
            for form in forms(secret) {
                let found = bytes.windows(form.len()).any(|part| part == form.as_bytes());
                assert!(!found, "{secret} is in {name}, as {form}");
            }
        }
    }
}

/// A secret as it is, as a form has it, and in base64 wherever in a text it begins.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), percent_encoded(secret)];
    for before in 0..3 {
        let text = "x".repeat(before) + secret;
        for engine in [&STANDARD, &URL_SAFE] {
            let encoded = engine.encode(&text);
            let encoded = encoded.trim_end_matches('=');
            // The ends have bits of what stands around it.
            forms.push(encoded[(before * 8).div_ceil(6)..encoded.len() - 1].to_owned());
        }
    }
    forms
}

fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}
