//! A page of the API: its rows as they came, and the envelope around them.
//!
//! A row that cannot be read does not spoil its page: the walk goes around it (`hole.rs`).

use crate::json::value::Json;
use crate::json::walk::{Malformed, Walk};
use crate::reply::hole::Holes;
use crate::row::{Row, RowDetail};

/// What a reply holds, as far as the documented shape goes. One with a fault changes nothing (I8).
pub(crate) struct Page<'a> {
    /// All rows of all elements of `data`.
    pub(crate) rows: Vec<Row<'a>>,
    /// `data` was there.
    pub(crate) has_data: bool,
    /// `resultCount`: rows found for the request, whatever the page size. None if any element of
    /// `data` has none that is a number, or there is no element.
    pub(crate) result_count: Option<u64>,
    /// An element had none.
    is_uncounted: bool,
    /// `meta.pagination.next`: the page token, there only when there are more results.
    pub(crate) next: Option<String>,
    /// Why this is JSON, but no page. A failure that it tells of goes before.
    pub(crate) fault: Option<String>,
    /// `meta`: the status and the pagination.
    pub(crate) meta: Json<'a>,
    pub(crate) fail: Json<'a>,
    pub(crate) error: Json<'a>,
}

/// Why a text is no page.
#[derive(Debug, Default)]
pub(crate) struct NoPage {
    /// What is wrong and where, and nothing of the content.
    pub(crate) why: String,
    /// It is one up to its rows.
    pub(crate) reached_rows: bool,
}

impl<'a> Page<'a> {
    pub(crate) fn parse(body: &'a str, rows: RowDetail) -> Result<Self, NoPage> {
        let mut holes = Holes::default();
        let mut first = None;
        loop {
            let mut walk = Walk::of(body);
            match Self::read(&mut walk, rows, &mut holes).and_then(|page| walk.end().map(|()| page))
            {
                Ok(page) => return Ok(page),
                Err(why) => {
                    let first = first.get_or_insert_with(|| NoPage {
                        why: walk.located(why),
                        reached_rows: holes.reached_rows(),
                    });
                    // What just ends too early was cut: no guess makes a page of it.
                    if why == Malformed::EndsEarly || !holes.widen(body) {
                        return Err(core::mem::take(first));
                    }
                }
            }
        }
    }

    fn read(walk: &mut Walk<'a>, rows: RowDetail, holes: &mut Holes) -> Result<Self, Malformed> {
        let mut page = Self {
            rows: Vec::new(),
            has_data: false,
            result_count: None,
            is_uncounted: false,
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
                    let mut again = walk.clone();
                    if let Err(why) = walk.array(|walk| page.read_element(walk, rows, holes)) {
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
            Json::String(next) if next.len() <= PAGE_TOKEN_BYTES_MAX => {
                page.next = Some(next.clone().into_owned());
            }
            _ => page.fault = Some(ODD_TOKEN.to_owned()),
        }
        Ok(page)
    }

    /// `meta.status`, which can differ from the HTTP status.
    pub(crate) fn status(&self) -> Option<u64> {
        self.meta.get("status").as_u64()
    }

    fn read_element(
        &mut self,
        walk: &mut Walk<'a>,
        rows: RowDetail,
        holes: &mut Holes,
    ) -> Result<(), Malformed> {
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
                        self.rows.push(holes.row(walk, rows)?);
                        Ok(())
                    })?;
                }
                _ => walk.skip()?,
            }
            Ok(())
        })?;
        let before = self.result_count.unwrap_or(0);
        self.is_uncounted |= count.is_none();
        self.result_count =
            count.filter(|_| !self.is_uncounted).map(|count| before.saturating_add(count));
        if has_rows { Ok(()) } else { Err(Malformed::NoRows) }
    }
}

/// Far more than any page size that may be asked for. (I5)
const ROWS_MAX: usize = 10_000;
const SMALL_VALUE_BYTES_MAX: usize = 64 * 1024;

const ODD_TOKEN: &str = "its page token is no string, or too long";

/// A longer page token is not understood. (I5)
pub(crate) const PAGE_TOKEN_BYTES_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<Page<'_>, String> {
        Page::parse(body, RowDetail::Text).map_err(|no_page| no_page.why)
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

    const GOOD: [&str; 2] = [
        r#"{"id":"a","eventTime":"2021-10-15T17:10:46+0000","x":[{"y":"z"},{"y":1}]}"#,
        r#"{"id":"b","eventTime":"2021-10-15T17:10:46+0000","x":[]}"#,
    ];

    fn readable<'a>(page: &Page<'a>) -> Vec<&'a str> {
        page.rows.iter().filter(|row| !row.is_unreadable).map(|row| row.text).collect()
    }

    fn unreadable_rows() -> Vec<String> {
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        vec![
            r#"{"id":"c","hits":NaN,"x":[{"y":"z"},{"y":1}]}"#.into(),
            r#"{"id":"c","subject":"a " b","x":[{"y":"z"},{"y":1}]}"#.into(),
            r#"{"id":"c","subject":"","x":[{"y":"z"}],"t":"},{"id"}"#.into(),
            r#"{"id":"c","subject":"a\q","x":[{"y":"z"}]}"#.into(),
            format!(r#"{{"id":"c","subject":{deep},"x":[{{"y":"z"}}]}}"#),
            "tru".into(),
            r#"{"id":"c" "x":1}"#.into(),
            r#"{"id":"c","subject":"x"}","x":[{"y":"z"}]}"#.into(),
        ]
    }

    #[test]
    fn a_row_that_cannot_be_read_is_told_apart_and_the_others_are_read() {
        for bad in unreadable_rows() {
            for (rows, place) in [
                ([bad.as_str(), GOOD[0], GOOD[1]], 0),
                ([GOOD[0], &bad, GOOD[1]], 1),
                ([GOOD[0], GOOD[1], &bad], 2),
            ] {
                for (before, after) in [
                    (r#"{"data":[{"resultCount":3,"impersonationLogs":["#, r#"]}],"fail":[]}"#),
                    (
                        r#"{"data":[{"impersonationLogs":[ "#,
                        r#" ],"resultCount":3}],"meta":{"pagination":{"next":"t"}}}"#,
                    ),
                ] {
                    let body = format!("{before}{}{after}", rows.join(" , "));
                    let page = parse(&body).unwrap_or_else(|why| panic!("{body}: {why}"));
                    assert_eq!(readable(&page), GOOD, "{body}");
                    // Where it seems to end within, it is two.
                    assert!((3..=4).contains(&page.rows.len()), "{body}");
                    assert!(page.rows[place].is_unreadable, "{body}");
                    assert_eq!(page.result_count, Some(3));
                    assert_eq!(page.next.is_some(), body.contains("next"));
                }
            }
        }
    }

    #[test]
    fn several_rows_that_cannot_be_read_are_each_told_apart() {
        let mut rows = Vec::new();
        for bad in unreadable_rows() {
            rows.extend([GOOD[0].to_owned(), bad]);
        }
        rows.push(GOOD[1].to_owned());
        let body = format!(r#"{{"data":[{{"impersonationLogs":[{}]}}]}}"#, rows.join(","));
        let good = readable(&parse(&body).unwrap()).len();
        assert_eq!(good, unreadable_rows().len() + 1);
    }

    #[test]
    fn rows_that_cannot_be_read_and_follow_each_other_hide_no_other() {
        let all = unreadable_rows();
        for pair in all.windows(2) {
            let rows = [GOOD[0], &pair[0], &pair[1], GOOD[1]].join(",");
            let body = format!(r#"{{"data":[{{"impersonationLogs":[{rows}]}}]}}"#);
            assert_eq!(readable(&parse(&body).unwrap()), GOOD, "{body}");
        }
    }

    #[test]
    fn what_cannot_be_gone_around_is_no_page_and_costs_no_more_than_so_many_readings() {
        let rows = vec![[GOOD[0], r#"{"id":"a" "b":[{"c":1}]}"#].join(","); 4_000].join(",");
        let body = format!(r#"{{"data":[{{"impersonationLogs":[{rows}]}}]}}"#);
        let why = parse(&body).map(drop).unwrap_err();
        let place = body.find("\"b\"").unwrap();
        assert!(why.contains(&format!("at byte {place} of")), "{why}");
    }

    #[test]
    fn both_forms_of_an_empty_result_are_an_empty_page() {
        for (data, count) in
            [("[]", None), (r#"[{"resultCount":0,"impersonationLogs":[]}]"#, Some(0))]
        {
            let body = format!(r#"{{"meta":{{"status":200}},"data":{data},"fail":[]}}"#);
            let page = parse(&body).unwrap();
            assert!(page.rows.is_empty() && page.has_data && page.next.is_none(), "{data}");
            assert_eq!(page.result_count, count);
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
    fn counts_of_several_elements_are_added_up_within_bounds() {
        for (counts, sum) in [([2, 3], 5), ([u64::MAX, 3], u64::MAX)] {
            let element = |count| format!(r#"{{"resultCount":{count},"impersonationLogs":[]}}"#);
            let body = format!(r#"{{"data":[{}]}}"#, counts.map(element).join(","));
            assert_eq!(parse(&body).unwrap().result_count, Some(sum));
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
        let long = format!("\"{}\"", "x".repeat(PAGE_TOKEN_BYTES_MAX + 1));
        for odd in ["5", "{}", "true", r#"["t"]"#, r#""\ud800""#, &long] {
            assert_eq!(next(odd), (None, Some(ODD_TOKEN.to_owned())), "{odd}");
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
            ("{\"data\":[{\"impersonationLogs\":[{\"a\":\n tru", 38),
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
