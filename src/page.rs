//! A page of the API: its rows as they came, and the envelope around them.

use crate::cursor::TOKEN_BYTES_MAX;
use crate::json::Json;
use crate::row::{Reading, Row};
use crate::walk::{Malformed, Walk};

/// What a reply holds, as far as the documented shape goes.
pub(crate) struct Page<'a> {
    /// All rows of all elements of `data`.
    pub(crate) rows: Vec<Row<'a>>,
    /// `data` was there.
    pub(crate) has_data: bool,
    /// `resultCount`: rows found for the request, whatever the page size. None if any element of
    /// `data` has none that is a number.
    pub(crate) result_count: Option<u64>,
    /// `meta.pagination.next`: the page token, there only when there are more results.
    pub(crate) next: Option<String>,
    /// Why this is JSON, but no page. A failure that it tells of goes before.
    pub(crate) fault: Option<String>,
    /// `meta`: the status and the pagination.
    pub(crate) meta: Json<'a>,
    pub(crate) fail: Json<'a>,
    pub(crate) error: Json<'a>,
}

impl<'a> Page<'a> {
    /// The error says why and where the text is no page, and nothing of its content.
    pub(crate) fn parse(body: &'a str, rows: Reading) -> Result<Self, String> {
        Walk::of(body).whole(|walk| Self::read(walk, rows))
    }

    fn read(walk: &mut Walk<'a>, rows: Reading) -> Result<Self, Malformed> {
        let mut page = Self {
            rows: Vec::new(),
            has_data: false,
            result_count: None,
            next: None,
            fault: None,
            meta: Json::NULL,
            fail: Json::NULL,
            error: Json::NULL,
        };
        walk.object(|walk, name| {
            match name.read().as_deref().unwrap_or_default() {
                "meta" => page.meta = Json::read_small(walk, SMALL_VALUE_BYTES_MAX)?,
                "fail" => page.fail = Json::read_small(walk, SMALL_VALUE_BYTES_MAX)?,
                "error" => page.error = Json::read_small(walk, SMALL_VALUE_BYTES_MAX)?,
                "data" => {
                    page.has_data = true;
                    page.result_count = Some(0);
                    let mut again = walk.clone();
                    if let Err(why) = walk.array(|walk| page.read_element(walk, rows)) {
                        again.skip().map_err(|_| why)?;
                        page.fault = Some(walk.located(why));
                        *walk = again;
                    }
                }
                _ => walk.skip()?,
            }
            Ok(())
        })?;
        match page.meta.get("pagination").get("next") {
            Json::Scalar("null") => {}
            Json::String(next) if next.is_empty() => {}
            Json::String(next) if next.len() <= TOKEN_BYTES_MAX => {
                page.next = Some(next.clone().into_owned());
            }
            _ => page.fault = Some(Malformed::PageToken.to_string()),
        }
        Ok(page)
    }

    /// `meta.status`, which can differ from the HTTP status.
    pub(crate) fn status(&self) -> Option<u64> {
        self.meta.get("status").as_u64()
    }

    fn read_element(&mut self, walk: &mut Walk<'a>, rows: Reading) -> Result<(), Malformed> {
        let mut count = None;
        let mut has_rows = false;
        walk.object(|walk, name| {
            match name.read().as_deref().unwrap_or_default() {
                "resultCount" => count = Json::read_small(walk, SMALL_VALUE_BYTES_MAX)?.as_u64(),
                "impersonationLogs" => {
                    has_rows = true;
                    walk.array(|walk| {
                        if self.rows.len() == ROWS_MAX {
                            return Err(Malformed::TooManyRows);
                        }
                        self.rows.push(Row::read(walk, rows)?);
                        Ok(())
                    })?;
                }
                _ => walk.skip()?,
            }
            Ok(())
        })?;
        self.result_count = self.result_count.zip(count).map(|(a, b)| a.saturating_add(b));
        if has_rows { Ok(()) } else { Err(Malformed::NoRows) }
    }
}

/// Far more than any page size that may be asked for. // I5
const ROWS_MAX: usize = 10_000;
const SMALL_VALUE_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<Page<'_>, String> {
        Page::parse(body, Reading::Text)
    }

    fn texts<'a>(page: &Page<'a>) -> Vec<&'a str> {
        page.rows.iter().map(|row| row.text).collect()
    }

    #[test]
    fn rows_are_found_byte_for_byte() {
        let body = r#" {"meta":{"status":200,"pagination":{"pageSize":2,"next":"t"}},"data":[
            {"resultCount":3,"impersonationLogs":[ {"id":"a" } , {"b":["]}"]},7,"x\ud800",null]}],
            "fail":[],"new":{"a":1}} "#;
        let page = parse(body).unwrap();
        assert_eq!(
            texts(&page),
            [r#"{"id":"a" }"#, r#"{"b":["]}"]}"#, "7", r#""x\ud800""#, "null"]
        );
        assert_eq!(page.next.as_deref(), Some("t"));
        assert_eq!(page.result_count, Some(3));
        assert_eq!(page.status(), Some(200));
    }

    #[test]
    fn both_forms_of_an_empty_result_are_an_empty_page() {
        for data in ["[]", r#"[{"resultCount":0,"impersonationLogs":[]}]"#] {
            let body = format!(r#"{{"meta":{{"status":200}},"data":{data},"fail":[]}}"#);
            let page = parse(&body).unwrap();
            assert!(page.rows.is_empty() && page.has_data && page.next.is_none(), "{data}");
            assert_eq!(page.result_count, Some(0));
        }
    }

    #[test]
    fn a_count_that_is_missing_or_no_number_is_none() {
        for count in ["", r#""resultCount":"9","#, r#""resultCount":-1,"#] {
            let body = format!(r#"{{"data":[{{{count}"impersonationLogs":[]}}]}}"#);
            assert_eq!(parse(&body).unwrap().result_count, None, "{count}");
        }
    }

    #[test]
    fn a_next_that_is_no_token_is_a_fault_unless_it_is_empty() {
        let next = |next: &str| {
            let body = format!(r#"{{"meta":{{"pagination":{{"next":{next}}}}},"data":[]}}"#);
            let page = parse(&body).unwrap();
            (page.next, page.fault)
        };
        for empty in ["null", r#""""#] {
            assert_eq!(next(empty), (None, None), "{empty}");
        }
        let long = format!("\"{}\"", "x".repeat(TOKEN_BYTES_MAX + 1));
        for odd in ["5", "{}", "true", r#"["t"]"#, r#""\ud800""#, &long] {
            assert_eq!(next(odd), (None, Some(Malformed::PageToken.to_string())), "{odd}");
        }
    }

    #[test]
    fn every_cut_of_a_page_is_malformed_where_it_ends() {
        let body = r#"{"meta":{"a":1},"data":[{"impersonationLogs":[{"id":"a"},{"id":"b"}]}]}"#;
        for end in 0..body.len() {
            assert!(parse(&body[..end]).is_err(), "{}", &body[..end]);
        }
    }

    #[test]
    fn what_is_not_a_page_is_malformed() {
        for (body, at) in [
            ("", 0),
            ("<html>", 0),
            ("[]", 0),
            ("{} {}", 3),
            (r#"{"data":[],}"#, 11),
            ("{\"data\":[{\"impersonationLogs\":[{\"a\":\n tru }]}]}", 38),
        ] {
            let why = parse(body).map(drop).unwrap_err();
            assert!(why.contains(&format!("at byte {at} of")), "{body}: {why}");
        }
    }

    #[test]
    fn data_of_another_shape_is_a_fault_and_hides_no_failure() {
        for (data, at) in [
            ("{}", 19),
            ("null", 19),
            ("[null]", 20),
            (r#"[{"resultCount":1}]"#, 37),
            (r#"[{"impersonationLogs":null}]"#, 41),
        ] {
            let body = format!(r#"{{"fail":[1],"data":{data},"error":{{"code":"c"}}}}"#);
            let page = parse(&body).unwrap();
            let fault = page.fault.unwrap();
            assert!(fault.contains(&format!("at byte {at} of")), "{data}: {fault}");
            assert_eq!(page.error.get("code").as_str(), Some("c"), "{data}");
        }
    }

    #[test]
    fn rows_nested_without_end_and_rows_without_number_are_refused() {
        let deep = "[".repeat(100_000);
        let body = format!(r#"{{"data":[{{"impersonationLogs":[{deep}"#);
        assert!(parse(&body).is_err());
        let many = vec!["{}"; ROWS_MAX + 1].join(",");
        let body = format!(r#"{{"data":[{{"impersonationLogs":[{many}]}}]}}"#);
        let why = parse(&body).unwrap().fault.unwrap();
        assert!(why.starts_with("it has more rows than a page may have"), "{why}");
    }
}
