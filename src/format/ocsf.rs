//! A row as an event of the Open Cybersecurity Schema Framework 1.5: a Detection Finding, or an Email
//! Activity, both with the profile `security_control`. What the schema has no place for is in
//! `unmapped`.

use std::borrow::Cow;

use crate::format::address::Addresses;
use crate::format::members::{Members, Text};
use crate::json::writer::{Digits, JsonWriter, quoted};
use crate::row::{Field, Row};

/// A class of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    DetectionFinding,
    EmailActivity,
}

pub(crate) fn event(class: Class, row: &Row<'_>, original: Option<&str>) -> String {
    let mut members = Members::of(row);
    let mail = Mail::take(&mut members, class);
    let ip = members.ip_address(IP_T_BYTES_MAX);
    let definition = members.take_written(Field::Definition);
    let is_malicious = members.json(Field::TaggedMalicious) == Some("true");
    let action = members.text(Field::Action);
    let verdict = action.as_ref().map(|action| Verdict::of(&action.said, is_malicious));
    let uid = uid(row, &mut members);
    let time_ms = row.time().map(|time| Digits::of(time.unix_millis()));
    let time_ms = time_ms.as_ref().map(Digits::as_str);
    JsonWriter::object_text(row.text.len() + ROOM_BYTES, |out| {
        // Required. Where the row's own is unreadable nothing is known, and it stands at its origin.
        out.member(class.head(), time_ms.unwrap_or("0"));
        out.members(severity(&members, is_malicious));
        out.optional(r#""message":"#, definition);
        out.member(METADATA, &uid);
        out.optional(r#""original_time":"#, members.take_written(Field::EventTime));
        out.close("}");
        match class {
            Class::DetectionFinding => {
                out.member(r#""finding_info":{"uid":"#, &uid);
                out.optional(r#""title":"#, definition);
                out.optional(r#""created_time":"#, time_ms);
                out.optional(r#""types":"#, members.texts(Field::Identifiers));
                if let Some(name) = definition {
                    out.member(r#""analytic":{"type_id":1,"name":"#, name);
                    out.close("}");
                }
                out.close("}");
                let evidence = |out: &mut JsonWriter| evidence(out, mail.as_ref(), ip.as_ref());
                out.within(r#""evidences":[{"#, evidence, "}]");
            }
            Class::EmailActivity => {
                out.members(r#""direction_id":0"#);
                evidence(out, mail.as_ref(), ip.as_ref());
            }
        }
        out.members(if is_malicious || verdict.as_ref().is_some_and(|it| it.is_denied) {
            r#""is_alert":true"#
        } else {
            r#""is_alert":false"#
        });
        if let (Some(verdict), Some(action)) = (&verdict, &action) {
            out.members(verdict.ids);
            if verdict.is_other {
                out.member(r#""action":"#, action.written);
                out.member(r#""disposition":"#, action.written);
            }
        }
        if let Some(name) = definition {
            out.member(r#""policy":{"name":"#, name);
            out.close("}");
        }
        out.optional(r#""raw_data":"#, original);
        out.within(r#""unmapped":{"#, |out| members.write_left(out), "}");
    })
}

impl Class {
    /// All that stands before the time.
    const fn head(self) -> &'static str {
        match self {
            Self::DetectionFinding => {
                r#""category_uid":2,"class_uid":2004,"activity_id":1,"type_uid":200401,"time":"#
            }
            Self::EmailActivity => {
                r#""category_uid":4,"class_uid":4009,"activity_id":3,"type_uid":400903,"time":"#
            }
        }
    }
}

/// What a row says of the mail.
struct Mail<'a> {
    from: Addresses<'a>,
    to: Addresses<'a>,
    subject: Option<&'a str>,
    message_id: Option<Text<'a>>,
}

impl<'a> Mail<'a> {
    /// None where the schema cannot hold it: an `email` must have a sender or recipients.
    fn take(members: &mut Members<'a>, class: Class) -> Option<Self> {
        let from = Addresses::take(members, Field::SenderAddress, is_email_t);
        let to = Addresses::take(members, Field::RecipientAddress, is_email_t);
        if class == Class::DetectionFinding && from.only().is_none() && to.all().is_empty() {
            return None;
        }
        let subject = members.take_written(Field::Subject);
        let message_id = members.text(Field::MessageId);
        // Of one without brackets nobody could tell afterwards whether it had any: it is left, too.
        if let Some(id) = message_id.as_ref().filter(|id| in_brackets(&id.said).is_some()) {
            members.take(id);
        }
        Some(Self { from, to, subject, message_id })
    }

    fn write(&self, out: &mut JsonWriter) {
        let (from, to) = (self.from.only(), self.to.all());
        out.optional(r#""from":"#, from);
        // Where there is neither, the list is empty: the class requires an `email`.
        if !to.is_empty() || from.is_none() {
            out.list(r#""to":"#, to);
        }
        out.optional(r#""subject":"#, self.subject);
        match &self.message_id {
            None => {}
            Some(Text { said: Cow::Borrowed(plain), .. }) => {
                out.member(r#""message_uid":""#, in_brackets(plain).unwrap_or(plain));
                out.close("\"");
            }
            Some(Text { said: Cow::Owned(said), .. }) => {
                out.member(r#""message_uid":"#, &quoted(in_brackets(said).unwrap_or(said)));
            }
        }
    }
}

fn in_brackets(id: &str) -> Option<&str> {
    id.strip_prefix('<')?.strip_suffix('>')
}

/// The schema's pattern for its type `email_t`, in which `+-/` is a range and takes in the comma.
fn is_email_t(address: &str) -> bool {
    let span = |bytes: &[u8], kind: u8| {
        bytes.iter().take_while(|byte| EMAIL_T[usize::from(**byte)] & kind != 0).count()
    };
    let (local, rest) = address.as_bytes().split_at(span(address.as_bytes(), LOCAL));
    let Some(domain) = rest.strip_prefix(b"@") else { return false };
    let (label, rest) = domain.split_at(span(domain, LABEL));
    let Some(rest) = rest.strip_prefix(b".") else { return false };
    let is_to_the_end = span(rest, LABEL | DOT) == rest.len();
    !local.is_empty() && !label.is_empty() && !rest.is_empty() && is_to_the_end
}

fn evidence(out: &mut JsonWriter, mail: Option<&Mail<'_>>, ip: Option<&Text<'_>>) {
    if let Some(mail) = mail {
        out.within(r#""email":{"#, |out| mail.write(out), "}");
    }
    if let Some(ip) = ip {
        out.member(r#""src_endpoint":{"ip":"#, ip.written);
        out.close("}");
    }
}

/// What became of the mail.
struct Verdict {
    ids: &'static str,
    is_denied: bool,
    /// The schema has no id for it, but a place for the source's own word.
    is_other: bool,
}

impl Verdict {
    /// The source's word is left as it is: several have the same ids.
    fn of(action: &str, is_malicious: bool) -> Self {
        let denied = |ids| Self { ids, is_denied: true, is_other: false };
        let passed = |ids| Self { ids, is_denied: false, is_other: false };
        match (action, is_malicious) {
            ("hold", _) => denied(r#""action_id":2,"disposition_id":3"#),
            ("bounce", _) => denied(r#""action_id":2,"disposition_id":25"#),
            ("delete" | "remove_email", _) => denied(r#""action_id":2,"disposition_id":5"#),
            ("none", true) => passed(r#""action_id":3,"disposition_id":15"#),
            ("none", false) => passed(r#""action_id":1,"disposition_id":16"#),
            _ => Self { is_other: true, ..passed(r#""action_id":99,"disposition_id":99"#) },
        }
    }
}

/// High, if it is tagged malicious; medium, if more than one identifier was hit; else low.
fn severity(members: &Members<'_>, is_malicious: bool) -> &'static str {
    let hits = members.json(Field::Hits).and_then(|hits| hits.parse::<u64>().ok());
    if is_malicious {
        r#""severity_id":4"#
    } else if hits.is_some_and(|hits| hits > 1) {
        r#""severity_id":3"#
    } else {
        r#""severity_id":2"#
    }
}

/// Required, and so the row's identity where it has no id of its own. As a JSON string.
fn uid<'a>(row: &Row<'a>, members: &mut Members<'a>) -> Cow<'a, str> {
    let Some(own) = row.own_id() else { return Cow::Owned(quoted(&row.digest())) };
    match members.text(Field::Id) {
        Some(id) => {
            members.take(&id);
            Cow::Borrowed(id.written)
        }
        None => Cow::Owned(quoted(own)),
    }
}

const METADATA: &str = concat!(
    r#""metadata":{"version":"1.5.0","profiles":["security_control"],"#,
    r#""product":{"name":"Targeted Threat Protection - Impersonation Protect","#,
    r#""vendor_name":"Mimecast"},"log_name":"ttp_impersonation","uid":"#
);
/// What each byte can be part of in an `email_t`.
const EMAIL_T: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0u8;
    while byte < 128 {
        kinds[byte as usize] = match byte {
            b'-' => LOCAL | LABEL,
            b'.' => LOCAL | DOT,
            b'!' | b'#'..=b'\'' | b'*'..=b'/' | b'=' | b'?' | b'^'..=b'`' | b'{'..=b'~' => LOCAL,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => LOCAL | LABEL,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};
const LOCAL: u8 = 1;
const LABEL: u8 = 2;
const DOT: u8 = 4;
/// Of the schema's type `ip_t`. The longest spelling of an address has 45.
const IP_T_BYTES_MAX: usize = 40;
/// What an event has besides its row.
const ROOM_BYTES: usize = 832;
