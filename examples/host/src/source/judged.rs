//! What a component gave, once it was judged: as the contract has it, or an error of the component.

use source_contract::batch::Event;
use source_contract::{aside, batch};

use crate::bindings::{Batch, Notice, PollError, Report, Stats};
use crate::sandbox::CallFailure;
use crate::source::failure::{of_call, protocol};

/// What a call came to. Nothing of what is beyond the contract's bounds is taken.
#[expect(clippy::result_large_err, reason = "the contract's own type, once a call")]
pub(crate) fn judged<T: Judged>(
    outcome: Result<Result<T, PollError>, CallFailure>,
) -> Result<T, PollError> {
    match outcome.map_err(of_call)? {
        Ok(given) => given.check().map_err(protocol).map(|()| given),
        Err(error) => {
            check_aside(Some(&error.code), &error.notices, &error.stats).map_err(protocol)?;
            Err(error)
        }
    }
}

/// What a call gives.
pub(crate) trait Judged {
    /// Whether it keeps to the contract. The error says how it does not.
    fn check(&self) -> Result<(), String>;
}

impl Judged for Batch {
    fn check(&self) -> Result<(), String> {
        let events = self.events.iter();
        let events =
            events.map(|event| Event { id: &event.id, kind: &event.kind, body: &event.body });
        batch::check(&self.cursor, events)?;
        check_aside(None, &self.notices, &self.stats)
    }
}

impl Judged for Report {
    fn check(&self) -> Result<(), String> {
        check_aside(None, &self.notices, &self.stats)
    }
}

/// A cursor in words.
impl Judged for Vec<(String, String)> {
    fn check(&self) -> Result<(), String> {
        aside::check_pairs(self.len())
    }
}

fn check_aside(code: Option<&str>, notices: &[Notice], stats: &Stats) -> Result<(), String> {
    let notices = notices.iter().map(|notice| notice.code.as_str());
    aside::check(code, notices, stats.counters.iter().map(|counter| counter.name.as_str()))
}
