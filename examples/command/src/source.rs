//! The source that is driven: the one that the composition plugs in.

use source_contract::fault::Fault;

use crate::bindings::{self, Batch, Diagnostic, PollError};

/// The JSON Schema of its configuration.
pub(crate) fn schema() -> String {
    bindings::describe().config_schema
}

/// Every fault of a configuration.
pub(crate) fn validate(config: &str) -> Result<(), Vec<Fault>> {
    let fault = |found: Diagnostic| Fault::new(found.path, found.message, found.remedy);
    bindings::validate(config).map_err(|found| found.into_iter().map(fault).collect())
}

/// What the loop polls: a test has its own.
pub(crate) trait Source {
    /// One page.
    fn poll(&mut self, config: &str, cursor: Option<&str>) -> Result<Batch, Box<PollError>>;
}

/// The source itself.
pub(crate) struct Imported;

impl Source for Imported {
    fn poll(&mut self, config: &str, cursor: Option<&str>) -> Result<Batch, Box<PollError>> {
        bindings::poll(config, cursor).map_err(Box::new)
    }
}
