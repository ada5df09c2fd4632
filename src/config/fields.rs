//! The members of one JSON object, taken out one by one, each fault noted with its path.

use std::borrow::Cow;

use crate::contract::source::Diagnostic;
use crate::json::value::Json;
use crate::timestamp::Second;

/// What is wrong with a value and what to do about it. Never holds the value: it may be a secret.
pub(crate) struct Fault {
    message: String,
    remedy: String,
}

impl Fault {
    pub(crate) fn new(message: &str, remedy: &str) -> Self {
        Self { message: message.to_owned(), remedy: remedy.to_owned() }
    }

    pub(crate) fn wrong_type(wanted: &str, found: &Json<'_>) -> Self {
        let found = match found {
            Json::Scalar("null") => "null",
            Json::Scalar("true" | "false") => "true or false",
            Json::Scalar(text) if text.starts_with('"') => "a string that is not Unicode",
            Json::Scalar(_) => "a number",
            Json::String(_) => "a string",
            Json::Array(_) => "a list",
            Json::Object(_) => "an object",
        };
        Self::new(&format!("is {found}"), &format!("give {wanted}"))
    }
}

/// There was a fault, and by now it is noted.
#[derive(Debug)]
pub(crate) struct Noted;

/// An object under way. Each member is taken once; `finish` refuses those that are left.
///
/// A getter that finds a fault notes it and goes on, so that all are found at once.
pub(crate) struct Fields<'a, 'f> {
    members: Vec<(Cow<'a, str>, Json<'a>)>,
    known: Vec<&'static str>,
    path: String,
    faults: &'f mut Vec<Diagnostic>,
}

impl<'a, 'f> Fields<'a, 'f> {
    pub(crate) fn of(
        value: Json<'a>,
        path: String,
        faults: &'f mut Vec<Diagnostic>,
    ) -> Result<Self, Noted> {
        match value {
            Json::Object(members) => Ok(Self { members, known: Vec::new(), path, faults }),
            other => {
                faults.push(diagnostic(path, Fault::wrong_type("an object", &other)));
                Err(Noted)
            }
        }
    }

    pub(crate) fn fault(&mut self, key: &str, fault: Fault) -> Noted {
        self.faults.push(diagnostic(join(&self.path, key), fault));
        Noted
    }

    pub(crate) fn required<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Json<'a>) -> Result<T, Fault>,
    ) -> Result<T, Noted> {
        self.optional(key, read)?.ok_or_else(|| self.missing(key))
    }

    pub(crate) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Json<'a>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Noted> {
        let Some(value) = self.take(key) else { return Ok(None) };
        read(&value).map(Some).map_err(|fault| self.fault(key, fault))
    }

    /// A whole number within bounds. Without a default it has to be there.
    pub(crate) fn integer(
        &mut self,
        key: &'static str,
        default: Option<i64>,
        min: i64,
        max: i64,
    ) -> Result<i64, Noted> {
        let Some(value) = self.take(key) else {
            return default.ok_or_else(|| self.missing(key));
        };
        let number = match &value {
            Json::Scalar(text) => text.parse().ok(),
            _ => None,
        };
        number.filter(|number| (min..=max).contains(number)).ok_or_else(|| {
            let remedy = format!("give a whole number from {min} to {max}");
            self.fault(key, Fault::new("not a whole number within bounds", &remedy))
        })
    }

    /// A list; missing is empty.
    pub(crate) fn list(
        &mut self,
        key: &'static str,
        len_max: usize,
        read: impl Fn(&Json<'a>) -> Result<String, Fault>,
    ) -> Result<Vec<String>, Noted> {
        let values = self.optional(key, |value| match value {
            Json::Array(values) if values.len() <= len_max => Ok(values.clone()),
            Json::Array(_) => {
                Err(Fault::new(&format!("more than {len_max} values"), "shorten the list"))
            }
            other => Err(Fault::wrong_type("a list", other)),
        })?;
        let mut texts = Ok(Vec::new());
        for (index, value) in values.iter().flatten().enumerate() {
            match (read(value), &mut texts) {
                (Ok(text), Ok(texts)) => texts.push(text),
                (Ok(_), Err(Noted)) => {}
                (Err(fault), _) => texts = Err(self.fault(&format!("{key}[{index}]"), fault)),
            }
        }
        texts
    }

    pub(crate) fn required_object<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Fields<'a, '_>) -> Result<T, Noted>,
    ) -> Result<T, Noted> {
        self.optional_object(key, read)?.ok_or_else(|| self.missing(key))
    }

    pub(crate) fn optional_object<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Fields<'a, '_>) -> Result<T, Noted>,
    ) -> Result<Option<T>, Noted> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let fields = Fields::of(value, join(&self.path, key), self.faults)?;
        read(fields).map(Some)
    }

    /// Refuses every member that nobody asked for.
    pub(crate) fn finish(self) {
        for (key, _) in self.members {
            let (message, remedy) = if self.known.contains(&&*key) {
                ("given twice", "remove one of them".to_owned())
            } else {
                ("unknown key", format!("remove it; known here: {}", self.known.join(", ")))
            };
            let key: String = key.chars().filter(|c| !c.is_control()).take(64).collect();
            self.faults.push(diagnostic(join(&self.path, &key), Fault::new(message, &remedy)));
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Json<'a>> {
        self.known.push(key);
        let index = self.members.iter().position(|(name, _)| name == key)?;
        Some(self.members.remove(index).1)
    }

    fn missing(&mut self, key: &str) -> Noted {
        self.fault(key, Fault::new("missing", "add it"))
    }
}

pub(crate) fn string(value: &Json<'_>) -> Result<String, Fault> {
    value.as_str().map(str::to_owned).ok_or_else(|| Fault::wrong_type("a string", value))
}

pub(crate) fn boolean(value: &Json<'_>) -> Result<bool, Fault> {
    match value {
        Json::Scalar("true") => Ok(true),
        Json::Scalar("false") => Ok(false),
        other => Err(Fault::wrong_type("true or false", other)),
    }
}

/// A date of RFC 3339.
pub(crate) fn second(value: &Json<'_>) -> Result<Second, Fault> {
    Second::parse_rfc3339(&string(value)?).ok_or_else(not_a_date)
}

pub(crate) fn not_a_date() -> Fault {
    Fault::new(
        "not a date of RFC 3339 from 1970 to 9998",
        "write it as in \"2026-11-01T00:00:00Z\"",
    )
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn diagnostic(path: String, Fault { message, remedy }: Fault) -> Diagnostic {
    Diagnostic { path, message, remedy }
}
