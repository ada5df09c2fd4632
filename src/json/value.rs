//! A small JSON value, read into memory: the configuration, the cursor, the envelope of a page.
//!
//! Numbers are kept as text: the source reads few, and needs no code and no tables for
//! floating-point numbers then.

use std::borrow::Cow;

use crate::json::walk::{Malformed, Walk};

/// A value, all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json<'a> {
    /// In the order of the text; a name may come twice.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
    Array(Vec<Json<'a>>),
    String(Cow<'a, str>),
    /// A number, `true`, `false` or `null`, as written; or a string that holds a lone surrogate,
    /// which no string of Unicode can.
    Scalar(&'a str),
}

impl<'a> Json<'a> {
    /// Reads a whole text. The error says why and where it is not JSON.
    pub(crate) fn parse(text: &'a str) -> Result<Self, String> {
        Walk::of(text).whole(|walk| {
            let value = Self::read(walk, DEPTH_MAX)?;
            if walk.controls() > 0 { Err(Malformed::ControlCharacter) } else { Ok(value) }
        })
    }

    /// Reads one value where a walk stands: at most `bytes_max` long. (I5)
    pub(crate) fn read_small(walk: &mut Walk<'a>, bytes_max: usize) -> Result<Self, Malformed> {
        walk.peek();
        let mut again = walk.clone();
        walk.skip()?;
        if walk.at() - again.at() > bytes_max {
            *walk = again;
            return Err(Malformed::TooLong);
        }
        Self::read(&mut again, DEPTH_MAX)
    }

    /// The member of that name; `null` if there is none, or this is no object.
    pub(crate) fn get(&self, name: &str) -> &Self {
        let Self::Object(members) = self else { return &Self::NULL };
        members.iter().find(|(key, _)| key == name).map_or(&Self::NULL, |(_, value)| value)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number, written without point or exponent.
    pub(crate) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Scalar(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn read(walk: &mut Walk<'a>, depth_left: usize) -> Result<Self, Malformed> {
        let depth_left = depth_left.checked_sub(1).ok_or(Malformed::TooDeep)?;
        match walk.peek() {
            Some(b'{') => {
                let mut members = Vec::new();
                walk.object(|walk, name| {
                    let name = name.read().unwrap_or(Cow::Borrowed(name.text()));
                    members.push((name, Self::read(walk, depth_left)?));
                    Ok(())
                })?;
                Ok(Self::Object(members))
            }
            Some(b'[') => {
                let mut elements = Vec::new();
                walk.array(|walk| {
                    elements.push(Self::read(walk, depth_left)?);
                    Ok(())
                })?;
                Ok(Self::Array(elements))
            }
            _ => {
                let start = walk.at();
                let string = walk.string_or_skip()?;
                Ok(string.map_or(Self::Scalar(walk.since(start)), Self::String))
            }
        }
    }

    pub(crate) const NULL: Self = Self::Scalar("null");
}

/// How deep a value may be nested. (I5)
const DEPTH_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_holds_what_the_text_says() {
        let json = Json::parse(r#" {"a":[1,-2.5e3,true,null,"x\n\u00e9"],"b":{"c":"é"},"a":7} "#);
        let json = json.unwrap();
        assert_eq!(json.get("b").get("c").as_str(), Some("é"));
        assert_eq!(json.get("b").get("missing").get("too"), &Json::NULL);
        let scalars = ["1", "-2.5e3", "true", "null"].map(Json::Scalar);
        let Json::Array(elements) = json.get("a") else { panic!("{json:?}") };
        assert_eq!(elements[..4], scalars);
        assert_eq!(elements[4].as_str(), Some("x\né"));
    }

    #[test]
    fn a_string_with_a_lone_surrogate_is_kept_as_written_and_is_no_string() {
        assert_eq!(Json::parse(r#""\ud800""#), Ok(Json::Scalar(r#""\ud800""#)));
        assert_eq!(Json::parse(r#"{"\ud800":1}"#).unwrap().get("\\ud800").as_u64(), Some(1));
    }

    #[test]
    fn a_control_character_in_a_string_is_refused() {
        assert!(Json::parse("{\"a\":\"\n\"}").is_err());
        assert!(Json::parse("{\n\"a\":\t1}").is_ok());
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Json::parse(&nested(DEPTH_MAX - 1)).is_ok());
        assert!(Json::parse(&nested(DEPTH_MAX)).is_err());
        assert!(Json::parse(&"[".repeat(1_000_000)).is_err());
    }
}
