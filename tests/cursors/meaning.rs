//! What a cursor means: what it leads to, whatever the API answers next. Seen from outside alone, by
//! polls that all begin with the same cursor.

use mimecast_ttp_source::{Batch, ErrorKind, Second};
use serde_json::{Value, json};

use crate::fake::{Host, codes, ids, page, response, row};

/// A kept cursor in the hands of a host.
pub(crate) struct Case {
    pub(crate) cursor: String,
    pub(crate) config: Value,
    pub(crate) now: i64,
    pub(crate) known: Vec<Value>,
}

impl Case {
    pub(crate) fn host(&self) -> Host {
        let mut host = Host::new(&self.config);
        host.now = self.now;
        host.cursor = Some(self.cursor.clone());
        host
    }

    /// The same, past the question that goes before a pass of several windows.
    fn reading(&self) -> Host {
        let mut host = self.host();
        host.skip_newest();
        host
    }

    /// Each part of it tells of other members of the cursor.
    pub(crate) fn meaning(&self) -> Value {
        let asked = self.host().next();
        let batch = self.with_known_rows();
        json!({
            "asks": {"from": date(asked.from), "to": date(asked.to), "token": asked.token,
                "newest_alone": asked.asks_newest(), "signed": date(asked.signed)},
            "complete_until": batch.progress.complete_until.to_string(),
            "target": batch.progress.target.to_string(),
            "if_the_window_is_drained": self.drained(None),
            "if_rows_are_missing": self.drained(Some(1_000_000)),
            "left": {
                "refused_tokens": self.refusals_left(),
                "polls_cut_short": self.economy_left(),
                "empty_pages": self.pages_left(&[]),
                "pages_of_500_rows": self.pages_left(&self.rows_of_a_page()),
            },
        })
    }

    /// The known rows once more, and a new one, which is the only event.
    fn with_known_rows(&self) -> Batch {
        let mut host = self.reading();
        let rows = [self.known.clone(), vec![row("new", host.next().from)]].concat();
        let batch = host.poll(page(&rows, None, Some("next"))).unwrap();
        assert_eq!((ids(&batch), codes(&batch.notices)), (vec!["new"], vec![]));
        batch
    }

    fn drained(&self, count: Option<usize>) -> Value {
        let mut host = self.reading();
        let batch = host.poll(page(&[], count, None)).unwrap();
        let next = host.next();
        json!({"complete_until": batch.progress.complete_until.to_string(), "more": batch.more,
            "notices": codes(&batch.notices),
            "then_asks": {"from": date(next.from), "to": date(next.to)}})
    }

    /// How many page tokens in a row may be refused. None if no page without a row leads to another.
    fn refusals_left(&self) -> Option<usize> {
        let mut host = self.reading();
        for polls in 0..300 {
            if polls > 5 && host.asked.iter().all(|asked| asked.token.is_none()) {
                return None;
            }
            let outcome = match host.next().token {
                Some(_) => host.poll(response(400, "")),
                None => host.poll(page(&self.known, None, Some(&format!("dead {polls}")))),
            };
            if let Err(error) = outcome {
                assert_eq!(error.kind, ErrorKind::Protocol, "{error:?}");
                return Some(host.asked.iter().filter(|asked| asked.token.is_some()).count() - 1);
            }
        }
        panic!("tokens are refused without end: {}", self.cursor);
    }

    /// How many polls in a row may be cut short for want of news.
    fn economy_left(&self) -> usize {
        let mut host = self.reading();
        let reply = || page(&self.known, self.known.len(), Some("next"));
        let is_cut_short = |_: &usize| {
            let has_token = host.next().token.is_some();
            !has_token && !host.poll(reply()).unwrap().more
        };
        (0..100).take_while(is_cut_short).count()
    }

    /// How many pages of these rows the window may still have.
    fn pages_left(&self, rows: &[Value]) -> usize {
        let mut host = self.reading();
        let mut rows = rows.to_vec();
        let is_taken = |n: &usize| {
            let (from, to) = (host.next().from, host.next().to);
            // No page is the one before once more.
            rows.reverse();
            host.poll(page(&rows, None, Some(&format!("page {n}")))).unwrap();
            let next = host.next();
            (next.from, next.to) == (from, to) && next.token.is_some()
        };
        (0..100).take_while(is_taken).count()
    }

    fn rows_of_a_page(&self) -> Vec<Value> {
        let second = self.reading().next().from;
        (0..500).map(|n| row(&format!("fresh {n}"), second)).collect()
    }
}

fn date(unix_secs: i64) -> String {
    Second::new(unix_secs).to_string()
}
