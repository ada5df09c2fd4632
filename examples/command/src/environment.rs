//! Replaces `${NAME}` in a text by the environment's value of that name.

use std::ffi::OsString;

/// Where values of the environment come from.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// What is wrong with a text, and what to do about it.
pub(crate) type Wrong = (String, String);

/// Replaces every `${NAME}`, and every `$${` by `${`. Values that came from the environment are added to
/// `secrets`. The error tells each thing that is wrong.
pub(crate) fn substitute(
    text: &str,
    lookup: Lookup<'_>,
    secrets: &mut Vec<String>,
) -> Result<String, Vec<Wrong>> {
    let (mut replaced, mut wrong, mut rest) = (String::with_capacity(text.len()), Vec::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            replaced.push_str(before);
            replaced.push_str("${");
            rest = after;
            continue;
        }
        replaced.push_str(before);
        let Some((name, after)) = after.split_once('}').filter(|(name, _)| is_name(name)) else {
            wrong.push((
                "`${` begins no `${NAME}`".to_owned(),
                "close it after a name of letters, digits and `_`, or write `$${` for a plain `${`"
                    .to_owned(),
            ));
            return Err(wrong);
        };
        match value(name, lookup) {
            Ok(value) => {
                replaced.push_str(&value);
                secrets.push(value);
            }
            Err(why) => wrong.push(why),
        }
        rest = after;
    }
    replaced.push_str(rest);
    if wrong.is_empty() { Ok(replaced) } else { Err(wrong) }
}

fn value(name: &str, lookup: Lookup<'_>) -> Result<String, Wrong> {
    match lookup(name).map(OsString::into_string) {
        Some(Ok(value)) => Ok(value),
        Some(Err(_)) => Err((
            format!("the environment variable {name} is not UTF-8"),
            "set it to UTF-8 text".to_owned(),
        )),
        None => Err((
            format!("the environment variable {name} is not set"),
            "set it, or write `$${` for a plain `${`".to_owned(),
        )),
    }
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn environment(name: &str) -> Option<OsString> {
        match name {
            "KEY" => Some("s3cret".into()),
            "DOLLAR" => Some("$".into()),
            "NESTED" => Some("${KEY}".into()),
            _ => None,
        }
    }

    fn replaced(text: &str) -> Result<String, Vec<Wrong>> {
        substitute(text, &environment, &mut Vec::new())
    }

    #[test]
    fn values_are_put_in_and_kept_as_secrets() {
        let mut secrets = Vec::new();
        let text = substitute("a ${KEY} b ${KEY}", &environment, &mut secrets).unwrap();
        assert_eq!(text, "a s3cret b s3cret");
        assert_eq!(secrets, ["s3cret", "s3cret"]);
    }

    #[test]
    fn a_doubled_dollar_is_a_plain_one() {
        assert_eq!(replaced("$${KEY} for $5 and $").unwrap(), "${KEY} for $5 and $");
    }

    #[test]
    fn a_value_is_not_looked_at_again() {
        assert_eq!(replaced("${NESTED}").unwrap(), "${KEY}");
        assert_eq!(replaced("${DOLLAR}${KEY}").unwrap(), "$s3cret");
    }

    #[test]
    fn every_name_that_is_not_set_is_told() {
        let wrong = replaced("${ONE} ${KEY} ${TWO}").unwrap_err();
        assert_eq!(wrong.len(), 2);
        assert!(wrong[0].0.contains("ONE") && wrong[1].0.contains("TWO"), "{wrong:?}");
    }

    #[test]
    fn what_is_no_name_is_told() {
        for text in ["${", "${}", "${A B}", "${1A}", "x ${KEY"] {
            assert!(replaced(text).is_err(), "{text}");
        }
    }
}
