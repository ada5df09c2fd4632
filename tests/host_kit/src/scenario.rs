//! What the probe is told to do, and what must come of it.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

/// One thing that a host has to do right.
pub struct Scenario {
    /// What it is called: `gzip-members`.
    pub name: &'static str,
    /// What must be, in a sentence.
    pub about: &'static str,
    /// What happens.
    pub play: Play,
}

/// What happens in a scenario.
pub enum Play {
    /// One exchange a poll, one after the other: what `send` makes of each.
    Exchanges(Vec<Exchange>),
    /// Pages that the server has, with what each poll of one is to become: what the loop makes of it.
    Pages(Pages),
}

/// One exchange, and what must come of it.
pub struct Exchange {
    /// The probe's `request`. In its URL `{server}` and the like stand for what is known only at a run.
    pub request: Value,
    /// What the guest must get.
    pub told: Told,
    /// How many times the server must see it.
    pub seen: usize,
    /// How often the guest sends it in one call.
    pub times: usize,
    /// How long it may take, in milliseconds. Whoever sets it has an exchange follow that is seen.
    pub within: Option<RangeInclusive<u64>>,
}

/// What a guest gets for a request.
pub enum Told {
    /// A response.
    Reply {
        /// Its status.
        status: u16,
        /// Of each name that is listed, all values in their order.
        headers: Vec<(&'static str, &'static str)>,
        /// Its body, decoded.
        body: Vec<u8>,
    },
    /// One of these cases of `http-error`.
    Failure(&'static [&'static str]),
}

/// An exchange of this method; the path is of the server, unless it is a whole URL.
pub fn ask(method: &str, path: &str) -> Exchange {
    let url = if path.starts_with('/') { format!("{{server}}{path}") } else { path.to_owned() };
    Exchange {
        request: json!({"method": method, "url": url, "headers": []}),
        told: Told::Reply { status: 200, headers: Vec::new(), body: b"ok".to_vec() },
        seen: 1,
        times: 1,
        within: None,
    }
}

/// The same with the method `GET`.
pub fn get(path: &str) -> Exchange {
    ask("GET", path)
}

impl Exchange {
    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let headers = self.request["headers"].as_array_mut().expect("it is a list from the begin");
        headers.push(json!([name, value]));
        self
    }

    /// With a body: a text, or a number of bytes.
    #[must_use]
    pub fn body(mut self, body: impl Into<Value>) -> Self {
        self.request["body"] = body.into();
        self
    }

    /// With a time that the guest allows.
    #[must_use]
    pub fn timeout(mut self, ms: u64) -> Self {
        self.request["timeout-ms"] = ms.into();
        self
    }

    /// So many times in one call.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        (self.times, self.seen) = (times, times);
        self
    }

    /// Must give a response.
    #[must_use]
    pub fn gives(mut self, status: u16, body: impl Into<Vec<u8>>) -> Self {
        self.told = Told::Reply { status, headers: Vec::new(), body: body.into() };
        self
    }

    /// Must give a response with these headers, among others.
    #[must_use]
    pub fn gives_header(mut self, name: &'static str, value: &'static str) -> Self {
        if let Told::Reply { headers, .. } = &mut self.told {
            headers.push((name, value));
        }
        self
    }

    /// Must give no response, for one of these reasons.
    #[must_use]
    pub fn fails(mut self, cases: &'static [&'static str]) -> Self {
        self.told = Told::Failure(cases);
        self
    }

    /// Must not be sent.
    #[must_use]
    pub fn denied(self) -> Self {
        Self { seen: 0, ..self.fails(&["denied"]) }
    }

    /// Must fail before the server can have read it.
    #[must_use]
    pub fn unsent(self, cases: &'static [&'static str]) -> Self {
        Self { seen: 0, ..self.fails(cases) }
    }

    /// Must take so many milliseconds.
    #[must_use]
    pub fn within(mut self, ms: RangeInclusive<u64>) -> Self {
        self.within = Some(ms);
        self
    }
}

/// Pages of the server, and what must come of them.
#[derive(Default)]
pub struct Pages {
    /// Of each page what the first poll of it is to become, the second, and so on; the last stays. As
    /// answers of the probe.
    pub pages: Vec<Vec<Value>>,
    /// The pages that must be asked for, one after the other.
    pub asked: Option<Vec<usize>>,
    /// Of requests, counted from 0: how long after the request before it came they must come, in
    /// milliseconds.
    pub gaps: Vec<(usize, RangeInclusive<u64>)>,
    /// How many requests there may be at most.
    pub asked_max: Option<usize>,
    /// When the host is killed, and started again.
    pub kills: Vec<Kill>,
    /// The page after each kill that must be asked for.
    pub asked_again: Option<usize>,
    /// The page whose events must come from an instance that was never called before.
    pub fresh: Option<usize>,
    /// How long it is waited for what should come, in seconds. None: as long as is usual.
    pub patience_secs: Option<u64>,
    /// How long each answer is held back, in milliseconds.
    pub hold_ms: u64,
    /// How long it is looked on after the first request, in milliseconds. None: until all is there.
    pub look_on_ms: Option<u64>,
}

/// An end that a host does not see coming.
#[derive(Clone, Copy)]
pub struct Kill {
    /// The page.
    pub page: usize,
    /// Which of the polls of it, from 0.
    pub poll: usize,
    /// The moment.
    pub when: Moment,
}

/// A moment in the life of a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It is asked for, and has no answer yet.
    Asked,
    /// Its answer went out so many milliseconds ago.
    AnsweredMs(u64),
    /// Its events are being written, and nobody takes them. (Where a file takes them: some moment.)
    Writing,
}
