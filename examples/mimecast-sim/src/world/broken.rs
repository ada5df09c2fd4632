//! Rows whose text is no JSON, or too deep for those who read it, kind after kind: a client must not
//! stop at them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::date::api_date;

/// How deep the last kind is nested; readers commonly stop at 128.
const DEPTH: usize = 200;

/// What is wrong with a row.
#[derive(Clone, Copy)]
enum Kind {
    /// A raw tab in the subject.
    RawTab,
    /// A raw line break in the subject.
    RawLineBreak,
    /// `NaN` for a number.
    NotANumber,
    /// Quotes in the subject that are not escaped.
    BareQuotes,
    /// Lists in lists.
    Deep,
}

impl Kind {
    fn of(number: u32) -> Self {
        match number % 5 {
            0 => Self::RawTab,
            1 => Self::RawLineBreak,
            2 => Self::NotANumber,
            3 => Self::BareQuotes,
            _ => Self::Deep,
        }
    }
}

/// Whether broken row `number` can be read once its control characters are escaped.
pub(crate) fn is_readable(number: u32) -> bool {
    matches!(Kind::of(number), Kind::RawTab | Kind::RawLineBreak)
}

/// The text of broken row `number`. No two rows are the same.
pub(crate) fn text(number: u32, event_secs: i64) -> String {
    let kind = Kind::of(number);
    let id = STANDARD.encode(format!("broken row {number}"));
    let subject = match kind {
        Kind::RawTab => "Invoice\toverdue",
        Kind::RawLineBreak => "Invoice\noverdue",
        // Two of them: what comes after the row is in strings, or not, as before.
        Kind::BareQuotes => r#"The "urgent" invoice"#,
        Kind::NotANumber | Kind::Deep => "Invoice overdue",
    };
    let hits = if matches!(kind, Kind::NotANumber) { "NaN" } else { "1" };
    let depth = if matches!(kind, Kind::Deep) { DEPTH } else { 1 };
    let (open, close, event_time) = ("[".repeat(depth), "]".repeat(depth), api_date(event_secs));
    format!(
        concat!(
            r#"{{"id":"MTOKEN:{id}","senderAddress":"jane.doe1@acrne.example","#,
            r#""recipientAddress":"amara@acme.example","subject":"{subject}","#,
            r#""definition":"Default Impersonation Definition","hits":{hits},"#,
            r#""identifiers":["internal_user_name"],"action":"hold","taggedExternal":true,"#,
            r#""taggedMalicious":false,"senderIpAddress":"203.0.113.7","#,
            r#""eventTime":"{event_time}","messageId":"<broken.{number}@mail.acrne.example>","#,
            r#""impersonationResults":{open}{close}}}"#
        ),
        id = id,
        subject = subject,
        hits = hits,
        event_time = event_time,
        number = number,
        open = open,
        close = close,
    )
}
