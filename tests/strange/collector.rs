//! A host that lives with a simulated API for hours or days, and what is to be seen of it from
//! outside.
#![allow(dead_code, reason = "each test crate uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};

use mimecast_ttp_source::{Batch, PollError, Response};
use serde_json::Value;

use crate::fake::world::{Row, Server, World};
use crate::fake::{Asked, Host, Reply, config};

/// What becomes of the API's answer on its way.
pub(crate) type Twist = Box<dyn FnMut(&Asked, Response) -> Reply>;

pub(crate) struct Collector {
    pub(crate) world: World,
    pub(crate) host: Host,
    /// The API's clock less the host's.
    pub(crate) api_ahead_secs: i64,
    pub(crate) twist: Twist,
    /// How often each event came, by its text.
    pub(crate) events: BTreeMap<String, u32>,
    pub(crate) told: Vec<Told>,
    pub(crate) errors: Vec<PollError>,
    /// The longest row of polls that asked for the next one at once.
    pub(crate) at_once_max: u32,
    /// It was called caught up while these were missing, though the API showed them.
    pub(crate) premature: Vec<String>,
    server: Server,
    /// When it polled last, by the API's clock.
    polled: i64,
    at_once: u32,
    errors_in_a_row: u32,
    /// When the pass began, by the host's clock. None between passes.
    began: Option<i64>,
}

/// A notice.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) at: i64,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Collector {
    /// With `config()`, an hour past `T`.
    pub(crate) fn new(world: World) -> Self {
        Self::configured(world, &config())
    }

    pub(crate) fn configured(world: World, config: &Value) -> Self {
        Self {
            world,
            host: Host::new(config),
            api_ahead_secs: 0,
            twist: Box::new(|_, response| Ok(response)),
            events: BTreeMap::new(),
            told: Vec::new(),
            errors: Vec::new(),
            at_once_max: 0,
            premature: Vec::new(),
            server: Server::new(1),
            polled: 0,
            at_once: 0,
            errors_in_a_row: 0,
            began: None,
        }
    }

    /// The same at another time of the host's clock.
    pub(crate) fn at(mut self, now: i64) -> Self {
        self.host.now = now;
        self
    }

    pub(crate) fn api_now(&self) -> i64 {
        self.host.now + self.api_ahead_secs
    }

    /// One poll, and the wait that it ends with. True: it caught up.
    pub(crate) fn poll(&mut self) -> bool {
        let began = *self.began.get_or_insert(self.host.now);
        let now = self.api_now();
        self.polled = now;
        let Self { world, host, server, twist, .. } = self;
        match host.poll_with(|asked| twist(asked, server.answer(world, asked, now))) {
            Ok(batch) => {
                self.errors_in_a_row = 0;
                self.take(&batch, began);
                !batch.more
            }
            Err(error) => {
                self.errors_in_a_row += 1;
                let backoff_ms = (500_u64 << self.errors_in_a_row.min(7)).min(60_000);
                self.wait(backoff_ms.max(error.retry_after_ms.unwrap_or(0)));
                self.errors.push(error);
                false
            }
        }
    }

    fn take(&mut self, batch: &Batch, began: i64) {
        for event in &batch.events {
            *self.events.entry(event.body.clone()).or_default() += 1;
        }
        let at = self.host.now;
        self.told.extend(batch.notices.iter().map(|notice| Told {
            at,
            code: notice.code,
            message: notice.message.clone(),
        }));
        self.at_once = if batch.next_poll_ms == 0 { self.at_once + 1 } else { 0 };
        self.at_once_max = self.at_once_max.max(self.at_once);
        if !batch.more {
            // Of the API's clock two seconds are not known.
            let due = began.min(began + self.api_ahead_secs) - 2;
            let missing = self.missing_by(due).into_iter().map(|text| format!("{at}: {text}"));
            self.premature.extend(missing.collect::<Vec<_>>());
            self.began = None;
        }
        self.wait(batch.next_poll_ms);
    }

    fn wait(&mut self, ms: u64) {
        self.host.now += i64::try_from(ms.div_ceil(1_000)).unwrap();
        if ms > 0 {
            self.at_once = 0;
        }
    }

    /// Polls until it has caught up. How many requests that took.
    #[track_caller]
    pub(crate) fn catch_up(&mut self, requests_max: usize) -> usize {
        let before = self.host.asked.len();
        while !self.poll() {
            let requests = self.host.asked.len() - before;
            let last = self.errors.last();
            assert!(requests <= requests_max, "{requests} requests, no end; {last:?}");
        }
        let requests = self.host.asked.len() - before;
        assert!(requests <= requests_max, "{requests} requests of {requests_max}");
        requests
    }

    /// Polls when it is told to, for so long. How many requests that took.
    pub(crate) fn live(&mut self, secs: i64) -> usize {
        let (before, end) = (self.host.asked.len(), self.host.now + secs);
        while self.host.now < end {
            self.poll();
            assert!(self.at_once < AT_ONCE_MAX, "it polls without end");
        }
        self.host.asked.len() - before
    }

    /// The host is off for a while.
    pub(crate) fn pause(&mut self, secs: i64) {
        self.host.now += secs;
    }

    /// Rows that the API showed at the last poll, that can be read, and that did not come.
    pub(crate) fn missing(&self) -> Vec<&str> {
        self.missing_by(self.polled)
    }

    /// How many rows did not come, whenever the API shows them.
    pub(crate) fn missing_of_any_time(&self) -> usize {
        self.missing_by(i64::MAX).len()
    }

    pub(crate) fn missing_by(&self, now: i64) -> Vec<&str> {
        let due = self.world.rows.iter().filter(|row| row.second.max(row.visible) < now);
        let due = due.filter_map(body);
        due.filter(|body| !self.events.contains_key(*body)).collect()
    }

    /// Events that came more than once.
    pub(crate) fn repeated(&self) -> Vec<&str> {
        let repeated = self.events.iter().filter(|(_, times)| **times > 1);
        repeated.map(|(body, _)| body.as_str()).collect()
    }

    /// Each row that can be read came, and came once; and nothing else did.
    #[track_caller]
    pub(crate) fn has_each_row_once(&self) {
        assert_eq!(self.missing(), [""; 0], "missing");
        self.has_no_row_twice();
    }

    #[track_caller]
    pub(crate) fn has_no_row_twice(&self) {
        assert_eq!(self.repeated(), [""; 0], "repeated");
        let rows: BTreeSet<_> = self.world.rows.iter().filter_map(body).collect();
        let made_up = self.events.keys().find(|event| !rows.contains(event.as_str()));
        assert_eq!(made_up, None, "made up");
    }

    /// What was told, in order.
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.told.iter().map(|told| told.code).collect()
    }

    /// The notices of one code.
    pub(crate) fn notices(&self, code: &str) -> Vec<&Told> {
        self.told.iter().filter(|told| told.code == code).collect()
    }

    /// A state that lasts was told, and not again within an hour.
    #[track_caller]
    pub(crate) fn told_once_an_hour(&self, code: &str) {
        let told: Vec<_> = self.notices(code).iter().map(|told| told.at).collect();
        assert!(!told.is_empty(), "{code} was not told: {:?}", self.codes());
        let is_rare = told.windows(2).all(|pair| pair[1] - pair[0] >= 3_600);
        assert!(is_rare, "{code} was told at {told:?}");
    }

    /// The codes of all errors.
    pub(crate) fn failures(&self) -> Vec<&'static str> {
        self.errors.iter().map(|error| error.code).collect()
    }
}

/// A row as an event; None if it cannot be read.
fn body(row: &Row) -> Option<&str> {
    row.event.as_deref().or(Some(&row.text)).filter(|text| !text.is_empty())
}

/// So many polls without a wait are no way to anything in these tests.
const AT_ONCE_MAX: u32 = 20_000;
