//! One fault of the configuration: where it is, what is wrong, what to do about it.

use std::fmt;

/// One fault of the configuration, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Where, such as `state.path` or `source "acme": allow[1]`.
    pub(crate) path: String,
    /// What is wrong. Never a value of the configuration that could be a secret.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) remedy: String,
}

impl Fault {
    /// A fault at `path`.
    pub(crate) fn new(
        path: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), message: message.into(), remedy: remedy.into() }
    }
}

/// Tells the faults in the log, each on a line, and every one of them.
pub(crate) fn log(faults: &[Fault]) {
    crate::log::in_full(|| {
        for fault in faults {
            tracing::error!("{fault}");
        }
    });
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}
