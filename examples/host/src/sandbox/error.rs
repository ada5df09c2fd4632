//! Why a component cannot be used, and an engine's errors in words.

use std::fmt;

use source_contract::printable::printable;
use wasmtime::OutOfMemory;

use crate::machine::shortage::Shortage;

/// Why a component cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentError {
    /// It is none that this host runs.
    Unusable(String),
    /// It was not compiled in time.
    TooSlow(String),
    /// The machine, or what the process may have of it, is short of something.
    Short(String),
}

impl ComponentError {
    /// An error of the engine, in these words if it is the component's fault.
    pub(crate) fn of(
        error: &wasmtime::Error,
        told: impl FnOnce(&wasmtime::Error) -> String,
    ) -> Self {
        short(error).map_or_else(|| Self::Unusable(told(error)), Self::Short)
    }

    /// A file that cannot be read.
    pub(crate) fn unreadable(error: &std::io::Error) -> Self {
        let why = format!("the file cannot be read: {error}");
        match Shortage::of(error) {
            Some(shortage) => Self::Short(format!("{why}; {}", shortage.remedy())),
            None => Self::Unusable(why),
        }
    }

    /// An engine that cannot be set up.
    pub(super) fn engine(error: &wasmtime::Error) -> Self {
        let told =
            |error: &_| format!("the WebAssembly engine cannot be set up: {}", one_line(error));
        Self::of(error, told)
    }
}

impl fmt::Display for ComponentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(why) | Self::TooSlow(why) | Self::Short(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ComponentError {}

/// What an error of the engine says the machine is short of, and what to do about it.
pub(super) fn short(error: &wasmtime::Error) -> Option<String> {
    // The engine has its own types of the system's errors: the text is what they share.
    let of_system = error.chain().find_map(|cause| {
        let told = cause.to_string();
        Some((Shortage::of_text(&told)?, told))
    });
    let of_engine = || Some((Shortage::Memory, error.downcast_ref::<OutOfMemory>()?.to_string()));
    let (shortage, told) = of_system.or_else(of_engine)?;
    Some(format!("this machine is short of what it takes: {told}; {}", shortage.remedy()))
}

/// An error of the engine without its line breaks.
pub(crate) fn one_line(error: &wasmtime::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause.to_string().replace('\n', " "));
    }
    printable(&text)
}
