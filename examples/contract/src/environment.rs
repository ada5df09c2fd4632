//! Replaces `${NAME}` in a text by the environment's value of that name.

use crate::fault::Fault;

/// Where values of the environment come from.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<std::ffi::OsString>;

/// A text after substitution.
#[derive(PartialEq, Eq)]
pub struct Substituted {
    /// The text, every `${NAME}` replaced and every `$${` turned into `${`.
    pub text: String,
    /// The values that came from the environment: secrets, all of them.
    pub secrets: Vec<String>,
}

/// Replaces every `${NAME}` of the text, which stands at `path` of a configuration. The error tells each
/// thing that is wrong.
pub fn substitute(text: &str, path: &str, lookup: Lookup<'_>) -> Result<Substituted, Vec<Fault>> {
    let fault = |message: String, remedy: &str| Fault::new(path, message, remedy);
    let mut out = String::with_capacity(text.len());
    let (mut secrets, mut faults) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at - 1]);
            out.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let name = rest[at + 2..].split_once('}').filter(|(name, _)| is_name(name));
        let Some((name, after)) = name else {
            faults.push(fault(
                "`${` begins no `${NAME}`".to_owned(),
                "close it after a name of letters, digits and `_`, or write `$${` for a plain `${`",
            ));
            return Err(faults);
        };
        match lookup(name).map(std::ffi::OsString::into_string) {
            Some(Ok(value)) => {
                out.push_str(&value);
                secrets.push(value);
            }
            Some(Err(_)) => faults.push(fault(
                format!("the environment variable {name} is not UTF-8"),
                "set it to UTF-8 text",
            )),
            None => faults.push(fault(
                format!("the environment variable {name} is not set"),
                "set it, or write `$${` for a plain `${`",
            )),
        }
        rest = after;
    }
    out.push_str(rest);
    if faults.is_empty() { Ok(Substituted { text: out, secrets }) } else { Err(faults) }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::ffi::OsString;

    use super::*;

    fn environment(name: &str) -> Option<OsString> {
        match name {
            "KEY" => Some("s3cret".into()),
            "DOLLAR" => Some("$".into()),
            "NESTED" => Some("${KEY}".into()),
            _ => None,
        }
    }

    fn text(input: &str) -> String {
        substitute(input, "a", &environment).ok().unwrap().text
    }

    #[test]
    fn names_are_replaced_and_told_as_secrets() {
        let done = substitute("a ${KEY} b ${KEY}", "a", &environment).ok().unwrap();
        assert_eq!(done.text, "a s3cret b s3cret");
        assert_eq!(done.secrets, ["s3cret", "s3cret"]);
    }

    #[test]
    fn a_doubled_dollar_is_a_plain_one() {
        assert_eq!(text("$${KEY} costs $5 and $ {x}"), "${KEY} costs $5 and $ {x}");
    }

    #[test]
    fn a_value_is_not_looked_at_again() {
        assert_eq!(text("${NESTED}"), "${KEY}");
        assert_eq!(text("${DOLLAR}${KEY}"), "$s3cret");
    }

    #[test]
    fn every_name_that_is_not_set_is_told() {
        let faults = substitute("${ONE}${TWO}", "a", &environment).err().unwrap();
        assert_eq!(faults.len(), 2);
        assert!(faults[0].message.contains("ONE") && faults[1].message.contains("TWO"));
        assert!(faults.iter().all(|fault| fault.path == "a"));
    }

    #[test]
    fn a_malformed_name_is_a_fault() {
        for input in ["${", "${}", "${A B}", "${1A}", "x ${KEY"] {
            assert!(substitute(input, "a", &environment).is_err(), "{input}");
        }
    }
}
