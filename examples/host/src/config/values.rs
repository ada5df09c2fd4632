//! Turns a source's own configuration into JSON, with values of the environment put in.

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
    let mut conversion = Conversion { environment, secrets, faults };
    conversion.object(table, path, false).to_string()
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
    match substitute(text, environment) {
        Ok(done) => {
            secrets.extend(done.secrets);
            Some(done.text)
        }
        Err(found) => {
            let at_path = |(message, remedy)| Fault::new(path, message, remedy);
            faults.extend(found.into_iter().map(at_path));
            None
        }
    }
}

struct Conversion<'a> {
    environment: Lookup<'a>,
    secrets: &'a mut Vec<String>,
    faults: &'a mut Vec<Fault>,
}

impl Conversion<'_> {
    fn object(&mut self, table: Table, path: &str, secret: bool) -> serde_json::Value {
        let members = table.into_iter().map(|(key, value)| {
            let path = format!("{path}.{}", source_contract::printable::printable(&key));
            let value = self.value(value, &path, secret || is_secret_key(&key));
            (key, value)
        });
        members.collect::<serde_json::Map<_, _>>().into()
    }

    fn value(&mut self, value: Value, path: &str, secret: bool) -> serde_json::Value {
        match value {
            Value::String(text) => {
                let text = substituted(&text, path, self.environment, self.secrets, self.faults)
                    .unwrap_or_default();
                if secret {
                    self.secrets.push(text.clone());
                }
                text.into()
            }
            Value::Integer(number) => {
                if secret {
                    self.secrets.push(number.to_string());
                }
                number.into()
            }
            Value::Float(number) if number.is_finite() => number.into(),
            Value::Float(_) => {
                self.faults.push(Fault::new(
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
                let entries = entries
                    .into_iter()
                    .enumerate()
                    .map(|(index, entry)| self.value(entry, &format!("{path}[{index}]"), secret));
                entries.collect::<Vec<_>>().into()
            }
            Value::Table(table) => self.object(table, path, secret),
        }
    }
}
