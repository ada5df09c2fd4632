//! How a host is started: a command, the files that it wants, and what it is known to fall short of.
//!
//! In the command and in the files these stand for what is known only at a run: `{component}`, `{config}`
//! (in the command the path of a file, in a file the configuration itself), `{allow}` (the origins that the
//! source may reach), `{state}` (a folder, the same after a kill), `{output}` (a file for the events;
//! without it they are what the host writes to stdout), `{folder}`, and `{target}` (where cargo builds).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::Value;

/// How a host is started.
#[derive(Debug, Default)]
pub struct Driver {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Files that it is given: JSON, or the lines of a TOML file.
    pub files: BTreeMap<String, Value>,
    /// Scenarios that it is known not to pass, and why.
    pub falls_short: BTreeMap<String, String>,
}

/// What a host is given in one scenario.
pub struct Stage {
    /// The folder of the scenario.
    pub folder: PathBuf,
    /// The probe component, or what this host loads for it.
    pub component: String,
    /// The probe's configuration.
    pub config: Value,
    /// The origins that the probe may reach.
    pub allow: Vec<String>,
    /// Where cargo builds.
    pub target: PathBuf,
}

impl Driver {
    /// A driver of nothing but a command.
    pub fn of_command(command: Vec<String>) -> Self {
        Self { command, ..Self::default() }
    }

    /// Reads one from a file.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text =
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut driver: Value =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let command = driver["command"].as_array().into_iter().flatten().map(text).collect();
        let files = match driver["files"].take() {
            Value::Object(files) => files.into_iter().collect(),
            _ => BTreeMap::new(),
        };
        let reasons = driver["falls_short"].as_object().into_iter().flatten();
        let falls_short = reasons.map(|(name, why)| (name.clone(), text(why))).collect();
        Ok(Self { command, files, falls_short })
    }

    /// Whether events go to a file, not to stdout.
    pub fn writes_a_file(&self) -> bool {
        let named = |text: &str| text.contains("{output}");
        self.command.iter().any(|word| named(word))
            || self.files.values().any(|file| named(&file.to_string()))
    }
}

impl Stage {
    /// The file that events may go to.
    pub fn output(&self) -> PathBuf {
        self.folder.join("events.ndjson")
    }

    /// The file with the probe's configuration.
    pub fn config_path(&self) -> PathBuf {
        self.folder.join("config.json")
    }

    /// The folder that the host keeps what it has to remember in.
    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// Writes what a host is given.
    pub fn set_up(&self, driver: &Driver) -> io::Result<()> {
        fs::create_dir_all(self.state())?;
        fs::write(self.config_path(), self.config.to_string())?;
        driver.files.iter().try_for_each(|(name, file)| {
            let text = match file {
                Value::Array(lines) => {
                    let lines = lines.iter().filter_map(Value::as_str);
                    lines.map(|line| self.fill_line(line) + "\n").collect()
                }
                json => self.fill_json(json).to_string(),
            };
            fs::write(self.folder.join(name), text)
        })
    }

    /// A word of the command.
    pub fn fill(&self, text: &str) -> String {
        let path = |path: PathBuf| path.to_string_lossy().into_owned();
        text.replace("{component}", &self.component)
            .replace("{config}", &path(self.config_path()))
            .replace("{allow}", &self.allow.join(","))
            .replace("{state}", &path(self.state()))
            .replace("{output}", &path(self.output()))
            .replace("{folder}", &path(self.folder.clone()))
            .replace("{target}", &path(self.target.clone()))
    }

    fn fill_json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) if text == "{config}" => self.config.clone(),
            Value::String(text) if text == "{allow}" => self.allow.clone().into(),
            Value::String(text) => self.fill(text).into(),
            Value::Array(items) => items.iter().map(|item| self.fill_json(item)).collect(),
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), self.fill_json(value))).collect()
            }
            other => other.clone(),
        }
    }

    fn fill_line(&self, line: &str) -> String {
        let line = line.replace("{config}", &toml(&self.config));
        self.fill(&line.replace("{allow}", &toml(&self.allow.clone().into())))
    }
}

/// A value as TOML has it on one line.
fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| format!("{name:?} = {}", toml(value));
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        // Texts and numbers are the same in both, but for this one, which TOML wants escaped.
        other => other.to_string().replace('\u{7f}', "\\u007f"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_known_only_at_a_run_is_filled_in() {
        let stage = Stage {
            folder: "/f".into(),
            component: "probe.wasm".into(),
            config: json!({"steps": [{"times": 2, "x-y": "a\"b"}]}),
            allow: vec!["http://a".into(), "http://b".into()],
            target: "/t".into(),
        };
        assert_eq!(
            stage.fill("{target}/x {config} {allow}"),
            "/t/x /f/config.json http://a,http://b"
        );
        let file = json!({"allow": "{allow}", "config": "{config}", "cursor": "{state}/cursor"});
        assert_eq!(
            stage.fill_json(&file),
            json!({"allow": ["http://a", "http://b"], "config": stage.config, "cursor": "/f/state/cursor"})
        );
        assert_eq!(
            stage.fill_line("config = {config}"),
            r#"config = { "steps" = [{ "times" = 2, "x-y" = "a\"b" }] }"#
        );
    }
}
