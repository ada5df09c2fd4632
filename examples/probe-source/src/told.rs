//! The event that tells what became of a request.

use serde_json::{Value, json};

use crate::answer::{Event, KIND};
use crate::script::{Failure, Response};

/// `{"probe": ID, "reply": {"status", "headers", "bytes", "hash"}}`, or `{"probe": ID, "failure": CASE}`.
pub fn event(position: usize, reply: &Result<Response, Failure>) -> Event {
    let id = format!("{position}-0");
    let body = match reply {
        Ok(reply) => json!({"probe": id, "reply": {
            "status": reply.status,
            "headers": reply.headers,
            "bytes": reply.body.len(),
            "hash": hash(&reply.body),
        }}),
        Err(case) => json!({"probe": id, "failure": case}),
    };
    Event { id, kind: KIND.to_owned(), body: Value::to_string(&body) }
}

/// FNV-1a of 64 bits, in hex: tells bodies apart, in a few lines of any language.
pub fn hash(bytes: &[u8]) -> String {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_its_authors() {
        assert_eq!(hash(b""), "cbf29ce484222325");
        assert_eq!(hash(b"foobar"), "85944171f73967e8");
    }
}
