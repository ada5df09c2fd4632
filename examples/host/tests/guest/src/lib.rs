//! A source that does what its configuration says: `{"do": "...", ...}`.

use serde_json::{Value, json};

#[cfg(not(feature = "foreign"))]
wit_bindgen::generate!({
    path: "../../../../wit",
    world: "polling-source",
    generate_all,
});

#[cfg(feature = "foreign")]
wit_bindgen::generate!({
    path: "../../../../wit",
    inline: "
        package test:guest;
        interface door { open: func(); }
        world foreign {
            include polling-source:contract/polling-source@0.2.0;
            import door;
        }
    ",
    world: "test:guest/foreign",
    generate_all,
});

use exports::polling_source::contract::source::{
    Batch, Counter, Diagnostic, ErrorKind, Event, Guest, Level, Metadata, Notice, PollError,
    Progress, Quota, Report, Stats,
};
use polling_source::contract::http::{self, Header, HttpError, Request};

/// A schema with what a terminal would obey, and longer than a pipe.
fn schema() -> String {
    let length = if cfg!(feature = "long-schema") { 1 << 20 } else { 100_000 };
    json!({
        "type": "object",
        "title": "\u{9b}2J \u{202e}txet",
        "$comment": "x".repeat(length),
        "properties": {
            "do": {"type": "string"},
            "marked": {"properties": {"deep": {"items": {"writeOnly": true}}}},
        },
    })
    .to_string()
}

struct Scripted;

export!(Scripted);

impl Guest for Scripted {
    fn describe() -> Metadata {
        #[cfg(feature = "foreign")]
        test::guest::door::open();
        Metadata {
            name: "scripted".into(),
            kinds: vec![KIND.into(), OTHER_KIND.into()],
            version: "1.2.3".into(),
            config_schema: schema(),
        }
    }

    fn validate(config: String) -> Result<(), Vec<Diagnostic>> {
        let config: Value = serde_json::from_str(&config).unwrap();
        if config["do"] == "loop in validate" {
            spin();
        }
        let mut found = Vec::new();
        if config["do"].is_null() {
            found.push(("do", "is missing".to_owned(), "say what to do"));
        }
        if let Some(secret) = config["refused_secret"].as_str() {
            found.push(("refused_secret", format!("{secret} is\nno good"), "use another"));
        }
        for _ in 0..config["faults"].as_u64().unwrap_or(0) {
            found.push(("faults", "too many".to_owned(), "have fewer"));
        }
        let diagnostic = |(path, message, remedy): (&str, String, &str)| Diagnostic {
            path: path.into(),
            message,
            remedy: remedy.into(),
        };
        if found.is_empty() { Ok(()) } else { Err(found.into_iter().map(diagnostic).collect()) }
    }

    fn check(config: String) -> Result<Report, PollError> {
        let config: Value = serde_json::from_str(&config).unwrap();
        match config["do"].as_str().unwrap_or_default() {
            // What its own members say.
            "report" => Ok(report(&config)),
            // One request. A status other than 200 is the error of the configuration; no response is
            // one of the host's own name for it.
            "fetch" | "follow" => {
                let told = fetch(&config);
                let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
                match (told["status"].as_u64(), told["error"].as_str()) {
                    (Some(200), _) => Ok(report(&config)),
                    (Some(_), _) => Err(scripted_error(&config)),
                    (None, case) => {
                        let kind = match case {
                            Some("denied") => ErrorKind::Config,
                            _ => ErrorKind::Transient,
                        };
                        Err(PollError { code: text("error"), ..error(kind, &text("why")) })
                    }
                }
            }
            "error" => Err(scripted_error(&config)),
            "hold" => {
                hold(config["mebibytes"].as_u64().unwrap_or(0) as usize);
                Ok(report(&config))
            }
            "trap" => panic!("scripted"),
            "loop" => spin(),
            "largest numbers" => Ok(Report {
                newest: Some(u64::MAX),
                quota: Some(Quota {
                    limit: Some(u64::MAX),
                    remaining: u64::MAX,
                    reset_ms: u64::MAX,
                }),
                clock_offset_ms: Some(i64::MIN),
                notices: Vec::new(),
                stats: stats(),
            }),
            other => Err(error(ErrorKind::Config, &format!("nothing to check for {other:?}"))),
        }
    }

    fn explain_cursor(cursor: String) -> Result<Vec<(String, String)>, PollError> {
        explain(&cursor)
    }

    fn poll(config: String, cursor: Option<String>) -> Result<Batch, PollError> {
        let config: Value = serde_json::from_str(&config).unwrap();
        let page: u64 = cursor.as_deref().map_or(0, |cursor| cursor.trim().parse().unwrap_or(0));
        let number = |key: &str| config[key].as_u64();
        match config["do"].as_str().unwrap_or_default() {
            // `pages` batches of `count` events each, and what there is to tell beside them.
            "events" => {
                let count = number("count").unwrap_or(1);
                let more = page + 1 < number("pages").unwrap_or(1);
                if page >= number("pages").unwrap_or(1) {
                    return Ok(batch(Vec::new(), page, false));
                }
                let padding = "x".repeat(number("padding").unwrap_or(0) as usize);
                let events = (0..count).map(|row| {
                    let body = json!({"page": page, "row": row, "padding": padding}).to_string();
                    event(&format!("{page}-{row}"), body)
                });
                let mut batch = batch(events.collect(), page + 1, more);
                tell_aside(&mut batch, &config);
                if !more {
                    batch.next_poll_ms = number("next_poll_ms").unwrap_or(0);
                }
                Ok(batch)
            }
            // One request; what came of it is told in an event.
            "fetch" => {
                let told = fetch(&config);
                Ok(batch(vec![event(&page.to_string(), told.to_string())], page + 1, false))
            }
            "fetch often" => {
                let told: Vec<Value> =
                    (0..number("count").unwrap_or(1)).map(|_| fetch(&config)).collect();
                let told = json!({"all": told}).to_string();
                Ok(batch(vec![event("1", told)], page + 1, config["more"] == true))
            }
            // The reply of the URL says how to go on: status 200 gives an event. `more` asks again.
            "follow" => match fetch(&config)["status"].as_u64() {
                Some(200) => {
                    let mut told = json!({"page": page});
                    if let Some(padding) = number("padding") {
                        told["padding"] = "x".repeat(padding as usize).into();
                    }
                    let event = event(&page.to_string(), told.to_string());
                    Ok(batch(vec![event], page + 1, config["more"] == true))
                }
                Some(401) => Err(error(ErrorKind::Auth, "the API refuses the key")),
                _ => Err(error(ErrorKind::Transient, "the API does not answer")),
            },
            "clock" => {
                let now = wasi::clocks::wall_clock::now();
                let random = wasi::random::random::get_random_bytes(8);
                let told = json!({"seconds": now.seconds, "random": random}).to_string();
                Ok(batch(vec![event("1", told)], page + 1, false))
            }
            "random" => {
                let random = wasi::random::random::get_random_bytes(number("count").unwrap_or(0));
                Ok(batch(vec![event("1", json!({"length": random.len()}).to_string())], 1, false))
            }
            "error" => Err(scripted_error(&config)),
            // The same `count` times, then an event.
            "errors at first" => {
                let asked = ASKED.with(|asked| asked.replace(asked.get() + 1));
                if asked < number("count").unwrap_or(1) {
                    return Err(scripted_error(&config));
                }
                Ok(batch(vec![event(&page.to_string(), "{}".into())], page + 1, false))
            }
            // `pages` batches, the one after each a transient error.
            "stumble" => {
                let asked = ASKED.with(|asked| asked.replace(asked.get() + 1));
                if asked % 2 == 1 {
                    return Err(error(ErrorKind::Transient, "stumbled"));
                }
                let more = page + 1 < number("pages").unwrap_or(1);
                Ok(batch(
                    vec![event(&page.to_string(), json!({"page": page}).to_string())],
                    page + 1,
                    more,
                ))
            }
            // How often this instance was polled before; `trap_at` is its last time.
            "count" => {
                let asked = ASKED.with(|asked| asked.replace(asked.get() + 1));
                assert!(Some(asked) != number("trap_at"), "scripted");
                let more = page + 1 < number("pages").unwrap_or(1);
                Ok(batch(
                    vec![event(
                        &page.to_string(),
                        json!({"asked": asked, "page": page}).to_string(),
                    )],
                    page + 1,
                    more,
                ))
            }
            "body" => {
                let body = config["body"].as_str().unwrap_or_default().to_owned();
                Ok(batch(vec![event("1", body)], page + 1, false))
            }
            "huge cursor" => {
                let mut batch = batch(Vec::new(), 0, false);
                batch.cursor = "c".repeat(number("count").unwrap_or(0) as usize);
                Ok(batch)
            }
            "quota spent" => {
                let more = page + 1 < number("pages").unwrap_or(1);
                let mut batch = batch(vec![event(&page.to_string(), "{}".into())], page + 1, more);
                let reset_ms = number("reset_ms").unwrap_or(0);
                batch.quota = Some(Quota { limit: None, remaining: 0, reset_ms });
                Ok(batch)
            }
            "trap" => panic!("scripted"),
            "loop" => spin(),
            // One large body, named by many events: little memory here, very much to copy out.
            "many of one" => {
                let body = "x".repeat(1 << 20).leak();
                let (start, length) = (body.as_mut_ptr(), body.len());
                let events = (0..number("count").unwrap_or(1)).map(|row| {
                    // Safety: none. Whoever frees them breaks; the host is to end this before.
                    let body = unsafe { String::from_raw_parts(start, length, length) };
                    event(&row.to_string(), body)
                });
                Ok(batch(events.collect(), page + 1, false))
            }
            // Texts that are not there: their lengths are made up.
            "made-up cursor" => {
                let mut batch = batch(Vec::new(), 0, true);
                batch.cursor = made_up(number("count").unwrap_or(0));
                Ok(batch)
            }
            "made-up request" => {
                let body = made_up(number("count").unwrap_or(0)).into_bytes();
                let (method, url) = ("POST".to_owned(), "http://127.0.0.1/".to_owned());
                let _ =
                    http::send(&Request { method, url, headers: vec![], body, timeout_ms: None });
                Ok(batch(Vec::new(), 0, true))
            }
            // `count` notices with every event, without end.
            "notices" => {
                let told = notice(config["message"].as_str().unwrap_or("scripted"));
                let mut batch = batch(vec![event(&page.to_string(), "{}".into())], page + 1, true);
                batch.notices = vec![told; number("count").unwrap_or(1) as usize];
                Ok(batch)
            }
            // Goes on for ever, and gives nothing.
            "nothing" => Ok(batch(Vec::new(), page + 1, true)),
            // A cursor of `count` bytes with every event, `pages` times.
            "wide cursors" => {
                let more = page + 1 < number("pages").unwrap_or(1);
                let told = json!({"page": page}).to_string();
                let mut batch = batch(vec![event(&page.to_string(), told)], page + 1, more);
                let length = number("count").unwrap_or(0) as usize;
                batch.cursor.extend(std::iter::repeat_n(' ', length - batch.cursor.len()));
                Ok(batch)
            }
            // Every number as large as it can be.
            "largest numbers" => {
                let mut batch = batch(vec![event(&page.to_string(), "{}".into())], page + 1, false);
                batch.events[0].time = Some(u64::MAX);
                batch.next_poll_ms = u64::MAX;
                batch.stats = Stats {
                    requests: u32::MAX,
                    sent_bytes: u64::MAX,
                    received_bytes: u64::MAX,
                    rows: u32::MAX,
                    duplicates: u32::MAX,
                    counters: vec![counter("largest", u64::MAX); 2],
                };
                let (most, newest) = (u64::MAX, Some(u64::MAX));
                batch.progress = Some(Progress { complete_until: most, target: most, newest });
                batch.quota = Some(Quota { limit: newest, remaining: most, reset_ms: most });
                Ok(batch)
            }
            // Ids that are six times as long in JSON, all of them the same bytes.
            "wide ids" => {
                let id = "\u{1}".repeat(4 << 10).leak();
                let (start, length) = (id.as_mut_ptr(), id.len());
                let events = (0..number("count").unwrap_or(1)).map(|_| {
                    // Safety: none. They are freed once at most: by then the host has copied them.
                    let id = unsafe { String::from_raw_parts(start, length, length) };
                    Event { id, kind: KIND.into(), time: None, body: "{}".into() }
                });
                let mut batch = batch(events.collect(), page + 1, false);
                batch.next_poll_ms = u64::MAX;
                Ok(batch)
            }
            // Computes for a while, then gives an event.
            "compute" => {
                let mut sum = 0_u64;
                for round in 0..number("rounds").unwrap_or(0) {
                    sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(round));
                }
                Ok(batch(vec![event("1", json!({"sum": sum}).to_string())], page + 1, false))
            }
            "balloon" => {
                let mut held = Vec::new();
                loop {
                    held.push(std::hint::black_box(vec![1_u8; 1 << 20]));
                }
            }
            other => Err(error(ErrorKind::Config, &format!("nothing scripted for {other:?}"))),
        }
    }
}

/// What the configuration has of progress, counters, kinds and notices.
fn tell_aside(batch: &mut Batch, config: &Value) {
    let number = |key: &str| config[key].as_u64();
    batch.progress = number("complete_until").map(|complete_until| Progress {
        complete_until,
        target: complete_until,
        newest: number("newest"),
    });
    batch.stats.counters = counters(config);
    if let Some(kind) = config["event_kind"].as_str() {
        batch.events.iter_mut().for_each(|event| event.kind = kind.into());
    }
    batch.notices = notices(config);
}

fn counters(config: &Value) -> Vec<Counter> {
    let counters = config["counters"].as_object().into_iter().flatten();
    counters.map(|(name, value)| counter(name, value.as_u64().unwrap_or(0))).collect()
}

fn counter(name: &str, value: u64) -> Counter {
    Counter { name: name.into(), value }
}

/// What a cursor says that is no page.
fn explain(cursor: &str) -> Result<Vec<(String, String)>, PollError> {
    let said = |name: &str, value: String| (name.to_owned(), value);
    match cursor.split_once(' ').unwrap_or((cursor, "")) {
        ("refused", why) => {
            let code = "cursor_refused".to_owned();
            Err(PollError { code, ..error(ErrorKind::Cursor, why) })
        }
        ("odd", _) => Err(PollError { code: "Odd Code".into(), ..error(ErrorKind::Cursor, "") }),
        ("trap", _) => panic!("scripted"),
        ("loop", _) => spin(),
        ("hold", mebibytes) => {
            hold(mebibytes.parse().unwrap());
            Ok(Vec::new())
        }
        ("many", count) => {
            Ok((0..count.parse().unwrap()).map(|row: u32| said("row", row.to_string())).collect())
        }
        ("send", url) => Ok(vec![said("sent", fetch(&json!({"url": url})).to_string())]),
        _ => Ok(vec![said("page", cursor.to_owned()), said("complete_until", "now".to_owned())]),
    }
}

thread_local! {
    static ASKED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

fn fetch(config: &Value) -> Value {
    let text = |key: &str| config[key].as_str().unwrap_or_default().to_owned();
    let headers = config["headers"].as_object().cloned().unwrap_or_default();
    let headers = headers
        .into_iter()
        .map(|(name, value)| Header { name, value: value.as_str().unwrap_or_default().to_owned() });
    let request = Request {
        method: config["method"].as_str().unwrap_or("POST").to_owned(),
        url: text("url"),
        headers: headers.collect(),
        body: text("body").into_bytes(),
        timeout_ms: config["timeout_ms"].as_u64().map(|timeout_ms| timeout_ms as u32),
    };
    let (case, why) = match http::send(&request) {
        Ok(response) => {
            let headers: Value =
                response.headers.into_iter().map(|header| (header.name, header.value)).collect();
            let length = response.body.len();
            let body = String::from_utf8_lossy(&response.body[..length.min(1_000)]).into_owned();
            return json!({
                "status": response.status, "headers": headers, "length": length, "body": body,
            });
        }
        Err(HttpError::Denied(why)) => ("denied", why),
        Err(HttpError::Dns(why)) => ("dns", why),
        Err(HttpError::Connect(why)) => ("connect", why),
        Err(HttpError::Tls(why)) => ("tls", why),
        Err(HttpError::Timeout(why)) => ("timeout", why),
        Err(HttpError::TooLarge(why)) => ("too-large", why),
        Err(HttpError::Other(why)) => ("other", why),
    };
    json!({"error": case, "why": why})
}

/// A text that says it has so many bytes, where there are none.
fn made_up(length: u64) -> String {
    // Safety: none. The host is not to believe it.
    unsafe { String::from_raw_parts(16 as *mut u8, length as usize, length as usize) }
}

fn spin() -> ! {
    loop {
        std::hint::black_box(());
    }
}

/// Takes so much memory at once.
fn hold(mebibytes: usize) {
    std::hint::black_box(vec![1_u8; mebibytes << 20]);
}

fn event(id: &str, body: String) -> Event {
    Event { id: id.into(), kind: KIND.into(), time: Some(1_700_000_000_000_000_000), body }
}

fn batch(events: Vec<Event>, page: u64, more: bool) -> Batch {
    Batch {
        events,
        cursor: page.to_string(),
        more,
        next_poll_ms: 0,
        notices: Vec::new(),
        stats: stats(),
        progress: None,
        quota: None,
    }
}

fn error(kind: ErrorKind, message: &str) -> PollError {
    PollError {
        kind,
        code: "scripted".into(),
        message: message.into(),
        retry_after_ms: None,
        notices: Vec::new(),
        stats: stats(),
        quota: None,
    }
}

/// The error of these members; unless they have notices, too, one says the same.
fn scripted_error(config: &Value) -> PollError {
    let kind = match config["kind"].as_str().unwrap_or_default() {
        "auth" => ErrorKind::Auth,
        "config" => ErrorKind::Config,
        "cursor" => ErrorKind::Cursor,
        "protocol" => ErrorKind::Protocol,
        "throttled" => ErrorKind::Throttled,
        _ => ErrorKind::Transient,
    };
    let message = config["message"].as_str().unwrap_or("scripted");
    PollError {
        code: config["code"].as_str().unwrap_or("scripted").to_owned(),
        retry_after_ms: config["retry_after_ms"].as_u64(),
        notices: if config["notices"].is_null() { vec![notice(message)] } else { notices(config) },
        stats: Stats { counters: counters(config), ..stats() },
        quota: quota(config),
        ..error(kind, message)
    }
}

fn report(config: &Value) -> Report {
    Report {
        newest: config["newest"].as_u64(),
        quota: quota(config),
        clock_offset_ms: config["clock_offset_ms"].as_i64(),
        notices: notices(config),
        stats: stats(),
    }
}

/// The notices of the configuration, `count` times.
fn notices(config: &Value) -> Vec<Notice> {
    let given = config["notices"].as_array().cloned().unwrap_or_default();
    let count = given.len() * config["count"].as_u64().unwrap_or(1) as usize;
    let notice = |given: &Value| Notice {
        level: if given["level"] == "warn" { Level::Warn } else { Level::Info },
        code: given["code"].as_str().unwrap_or("scripted").to_owned(),
        message: given["message"].as_str().unwrap_or("scripted").to_owned(),
    };
    given.iter().cycle().take(count).map(notice).collect()
}

fn quota(config: &Value) -> Option<Quota> {
    let reset_ms = config["reset_ms"].as_u64().unwrap_or(0);
    let limit = config["limit"].as_u64();
    config["remaining"].as_u64().map(|remaining| Quota { limit, remaining, reset_ms })
}

fn notice(message: &str) -> Notice {
    Notice { level: Level::Warn, code: "scripted".into(), message: message.into() }
}

fn stats() -> Stats {
    let counters = Vec::new();
    Stats { requests: 0, sent_bytes: 0, received_bytes: 0, rows: 0, duplicates: 0, counters }
}

const KIND: &str = "scripted.row";
const OTHER_KIND: &str = "scripted.other";
