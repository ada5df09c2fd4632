//! The members of the JSON objects that a cursor's text is made of. Each type names its own once, and
//! reading and writing both go by that.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::json::value::Json;
use crate::json::writer::{push_escaped, quoted};
use crate::timestamp::Second;

/// The members of one object, under way in one of both directions.
pub(crate) enum Members<'a> {
    /// The text so far.
    Written(String),
    Read {
        /// Those that nobody asked for yet.
        left: Vec<(Cow<'a, str>, Json<'a>)>,
        /// The first fault, with its path.
        fault: Option<String>,
    },
}

/// What is an object in the text.
pub(crate) trait Record {
    /// Hands each member over, by its name, to be written or to be read.
    fn members(&mut self, members: &mut Members<'_>);
}

/// What can be a member's value.
pub(crate) trait Value {
    /// Adds itself to the text.
    fn write(&mut self, text: &mut String);
    /// Takes what was written in. Its error goes on from the name of the member.
    fn read(&mut self, json: Json<'_>) -> Result<(), String>;
}

impl Members<'_> {
    /// A member that is always there.
    pub(crate) fn always(&mut self, name: &str, value: &mut dyn Value) {
        if !self.member(name, value, &[]) {
            self.fault(name, ": missing");
        }
    }

    /// A member that is left out where it would say nothing: false, zero, or empty.
    pub(crate) fn seldom(&mut self, name: &str, value: &mut dyn Value) {
        self.member(name, value, &[":false", ":0", ":\"\"", ":{}", ":[]"]);
    }

    /// A member that is left out where there is none.
    pub(crate) fn optional<T: Value + Default>(&mut self, name: &str, value: &mut Option<T>) {
        match self {
            Self::Written(_) => {
                if let Some(value) = value {
                    self.always(name, value);
                }
            }
            Self::Read { .. } => {
                let mut read = T::default();
                *value = self.member(name, &mut read, &[]).then_some(read);
            }
        }
    }

    /// False if it is read, and is not there.
    fn member(&mut self, name: &str, value: &mut dyn Value, left_out: &[&str]) -> bool {
        match self {
            Self::Written(text) => {
                let before = text.len();
                if !text.ends_with('{') {
                    text.push(',');
                }
                text.extend(["\"", name, "\":"]);
                value.write(text);
                if left_out.iter().any(|nothing| text.ends_with(nothing)) {
                    text.truncate(before);
                }
            }
            Self::Read { left, .. } => {
                let Some(place) = left.iter().position(|(left, _)| left == name) else {
                    return false;
                };
                if let Err(why) = value.read(left.swap_remove(place).1) {
                    self.fault(name, &why);
                }
            }
        }
        true
    }

    /// Refuses a member's value that was never written.
    pub(crate) fn ensure(&mut self, name: &str, holds: bool) {
        if !holds {
            self.fault(name, NOT_AS_WRITTEN);
        }
    }

    fn fault(&mut self, name: &str, why: &str) {
        if let Self::Read { fault, .. } = self {
            fault.get_or_insert_with(|| format!("{name}{why}"));
        }
    }
}

impl<T: Record> Value for T {
    fn write(&mut self, text: &mut String) {
        write_object(self, text);
    }

    fn read(&mut self, json: Json<'_>) -> Result<(), String> {
        read_object(self, json)
    }
}

fn write_object(record: &mut dyn Record, text: &mut String) {
    text.push('{');
    let mut members = Members::Written(core::mem::take(text));
    record.members(&mut members);
    if let Members::Written(written) = members {
        *text = written + "}";
    }
}

fn read_object(record: &mut dyn Record, json: Json<'_>) -> Result<(), String> {
    let Json::Object(left) = json else { return Err(": not an object".to_owned()) };
    let mut members = Members::Read { left, fault: None };
    record.members(&mut members);
    match members {
        Members::Read { fault: Some(fault), .. } => Err(format!(".{fault}")),
        Members::Read { left, .. } if !left.is_empty() => {
            Err(": it has a member that is not known, or one twice".to_owned())
        }
        _ => Ok(()),
    }
}

impl<T: Value + Default> Value for Vec<T> {
    fn write(&mut self, text: &mut String) {
        let mut separator = "[";
        for value in self.iter_mut() {
            text.push_str(core::mem::replace(&mut separator, ","));
            value.write(text);
        }
        text.push_str(if self.is_empty() { "[]" } else { "]" });
    }

    fn read(&mut self, json: Json<'_>) -> Result<(), String> {
        let Json::Array(values) = json else { return Err(": not a list".to_owned()) };
        for (index, json) in values.into_iter().enumerate() {
            let mut value = T::default();
            value.read(json).map_err(|why| format!("[{index}]{why}"))?;
            self.push(value);
        }
        Ok(())
    }
}

/// A value that its text says, and that says its text.
fn take<T>(value: &mut T, read: Option<T>) -> Result<(), String> {
    *value = read.ok_or(NOT_AS_WRITTEN)?;
    Ok(())
}

impl Value for i64 {
    fn write(&mut self, text: &mut String) {
        let _ = write!(text, "{self}");
    }

    fn read(&mut self, json: Json<'_>) -> Result<(), String> {
        take(self, if let Json::Scalar(text) = json { text.parse().ok() } else { None })
    }
}

impl Value for u64 {
    fn write(&mut self, text: &mut String) {
        let _ = write!(text, "{self}");
    }

    fn read(&mut self, json: Json<'_>) -> Result<(), String> {
        take(self, json.as_u64())
    }
}

impl Value for u8 {
    fn write(&mut self, text: &mut String) {
        u64::from(*self).write(text);
    }

    fn read(&mut self, json: Json<'_>) -> Result<(), String> {
        take(self, json.as_u64().and_then(|number| number.try_into().ok()))
    }
}

impl Value for bool {
    fn write(&mut self, text: &mut String) {
        text.push_str(if *self { "true" } else { "false" });
    }

    fn read(&mut self, json: Json<'_>) -> Result<(), String> {
        let read = match json {
            Json::Scalar("true") => Some(true),
            Json::Scalar("false") => Some(false),
            _ => None,
        };
        take(self, read)
    }
}

impl Value for String {
    fn write(&mut self, text: &mut String) {
        // In printable ASCII, whatever an API says: cursors are shown, copied and logged.
        for c in quoted(self).chars() {
            match c {
                ' '..='~' => text.push(c),
                c => push_escaped(c, text),
            }
        }
    }

    fn read(&mut self, json: Json<'_>) -> Result<(), String> {
        take(self, json.as_str().map(str::to_owned))
    }
}

impl Value for Second {
    fn write(&mut self, text: &mut String) {
        let _ = write!(text, "\"{self}\"");
    }

    fn read(&mut self, json: Json<'_>) -> Result<(), String> {
        take(self, json.as_str().and_then(Self::parse_rfc3339))
    }
}

const NOT_AS_WRITTEN: &str = ": not what was written";
