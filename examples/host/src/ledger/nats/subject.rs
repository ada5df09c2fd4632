//! The subjects of a ledger: of events and of cursors, each with its source's shard.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The subjects of one stream.
#[derive(Clone, Debug)]
pub(crate) struct Subjects {
    /// The stream's name, which they begin with.
    pub(crate) stream: String,
}

impl Subjects {
    /// Those of this stream.
    pub(crate) fn of(stream: &str) -> Self {
        Self { stream: stream.to_owned() }
    }

    /// What the stream has to take.
    pub(crate) fn all(&self) -> [String; 2] {
        [format!("{}.event.>", self.stream), self.all_cursors()]
    }

    /// That of all cursors.
    pub(crate) fn all_cursors(&self) -> String {
        format!("{}.cursor.>", self.stream)
    }

    /// That of an event. The dots of its kind divide it further, so that kinds can be chosen by a pattern.
    pub(crate) fn event(&self, source: &str, kind: &str) -> String {
        let kind = if kind.split('.').all(|part| !part.is_empty()) {
            kind.to_owned()
        } else {
            token(kind)
        };
        format!("{}.event.{}.{}.{kind}", self.stream, shard(source), token(source))
    }

    /// That of a source's cursor.
    pub(crate) fn cursor(&self, source: &str) -> String {
        format!("{}.cursor.{}.{}", self.stream, shard(source), token(source))
    }

    /// The source whose cursor has this subject; none if it is somebody else's.
    pub(crate) fn source(&self, subject: &str) -> Option<String> {
        let (_, name) = subject.rsplit_once('.')?;
        let source = untoken(name)?;
        (self.cursor(&source) == subject).then_some(source)
    }
}

/// The shard of a source, by its name alone: workers divide the shards among them.
pub(crate) fn shard(source: &str) -> u16 {
    let hash = Sha256::digest(source);
    let number = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    u16::try_from(number % u64::from(SHARDS)).unwrap_or(0)
}

/// How many there are.
pub(crate) const SHARDS: u16 = 512;

/// A name as one token of a subject. Other names have other tokens.
pub(crate) fn token(name: &str) -> String {
    let mut token = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') {
            token.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(token, "={byte:02X}");
        }
    }
    token
}

/// The name that a token is of.
fn untoken(token: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = token.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'=' {
            let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok())?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_token_and_no_other_name_has_it() {
        let subjects = Subjects::of("S");
        for (source, cursor) in [
            ("acme", "S.cursor.158.acme"),
            ("Acme.mail", "S.cursor.412.Acme=2Email"),
            ("a b*>\u{e9}=", "S.cursor.203.a=20b=2A=3E=C3=A9=3D"),
        ] {
            let (start, name) = cursor.rsplit_once('.').unwrap_or_default();
            let own = subjects.cursor(source);
            assert_eq!(own.rsplit_once('.').map(|(_, name)| name), Some(name));
            assert!(own.starts_with(start.trim_end_matches(|c: char| c.is_ascii_digit())));
            assert_eq!(subjects.source(&own).as_deref(), Some(source));
        }
        assert_ne!(subjects.cursor("acme"), subjects.cursor("Acme"));
    }

    #[test]
    fn a_subject_of_somebody_else_is_no_cursors() {
        let subjects = Subjects::of("S");
        for subject in
            ["S.cursor.acme", "S.cursor.511.acme=", "S.event.1.acme", "", "S.cursor.0.=FF"]
        {
            assert_eq!(subjects.source(subject), None, "{subject}");
        }
    }

    #[test]
    fn kinds_can_be_chosen_by_their_parts() {
        let subjects = Subjects::of("S");
        assert!(subjects.event("acme", "mimecast.ttp").ends_with(".acme.mimecast.ttp"));
        assert!(subjects.event("a.b", "k").ends_with(".a=2Eb.k"));
        assert!(subjects.event("acme", "a..b").ends_with(".acme.a=2E=2Eb"));
        assert!(subjects.event("acme", "a.").ends_with(".acme.a=2E"));
    }

    #[test]
    fn shards_are_used_alike() {
        let mut counts = [0_u32; SHARDS as usize];
        for number in 0..51_200 {
            counts[usize::from(shard(&format!("source-{number}")))] += 1;
        }
        assert!(counts.iter().all(|count| (50..160).contains(count)), "{counts:?}");
    }
}
