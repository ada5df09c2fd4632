//! Stories that end in a cursor worth keeping: polls as they happen in service. They make the files
//! of `v1/` (and of later folders), which stay as they are; new cases are new stories.

use mimecast_ttp_source::HttpError;
use serde_json::{Value, json};

use crate::fake::{
    DAY, HOUR, Host, T, WithHeader as _, config, config_with, no_rows, page, page_of_text,
    response, row,
};

pub(crate) struct Story {
    pub(crate) name: &'static str,
    /// What has happened, in a sentence.
    pub(crate) about: &'static str,
    /// What is put into `config()`.
    pub(crate) config: Value,
    pub(crate) host: Host,
    /// Rows that were delivered and that the cursor knows.
    pub(crate) known: Vec<Value>,
}

fn story(
    name: &'static str,
    about: &'static str,
    config: Value,
    tell: impl FnOnce(&mut Host) -> Vec<Value>,
) -> Story {
    let mut host = Host::new(&config_with(config.clone()));
    let known = tell(&mut host);
    Story { name, about, config, host, known }
}

fn rows(ids: &[&str], second: i64) -> Vec<Value> {
    ids.iter().map(|id| row(id, second)).collect()
}

/// One page of three with the token of the next.
fn first_page(host: &mut Host, token: &str) -> Vec<Value> {
    let rows = rows(&["a", "b", "c"], T + 1_000);
    host.poll(page(&rows, 1_200, Some(token))).unwrap();
    rows
}

/// Three rows, all there are.
fn caught_up(host: &mut Host) -> Vec<Value> {
    let rows = rows(&["a", "b", "c"], T + 3_000);
    host.poll(page(&rows, 3, None)).unwrap();
    rows
}

pub(crate) fn all() -> Vec<Story> {
    let mut stories = passes();
    stories.extend(tokens());
    stories.extend(habits());
    stories.extend(clocks());
    stories.extend(rows_and_filters());
    stories
}

fn passes() -> Vec<Story> {
    vec![
        story("fresh-start", "The first poll found nothing.", json!({}), |host| {
            host.poll(no_rows()).unwrap();
            vec![]
        }),
        story(
            "caught-up",
            "All rows were read; one of them lies well below the watermark and is forgotten.",
            json!({}),
            |host| {
                let known = rows(&["a", "b", "c"], T + 3_000);
                let all = [rows(&["old"], T + 100), known.clone()].concat();
                host.poll(page(&all, 4, None)).unwrap();
                host.now += 60;
                known
            },
        ),
        story(
            "between-windows",
            "The first of four windows was read to its end.",
            json!({"window_max_secs": 900}),
            |host| {
                host.skip_newest();
                let rows = rows(&["a"], T + 880);
                host.poll(page(&rows, 1, None)).unwrap();
                rows
            },
        ),
        story(
            "short-window",
            "A window gave three rows of five, and half of it is read again.",
            json!({}),
            |host| {
                let rows = rows(&["a", "b", "c"], T + 1_000);
                host.poll(page(&rows, 5, None)).unwrap();
                host.skip_newest();
                host.poll(page(&rows[..1], 5, Some("second-2"))).unwrap();
                rows
            },
        ),
        story(
            "economy-passes",
            "Four polls in a row found nothing new and were cut short.",
            json!({}),
            |host| {
                let rows = caught_up(host);
                for _ in 0..4 {
                    host.now += 60;
                    host.poll(page(&rows[..2], 3, Some("not-asked-for"))).unwrap();
                }
                host.now += 60;
                rows
            },
        ),
        story(
            "asks-newest",
            "The way is longer than a window: the API is asked for its newest row first.",
            json!({}),
            |host| {
                let rows = caught_up(host);
                host.poll(page(&rows[..1], 36_000, Some("dense-2"))).unwrap();
                rows
            },
        ),
        story(
            "narrowed-window",
            "Replies were too large: a quarter of a day is asked for, of two days.",
            json!({}),
            |host| {
                host.now = T + 2 * DAY;
                host.skip_newest();
                for _ in 0..2 {
                    host.poll(HttpError::TooLarge("20 MiB".into())).unwrap();
                }
                vec![]
            },
        ),
    ]
}

fn tokens() -> Vec<Story> {
    let mid_window = |name, about, token: String| {
        story(name, about, json!({}), move |host| first_page(host, &token))
    };
    vec![
        mid_window("mid-window", "One page of three was read.", "eyJwYWdlIjoyfQ==".into()),
        mid_window(
            "longest-page-token",
            "One page of three was read; the token of the next has 16 KiB.",
            "eyJwYWdlIjoyfQ==".repeat(1_024),
        ),
        mid_window(
            "non-ascii-page-token",
            "One page of three was read; the token of the next is of all kinds of characters.",
            "Grüße \"😀\" \\ / \u{0}\t\n\u{7f} \u{2028} \u{fffd} ’".into(),
        ),
        story(
            "refused-tokens",
            "Three page tokens led nowhere, without a new row between.",
            json!({}),
            |host| {
                let rows = first_page(host, "dead-1");
                host.poll(response(400, "")).unwrap();
                host.skip_newest();
                for token in ["dead-2", "dead-3"] {
                    host.poll(page(&rows, 1_200, Some(token))).unwrap();
                    host.poll(response(400, "")).unwrap();
                }
                rows
            },
        ),
        story(
            "empty-pages",
            "A page without a row came, with the token of another.",
            json!({}),
            |host| {
                host.poll(page(&[], None, Some("empty-2"))).unwrap();
                vec![]
            },
        ),
        story(
            "old-page-token",
            "The host was down for an hour in the middle of a window: its token is not sent again.",
            json!({}),
            |host| {
                let rows = first_page(host, "old-2");
                host.now += HOUR;
                rows
            },
        ),
    ]
}

fn habits() -> Vec<Story> {
    vec![
        story(
            "withheld-rows",
            "Of one second two rows are counted that no reading gave.",
            json!({}),
            |host| {
                host.now = T + 1;
                let rows = rows(&["a", "b", "c"], T);
                for _ in 0..2 {
                    host.poll(page(&rows, 5, None)).unwrap();
                }
                host.now += 60;
                rows
            },
        ),
        story(
            "count-not-trusted",
            "Second after second more was counted than given: the count is not relied on.",
            json!({}),
            |host| {
                host.now = T + 60;
                let rows = rows(&["a"], T);
                while host.poll(page(&rows, 1_000_000, None)).unwrap().more {}
                host.now += 60;
                rows
            },
        ),
        story(
            "ends-empty",
            "A listing ended in empty pages, each with the token of another.",
            json!({}),
            |host| {
                let rows = rows(&["a"], T + 3_000);
                host.poll(page(&rows, None, Some("empty-1"))).unwrap();
                for token in ["empty-2", "empty-3", "empty-4"] {
                    host.poll(page(&[], None, Some(token))).unwrap();
                }
                host.now += 60;
                rows
            },
        ),
        story(
            "goes-round",
            "The pages of a single second went round, from both ends.",
            json!({}),
            |host| {
                host.now = T + 1;
                let rows = rows(&["a", "b", "c"], T);
                while host.poll(page(&rows, None, Some("round"))).unwrap().more {}
                host.now += 60;
                rows
            },
        ),
        story(
            "row-by-row",
            "Replies of a single second were too large: it is read in pages of one row.",
            json!({}),
            |host| {
                host.now = T + 1;
                for _ in 0..5 {
                    host.poll(HttpError::TooLarge("20 MiB".into())).unwrap();
                }
                vec![]
            },
        ),
        story(
            "unanswered",
            "Half a day was asked for twice and not answered, a quarter of it was.",
            json!({}),
            |host| {
                host.now = T + DAY;
                host.poll(no_rows()).unwrap();
                host.now += 60;
                for _ in 0..2 {
                    let _ = host.poll(HttpError::Timeout("30 s".into()));
                    host.now += 30;
                }
                let rows = rows(&["a"], T + 1_000);
                host.poll(page(&rows, 1, None)).unwrap();
                rows
            },
        ),
        story(
            "older-rows",
            "Rows came that are up to an hour older than asked for.",
            json!({}),
            |host| {
                let rows = [rows(&["a"], T - 3_000), rows(&["b", "c"], T + 3_000)].concat();
                host.poll(page(&rows, 3, None)).unwrap();
                host.now += 60;
                rows
            },
        ),
    ]
}

fn clocks() -> Vec<Story> {
    let mid_pass = |name, about, offset_secs: i64| {
        story(name, about, json!({}), move |host| {
            host.now = T + DAY + HOUR;
            host.skip_newest();
            let rows = rows(&["a", "b"], T + 1_000);
            for token in ["clock-2", "clock-3"] {
                let reply = page(&rows, 1_200, Some(token));
                host.poll(reply.dated(host.now + offset_secs)).unwrap();
            }
            rows
        })
    };
    vec![
        mid_pass("api-clock-ahead", "The API's clock is an hour ahead of the host's.", HOUR),
        story(
            "clock-doubted",
            "One answer told a time that is an hour ahead: the next one is to say so, too.",
            json!({}),
            |host| {
                let rows = rows(&["a", "b"], T + 1_000);
                host.poll(page(&rows, 2, None).dated(host.now + HOUR)).unwrap();
                host.now += 1;
                rows
            },
        ),
        mid_pass("api-clock-behind", "The API's clock is two hours behind the host's.", -2 * HOUR),
        story(
            "api-clock-set-right",
            "The API's clock was half an hour behind for two replies: the pass ends so much early.",
            json!({}),
            |host| {
                let rows = rows(&["a", "b"], T + 1_000);
                let behind = -HOUR / 2;
                for (token, offset_secs) in
                    [("clock-2", behind), ("clock-3", behind), ("clock-4", 0)]
                {
                    let reply = page(&rows, 1_200, Some(token));
                    host.poll(reply.dated(host.now + offset_secs)).unwrap();
                }
                rows
            },
        ),
        story(
            "start-by-the-apis-clock",
            "The first poll took its start from a clock that turned out to be a year off.",
            json!({}),
            |host| {
                let mut config = config();
                config.as_object_mut().unwrap().remove("start");
                host.reconfigure(&config);
                host.now = T + 365 * DAY;
                host.poll(no_rows().dated(T + DAY)).unwrap();
                vec![]
            },
        ),
        story(
            "beyond-2106",
            "It is 2110: seconds that 32 bits cannot hold.",
            json!({"start": "2110-01-01T00:00:00Z"}),
            |host| {
                host.now = YEAR_2110 + HOUR;
                let rows = rows(&["a", "b"], YEAR_2110 + 3_000);
                host.poll(page(&rows, 2, None).dated(host.now)).unwrap();
                host.now += 60;
                rows
            },
        ),
        story(
            "at-1970",
            "It is the first minute of 1970; no cursor lies before it.",
            json!({"start": "1970-01-01T00:00:00Z"}),
            |host| {
                host.now = 50;
                let rows = rows(&["a", "b"], 0);
                host.poll(page(&rows, 3, Some("first-2")).dated(host.now)).unwrap();
                rows
            },
        ),
    ]
}

fn rows_and_filters() -> Vec<Story> {
    let filters = json!({"tagged_malicious": true, "search_field": "subject", "query": "Rechnung",
        "identifiers": ["newly_observed_domain"], "actions": ["hold", "none"]});
    vec![
        story(
            "filters",
            "One page of three was read, of the rows that fit the filters.",
            json!({"filters": filters}),
            |host| first_page(host, "filters-2"),
        ),
        story(
            "filters-changed",
            "The filters were changed in the middle of a window, and a page was read with the new.",
            json!({"filters": filters}),
            |host| {
                host.reconfigure(&config());
                let old = first_page(host, "filters-2");
                host.reconfigure(&config_with(json!({"filters": filters})));
                let new = rows(&["d", "e"], T + 1_001);
                host.poll(page(&new, 1_200, Some("new-filters-2"))).unwrap();
                [old, new].concat()
            },
        ),
        story(
            "rows-without-an-id",
            "Two rows without an id were alike, and the page ended in a second that has more of them.",
            json!({}),
            |host| {
                let alike = json!({"url": "a", "eventTime": "2026-11-01T00:10:00+0000"});
                let last = json!({"url": "b", "eventTime": "2026-11-01T00:20:00+0000"});
                let rows = vec![alike.clone(), alike, last.clone(), last];
                host.poll(page(&rows, 1_200, Some("alike-2"))).unwrap();
                rows
            },
        ),
        story(
            "many-rows",
            "A thousand rows are remembered, some of a second and some far apart.",
            json!({"overlap_secs": DAY, "quiet_max_secs": DAY}),
            |host| {
                host.now = T + 10 * HOUR;
                let second = |n: i64| T + if n < 500 { n / 7 } else { n * 30 };
                let rows: Vec<_> =
                    (0..1_000).map(|n| row(&format!("row-{n}"), second(n))).collect();
                host.poll(page(&rows[..500], 1_000, Some("many-2"))).unwrap();
                host.poll(page(&rows[500..], 1_000, None)).unwrap();
                host.now += 60;
                [&rows[..2], &rows[998..]].concat()
            },
        ),
        story(
            "stray-rows",
            "Rows came that lie outside the window by their own time, one of them twice without an id.",
            json!({}),
            |host| {
                let early = json!({"url": "a", "eventTime": "2026-10-31T00:10:00+0000"});
                let rows = vec![early.clone(), early, row("late", T + 2 * HOUR)];
                host.poll(page(&rows, 3, None)).unwrap();
                host.now += 60;
                rows
            },
        ),
        story(
            "rows-of-unreadable-time",
            "Rows came without a time, without an id, outside the window, and one that is no row.",
            json!({}),
            |host| {
                let odd = vec![
                    json!({"id": "soon", "eventTime": "soon"}),
                    json!({"id": "none"}),
                    json!({"subject": "no id", "eventTime": "2026-11-01T00:10:00+0000"}),
                    row("before", T - DAY),
                    row("after", T + 2 * DAY),
                    json!("no row"),
                ];
                let text: Vec<String> = odd.iter().map(Value::to_string).collect();
                host.poll(response(200, page_of_text(&text.join(",")))).unwrap();
                host.now += 60;
                odd
            },
        ),
    ]
}

/// 2110-01-01T00:00:00Z
const YEAR_2110: i64 = 4_417_977_600;
