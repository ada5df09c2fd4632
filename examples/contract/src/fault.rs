//! One fault of a configuration: where it is, what is wrong, what to do about it.

use std::fmt;

/// One fault of a configuration, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where: member names joined by dots, with indices in brackets. Empty for all of it.
    pub path: String,
    /// What is wrong. Never a value of the configuration that could be a secret.
    pub message: String,
    /// What to do about it. Empty if nobody knows.
    pub remedy: String,
}

impl Fault {
    /// A fault at `path`.
    pub fn new(
        path: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), message: message.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, message, remedy } = self;
        let path = if path.is_empty() { "configuration" } else { path };
        write!(f, "{path}: {message}")?;
        if remedy.is_empty() { Ok(()) } else { write!(f, "; {remedy}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_of_a_fault_is_left_out() {
        assert_eq!(
            Fault::new("a.b[1]", "is wrong", "mend it").to_string(),
            "a.b[1]: is wrong; mend it"
        );
        assert_eq!(Fault::new("", "is wrong", "").to_string(), "configuration: is wrong");
    }
}
