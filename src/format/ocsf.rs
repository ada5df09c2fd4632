//! A row as an event of the Open Cybersecurity Schema Framework 1.5: a Detection Finding, or an Email
//! Activity, both with the profile `security_control`. What the schema has no place for is in
//! `unmapped`.

use std::borrow::Cow;

use crate::format::address;
use crate::format::members::{Members, Text};
use crate::format::writer::{JsonWriter, name};
use crate::row::{Field, Row};

/// A class of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    DetectionFinding,
    EmailActivity,
}

pub(crate) fn event(class: Class, row: &Row<'_>, original: Option<Cow<'_, str>>) -> String {
    let mut members = Members::of(row);
    let mail = Mail::take(&mut members, class);
    let ip = super::ip_address(&mut members);
    let definition = members.take_text(Field::Definition);
    let is_malicious = members.json(Field::TaggedMalicious) == Some("true");
    let verdict = members.text(Field::Action).map(|action| Verdict::of(&action, is_malicious));
    let uid = uid(row, &mut members);
    let time_ms = row.time().map(|time| time.unix_millis().to_string());
    JsonWriter::object_text(row.text.len() + ROOM_BYTES, |out| {
        out.members(match class {
            Class::DetectionFinding => {
                r#""category_uid":2,"class_uid":2004,"activity_id":1,"type_uid":200401"#
            }
            Class::EmailActivity => {
                r#""category_uid":4,"class_uid":4009,"activity_id":3,"type_uid":400903"#
            }
        });
        // Required. Where the row's own is unreadable nothing is known, and it stands at its origin.
        out.json(name!("time"), time_ms.as_deref().unwrap_or("0"));
        out.json(name!("severity_id"), severity_id(&members, is_malicious));
        out.text(name!("message"), definition.as_ref());
        out.object(name!("metadata"), |out| {
            out.members(concat!(
                r#""version":"1.5.0","profiles":["security_control"],"#,
                r#""product":{"name":"Targeted Threat Protection - Impersonation Protect","#,
                r#""vendor_name":"Mimecast"},"log_name":"ttp_impersonation""#
            ));
            out.said(name!("uid"), &uid);
            out.text(name!("original_time"), members.take_text(Field::EventTime).as_ref());
        });
        match class {
            Class::DetectionFinding => {
                out.object(name!("finding_info"), |out| {
                    out.said(name!("uid"), &uid);
                    out.text(name!("title"), definition.as_ref());
                    if let Some(time_ms) = &time_ms {
                        out.json(name!("created_time"), time_ms);
                    }
                    if let Some(types) = members.texts(Field::Identifiers) {
                        out.json(name!("types"), types);
                    }
                    if let Some(name) = &definition {
                        out.object(name!("analytic"), |out| {
                            out.json(name!("type_id"), "1");
                            out.json(name!("name"), name.written);
                        });
                    }
                });
                out.list_of_one(name!("evidences"), |out| mail_and_source(out, &mail, ip.as_ref()));
            }
            Class::EmailActivity => {
                out.json(name!("direction_id"), "0");
                mail_and_source(out, &mail, ip.as_ref());
            }
        }
        if let Some(verdict) = &verdict {
            verdict.write(out);
        }
        let is_alert = is_malicious || verdict.as_ref().is_some_and(|v| v.action_id == DENIED);
        out.json(name!("is_alert"), if is_alert { "true" } else { "false" });
        out.object(name!("policy"), |out| out.text(name!("name"), definition.as_ref()));
        if let Some(original) = &original {
            out.string(name!("raw_data"), original);
        }
        out.object(name!("unmapped"), |out| {
            members.left().for_each(|(name, value)| out.member(name, value));
        });
    })
}

/// What a row says of the mail, as far as the schema's `email` can hold it.
#[derive(Default)]
struct Mail<'a> {
    from: Option<Cow<'a, str>>,
    to: Vec<Cow<'a, str>>,
    subject: Option<Text<'a>>,
    message_id: Option<Text<'a>>,
    is_required: bool,
}

impl<'a> Mail<'a> {
    fn take(members: &mut Members<'a>, class: Class) -> Self {
        let mut from = address::take(members, Field::SenderAddress, is_email_t);
        // There is one place: of several nobody knows which one it is.
        let from = if from.len() == 1 { from.pop() } else { None };
        let to = address::take(members, Field::RecipientAddress, is_email_t);
        let is_required = class == Class::EmailActivity;
        if from.is_none() && to.is_empty() && !is_required {
            // An `email` must have one of both. Its subject and id are left.
            return Self::default();
        }
        let subject = members.take_text(Field::Subject);
        let message_id = members.take_text(Field::MessageId);
        Self { from, to, subject, message_id, is_required }
    }

    fn write(&self, out: &mut JsonWriter) {
        if let Some(from) = &self.from {
            out.said(name!("from"), from);
        }
        if !self.to.is_empty() || (self.is_required && self.from.is_none()) {
            out.list(name!("to"), &self.to);
        }
        out.text(name!("subject"), self.subject.as_ref());
        if let Some(id) = &self.message_id {
            match &id.said {
                Cow::Borrowed(id) => out.said(name!("message_uid"), &without_brackets(id).into()),
                Cow::Owned(id) => out.string(name!("message_uid"), without_brackets(id)),
            }
        }
    }
}

fn without_brackets(id: &str) -> &str {
    id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(id)
}

/// The schema's pattern for its type `email_t`, in which `+-/` is a range and takes in the comma.
fn is_email_t(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let Some((first, rest)) = domain.split_once('.') else { return false };
    let all = |text: &str, kind: u8| {
        !text.is_empty() && text.bytes().all(|byte| EMAIL_T[usize::from(byte)] & kind != 0)
    };
    all(local, LOCAL) && all(first, LABEL) && all(rest, LABEL | DOT)
}

fn mail_and_source(out: &mut JsonWriter, mail: &Mail<'_>, ip: Option<&Text<'_>>) {
    out.object(name!("email"), |out| mail.write(out));
    if let Some(ip) = ip {
        out.object(name!("src_endpoint"), |out| out.json(name!("ip"), ip.written));
    }
}

/// What became of the mail: `action_id` and `disposition_id`, and the source's own word where the
/// schema has none that fits.
struct Verdict<'a> {
    action_id: &'static str,
    disposition_id: &'static str,
    word: Option<&'a str>,
}

impl<'a> Verdict<'a> {
    /// The source's word is left: several have the same ids.
    fn of(action: &Text<'a>, is_malicious: bool) -> Self {
        let (action_id, disposition_id) = match (&*action.said, is_malicious) {
            ("hold", _) => (DENIED, "3"),
            ("bounce", _) => (DENIED, "25"),
            ("delete" | "remove_email", _) => (DENIED, "5"),
            ("none", true) => ("3", "15"),
            ("none", false) => ("1", "16"),
            _ => (OTHER, OTHER),
        };
        let word = (action_id == OTHER).then_some(action.written);
        Self { action_id, disposition_id, word }
    }

    fn write(&self, out: &mut JsonWriter) {
        out.json(name!("action_id"), self.action_id);
        out.json(name!("disposition_id"), self.disposition_id);
        if let Some(word) = self.word {
            out.json(name!("action"), word);
            out.json(name!("disposition"), word);
        }
    }
}

/// High, if it is tagged malicious; medium, if more than one identifier was hit; else low.
fn severity_id(members: &Members<'_>, is_malicious: bool) -> &'static str {
    let hits = members.json(Field::Hits).and_then(|hits| hits.parse::<u64>().ok());
    if is_malicious {
        "4"
    } else if hits.is_some_and(|hits| hits > 1) {
        "3"
    } else {
        "2"
    }
}

/// Required, and so the row's identity where it has no id of its own.
fn uid<'a>(row: &Row<'a>, members: &mut Members<'a>) -> Cow<'a, str> {
    match members.text(Field::Id).filter(|id| !id.said.is_empty()) {
        Some(id) => {
            members.take(&id);
            id.said
        }
        None => Cow::Owned(row.digest()),
    }
}

/// What each byte can be part of in an `email_t`.
const EMAIL_T: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        let c = byte as u8;
        kinds[byte] = match c {
            b'-' => LOCAL | LABEL,
            b'.' => LOCAL | DOT,
            b'!' | b'#'..=b'\'' | b'*'..=b'/' | b'=' | b'?' | b'^'..=b'`' | b'{'..=b'~' => LOCAL,
            c if c.is_ascii_alphanumeric() => LOCAL | LABEL,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};
const LOCAL: u8 = 1;
const LABEL: u8 = 2;
const DOT: u8 = 4;
const DENIED: &str = "2";
const OTHER: &str = "99";
/// What an event has besides its row.
const ROOM_BYTES: usize = 1_024;
