//! One table of the configuration file: gives out its values by type, and tells what is left over.

use std::ops::RangeInclusive;

use toml::{Table, Value};

use crate::config::digest::Digest;
use crate::config::fault::Fault;

/// One table of the file. What is taken from it is known; what remains at the end is a fault.
pub(super) struct Section {
    /// What a path within it begins with.
    prefix: String,
    table: Table,
    known: Vec<&'static str>,
}

impl Section {
    pub(super) fn new(prefix: impl Into<String>, table: Table) -> Self {
        Self { prefix: prefix.into(), table, known: Vec::new() }
    }

    /// Gives its paths another beginning.
    pub(super) fn call(&mut self, prefix: String) {
        self.prefix = prefix;
    }

    pub(super) fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    pub(super) fn fault(&self, key: &str, message: &str, remedy: &str) -> Fault {
        Fault::new(self.path(key), message, remedy)
    }

    pub(super) fn text(&mut self, key: &'static str, faults: &mut Vec<Fault>) -> Option<String> {
        self.filled_text(key, "give it a value, or leave it out", faults)
    }

    fn filled_text(
        &mut self,
        key: &'static str,
        remedy: &str,
        faults: &mut Vec<Fault>,
    ) -> Option<String> {
        match self.take(key)? {
            Value::String(text) if !text.is_empty() => Some(text),
            Value::String(_) => {
                faults.push(self.fault(key, "is empty", remedy));
                None
            }
            _ => self.wrong(key, "a string", faults),
        }
    }

    pub(super) fn required_text(
        &mut self,
        key: &'static str,
        faults: &mut Vec<Fault>,
    ) -> Option<String> {
        if !self.table.contains_key(key) {
            self.known.push(key);
            faults.push(self.fault(key, "is missing", "add it"));
            return None;
        }
        self.filled_text(key, "give it a value", faults)
    }

    pub(super) fn boolean(&mut self, key: &'static str, faults: &mut Vec<Fault>) -> Option<bool> {
        match self.take(key)? {
            Value::Boolean(value) => Some(value),
            _ => self.wrong(key, "true or false", faults),
        }
    }

    /// A whole number within bounds.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<u64>,
        faults: &mut Vec<Fault>,
    ) -> Option<u64> {
        let number = match self.take(key)? {
            Value::Integer(number) => u64::try_from(number).ok(),
            _ => None,
        };
        let number = number.filter(|number| bounds.contains(number));
        number.or_else(|| {
            let wanted = format!("a whole number from {} to {}", bounds.start(), bounds.end());
            self.wrong(key, &wanted, faults)
        })
    }

    /// What stands for the whole of it as it is in the file, but for one key and for secrets.
    pub(super) fn digest(&self, without: &str) -> Digest {
        Digest::of(&self.table, without)
    }

    /// Whether a key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A list of strings, each with its place.
    pub(super) fn texts(
        &mut self,
        key: &'static str,
        faults: &mut Vec<Fault>,
    ) -> Vec<(String, String)> {
        let entries = match self.take(key) {
            None => return Vec::new(),
            Some(Value::Array(entries)) => entries,
            Some(_) => return self.wrong(key, "a list of strings", faults).unwrap_or_default(),
        };
        let mut texts = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            let key = format!("{key}[{index}]");
            match entry {
                Value::String(text) => texts.push((key, text)),
                _ => faults.push(self.fault(&key, "is not a string", "put it in quotes")),
            }
        }
        texts
    }

    pub(super) fn table(&mut self, key: &'static str, faults: &mut Vec<Fault>) -> Option<Table> {
        match self.take(key)? {
            Value::Table(table) => Some(table),
            _ => self.wrong(key, "a table", faults),
        }
    }

    /// A table that must be there.
    pub(super) fn section(&mut self, key: &'static str, faults: &mut Vec<Fault>) -> Option<Self> {
        if !self.table.contains_key(key) {
            self.known.push(key);
            faults.push(self.fault(key, "is missing", &format!("add a section [{key}]")));
            return None;
        }
        let prefix = self.path(&format!("{key}."));
        self.table(key, faults).map(|table| Self::new(prefix, table))
    }

    /// A list of tables that must hold at least one.
    pub(super) fn sections(&mut self, key: &'static str, faults: &mut Vec<Fault>) -> Vec<Self> {
        let remedy = format!("write each one as [[{key}]]");
        let entries = match self.take(key) {
            Some(Value::Array(entries)) if !entries.is_empty() => entries,
            None | Some(Value::Array(_)) => {
                faults.push(self.fault(key, "is missing", &format!("add a section [[{key}]]")));
                return Vec::new();
            }
            Some(_) => {
                faults.push(self.fault(key, "is not a list of tables", &remedy));
                return Vec::new();
            }
        };
        let mut sections = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            let path = self.path(&format!("{key}[{index}]"));
            match entry {
                Value::Table(table) => sections.push(Self::new(format!("{path}."), table)),
                _ => faults.push(Fault::new(path, "is not a table", &remedy)),
            }
        }
        sections
    }

    /// Tells each key that no one asked for.
    pub(super) fn finish(self, faults: &mut Vec<Fault>) {
        for key in self.table.keys() {
            faults.push(self.fault(
                &source_contract::printable::printable(key),
                "is no key of this section",
                &format!("remove it; the keys are {}", self.known.join(", ")),
            ));
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn wrong<T>(&self, key: &str, wanted: &str, faults: &mut Vec<Fault>) -> Option<T> {
        faults.push(self.fault(key, &format!("is not {wanted}"), &format!("write {wanted}")));
        None
    }
}

/// A reason of the TOML parser without what it quotes: that could be a value.
pub(super) fn without_quotes(reason: &str) -> String {
    let mut quoted = false;
    let mut out = String::new();
    for part in reason.split('`') {
        out.push_str(if quoted && part.len() > 2 { "…" } else { part });
        quoted = !quoted;
    }
    source_contract::printable::printable(&out)
}
