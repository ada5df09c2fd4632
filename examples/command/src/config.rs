//! The source's configuration: where it is, and what of it comes from the environment.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use source_contract::configuration::fill_in;
use source_contract::environment::Lookup;
use source_contract::fault::Fault;
use source_contract::schema;

/// A configuration as the source takes it.
pub(crate) struct Config {
    /// Holds secrets.
    pub(crate) json: String,
    /// What is to be told nowhere.
    pub(crate) secrets: Vec<String>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").finish_non_exhaustive()
    }
}

impl Config {
    /// The same, with what the source's own schema marks as secret taken for secret.
    pub(crate) fn heed(mut self, schema: &str) -> Result<Self, Vec<Fault>> {
        let marked = schema::secrets(schema, &self.json)
            .map_err(|why| vec![whole(why, "compose the command with another source")])?;
        self.secrets.extend(marked);
        Ok(self)
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
    let secrets = fill_in(&mut value, "", lookup)?;
    Ok(Config { json: value.to_string(), secrets })
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

fn whole(message: String, remedy: impl Into<String>) -> Fault {
    Fault::new("", message, remedy)
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
    fn values_of_the_environment_are_put_in_and_known_as_secrets() {
        let config = from_variable(r#"{"auth": {"any": "${KEY}", "app_key": 12345}}"#).unwrap();
        assert_eq!(config.json, r#"{"auth":{"any":"s3cret","app_key":12345}}"#);
        assert_eq!(config.secrets, ["s3cret", "12345"]);
        let faults = from_variable(r#"{"a": ["${NONE}"]}"#).unwrap_err();
        assert_eq!(faults[0].path, "a[0]");
    }

    #[test]
    fn what_the_schema_of_the_source_marks_is_a_secret_whatever_its_name() {
        let schema = r#"{"properties": {"user": {}, "word": {"writeOnly": true}}}"#;
        let config = from_variable(r#"{"user": "plain", "word": "m4rked"}"#).unwrap();
        assert!(config.secrets.is_empty());
        assert_eq!(config.heed(schema).unwrap().secrets, ["m4rked"]);
        let faults = from_variable("{}").unwrap().heed(&" ".repeat(2 << 20)).unwrap_err();
        assert!(faults[0].message.contains("schema"), "{faults:?}");
    }

    #[test]
    fn a_configuration_that_is_printed_shows_no_secret() {
        let config = from_variable(r#"{"a": "${KEY}"}"#).unwrap();
        assert!(!format!("{config:?}").contains("s3cret"));
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
