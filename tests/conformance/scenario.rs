//! A scenario as its file has it: how a source is called, what the world around it is like, and what
//! must come of it. README.md beside this file describes the form.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What a file holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What it shows, for a person.
    #[serde(rename = "about")]
    _about: String,
    /// Made one after the other to one instance.
    pub(crate) calls: Vec<Call>,
}

/// One call of an exported function.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    pub(crate) function: Function,
    /// Handed over as JSON text; a string is that text itself.
    #[serde(default)]
    config: Value,
    cursor: Option<Cursor>,
    /// One for each reading of the clock, and for each draw of random bytes; the last one stays.
    #[serde(default)]
    pub(crate) moments: Vec<Moment>,
    /// In this order, whatever is asked.
    #[serde(default)]
    exchanges: Vec<Exchange>,
    /// What must come of it.
    outcome: Value,
}

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Function {
    Describe,
    Validate,
    Check,
    Poll,
    ExplainCursor,
}

/// What the host's clock shows, and what its source of randomness gives.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Moment {
    /// Unix time in milliseconds.
    pub(crate) clock_ms: u64,
    /// In hex; of more bytes than these are drawn, they come again.
    random: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Cursor {
    /// The one that an earlier call of the scenario gave.
    OfCall {
        of_call: usize,
    },
    Text(Text),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    /// What must have been sent.
    request: Value,
    reply: Reply,
}

/// What comes back of a request.
#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Reply {
    Response {
        status: u16,
        headers: Vec<(String, String)>,
        body: Body,
    },
    /// A case of `http-error`, and its text.
    Error {
        error: (String, String),
    },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Body {
    Text(Text),
    /// What is not UTF-8, in hex.
    Bytes {
        hex: String,
    },
}

/// A text, or how to make one that is too long to be written out.
#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Text {
    Whole(String),
    /// `each`, `count` times, with its number, of eight digits, for `{n}`.
    Repeated {
        before: String,
        each: String,
        between: String,
        count: u32,
        after: String,
    },
}

/// The names of all scenarios, `FOLDER/NAME`, and what is in their files, in order.
pub(crate) fn all(dir: &Path) -> Vec<(String, String)> {
    let is_scenario = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
    let mut paths: Vec<PathBuf> = files(dir).into_iter().filter(is_scenario).collect();
    paths.sort();
    let named = |path: &PathBuf| {
        let name = path.strip_prefix(dir).expect("it lies there").with_extension("");
        let text = fs::read_to_string(path).expect("a scenario can be read");
        (name.to_string_lossy().into_owned(), text)
    };
    paths.iter().map(named).collect()
}

/// All files below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("the scenarios are there");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

impl Scenario {
    pub(crate) fn parse(name: &str, text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The transcript that must come of it, to the byte.
    pub(crate) fn expected(&self) -> String {
        let calls = self.calls.iter().map(|call| {
            let requests = call.exchanges.iter().map(|exchange| &exchange.request);
            json!({"outcome": call.outcome, "requests": requests.collect::<Vec<_>>()})
        });
        Value::from(calls.collect::<Vec<_>>()).to_string()
    }
}

impl Call {
    pub(crate) fn config(&self) -> String {
        match &self.config {
            Value::String(text) => text.clone(),
            config => config.to_string(),
        }
    }

    /// The cursor that it is made with, given the cursors of the batches of all calls before it.
    pub(crate) fn cursor(&self, earlier: &[Option<String>]) -> Option<String> {
        self.cursor.as_ref().map(|cursor| match cursor {
            Cursor::OfCall { of_call } => earlier[*of_call].clone().expect("that call gave one"),
            Cursor::Text(text) => text.text(),
        })
    }

    /// The reply to the request of this number.
    pub(crate) fn reply(&self, number: usize) -> Option<&Reply> {
        self.exchanges.get(number).map(|exchange| &exchange.reply)
    }

    /// The moment of this number.
    pub(crate) fn moment(&self, number: usize) -> &Moment {
        self.moments.get(number).or(self.moments.last()).expect("a call that asks has a moment")
    }
}

impl Moment {
    pub(crate) fn random(&self, len: usize) -> Vec<u8> {
        bytes(&self.random).into_iter().cycle().take(len).collect()
    }
}

impl Body {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.text().into_bytes(),
            Self::Bytes { hex } => bytes(hex),
        }
    }
}

impl Text {
    fn text(&self) -> String {
        match self {
            Self::Whole(text) => text.clone(),
            Self::Repeated { before, each, between, count, after } => {
                let each = (0..*count).map(|n| each.replace("{n}", &format!("{n:08}")));
                format!("{before}{}{after}", each.collect::<Vec<_>>().join(between))
            }
        }
    }
}

/// The outcome of a call as it stands in a transcript: of one that is long, length and SHA-256.
pub(crate) fn outcome(whole: Value) -> Value {
    let text = whole.to_string();
    if text.len() <= OUTCOME_BYTES_MAX {
        return whole;
    }
    json!({"bytes": text.len(), "sha256": format!("{:x}", Sha256::digest(&text))})
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|digit| u8::try_from(digit.to_digit(16).expect("hex")).expect("a digit is small"))
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

const OUTCOME_BYTES_MAX: usize = 64 * 1024;
