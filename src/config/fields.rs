//! The members of one JSON object, taken out one by one, each fault noted with its path.

use serde_json::{Map, Value};

use super::Diagnostic;

/// What is wrong with a value and what to do about it. Never holds the value: it may be a secret.
pub(super) struct Fault {
    message: String,
    remedy: String,
}

impl Fault {
    pub(super) fn new(message: &str, remedy: &str) -> Self {
        Self { message: message.to_owned(), remedy: remedy.to_owned() }
    }

    pub(super) fn wrong_type(wanted: &str, found: &Value) -> Self {
        let found = match found {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        Self::new(&format!("is {found}"), &format!("give {wanted}"))
    }
}

/// An object under way. Each member is taken once; `finish` refuses those that are left.
///
/// A getter gives None when there was a fault, which by then is noted.
pub(super) struct Fields<'f> {
    members: Map<String, Value>,
    known: Vec<&'static str>,
    path: String,
    faults: &'f mut Vec<Diagnostic>,
}

impl<'f> Fields<'f> {
    pub(super) fn of(value: Value, path: &str, faults: &'f mut Vec<Diagnostic>) -> Option<Self> {
        match value {
            Value::Object(members) => {
                Some(Self { members, known: Vec::new(), path: path.to_owned(), faults })
            }
            other => {
                faults.push(diagnostic(path.to_owned(), Fault::wrong_type("an object", &other)));
                None
            }
        }
    }

    pub(super) fn fault(&mut self, key: &str, fault: Fault) {
        self.faults.push(diagnostic(join(&self.path, key), fault));
    }

    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Value) -> Result<T, Fault>,
    ) -> Option<T> {
        let value = self.optional(key, read)?;
        if value.is_none() {
            self.fault(key, missing());
        }
        value
    }

    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Value) -> Result<T, Fault>,
    ) -> Option<Option<T>> {
        let Some(value) = self.take(key) else { return Some(None) };
        match read(value) {
            Ok(value) => Some(Some(value)),
            Err(fault) => {
                self.fault(key, fault);
                None
            }
        }
    }

    pub(super) fn integer(
        &mut self,
        key: &'static str,
        default: i64,
        min: i64,
        max: i64,
    ) -> Option<i64> {
        self.optional(key, |value| match &value {
            Value::Number(number) => {
                number.as_i64().filter(|number| (min..=max).contains(number)).ok_or_else(|| {
                    Fault::new(
                        "not a whole number within bounds",
                        &format!("give a whole number from {min} to {max}"),
                    )
                })
            }
            other => Err(Fault::wrong_type("a whole number", other)),
        })
        .map(|value| value.unwrap_or(default))
    }

    /// A list without values twice; missing is empty.
    pub(super) fn list(
        &mut self,
        key: &'static str,
        len_max: usize,
        read: impl Fn(Value) -> Result<String, Fault>,
    ) -> Option<Vec<String>> {
        let values = match self.take(key) {
            None => return Some(Vec::new()),
            Some(Value::Array(values)) if values.len() <= len_max => values,
            Some(Value::Array(_)) => {
                let fault = Fault::new(&format!("more than {len_max} values"), "shorten the list");
                self.fault(key, fault);
                return None;
            }
            Some(other) => {
                self.fault(key, Fault::wrong_type("a list", &other));
                return None;
            }
        };
        let mut texts = Some(Vec::new());
        for (index, value) in values.into_iter().enumerate() {
            match read(value) {
                Ok(text) => texts.iter_mut().for_each(|texts| texts.push(text.clone())),
                Err(fault) => {
                    self.fault(&format!("{key}[{index}]"), fault);
                    texts = None;
                }
            }
        }
        texts
    }

    pub(super) fn required_object<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        let value = self.optional_object(key, read)?;
        if value.is_none() {
            self.fault(key, missing());
        }
        value
    }

    pub(super) fn optional_object<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Fields<'_>) -> Option<T>,
    ) -> Option<Option<T>> {
        let Some(value) = self.take(key) else { return Some(None) };
        let fields = Fields::of(value, &join(&self.path, key), self.faults)?;
        read(fields).map(Some)
    }

    /// Refuses every member that nobody asked for.
    pub(super) fn finish(self) {
        for key in self.members.keys() {
            let key: String = key.chars().filter(|c| !c.is_control()).take(64).collect();
            let remedy = format!("remove it; known here: {}", self.known.join(", "));
            self.faults.push(diagnostic(join(&self.path, &key), Fault::new("unknown key", &remedy)));
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.members.remove(key)
    }
}

fn missing() -> Fault {
    Fault::new("missing", "add it")
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn diagnostic(path: String, Fault { message, remedy }: Fault) -> Diagnostic {
    Diagnostic { path, message, remedy }
}
