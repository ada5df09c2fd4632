//! The text of pages, in each style.

use serde_json::json;

use crate::answer::style::{Empty, LastPage, Layout, ResultCount, Style};

/// A page of a result.
pub(crate) struct Page {
    pub(crate) size: u32,
    pub(crate) result_count: usize,
    pub(crate) next: Option<String>,
    pub(crate) previous: Option<String>,
    pub(crate) rows: Vec<String>,
}

impl Page {
    pub(crate) fn body(&self, style: Style) -> String {
        let mut meta = json!({"status": 200});
        if self.next.is_some() || style.last_page != LastPage::NoPagination {
            let pagination = &mut meta["pagination"];
            *pagination = json!({"pageSize": self.size, "totalCount": self.result_count});
            for (name, token) in [("next", &self.next), ("previous", &self.previous)] {
                if let Some(token) = token {
                    pagination[name] = json!(token);
                }
            }
        }
        let counted = |off| {
            let count = (self.result_count as u64).saturating_add_signed(off);
            format!(r#""resultCount":{count},"#)
        };
        let count = match style.result_count {
            ResultCount::Given => counted(0),
            ResultCount::Off(by) => counted(by),
            ResultCount::Absent => String::new(),
        };
        let data = if self.rows.is_empty() && style.empty == Empty::NoData {
            String::new()
        } else {
            format!(r#"{{{count}"impersonationLogs":[{}]}}"#, self.rows.join(","))
        };
        let body = format!(r#"{{"meta":{meta},"data":[{data}],"fail":[]}}"#);
        match style.layout {
            Layout::Compact => body,
            Layout::Pretty => laid_out(&body, 0),
        }
    }
}

/// A row as it stands in a pretty page.
pub(crate) fn row_text(row: &str) -> String {
    const DEPTH_IN_PAGE: usize = 4;
    laid_out(row, DEPTH_IN_PAGE)
}

/// JSON with a token a line, indented; what is inside strings stays as it is.
fn laid_out(json: &str, depth: usize) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (depth, false, false);
    let mut chars = json.chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(c) = chars.next() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '"' => {
                in_string = true;
                out.push(c);
            }
            '{' | '[' => {
                out.push(c);
                while chars.next_if(|next| matches!(next, '\n' | '\r')).is_some() {}
                if let Some(close) = chars.next_if(|&next| next == '}' || next == ']') {
                    out.push(close);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(" : "),
            c if c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}
