//! A reply's JSON, walked once: the envelope by hand, every value in it by `serde_json`, which
//! tells where each value ends. So a row's text is at hand without a second walk.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::row::Row;

/// What a reply holds, as far as the documented shape goes.
#[derive(Default)]
pub(crate) struct Page<'a> {
    /// All rows of all elements of `data`.
    pub(crate) rows: Vec<Row<'a>>,
    /// `data` was there.
    pub(crate) has_data: bool,
    /// `resultCount`: rows found for the request, whatever the page size. None if any element of
    /// `data` has none that is a number.
    pub(crate) result_count: Option<u64>,
    /// `meta`, small: the status and the pagination.
    pub(crate) meta: Value,
    /// `fail`, small.
    pub(crate) fail: Value,
    /// `error`, small.
    pub(crate) error: Value,
    body: &'a str,
}

/// A reply that cannot be understood, without a word of its text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// Where, in bytes from the start of the body.
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

impl<'a> Page<'a> {
    pub(crate) fn parse(body: &'a str) -> Result<Self, Malformed> {
        let mut page = Self { body, ..Self::default() };
        let mut walk = Walk { text: body, at: 0 };
        walk.object(|walk, name| {
            match name {
                "meta" => page.meta = walk.small_value()?,
                "fail" => page.fail = walk.small_value()?,
                "error" => page.error = walk.small_value()?,
                "data" => {
                    page.has_data = true;
                    page.result_count = Some(0);
                    walk.array(|walk| page.read_element(walk))?;
                }
                _ => walk.skip()?,
            }
            Ok(())
        })?;
        match walk.peek() {
            None => Ok(page),
            Some(_) => Err(walk.malformed("something follows the JSON value")),
        }
    }

    /// `meta.pagination.next`: the page token, there only when there are more results.
    pub(crate) fn next(&self) -> Option<&str> {
        self.meta["pagination"]["next"].as_str().filter(|next| !next.is_empty())
    }

    /// `meta.status`, which can differ from the HTTP status.
    pub(crate) fn status(&self) -> Option<u64> {
        self.meta["status"].as_u64()
    }

    /// Whether any row can hold a line break, which JSON allows between tokens.
    pub(crate) fn has_line_breaks(&self) -> bool {
        let body = self.body.as_bytes();
        body.contains(&b'\n') || body.contains(&b'\r')
    }

    fn read_element(&mut self, walk: &mut Walk<'a>) -> Result<(), Malformed> {
        let mut count = None;
        let mut has_rows = false;
        walk.object(|walk, name| {
            match name {
                "resultCount" => count = walk.small_value()?.as_u64(),
                "impersonationLogs" => {
                    has_rows = true;
                    walk.array(|walk| {
                        if self.rows.len() == ROWS_MAX {
                            return Err(walk.malformed("more rows than a page may have"));
                        }
                        self.rows.push(walk.row()?);
                        Ok(())
                    })?;
                }
                _ => walk.skip()?,
            }
            Ok(())
        })?;
        self.result_count = self.result_count.zip(count).map(|(a, b)| a.saturating_add(b));
        if has_rows { Ok(()) } else { Err(walk.malformed("an element of data without rows")) }
    }
}

/// A place in a JSON text.
struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    /// Walks an object; `member` is called past each name and has to walk the value.
    fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.sequence(b'{', b'}', |walk| {
            if walk.peek() != Some(b'"') {
                return Err(walk.malformed("not the documented shape: a member's name is missing"));
            }
            let name: String = walk.value()?;
            walk.token(b':')?;
            member(walk, &name)
        })
    }

    /// Walks an array; `element` has to walk each element.
    fn array(
        &mut self,
        element: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.sequence(b'[', b']', element)
    }

    fn sequence(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.token(open)?;
        if self.peek() == Some(close) {
            return self.token(close);
        }
        loop {
            item(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => return self.token(close),
            }
        }
    }

    fn row(&mut self) -> Result<Row<'a>, Malformed> {
        let is_object = self.peek() == Some(b'{');
        let start = self.at;
        let fields = if is_object { Some(self.value()?) } else { self.skip().map(|()| None)? };
        Ok(Row { text: &self.text[start..self.at], fields })
    }

    fn skip(&mut self) -> Result<(), Malformed> {
        self.value::<IgnoredAny>().map(drop)
    }

    /// A value that is documented to be small, so that a reply cannot make it grow in memory.
    fn small_value(&mut self) -> Result<Value, Malformed> {
        let start = self.at;
        let raw: &RawValue = self.value()?;
        if raw.get().len() > SMALL_VALUE_BYTES_MAX {
            return Err(Malformed { at: start, what: "meta or fail is too long" });
        }
        // A lone surrogate cannot be held in a string: then nothing is known of the value.
        Ok(serde_json::from_str(raw.get()).unwrap_or(Value::Null))
    }

    /// One value, and the walk stands behind it.
    fn value<T: Deserialize<'a>>(&mut self) -> Result<T, Malformed> {
        let mut values = serde_json::Deserializer::from_str(&self.text[self.at..]).into_iter();
        let value = values.next();
        let consumed = values.byte_offset();
        match value {
            Some(Ok(value)) => {
                self.at += consumed;
                Ok(value)
            }
            Some(Err(error)) if error.is_eof() => {
                self.at = self.text.len();
                Err(self.malformed("it ends too early"))
            }
            Some(Err(error)) => {
                self.at += offset_of(&self.text[self.at..], error.line(), error.column());
                Err(self.malformed("not JSON, or not the documented shape"))
            }
            None => Err(self.malformed("it ends too early")),
        }
    }

    fn token(&mut self, byte: u8) -> Result<(), Malformed> {
        match self.peek() {
            Some(found) if found == byte => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(self.malformed("not JSON, or not the documented shape")),
            None => Err(self.malformed("it ends too early")),
        }
    }

    /// The next byte that is no white space; the walk stands before it.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let blank =
            rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\t' | b'\r')).count();
        self.at += blank;
        rest.get(blank).copied()
    }

    const fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { at: self.at, what }
    }
}

/// The bytes before a line and column, both counted from 1, as `serde_json` tells them.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let lines: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (lines + column.saturating_sub(1)).min(text.len())
}

/// Far more than any page size that may be asked for. // I5
const ROWS_MAX: usize = 10_000;
const SMALL_VALUE_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'a>(page: &Page<'a>) -> Vec<&'a str> {
        page.rows.iter().map(|row| row.text).collect()
    }

    #[test]
    fn rows_are_found_byte_for_byte() {
        let body = r#" {"meta":{"status":200,"pagination":{"pageSize":2,"next":"t"}},"data":[
            {"resultCount":3,"impersonationLogs":[ {"id":"a" } , {"b":["]}"]},7,"x\ud800",null]}],
            "fail":[],"new":{"a":1}} "#;
        let page = Page::parse(body).unwrap();
        assert_eq!(texts(&page), [r#"{"id":"a" }"#, r#"{"b":["]}"]}"#, "7", r#""x\ud800""#, "null"]);
        assert_eq!(page.next(), Some("t"));
        assert_eq!(page.result_count, Some(3));
        assert_eq!(page.status(), Some(200));
    }

    #[test]
    fn both_forms_of_an_empty_result_are_an_empty_page() {
        for data in ["[]", r#"[{"resultCount":0,"impersonationLogs":[]}]"#] {
            let body = format!(r#"{{"meta":{{"status":200}},"data":{data},"fail":[]}}"#);
            let page = Page::parse(&body).unwrap();
            assert!(page.rows.is_empty() && page.has_data && page.next().is_none(), "{data}");
            assert_eq!(page.result_count, Some(0));
        }
    }

    #[test]
    fn a_count_that_is_missing_or_no_number_is_none() {
        for count in ["", r#""resultCount":"9","#, r#""resultCount":-1,"#] {
            let body = format!(r#"{{"data":[{{{count}"impersonationLogs":[]}}]}}"#);
            assert_eq!(Page::parse(&body).unwrap().result_count, None, "{count}");
        }
    }

    #[test]
    fn an_empty_next_is_none() {
        for next in ["null", r#""""#, "5", "{}"] {
            let body = format!(r#"{{"meta":{{"pagination":{{"next":{next}}}}},"data":[]}}"#);
            assert_eq!(Page::parse(&body).unwrap().next(), None, "{next}");
        }
    }

    #[test]
    fn every_cut_of_a_page_is_malformed_where_it_ends() {
        let body = r#"{"meta":{"a":1},"data":[{"impersonationLogs":[{"id":"a"},{"id":"b"}]}]}"#;
        for end in 0..body.len() {
            assert!(Page::parse(&body[..end]).is_err(), "{}", &body[..end]);
        }
    }

    #[test]
    fn what_is_not_a_page_is_malformed() {
        for (body, at) in [
            ("", 0),
            ("<html>", 0),
            ("[]", 0),
            ("{} {}", 3),
            (r#"{"data":{}}"#, 8),
            (r#"{"data":[{"resultCount":1}]}"#, 26),
            (r#"{"data":[{"impersonationLogs":null}]}"#, 30),
            (r#"{"data":[],}"#, 11),
            ("{\"data\":[{\"impersonationLogs\":[{\"a\":\n tru }]}]}", 41),
        ] {
            assert_eq!(Page::parse(body).map(drop).unwrap_err().at, at, "{body}");
        }
    }

    #[test]
    fn rows_nested_without_end_and_rows_without_number_are_refused() {
        let deep = "[".repeat(100_000);
        let body = format!(r#"{{"data":[{{"impersonationLogs":[{deep}"#);
        assert!(Page::parse(&body).is_err());
        let many = vec!["{}"; ROWS_MAX + 1].join(",");
        let body = format!(r#"{{"data":[{{"impersonationLogs":[{many}]}}]}}"#);
        assert_eq!(Page::parse(&body).map(drop).unwrap_err().what, "more rows than a page may have");
    }
}
