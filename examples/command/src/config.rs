//! The source's configuration: where it is, and what of it comes from the environment.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;
use source_contract::environment::{Lookup, substitute};
use source_contract::secret_key::is_secret_key;

/// A configuration as the source takes it.
#[derive(Debug)]
pub(crate) struct Config {
    /// Holds secrets.
    pub(crate) json: String,
    /// What came from the environment, and what is under names of secrets.
    pub(crate) secrets: Vec<String>,
}

/// What is wrong with a configuration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Member names joined by dots, with indices in brackets; empty for all of it.
    pub(crate) path: String,
    pub(crate) message: String,
    pub(crate) remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, message, remedy } = self;
        let path = if path.is_empty() { "configuration" } else { path };
        write!(f, "{path}: {message}; {remedy}")
    }
}

/// Reads the configuration from a file, or else from the environment.
pub(crate) fn load(file: Option<&Path>, lookup: Lookup<'_>) -> Result<Config, Vec<Fault>> {
    let text = match file {
        Some(file) => read(file),
        None => match lookup(VARIABLE).map(std::ffi::OsString::into_string) {
            Some(Ok(text)) => Ok(text),
            Some(Err(_)) => Err(whole(format!("{VARIABLE} is not UTF-8"), "set it to JSON")),
            None => Err(whole(
                "there is none".to_owned(),
                format!("give --config FILE, or set the environment variable {VARIABLE}"),
            )),
        },
    };
    let text = text.map_err(|fault| vec![fault])?;
    if text.len() as u64 > BYTES_MAX {
        return Err(vec![whole(format!("it is larger than {BYTES_MAX} bytes"), "make it smaller")]);
    }
    let mut value = serde_json::from_str(&text).map_err(|error| {
        // The error's own text may repeat a value.
        let (line, column) = (error.line(), error.column());
        vec![whole(format!("it is no JSON from line {line}, column {column} on"), "mend it there")]
    })?;
    let (mut secrets, mut faults) = (Vec::new(), Vec::new());
    fill_in(&mut value, "", false, lookup, &mut secrets, &mut faults);
    if faults.is_empty() { Ok(Config { json: value.to_string(), secrets }) } else { Err(faults) }
}

fn read(file: &Path) -> Result<String, Fault> {
    let cannot = |error: std::io::Error| {
        whole(
            format!("{} cannot be read: {error}", file.display()),
            "give --config a file of UTF-8 text in a directory that the runtime grants",
        )
    };
    let mut text = String::new();
    let opened = File::open(file).map_err(cannot)?;
    opened.take(BYTES_MAX + 1).read_to_string(&mut text).map_err(cannot)?;
    Ok(text)
}

/// Replaces `${NAME}` in every string below, and gathers what is to be told nowhere: `secret` says that
/// all of it is.
fn fill_in(
    value: &mut Value,
    path: &str,
    secret: bool,
    lookup: Lookup<'_>,
    secrets: &mut Vec<String>,
    faults: &mut Vec<Fault>,
) {
    match value {
        Value::String(text) => match substitute(text, lookup) {
            Ok(replaced) => {
                secrets.extend(replaced.secrets);
                *text = replaced.text;
                if secret {
                    secrets.push(text.clone());
                }
            }
            Err(wrong) => faults.extend(wrong.into_iter().map(|(message, remedy)| Fault {
                path: path.to_owned(),
                message,
                remedy,
            })),
        },
        Value::Array(values) => {
            for (index, value) in values.iter_mut().enumerate() {
                fill_in(value, &format!("{path}[{index}]"), secret, lookup, secrets, faults);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                let dot = if path.is_empty() { "" } else { "." };
                let secret = secret || is_secret_key(name);
                fill_in(value, &format!("{path}{dot}{name}"), secret, lookup, secrets, faults);
            }
        }
        Value::Number(number) if secret => secrets.push(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn whole(message: String, remedy: impl Into<String>) -> Fault {
    Fault { path: String::new(), message, remedy: remedy.into() }
}

/// Holds the configuration if no file does.
const VARIABLE: &str = "SOURCE_CONFIG";
const BYTES_MAX: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::ffi::OsString;

    use super::*;

    fn from_variable(json: &str) -> Result<Config, Vec<Fault>> {
        load(None, &|name| match name {
            VARIABLE => Some(json.into()),
            "KEY" => Some("s3cret".into()),
            _ => None,
        })
    }

    #[test]
    fn strings_are_filled_in_at_any_depth() {
        let json = r#"{"a": "${KEY}", "b": [1, {"c": "x${KEY}"}], "${KEY}": true}"#;
        let config = from_variable(json).unwrap();
        assert_eq!(config.json, r#"{"${KEY}":true,"a":"s3cret","b":[1,{"c":"xs3cret"}]}"#);
        assert_eq!(config.secrets, ["s3cret", "s3cret"]);
    }

    #[test]
    fn what_stands_under_the_name_of_a_secret_is_one_wherever_it_came_from() {
        let json = r#"{"auth": {"Client_Secret": ["wr1tten"], "id": "plain", "app_key": 12345}}"#;
        assert_eq!(from_variable(json).unwrap().secrets, ["wr1tten", "12345"]);
    }

    #[test]
    fn a_name_that_is_not_set_is_told_with_its_path() {
        let faults = from_variable(r#"{"auth": {"keys": ["", "${NONE}"]}, "x": "${"}"#);
        let faults: Vec<String> = faults.unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("auth.keys[1]: the environment variable NONE is not set; "));
        assert!(faults[1].starts_with("x: "), "{faults:?}");
    }

    #[test]
    fn no_configuration_is_a_fault_that_names_both_places() {
        let faults = load(None, &|_| None).unwrap_err();
        let told = faults[0].to_string();
        assert!(told.contains("--config") && told.contains(VARIABLE), "{told}");
    }

    #[test]
    fn what_is_no_json_is_told_by_its_place_alone() {
        let faults = from_variable("{\"a\":\n s3cret}").unwrap_err();
        assert!(faults[0].message.contains("line 2"), "{faults:?}");
        assert!(!faults[0].to_string().contains("s3cret"), "{faults:?}");
    }

    #[test]
    fn a_file_goes_before_the_environment() {
        let dir =
            std::env::temp_dir().join(format!("source-command-config-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = dir.join("config.json");
        std::fs::write(&file, r#"{"from": "file"}"#).unwrap();
        let environment = |_: &str| Some(OsString::from("{}"));
        assert_eq!(load(Some(&file), &environment).unwrap().json, r#"{"from":"file"}"#);
        std::fs::write(&file, vec![b' '; usize::try_from(BYTES_MAX).unwrap() + 1]).unwrap();
        let faults = load(Some(&file), &environment).unwrap_err();
        assert!(faults[0].message.contains("larger"), "{faults:?}");
        std::fs::remove_dir_all(&dir).unwrap();
        let faults = load(Some(&file), &environment).unwrap_err();
        assert!(faults[0].message.contains("config.json"), "{faults:?}");
    }
}
