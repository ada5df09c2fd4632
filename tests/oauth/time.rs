//! How long a poll or a check may take, by what each of its requests may take.

use mimecast_ttp_source::{
    Config, HttpError, Memory, Moment, Pending, PendingCheck, Step, check, poll,
};
use serde_json::Value;

use crate::fake::{DAY, HOUR, Reply, T, WithHeader as _, config, response};
use crate::instance::{Instance, empty, gateway, grant, oauth2};

/// A host gives a call two minutes in all, and some of that goes by between the requests.
const ALL_MS_MAX: u32 = 110_000;

#[test]
fn whatever_the_replies_a_call_ends_within_two_minutes_by_the_timeouts_of_its_requests() {
    for (auth, longest_ms) in [(config(), 70_000), (oauth2(), ALL_MS_MAX)] {
        let all = calls(&auth).into_iter().map(|call| call.longest_ms());
        assert_eq!(all.max(), Some(longest_ms), "{auth}");
    }
}

/// A call before any reply.
struct Call {
    config: Value,
    cursor: Option<String>,
    /// How long the token is good that is kept. None: none is.
    token_secs: Option<i64>,
    is_check: bool,
}

fn calls(auth: &Value) -> Vec<Call> {
    let mut without_start = auth.clone();
    without_start.as_object_mut().unwrap().remove("start");
    let mut stored = Instance::new(auth.clone());
    let _ = match auth["auth"]["type"].as_str() {
        Some("hmac") => stored.poll([empty()]).unwrap(),
        _ => stored.poll([grant("t", 1_799), empty()]).unwrap(),
    };
    let begun = [(auth, None, false), (&without_start, None, false), (auth, stored.cursor, false)];
    let begun = begun.into_iter().chain([(auth, None, true)]);
    // One that is good to the end, and one that runs out after the first request.
    let tokens = [None, Some(1_000), Some(1)];
    begun
        .flat_map(|(config, cursor, is_check)| {
            tokens.map(|token_secs| Call {
                config: config.clone(),
                cursor: cursor.clone(),
                token_secs,
                is_check,
            })
        })
        .collect()
}

/// Replies by number, as of when they come.
fn reply(number: usize, now: i64) -> Option<Reply> {
    let reply = match number {
        0 => Ok(grant("long", 1_799)),
        1 => Ok(grant("short", 1)),
        2 => Ok(empty()),
        3 => Ok(empty().dated(now + DAY)),
        4 => Ok(empty().dated(now - 2 * DAY)),
        5 => Ok(gateway(401, "token_expired")),
        6 => Ok(gateway(401, "err_xdk_invalid_signature").dated(now + DAY)),
        7 => Ok(gateway(401, "err_xdk_invalid_signature").dated(now - 2 * DAY)),
        8 => Ok(gateway(400, "err_future").dated(now - HOUR / 2)),
        9 => Ok(response(503, "")),
        10 => Err(HttpError::Timeout("late".to_owned())),
        11 => Err(HttpError::TooLarge("large".to_owned())),
        _ => return None,
    };
    Some(reply)
}

impl Call {
    /// The sum of the timeouts of its requests, the largest of all sequences of replies.
    fn longest_ms(&self) -> u32 {
        let mut longest_ms = 0;
        let mut open = vec![Vec::new()];
        while let Some(replies) = open.pop() {
            let (all_ms, asks_again) = self.after(&replies);
            assert!(all_ms <= ALL_MS_MAX, "{all_ms} ms after the replies {replies:?}");
            longest_ms = longest_ms.max(all_ms);
            if asks_again {
                let numbers = (0..).take_while(|number| reply(*number, T).is_some());
                open.extend(numbers.map(|number| [&replies[..], &[number]].concat()));
            }
        }
        longest_ms
    }

    /// The timeouts of its requests, if it gets these replies, each at the last moment; and whether it
    /// waits for another.
    fn after(&self, replies: &[usize]) -> (u32, bool) {
        let now = T + 5 * HOUR;
        let config = Config::parse(&self.config.to_string()).unwrap();
        let mut memory = match self.token_secs {
            Some(secs) if self.config["auth"]["type"] == "oauth2" => {
                let mut instance = Instance { now, ..Instance::new(self.config.clone()) };
                instance.check([grant("old", 60 + secs), empty()]).unwrap();
                instance.memory
            }
            _ => Memory::new(),
        };
        if self.is_check {
            let step = check(&config, &mut memory, at(now));
            drive(step, replies, now, PendingCheck::reply)
        } else {
            let step = poll(&config, &mut memory, self.cursor.as_deref(), at(now));
            drive(step, replies, now, Pending::reply)
        }
    }
}

fn drive<P, T>(
    mut step: Step<P, T>,
    replies: &[usize],
    mut now: i64,
    take: impl Fn(P, Reply, Moment) -> Step<P, T>,
) -> (u32, bool) {
    let mut all_ms = 0;
    let mut replies = replies.iter();
    loop {
        let Step::Send(request, pending) = step else { return (all_ms, false) };
        all_ms += request.timeout_ms;
        now += i64::from(request.timeout_ms / 1_000);
        let Some(number) = replies.next() else { return (all_ms, true) };
        step = take(pending, reply(*number, now).unwrap(), at(now));
    }
}

fn at(now: i64) -> Moment {
    Moment { unix_nanos: u64::try_from(now).unwrap() * 1_000_000_000, random: [3; 16] }
}
