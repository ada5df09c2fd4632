//! Servers, APIs and workers, and what has to hold of them in the end.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mimecast_sim::{LedgerQuery, Running};

use crate::feeds::Feeds;
use crate::servers::{Cluster, wait_until};
use crate::tally::Tally;
use crate::tool;
use crate::workers::{Workers, moody_api, source};

pub(crate) const WORKERS: usize = 3;
pub(crate) const INTERVAL_SECS: u32 = 5;
/// How long a source may wait for another worker, or an item until it is stored.
pub(crate) const FAILOVER_MAX: Duration = Duration::from_secs(30);

/// All that a test of this kind has.
pub(crate) struct Scene {
    pub(crate) cluster: Cluster,
    pub(crate) workers: Workers,
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) apis: [Running; 2],
    pub(crate) begun: Instant,
}

impl Scene {
    /// Servers, APIs, and workers that do not run yet.
    pub(crate) fn new(test: &str, feeds: usize) -> Self {
        Self::on(Cluster::start(test), feeds)
    }

    /// The same on servers that run.
    pub(crate) fn on(cluster: Cluster, feeds: usize) -> Self {
        let feeds = Arc::new(Feeds::start(feeds));
        let apis = [moody_api(10_000, 1), moody_api(10_000, 2)];
        let names = ["acme.mail", "Acme-mail"];
        let sources: String =
            names.iter().zip(&apis).map(|(name, api)| source(name, api)).collect();
        let sources = feeds.sources(INTERVAL_SECS, "") + &sources;
        let workers = Workers::new(&cluster, WORKERS, &sources);
        Self { cluster, workers, feeds, apis, begun: Instant::now() }
    }

    /// Waits until each feed was asked.
    pub(crate) fn wait_until_begun(&mut self) {
        let feeds = Arc::clone(&self.feeds);
        self.workers.process(0).wait_until("each feed is asked", || {
            thread::sleep(Duration::from_millis(100));
            let mut asked: Vec<usize> = feeds.asked().iter().map(|asked| asked.feed).collect();
            asked.sort_unstable();
            asked.dedup();
            asked.len() == feeds.len()
        });
        eprintln!(
            "{} sources run after {:.1} s",
            self.feeds.len() + 2,
            self.begun.elapsed().as_secs_f64()
        );
    }

    /// Waits until all is stored, ends the workers, and holds the stream to what the APIs had.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Self {
        let feeds = Arc::clone(&self.feeds);
        wait_until("all items are stored", || {
            thread::sleep(Duration::from_millis(200));
            feeds.are_all_stored()
        });
        let rows: usize =
            self.apis.iter().map(|api| api.ledger(&LedgerQuery::default()).count()).sum();
        let expected = feeds.len() * feeds.items() + rows;
        wait_until("all rows are stored", || {
            thread::sleep(Duration::from_secs(1));
            tool::lines(&self.cluster, &[], &[]).lines().count() >= expected
        });
        // For what should not come.
        thread::sleep(Duration::from_secs(2));
        self.workers.terminate_all();
        let lines = tool::lines(&self.cluster, &[], &[]);
        let [first, second] = &self.apis;
        let tally = Tally::of(&lines, Some(&feeds), &[("acme.mail", first), ("Acme-mail", second)]);
        let delays = self.feeds.delays();
        eprintln!(
            "{tally}; an item was stored after {}; {} requests of feeds, in {} s",
            spread(&delays),
            self.feeds.asked().len(),
            self.begun.elapsed().as_secs()
        );
        assert_eq!((tally.lost, tally.repeated), (0, 0));
        self
    }
}

/// The median of durations in order, nine in ten, all.
pub(crate) fn spread(durations: &[Duration]) -> String {
    let Some(last) = durations.last() else { return "nothing".to_owned() };
    let at = |percent: usize| durations[durations.len() * percent / 100].as_secs_f64();
    format!(
        "{:.1} s (half of {}), {:.1} s (nine in ten), {:.1} s (99 of 100), {:.1} s (all)",
        at(50),
        durations.len(),
        at(90),
        at(99),
        last.as_secs_f64()
    )
}
