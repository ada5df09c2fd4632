//! Turns a source's own configuration into JSON, with values of the environment put in.

use source_contract::configuration::{entry, fill_in, member};
use source_contract::environment::{Lookup, substitute};
use source_contract::secret_key::is_secret_key;
use toml::{Table, Value};

use crate::config::fault::Fault;

/// The table as a JSON text. What is secret in it is added to `secrets`.
pub(super) fn to_json(
    table: Table,
    path: &str,
    environment: Lookup<'_>,
    secrets: &mut Vec<String>,
    faults: &mut Vec<Fault>,
) -> String {
    let mut config = object(table, path, faults);
    match fill_in(&mut config, path, environment) {
        Ok(found) => secrets.extend(found),
        Err(found) => faults.extend(found),
    }
    config.to_string()
}

/// Whether a key of a source stands in the table itself, and does not come from the environment.
pub(super) fn holds_secret(table: &Table) -> bool {
    fn is_secret(value: &Value, secret: bool) -> bool {
        match value {
            Value::String(text) => secret && !text.is_empty() && !text.contains("${"),
            Value::Array(entries) => entries.iter().any(|entry| is_secret(entry, secret)),
            Value::Table(table) => {
                table.iter().any(|(key, value)| is_secret(value, secret || is_secret_key(key)))
            }
            _ => false,
        }
    }
    table.iter().any(|(key, value)| is_secret(value, is_secret_key(key)))
}

/// A text with `${NAME}` replaced; none if that is at fault.
pub(super) fn substituted(
    text: &str,
    path: &str,
    environment: Lookup<'_>,
    secrets: &mut Vec<String>,
    faults: &mut Vec<Fault>,
) -> Option<String> {
    match substitute(text, path, environment) {
        Ok(done) => {
            secrets.extend(done.secrets);
            Some(done.text)
        }
        Err(found) => {
            faults.extend(found);
            None
        }
    }
}

/// A value as JSON has it.
fn json(value: Value, path: &str, faults: &mut Vec<Fault>) -> serde_json::Value {
    match value {
        Value::String(text) => text.into(),
        Value::Integer(number) => number.into(),
        Value::Float(number) if number.is_finite() => number.into(),
        Value::Float(_) => {
            faults.push(Fault::new(
                path,
                "JSON has no such number",
                "write a finite number, or put it in quotes",
            ));
            serde_json::Value::Null
        }
        Value::Boolean(flag) => flag.into(),
        // JSON has no dates: the component gets the text, which is RFC 3339 if it has an offset.
        Value::Datetime(date) => date.to_string().into(),
        Value::Array(entries) => {
            let entries = entries.into_iter().enumerate();
            entries.map(|(index, value)| json(value, &entry(path, index), faults)).collect()
        }
        Value::Table(table) => object(table, path, faults),
    }
}

fn object(table: Table, path: &str, faults: &mut Vec<Fault>) -> serde_json::Value {
    let members = table.into_iter().map(|(name, value)| {
        let value = json(value, &member(path, &name), faults);
        (name, value)
    });
    members.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn whatever_stands_under_the_name_of_a_secret_is_one() {
        let table = "pin = 12.5\npassword = 2026-01-02\nuser = 1.5\ntoken = [{a = 7}]";
        let (mut secrets, mut faults) = (Vec::new(), Vec::new());
        let table = table.parse().unwrap();
        let json = to_json(table, "config", &|_| None, &mut secrets, &mut faults);
        assert_eq!(json, r#"{"password":"2026-01-02","pin":12.5,"token":[{"a":7}],"user":1.5}"#);
        assert_eq!(secrets, ["2026-01-02", "12.5", "7"]);
        assert!(faults.is_empty(), "{faults:?}");
    }

    #[test]
    fn every_fault_is_told_with_its_path() {
        let (mut secrets, mut faults) = (Vec::new(), Vec::new());
        let table = "a = [1, nan]\nb.c = \"${NONE}\"".parse().unwrap();
        to_json(table, "config", &|_| None, &mut secrets, &mut faults);
        let paths: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(paths, ["config.a[1]", "config.b.c"]);
    }
}
