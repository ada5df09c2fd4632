//! Takes events to nowhere, on purpose: to see what a source gives, or how fast.

use crate::bindings::Event;
use crate::output::{Output, OutputError};
use crate::state::Mark;

/// An output without a place. Cursors are stored all the same.
pub(crate) struct Blackhole;

impl Output for Blackhole {
    fn check(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn write(&mut self, _source: &str, _events: &[Event]) -> Result<(), OutputError> {
        Ok(())
    }

    fn sync(&mut self) -> Result<Option<Mark>, OutputError> {
        Ok(None)
    }

    fn committed(&mut self) {}

    fn roll_back(&mut self) -> bool {
        true
    }

    fn may_group(&self) -> bool {
        true
    }
}
