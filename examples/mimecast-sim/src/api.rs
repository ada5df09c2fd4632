//! The simulated API without its network: how a request comes to its endpoint, and to its answer.

pub(crate) mod logs;
pub(crate) mod oauth;
pub(crate) mod state;
pub(crate) mod stats;

use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::{HeaderMap, Method};

use crate::answer::failure::before_execution;
use crate::answer::outcome::{Outcome, error_json};
use crate::answer::style::RateHeaders;
use crate::answer::{Answer, Ending};
use crate::api::oauth::TOKEN_PATH;
use crate::api::state::State;
use crate::api::stats::{Stats, Tally};
use crate::clock::Clock;
use crate::date::{api_date, http_date};
use crate::fault::{Fault, Target};
use crate::gate::bearer;
use crate::options::{Log, Options};
use crate::request::{Request, query};

/// The simulated API without its network.
pub(crate) struct Api {
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    state: Mutex<State>,
}

impl Api {
    pub(crate) fn new(options: Options) -> Result<Self, String> {
        let clock = Clock::new(options.clock);
        let state = State::new(&options, clock.now_ms())?;
        Ok(Self { options, clock, state: Mutex::new(state) })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut state = self.state();
        state.world.advance(self.clock.now_secs());
        Stats {
            rows_visible: state.world.visible_count() as u64,
            rows_hidden: state.world.hidden_count() as u64,
            ..state.tally.stats.clone()
        }
    }

    /// Answers a request to any API path.
    pub(crate) fn answer(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Answer {
        let now_ms = self.clock.now_ms();
        let mut state = self.state();
        let state = &mut *state;
        let skew_secs = match state.tally.answered() % 2 {
            0 => 0,
            _ => self.options.second_node_skew_secs,
        };
        let node_secs = now_ms.div_euclid(1000).saturating_add(skew_secs);
        let request = Request { now_ms, node_secs, method, path, headers, body };
        let parsed = query::parse(request.body);
        let target = match path {
            TOKEN_PATH => Target::Token,
            _ => Target::Page {
                later: matches!(&parsed, Ok((_, Some(_)))),
                bearer: bearer(headers).is_some(),
            },
        };
        let mishap = state.faults.next(target);
        let fault = mishap.fault.as_ref();

        let never_executed = fault.and_then(|fault| before_execution(fault, node_secs));
        let mut outcome = match (never_executed, target) {
            (Some(outcome), _) => outcome,
            (None, Target::Token) => oauth::answer(&mut state.gate, &request, fault),
            (None, Target::Page { .. }) if !state.meter.spend(now_ms) => {
                Outcome::new("quota", 429, error_json("429 Quota Exceeded"))
            }
            (None, Target::Page { .. }) => {
                logs::answer(&self.options, state, &request, parsed, fault)
            }
        };
        if fault == Some(&Fault::CutJson) {
            outcome.halve();
        }
        if let Some(fault @ (Fault::Cut | Fault::CutJson | Fault::Drop)) = fault {
            (outcome.name, outcome.rows) = (format!("fault {}", fault.name()), 0);
        }
        self.note(&mut state.tally, &request, target, &outcome);
        let ending = match fault {
            Some(Fault::Cut) => Ending::Cut,
            Some(Fault::Drop) => Ending::Dropped,
            _ => Ending::Whole,
        };
        // A request for a token looks at the quota, and leaves it as it is.
        let mut meter = state.meter;
        let mut allowance = meter.allowance(now_ms);
        if target != Target::Token {
            state.meter = meter;
        }
        if let Some(reset_ms) = outcome.reset_ms {
            (allowance.remaining, allowance.reset_ms) = (0, reset_ms);
        }
        let mut answer = outcome.into_answer(ending, mishap.delay_ms, self.options.style.bom);
        for (name, value) in [
            ("Limit", u64::from(allowance.limit)),
            ("Remaining", u64::from(allowance.remaining)),
            ("Reset", allowance.reset_ms),
        ] {
            let name = rate_header(self.options.style.rate_headers, name);
            answer.headers.push((name, value.to_string()));
        }
        answer.headers.push(("Date", http_date(request.node_secs)));
        answer
    }

    /// Counts a request, and tells it on stderr if that is wanted.
    fn note(&self, tally: &mut Tally, request: &Request<'_>, target: Target, outcome: &Outcome) {
        let Outcome { name, status, rows, .. } = outcome;
        let told = match target {
            Target::Token => {
                tally.add_token(name);
                format!("token request {}: {status} {name}", tally.stats.token_requests)
            }
            Target::Page { .. } => {
                tally.add(request.now_ms, request.body, name.clone(), *rows);
                format!("request {}: {status} {name}, {rows} rows", tally.stats.requests)
            }
        };
        if self.options.log == Log::Stderr {
            eprintln!("{} {told}", api_date(request.now_secs()));
        }
    }
}

fn rate_header(style: RateHeaders, name: &str) -> &'static str {
    match (style, name) {
        (RateHeaders::Joined, "Limit") => "X-RateLimit-Limit",
        (RateHeaders::Joined, "Remaining") => "X-RateLimit-Remaining",
        (RateHeaders::Joined, _) => "X-RateLimit-Reset",
        (RateHeaders::Dashed, "Limit") => "X-Rate-Limit-Limit",
        (RateHeaders::Dashed, "Remaining") => "X-Rate-Limit-Remaining",
        (RateHeaders::Dashed, _) => "X-Rate-Limit-Reset",
    }
}
