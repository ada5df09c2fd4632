//! How far collection is, and the rules by which it goes on.
//!
//! Four polls of a source that starts at 12:00, with an overlap of 15 minutes:
//!
//! | poll at | asks for rows of | the API shows | events | watermark after it |
//! |---|---|---|---|---|
//! | 13:00 | 12:00 to 13:00 | a (12:10), b (12:50) | a, b | 12:35 |
//! | 13:01 | 12:35 to 13:01 | b | none: b is known | 12:35 |
//! | 13:02 | 12:35 to 13:02 | c (12:40), b | c, which came late | 12:35 |
//! | 13:30 | 12:35 to 13:30 | c, b, d (13:20) | d | 13:05 |
//!
//! - The **watermark** is the time before which every row was delivered. It follows the newest row
//!   that was seen, not the clock: that nothing is shown of the last hour proves little. Only after
//!   `quiet_max_secs` without a new row it follows the clock, so far behind.
//! - It stays behind that row by the **overlap**, since rows come to light late and out of order. What
//!   lies between is asked for again at each poll; the rows remembered (`seen`) tell what is new.
//! - A **pass** is one way from the watermark to the present. It takes one poll where one page shows
//!   all of it, and as many as it takes where not: the cursor between two of them holds the rest of it.
//! - A **window** is the part of a pass that is asked for at a time, page by page. Only a window that
//!   was read to its end moves the watermark. One that is too much is asked for again in parts.
//! - For **economy** a pass asks for all of its way at once, if that is no longer than a window may be.
//!   If the API counts as many rows as are known, and its first page shows none that is not, the pages
//!   after it are not asked for. Every eleventh pass is read in full, whatever the count.
//!
//! ```
//! # use mimecast_ttp_source::{Config, Memory, Moment, Response, Step, poll};
//! # let config = Config::parse(
//! #     r#"{"base_url": "https://api.example", "start": "2026-11-01T12:00:00Z",
//! #         "overlap_secs": 900, "auth": {"type": "hmac", "access_key": "a",
//! #             "secret_key": "c2VjcmV0", "app_id": "b", "app_key": "c"}}"#,
//! # )
//! # .unwrap();
//! # let mut cursor = None;
//! # let mut poll_at = |now: &str, shown: &[(&str, &str)]| {
//! #     let minutes: u64 = now[..2].parse::<u64>().unwrap() * 60 + now[3..].parse::<u64>().unwrap();
//! #     let unix_nanos = (1_793_491_200 + minutes * 60) * 1_000_000_000;
//! #     let (at, mut memory) = (Moment { unix_nanos, random: [7; 16] }, Memory::new());
//! #     let step = poll(&config, &mut memory, cursor.as_deref(), at);
//! #     let Step::Send(request, pending) = step else { panic!("{step:?}") };
//! #     let asked = String::from_utf8(request.body).unwrap();
//! #     let rows: Vec<_> = shown
//! #         .iter()
//! #         .map(|(id, time)| format!(r#"{{"id": "{id}", "eventTime": "2026-11-01T{time}:00+0000"}}"#))
//! #         .collect();
//! #     let body = format!(
//! #         r#"{{"meta": {{"status": 200}}, "fail": [], "data": [{{"resultCount": {},
//! #             "impersonationLogs": [{}]}}]}}"#,
//! #         rows.len(),
//! #         rows.join(",")
//! #     );
//! #     let response = Response { status: 200, headers: vec![], body: body.into_bytes() };
//! #     let Step::Done(Ok(batch)) = pending.reply(Ok(response), at) else { panic!() };
//! #     cursor = Some(batch.cursor);
//! #     let time = |text: &str| text[11..16].to_owned();
//! #     let bound = |name: &str| time(asked.split(&format!(r#""{name}":""#)).nth(1).unwrap());
//! #     let events = batch.events.iter().map(|event| event.id[..1].to_owned()).collect::<String>();
//! #     let watermark = time(&batch.progress.complete_until.to_string());
//! #     format!("{} to {}: {events}, {watermark}", bound("from"), bound("to"))
//! # };
//! let (a, b, c, d) = (("a", "12:10"), ("b", "12:50"), ("c", "12:40"), ("d", "13:20"));
//! assert_eq!(poll_at("13:00", &[a, b]), "12:00 to 13:00: ab, 12:35");
//! assert_eq!(poll_at("13:01", &[b]), "12:35 to 13:01: , 12:35");
//! assert_eq!(poll_at("13:02", &[c, b]), "12:35 to 13:02: c, 12:35");
//! assert_eq!(poll_at("13:30", &[c, b, d]), "12:35 to 13:30: d, 13:05");
//! ```

pub(crate) mod api_clock;
pub(crate) mod cursor;
pub(crate) mod evidence;
pub(crate) mod habits;
pub(crate) mod listing;
pub(crate) mod obstacle;
pub(crate) mod pass;
pub(crate) mod seen;
pub(crate) mod underway;
pub(crate) mod watermark;
pub(crate) mod window;
