//! What to do at each poll: the configuration, and the position in it that is the cursor.

use serde_json::Value;

use crate::answer::{self, Batch, Error, Outcome};
use crate::told;

/// The JSON Schema of the configuration.
pub const SCHEMA: &str = include_str!("config.schema.json");

/// What to send.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub timeout_ms: Option<u32>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why nothing came back: a case of the contract, by its name there.
pub type Failure = &'static str;

/// The steps of a configuration, or what is wrong with it and where.
pub fn steps(config: &str) -> Result<Vec<Value>, (&'static str, &'static str)> {
    let Ok(mut config) = serde_json::from_str::<Value>(config) else {
        return Err(("", "it is no JSON"));
    };
    match config["steps"].take() {
        Value::Array(steps) if steps.iter().all(Value::is_object) => Ok(steps),
        _ => Err(("steps", "it is no list of objects")),
    }
}

/// One poll. `send` makes an exchange.
pub fn poll(
    config: &str,
    cursor: Option<&str>,
    mut send: impl FnMut(Request) -> Result<Response, Failure>,
) -> Outcome {
    let steps = match steps(config) {
        Ok(steps) => steps,
        Err((path, why)) => {
            return Error::new("config", "config_refused", format!("{path}: {why}")).into();
        }
    };
    let position = match cursor.map_or(Ok(0), position) {
        Ok(position) => position,
        Err(error) => return error.into(),
    };
    let Some(step) = steps.get(position) else {
        return Batch::end(cursor.unwrap_or(&answer::cursor(0)).to_owned()).into();
    };
    let times = step["times"].as_u64().unwrap_or(1);
    let reply = request(&step["request"])
        .and_then(|request| (0..times).map(|_| send(request.clone())).last());
    let is_last = position + 1 == steps.len();
    match (&step["answer"], reply) {
        (Value::Null, Some(Ok(response))) => match serde_json::from_slice(&response.body) {
            Ok(told) => answer::read(&told, position, is_last),
            Err(_) => Error::new("protocol", "no_answer", "the reply says no answer").into(),
        },
        (Value::Null, Some(Err(case))) => {
            Error::new("transient", case, format!("there is no reply: {case}")).into()
        }
        (told, Some(reply)) if told["tell"] == true => {
            let mut batch = Batch::next(position, is_last);
            batch.events.push(told::event(position, &reply));
            batch.into()
        }
        (told, _) => answer::read(told, position, is_last),
    }
}

/// The position that a cursor is. What stands behind the number has to come back as it was.
pub fn position(cursor: &str) -> Result<usize, Error> {
    let refused = || Error::new("cursor", "cursor_refused", "it is no cursor of this source");
    let digits = cursor.split(' ').next().unwrap_or_default();
    let position: usize = digits.parse().map_err(|_| refused())?;
    let rest = &cursor[digits.len()..];
    let is_whole =
        rest.is_empty() || rest == answer::ODD || rest.bytes().skip(1).all(|b| b == b'.');
    if is_whole { Ok(position) } else { Err(refused()) }
}

fn request(told: &Value) -> Option<Request> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let header = |pair: &Value| (text(&pair[0]), text(&pair[1]));
    Some(Request {
        method: told["method"].as_str().unwrap_or("GET").to_owned(),
        url: told["url"].as_str()?.to_owned(),
        headers: told["headers"].as_array().into_iter().flatten().map(header).collect(),
        body: match &told["body"] {
            Value::String(text) => text.clone().into_bytes(),
            length => vec![b'b'; length.as_u64().map_or(0, answer::size)],
        },
        timeout_ms: told["timeout-ms"].as_u64().and_then(|ms| u32::try_from(ms).ok()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn events(outcome: Outcome) -> Batch {
        match outcome {
            Outcome::Batch(batch) => batch,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_cursor_chooses_the_step_and_the_reply_becomes_an_event() {
        let config = json!({"steps": [{}, {"request": {"url": "u"}, "answer": {"tell": true}}]});
        let reply = |request: Request| {
            assert_eq!((&*request.method, &*request.url), ("GET", "u"));
            Ok(Response { status: 204, headers: Vec::new(), body: Vec::new() })
        };
        let batch = events(poll(&config.to_string(), Some("1"), reply));
        assert!(batch.events[0].body.contains(r#""status":204"#), "{}", batch.events[0].body);
        assert_eq!((&*batch.cursor, batch.more), ("2", false));
    }

    #[test]
    fn a_reply_may_say_the_answer() {
        let config = json!({"steps": [{"request": {"url": "u"}}]}).to_string();
        let say = |text: &'static str| {
            move |_| Ok(Response { status: 200, headers: Vec::new(), body: text.into() })
        };
        let batch = events(poll(&config, None, say(r#"{"batch": {"events": 2}}"#)));
        assert_eq!(batch.events.iter().map(|event| &*event.id).collect::<Vec<_>>(), ["0-0", "0-1"]);
        let error = poll(&config, None, say(r#"{"error": {"kind": "auth", "retry-after-ms": 7}}"#));
        let Outcome::Error(error) = error else { panic!("{error:?}") };
        assert_eq!((&*error.kind, error.retry_after_ms), ("auth", Some(7)));
    }

    #[test]
    fn behind_the_last_step_nothing_is_sent_and_the_cursor_stays() {
        let batch = events(poll(r#"{"steps": []}"#, Some("7"), |_| panic!("sent")));
        assert_eq!((&*batch.cursor, batch.more, batch.events.len()), ("7", false, 0));
    }

    #[test]
    fn a_cursor_that_was_changed_is_refused() {
        for cursor in ["0", "3 ...", &format!("3{}", answer::ODD)] {
            assert!(position(cursor).is_ok(), "{cursor:?}");
        }
        for cursor in ["", "x", "3 ..x", format!("3{}", answer::ODD).trim_end()] {
            assert!(position(cursor).is_err(), "{cursor:?}");
        }
    }
}
