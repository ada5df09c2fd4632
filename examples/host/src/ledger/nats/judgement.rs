//! What a server's word on a batch means.

use crate::ledger::nats::connection::Unanswered;
use crate::ledger::{LedgerError, Outcome};

/// What is to be done after a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// That came of the batch.
    Outcome(Outcome),
    /// Nothing of it is stored, and in a moment it may be.
    Later(String),
    /// The same, once others have stored theirs: the stream has as many open batches as the servers allow.
    Crowded(String),
    /// A batch may have so many messages: fewer than were sent.
    AtMost(usize),
}

/// The word on a batch's beginning, or on one of its messages: as long as its last message is not there,
/// nothing of it counts.
pub(super) fn of_beginning(word: Unanswered, stream: &str) -> Judgement {
    match judge(word, stream) {
        Judgement::Outcome(Outcome::Unknown(why)) => Judgement::Later(why),
        other => other,
    }
}

/// The word on a batch's last message.
pub(super) fn judge(word: Unanswered, stream: &str) -> Judgement {
    let failed = |why: String| Judgement::Outcome(Outcome::Failed(LedgerError::Failed(why)));
    let told = format!("stream {stream}: {word}");
    let (code, why) = match word {
        Unanswered::Late(_) => return Judgement::Outcome(Outcome::Unknown(told)),
        Unanswered::Nobody => return Judgement::Later(told),
        Unanswered::Unsent(_) => return failed(told),
        Unanswered::Refused { code, why } => (code, why),
    };
    match code {
        // Another cursor was stored since; or is being stored now.
        10_071 | 10_164 => Judgement::Outcome(Outcome::Stale),
        TOO_MANY_MESSAGES => match why.rsplit(' ').next().and_then(|most| most.parse().ok()) {
            Some(most) => Judgement::AtMost(most),
            None => failed(told),
        },
        10_174 => failed(format!("{told}; give it `allow_atomic`")),
        10_165 | 10_166 => failed(format!("{told}; give it `allow_msg_ttl`")),
        10_077 => failed(format!(
            "{told}; the stream is full: raise its `max_bytes` or set `max_age`; or a server's disk is. It goes on by \
             itself"
        )),
        10_054 => failed(format!("{told}; raise `max_msg_size` of the stream")),
        10_060 => failed(format!("{told}; another stream takes these subjects")),
        TOO_MANY_OPEN => Judgement::Crowded(told),
        // Another server leads now, and does not know the batch; or too many requests wait.
        10_176 | 10_167 | 10_008 => Judgement::Later(told),
        // A limit of the account, or of the servers.
        10_023 | 10_028 | 10_047 => failed(told),
        // Whatever else it is: no other word than the next load's is to be relied on.
        _ => Judgement::Outcome(Outcome::Unknown(told)),
    }
}

const TOO_MANY_MESSAGES: u64 = 10_199;
const TOO_MANY_OPEN: u64 = 10_210;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u64, why: &str) -> Unanswered {
        Unanswered::Refused { code, why: why.to_owned() }
    }

    #[test]
    fn a_word_is_stale_failed_or_unknown() {
        let failed = |judgement: &Judgement| {
            matches!(judgement, Judgement::Outcome(Outcome::Failed(LedgerError::Failed(_))))
        };
        let later = |judgement: &Judgement| matches!(judgement, Judgement::Later(_));
        for code in [10_071, 10_164] {
            let word = refused(code, "wrong last sequence: 7");
            assert_eq!(judge(word, "S"), Judgement::Outcome(Outcome::Stale));
        }
        for code in [10_174, 10_165, 10_077, 10_054, 10_060, 10_023, 10_047] {
            assert!(failed(&judge(refused(code, "no"), "S")), "{code}");
        }
        for code in [10_176, 10_167] {
            assert!(later(&judge(refused(code, "no"), "S")), "{code}");
        }
        let crowded = of_beginning(refused(10_210, "atomic publish too many inflight"), "S");
        assert!(matches!(crowded, Judgement::Crowded(_)), "{crowded:?}");
        assert!(later(&judge(Unanswered::Nobody, "S")));
        assert!(failed(&judge(Unanswered::Unsent("too large".into()), "S")));
        // Of the last message nobody knows; without it nothing counts.
        for word in [Unanswered::Late("no answer".into()), refused(99, "new")] {
            let judged = judge(word.clone(), "S");
            assert!(matches!(judged, Judgement::Outcome(Outcome::Unknown(_))), "{judged:?}");
            assert!(later(&of_beginning(word, "S")));
        }
    }

    #[test]
    fn a_server_that_allows_fewer_messages_is_heeded() {
        let word = refused(10_199, "batch publish is too large: 500");
        assert_eq!(judge(word, "S"), Judgement::AtMost(500));
    }

    #[test]
    fn what_mends_it_is_told() {
        for (code, said, remedy) in [
            (10_174, "batch publish not enabled on stream", "allow_atomic"),
            (10_077, "maximum bytes exceeded", "raise its `max_bytes` or set `max_age`"),
        ] {
            let Judgement::Outcome(Outcome::Failed(LedgerError::Failed(why))) =
                judge(refused(code, said), "S")
            else {
                panic!("no failure");
            };
            assert!(why.contains("stream S") && why.contains(remedy), "{why}");
        }
    }
}
