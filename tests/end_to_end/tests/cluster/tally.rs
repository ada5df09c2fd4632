//! What the stream has against what the APIs had.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use end_to_end::rows::ledger;
use mimecast_sim::{LedgerQuery, Running};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::feeds::{self, Feeds};

/// How many events came, and how.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) events: usize,
    pub(crate) sources: usize,
    /// That did not come.
    pub(crate) lost: usize,
    /// That came more than once: how often beyond that, all in all.
    pub(crate) repeated: usize,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    kind: Cow<'a, str>,
    #[serde(borrow)]
    event: &'a RawValue,
}

impl Tally {
    /// Of the lines of a stream.
    ///
    /// Panics if one is made up, if a feed's items are not in their order, or if ids are not what tells them apart.
    pub(crate) fn of(lines: &str, feeds: Option<&Feeds>, apis: &[(&str, &Running)]) -> Self {
        let mut by_source: BTreeMap<String, Vec<Line<'_>>> = BTreeMap::new();
        for line in lines.lines() {
            let line: Line<'_> =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(!line.kind.is_empty());
            by_source.entry(line.source.clone().into_owned()).or_default().push(line);
        }
        let mut tally = Self { events: 0, sources: by_source.len(), lost: 0, repeated: 0 };
        for feed in 0..feeds.map_or(0, Feeds::len) {
            let name = feeds::name(feed);
            let feeds = feeds.expect("there are some");
            let expected: Vec<String> =
                (0..feeds.items()).map(|number| feeds.item(feed, number)).collect();
            let lines = by_source.remove(&name).unwrap_or_default();
            tally.count(&name, &lines, &expected);
            let number =
                |line: &Line<'_>| -> usize { line.id.rsplit('-').next().unwrap().parse().unwrap() };
            assert!(lines.is_sorted_by_key(number), "{name}: not in their order");
        }
        for (name, api) in apis {
            let expected = ledger(api, &LedgerQuery::default());
            tally.count(name, &by_source.remove(*name).unwrap_or_default(), &expected);
        }
        assert!(by_source.is_empty(), "made up: {:?}", by_source.keys());
        tally
    }

    fn count(&mut self, source: &str, lines: &[Line<'_>], expected: &[String]) {
        let all: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
        assert_eq!(all.len(), expected.len(), "{source}: its rows are not told apart");
        let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
        for line in lines {
            let body = line.event.get();
            assert!(all.contains(body), "{source}: made up: {body}");
            let before = ids.insert(body, &line.id);
            assert!(before.is_none_or(|before| before == line.id), "{source}: another id: {body}");
        }
        let distinct: BTreeSet<&str> = ids.values().copied().collect();
        assert_eq!(distinct.len(), ids.len(), "{source}: two events share an id");
        self.events += all.len();
        self.lost += all.len() - ids.len();
        self.repeated += lines.len() - ids.len();
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, sources, lost, repeated } = self;
        write!(f, "{events} events of {sources} sources: {lost} lost, {repeated} twice")
    }
}
