//! A row as an event of the Elastic Common Schema 8.11, nested. The vendor's own fields, and what the
//! schema has no place for, are in `mimecast`.

use std::borrow::Cow;

use crate::format::address;
use crate::format::members::{Members, Text};
use crate::format::writer::{JsonWriter, name};
use crate::row::{Field, Row};
use crate::timestamp::EventTime;

pub(crate) fn event(row: &Row<'_>, original: Option<Cow<'_, str>>) -> String {
    let mut members = Members::of(row);
    let time = members.text(Field::EventTime).zip(row.time());
    let action = members.take_text(Field::Action);
    let from = address::take(&mut members, Field::SenderAddress, |_| true);
    let to = address::take(&mut members, Field::RecipientAddress, |_| true);
    let ip = super::ip_address(&mut members);
    JsonWriter::object_text(row.text.len() + ROOM_BYTES, |out| {
        if let Some((text, time)) = &time {
            timestamp(out, text, *time);
        }
        out.members(r#""ecs":{"version":"8.11.0"}"#);
        out.object(name!("event"), |out| {
            out.members(concat!(
                r#""kind":"alert","category":["email"],"module":"mimecast","#,
                r#""dataset":"mimecast.ttp_ip_logs","provider":"ttp-impersonation-protect","#,
                r#""outcome":"success""#
            ));
            let is_denied = action.as_ref().is_some_and(is_denied);
            out.json(name!("type"), if is_denied { r#"["denied"]"# } else { r#"["info"]"# });
            out.text(name!("action"), action.as_ref());
            out.text(name!("id"), members.take_text(Field::Id).as_ref());
            if let Some((text, _)) = &time {
                members.take(text);
                out.json(name!("created"), text.written);
            }
            if let Some(original) = &original {
                out.string(name!("original"), original);
            }
        });
        out.object(name!("email"), |out| {
            for (name, people) in [(name!("from"), &from), (name!("to"), &to)] {
                if !people.is_empty() {
                    out.object(name, |out| out.list(name!("address"), people));
                }
            }
            out.text(name!("subject"), members.take_text(Field::Subject).as_ref());
            out.text(name!("message_id"), members.take_text(Field::MessageId).as_ref());
        });
        out.object(name!("rule"), |out| {
            out.text(name!("name"), members.take_text(Field::Definition).as_ref())
        });
        if let Some(ip) = &ip {
            out.object(name!("source"), |out| out.json(name!("ip"), ip.written));
        }
        out.object(name!("related"), |out| {
            if let Some(ip) = &ip {
                out.list(name!("ip"), [&ip.said]);
            }
            let new_in_to = to.iter().filter(|one| !from.contains(*one));
            let mut users = from.iter().chain(new_in_to).peekable();
            if users.peek().is_some() {
                out.list(name!("user"), users);
            }
        });
        out.members(r#""observer":{"vendor":"Mimecast","product":"Targeted Threat Protection"}"#);
        out.object(name!("mimecast"), |out| {
            members.left().for_each(|(name, value)| out.member(name, value))
        });
    })
}

fn is_denied(action: &Text<'_>) -> bool {
    matches!(&*action.said, "hold" | "bounce" | "delete" | "remove_email")
}

/// RFC 3339 in UTC. In all recordings the row's own time is in UTC already.
fn timestamp(out: &mut JsonWriter, text: &Text<'_>, time: EventTime) {
    match text.written.strip_suffix("+0000\"") {
        Some(local) => out.json_of_two(name!("@timestamp"), local, "Z\""),
        None => out.string(name!("@timestamp"), &time.to_string()),
    }
}

/// What an event has besides its row.
const ROOM_BYTES: usize = 768;
