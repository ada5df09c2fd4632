//! The source that is driven.

use crate::bindings::{self, Batch, Diagnostic, PollError};
use crate::config::Fault;

/// What a source can do, as far as a driver needs it.
pub(crate) trait Source {
    /// Every fault of a configuration.
    fn validate(&self, config: &str) -> Result<(), Vec<Fault>>;
    /// One page.
    fn poll(&mut self, config: &str, cursor: Option<&str>) -> Result<Batch, Box<PollError>>;
}

/// The one that the composition plugs in.
pub(crate) struct Imported;

impl Source for Imported {
    fn validate(&self, config: &str) -> Result<(), Vec<Fault>> {
        let told = |fault: Diagnostic| Fault {
            path: fault.path,
            message: fault.message,
            remedy: fault.remedy,
        };
        bindings::validate(config).map_err(|faults| faults.into_iter().map(told).collect())
    }

    fn poll(&mut self, config: &str, cursor: Option<&str>) -> Result<Batch, Box<PollError>> {
        bindings::poll(config, cursor).map_err(Box::new)
    }
}
