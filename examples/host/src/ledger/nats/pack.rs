//! The messages that a batch's events become.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::bindings::Event;
use crate::ledger::nats::subject::Subjects;
use crate::output::append_line;

/// One message: an event, or several of a kind, each on a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) subject: String,
    pub(super) events: usize,
    pub(super) payload: Bytes,
}

/// Why events become no messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unpacked {
    /// One of them has so many bytes.
    TooLarge { id: String, bytes: usize },
    /// All of them are too much for one batch.
    TooMany,
}

/// One message an event, or as few events a message as there have to be for so many messages. Those of a kind
/// stay in their order.
pub(super) fn pack(
    subjects: &Subjects,
    source: &str,
    events: &[Event],
    messages_max: usize,
    bytes_max: usize,
) -> Result<Vec<Message>, Unpacked> {
    let mut lines = Vec::with_capacity(events.len());
    for event in events {
        let mut line = Vec::new();
        append_line(&mut line, source, event, true);
        line.pop();
        if line.len() > bytes_max {
            return Err(Unpacked::TooLarge { id: event.id.clone(), bytes: line.len() });
        }
        lines.push(line);
    }
    let kinds = events.iter().map(|event| event.kind.as_str());
    if events.len() <= messages_max {
        let message = |(kind, line): (&str, Vec<u8>)| Message {
            subject: subjects.event(source, kind),
            events: 1,
            payload: line.into(),
        };
        return Ok(kinds.zip(lines).map(message).collect());
    }
    let mut by_kind: BTreeMap<&str, Vec<Vec<u8>>> = BTreeMap::new();
    for (kind, line) in kinds.zip(lines) {
        by_kind.entry(kind).or_default().push(line);
    }
    let mut most = 2;
    while most <= events.len() {
        let messages = grouped(subjects, source, &by_kind, most, bytes_max);
        if messages.len() <= messages_max {
            return Ok(messages);
        }
        most *= 2;
    }
    let messages = grouped(subjects, source, &by_kind, events.len(), bytes_max);
    if messages.len() <= messages_max { Ok(messages) } else { Err(Unpacked::TooMany) }
}

/// Messages of so many lines at most.
fn grouped(
    subjects: &Subjects,
    source: &str,
    by_kind: &BTreeMap<&str, Vec<Vec<u8>>>,
    most: usize,
    bytes_max: usize,
) -> Vec<Message> {
    let mut messages = Vec::new();
    for (kind, lines) in by_kind {
        let (mut payload, mut events) = (Vec::new(), 0);
        let mut close = |payload: &mut Vec<u8>, events: &mut usize| {
            if *events > 0 {
                messages.push(Message {
                    subject: subjects.event(source, kind),
                    events: std::mem::take(events),
                    payload: std::mem::take(payload).into(),
                });
            }
        };
        for line in lines {
            if events == most || payload.len() + 1 + line.len() > bytes_max {
                close(&mut payload, &mut events);
            }
            if events > 0 {
                payload.push(b'\n');
            }
            payload.extend_from_slice(line);
            events += 1;
        }
        close(&mut payload, &mut events);
    }
    messages
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn event(number: usize, kind: &str, bytes: usize) -> Event {
        let body = format!("\"{}\"", "x".repeat(bytes));
        Event { id: number.to_string(), kind: kind.into(), time: None, body }
    }

    /// The ids of all lines, by kind, in order.
    fn ids(messages: &[Message]) -> BTreeMap<String, Vec<usize>> {
        let mut ids: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for message in messages {
            let lines: Vec<&[u8]> = message.payload.split(|byte| *byte == b'\n').collect();
            assert_eq!(lines.len(), message.events);
            for line in lines {
                let line: serde_json::Value = serde_json::from_slice(line).unwrap();
                let kind = line["kind"].as_str().unwrap();
                assert!(message.subject.ends_with(&format!(".acme.{kind}")));
                ids.entry(kind.into())
                    .or_default()
                    .push(line["id"].as_str().unwrap().parse().unwrap());
            }
        }
        ids
    }

    fn packed(
        events: &[Event],
        messages_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Message>, Unpacked> {
        pack(&Subjects::of("S"), "acme", events, messages_max, bytes_max)
    }

    #[test]
    fn each_event_is_a_message_while_there_is_room_for_them() {
        let events: Vec<Event> = (0..999).map(|number| event(number, "a.b", 10)).collect();
        let messages = packed(&events, 999, 1_000).unwrap();
        assert_eq!(messages.len(), 999);
        assert_eq!(ids(&messages)["a.b"], (0..999).collect::<Vec<_>>());
    }

    #[test]
    fn more_of_them_share_messages_and_none_is_left_out() {
        let kinds = ["a", "b", "c"];
        let events: Vec<Event> = (0..10_000)
            .map(|number| event(number, kinds[number * number % 3], number % 500))
            .collect();
        for (messages_max, bytes_max) in [(999, 1 << 20), (900, 6_000), (4, 1 << 21)] {
            let messages = packed(&events, messages_max, bytes_max).unwrap();
            assert!(messages.len() <= messages_max);
            assert!(messages.iter().all(|message| message.payload.len() <= bytes_max));
            let ids = ids(&messages);
            assert_eq!(ids.values().map(Vec::len).sum::<usize>(), 10_000);
            for (kind, ids) in ids {
                assert!(ids.is_sorted(), "{kind}");
                assert!(ids.iter().all(|number| events[*number].kind == kind));
            }
        }
    }

    #[test]
    fn what_cannot_be_one_batch_is_told() {
        let events = [event(1, "a", 10), event(2, "a", 2_000)];
        let unpacked = packed(&events, 999, 1_000).unwrap_err();
        assert!(matches!(unpacked, Unpacked::TooLarge { id, bytes: 2_000.. } if id == "2"));
        let many: Vec<Event> = (0..100).map(|number| event(number, "a", 600)).collect();
        assert_eq!(packed(&many, 20, 1_000), Err(Unpacked::TooMany));
        assert_eq!(packed(&[], 999, 1_000), Ok(Vec::new()));
    }
}
