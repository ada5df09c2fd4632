//! A row as an event of the Elastic Common Schema 8.11, nested. The vendor's own fields, and what the
//! schema has no place for, are in `mimecast`.

use crate::format::address::Addresses;
use crate::format::members::{Members, Text};
use crate::json::writer::JsonWriter;
use crate::row::{Field, Row};
use crate::timestamp::EventTime;

pub(crate) fn event(row: &Row<'_>, original: Option<&str>) -> String {
    let mut members = Members::of(row);
    let time = members.text(Field::EventTime).zip(row.time());
    let created = time.as_ref().map(|(text, _)| text).filter(|text| is_date(text));
    if let Some(text) = created {
        members.take(text);
    }
    let action = members.take_text(Field::Action);
    let from = Addresses::take(&mut members, Field::SenderAddress, |_| true);
    let to = Addresses::take(&mut members, Field::RecipientAddress, |_| true);
    let ip = members.ip_address(usize::MAX);
    let ip = ip.as_ref().map(|ip| ip.written);
    JsonWriter::object_text(row.text.len() + ROOM_BYTES, |out| {
        if let Some((text, time)) = &time {
            timestamp(out, text, *time);
        }
        out.members(if action.as_ref().is_some_and(is_denied) { DENIED } else { ALLOWED });
        out.optional(r#""action":"#, action.as_ref().map(|action| action.written));
        out.optional(r#""id":"#, members.take_written(Field::Id));
        out.optional(r#""created":"#, created.map(|text| text.written));
        out.optional(r#""original":"#, original);
        out.close("}");
        let mail = |out: &mut JsonWriter| {
            addresses(out, r#""from":{"address":"#, &from);
            addresses(out, r#""to":{"address":"#, &to);
            out.optional(r#""subject":"#, members.take_written(Field::Subject));
            out.optional(r#""message_id":"#, members.take_written(Field::MessageId));
        };
        out.within(r#""email":{"#, mail, "}");
        if let Some(definition) = members.take_written(Field::Definition) {
            out.member(r#""rule":{"name":"#, definition);
            out.close("}");
        }
        if let Some(ip) = ip {
            out.member(r#""source":{"ip":"#, ip);
            out.close("}");
        }
        let related = |out: &mut JsonWriter| {
            if let Some(ip) = ip {
                out.list(r#""ip":"#, [ip]);
            }
            let new_in_to = to.all().iter().filter(|one| !from.all().contains(*one));
            let mut users = from.all().iter().chain(new_in_to).peekable();
            if users.peek().is_some() {
                out.list(r#""user":"#, users);
            }
        };
        out.within(r#""related":{"#, related, "}");
        out.members(r#""observer":{"vendor":"Mimecast","product":"Targeted Threat Protection"}"#);
        out.within(r#""mimecast":{"#, |out| members.write_left(out), "}");
    })
}

fn addresses(out: &mut JsonWriter, head: &str, addresses: &Addresses<'_>) {
    if !addresses.all().is_empty() {
        out.list(head, addresses.all());
        out.close("}");
    }
}

fn is_denied(action: &Text<'_>) -> bool {
    matches!(&*action.said, "hold" | "bounce" | "delete" | "remove_email")
}

/// RFC 3339 in UTC. In all recordings the row's own time is in UTC already.
fn timestamp(out: &mut JsonWriter, text: &Text<'_>, time: EventTime) {
    match text.written.strip_suffix("+0000\"").filter(|_| is_date(text)) {
        Some(local) => out.member(r#""@timestamp":"#, local),
        None => out.member(r#""@timestamp":""#, time.to_string().trim_end_matches('Z')),
    }
    out.close("Z\"");
}

/// Whether what is a time is a date of the schema, too: Elasticsearch reads nine digits of a fraction,
/// and refuses an event with more.
fn is_date(text: &Text<'_>) -> bool {
    let fraction = text.said.split_once('.').map_or("", |(_, fraction)| fraction);
    fraction.bytes().take_while(u8::is_ascii_digit).count() <= 9
}

macro_rules! event {
    ($type:literal) => {
        concat!(
            r#""ecs":{"version":"8.11.0"},"event":{"kind":"alert","category":["email"],"#,
            r#""module":"mimecast","dataset":"mimecast.ttp_ip_logs","#,
            r#""provider":"ttp-impersonation-protect","outcome":"success","type":[""#,
            $type,
            r#""]"#
        )
    };
}

const DENIED: &str = event!("denied");
const ALLOWED: &str = event!("info");
/// What an event has besides its row.
const ROOM_BYTES: usize = 768;
