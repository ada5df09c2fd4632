//! A source's configuration on its way to the source: values of the environment are put in, and what is
//! secret by its origin or its name becomes known.

use serde_json::Value;

use crate::environment::{Lookup, substitute};
use crate::fault::Fault;
use crate::printable::printable;
use crate::secret_key::is_secret_key;

/// Replaces `${NAME}` in every string of a configuration. Gives what is to be told nowhere: what came
/// from the environment, and every text and number under the name of a secret. Faults are told with
/// paths that begin with `path`.
pub fn fill_in(
    config: &mut Value,
    path: &str,
    environment: Lookup<'_>,
) -> Result<Vec<String>, Vec<Fault>> {
    let mut filling = Filling { environment, secrets: Vec::new(), faults: Vec::new() };
    filling.fill_in(config, path, false);
    if filling.faults.is_empty() { Ok(filling.secrets) } else { Err(filling.faults) }
}

/// The path of a member of what is at `path`.
pub fn member(path: &str, name: &str) -> String {
    let dot = if path.is_empty() { "" } else { "." };
    format!("{path}{dot}{}", printable(name))
}

/// The path of an entry of the list at `path`.
pub fn entry(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

struct Filling<'a> {
    environment: Lookup<'a>,
    secrets: Vec<String>,
    faults: Vec<Fault>,
}

impl Filling<'_> {
    /// `secret` says that all of the value is.
    fn fill_in(&mut self, value: &mut Value, path: &str, secret: bool) {
        match value {
            Value::String(text) => match substitute(text, path, self.environment) {
                Ok(replaced) => {
                    self.secrets.extend(replaced.secrets);
                    *text = replaced.text;
                    if secret {
                        self.secrets.push(text.clone());
                    }
                }
                Err(faults) => self.faults.extend(faults),
            },
            Value::Array(values) => {
                for (index, value) in values.iter_mut().enumerate() {
                    self.fill_in(value, &entry(path, index), secret);
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    self.fill_in(value, &member(path, name), secret || is_secret_key(name));
                }
            }
            Value::Number(number) if secret => self.secrets.push(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn filled(mut config: Value) -> Result<(Value, Vec<String>), Vec<String>> {
        let environment = |name: &str| (name == "KEY").then(|| "s3cret".into());
        match fill_in(&mut config, "", &environment) {
            Ok(secrets) => Ok((config, secrets)),
            Err(faults) => Err(faults.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn strings_are_filled_in_at_any_depth_and_names_are_not() {
        let config = json!({"a": "${KEY}", "b": [1, {"c": "x${KEY}"}], "${KEY}": true});
        let (config, secrets) = filled(config).unwrap();
        assert_eq!(config, json!({"${KEY}": true, "a": "s3cret", "b": [1, {"c": "xs3cret"}]}));
        assert_eq!(secrets, ["s3cret", "s3cret"]);
    }

    #[test]
    fn what_stands_under_the_name_of_a_secret_is_one_wherever_it_came_from() {
        let config = json!({
            "app_key": 12345, "auth": {"Client_Secret": ["wr1tten", {"any": 1.5}], "id": "plain"},
            "token": true, "waits": 9,
        });
        assert_eq!(filled(config).unwrap().1, ["12345", "wr1tten", "1.5"]);
    }

    #[test]
    fn every_fault_is_told_with_its_path() {
        let faults = filled(json!({"auth": {"keys": ["", "${NONE}"]}, "x\n": "${"})).unwrap_err();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("auth.keys[1]: the environment variable NONE is not set; "));
        assert!(faults[1].starts_with("x\\u{a}: "), "{faults:?}");
        let mut config = json!({"a": "${"});
        let faults = fill_in(&mut config, "source \"s\": config", &|_| None).unwrap_err();
        assert_eq!(faults[0].path, "source \"s\": config.a");
    }
}
