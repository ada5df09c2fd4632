//! Why a command did not do what was asked for.

use crate::commands::exit::Exit;
use crate::ledger::LedgerError;
use crate::ledger::opening::Unopened;
use crate::sandbox::{CallFailure, ComponentError};
use crate::state::StateError;

/// Why, for a person, and how that ends the command.
pub(super) struct Refusal {
    pub(super) exit: Exit,
    pub(super) why: String,
}

impl Refusal {
    /// What was asked for, or what the configuration names, is at fault.
    pub(super) fn usage(why: impl Into<String>) -> Self {
        Self { exit: Exit::Misconfigured, why: why.into() }
    }

    /// It could not be done.
    pub(super) fn failed(why: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, why: why.into() }
    }

    /// The same in other words.
    pub(super) fn put(self, words: impl FnOnce(&str) -> String) -> Self {
        Self { exit: self.exit, why: words(&self.why) }
    }
}

impl From<ComponentError> for Refusal {
    fn from(error: ComponentError) -> Self {
        match error {
            ComponentError::Unusable(why) => Self::usage(why),
            ComponentError::TooSlow(why) | ComponentError::Short(why) => Self::failed(why),
        }
    }
}

impl From<CallFailure> for Refusal {
    fn from(failure: CallFailure) -> Self {
        match failure {
            CallFailure::Component(why) => Self::usage(why),
            CallFailure::Short(why) => Self::failed(why),
        }
    }
}

impl From<Unopened> for Refusal {
    fn from(why: Unopened) -> Self {
        match why {
            Unopened::Later(why) => Self::failed(why),
            Unopened::Never(why) => Self::failed(why.join("\n")),
        }
    }
}

impl From<LedgerError> for Refusal {
    fn from(error: LedgerError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        Self::failed(error.to_string())
    }
}
