//! The body of a reply: collected piece by piece, its gzip undone, within a bound.

use std::io::{self, Write as _};

use flate2::write::GzDecoder;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is larger than its bound.
    TooLarge,
    /// Its gzip has more members than are undone.
    TooManyMembers,
    /// Its gzip cannot be undone. In words.
    Garbled(&'static str),
}

/// A body that comes in.
pub struct Body {
    collected: Collected,
    /// Bytes as they were sent. They are bound, too: a gzip may hold nothing, and yet have no end.
    received: usize,
    bytes_max: usize,
}

enum Collected {
    Plain(Bounded),
    Gzip {
        decoder: Box<GzDecoder<Bounded>>,
        /// Members that have come to their end: many a log is one gzip after the other.
        members: u32,
    },
}

impl Body {
    /// A body that is taken as it comes.
    pub fn plain(bytes_max: usize) -> Self {
        let collected = Collected::Plain(Bounded { bytes_max, ..Bounded::default() });
        Self { collected, received: 0, bytes_max }
    }

    /// A body whose gzip is undone.
    pub fn gzip(bytes_max: usize) -> Self {
        let bounded = Bounded { bytes_max, ..Bounded::default() };
        let collected = Collected::Gzip { decoder: Box::new(GzDecoder::new(bounded)), members: 0 };
        Self { collected, received: 0, bytes_max }
    }

    /// Takes in what came next.
    pub fn write(&mut self, mut piece: &[u8]) -> Result<(), BodyError> {
        self.received = self.received.saturating_add(piece.len());
        if self.received > self.bytes_max {
            return Err(BodyError::TooLarge);
        }
        match &mut self.collected {
            Collected::Plain(bounded) => bounded.write_all(piece).map_err(|_| BodyError::TooLarge),
            Collected::Gzip { decoder, members } => {
                while !piece.is_empty() {
                    match decoder.write(piece) {
                        Ok(0) => {
                            decoder.try_finish().map_err(|_| BodyError::Garbled(DAMAGED))?;
                            *members += 1;
                            if *members == MEMBERS_MAX {
                                return Err(BodyError::TooManyMembers);
                            }
                            **decoder = GzDecoder::new(std::mem::take(decoder.get_mut()));
                        }
                        Ok(taken) => piece = &piece[taken..],
                        Err(_) if decoder.get_ref().full => return Err(BodyError::TooLarge),
                        Err(_) if decoder.header().is_some() => {
                            return Err(BodyError::Garbled(DAMAGED));
                        }
                        Err(_) if *members > 0 => return Err(BodyError::Garbled(FOLLOWED)),
                        Err(_) => return Err(BodyError::Garbled(NO_GZIP)),
                    }
                }
                Ok(())
            }
        }
    }

    /// Bytes so far, decoded.
    pub fn decoded_bytes(&self) -> usize {
        match &self.collected {
            Collected::Plain(bounded) => bounded.bytes.len(),
            Collected::Gzip { decoder, .. } => decoder.get_ref().bytes.len(),
        }
    }

    /// The whole of it, when no more comes.
    pub fn finish(self) -> Result<Vec<u8>, BodyError> {
        match self.collected {
            Collected::Plain(bounded) => Ok(bounded.bytes),
            // Many a server says so of an empty body, too.
            Collected::Gzip { .. } if self.received == 0 => Ok(Vec::new()),
            Collected::Gzip { mut decoder, members } => match decoder.try_finish() {
                Ok(()) => Ok(std::mem::take(&mut decoder.get_mut().bytes)),
                Err(_) if decoder.get_ref().full => Err(BodyError::TooLarge),
                Err(_) if members > 0 || decoder.header().is_some() => {
                    Err(BodyError::Garbled(CUT_SHORT))
                }
                Err(_) => Err(BodyError::Garbled(NO_GZIP)),
            },
        }
    }
}

/// Whether a body is gzip and nothing else, by its `content-encoding`.
pub fn is_gzip(encoding: &str) -> bool {
    let mut codings = encoding
        .split(',')
        .map(|coding| coding.trim().to_ascii_lowercase())
        .filter(|coding| !coding.is_empty() && coding != "identity");
    let first = codings.next();
    matches!(first.as_deref(), Some("gzip" | "x-gzip")) && codings.next().is_none()
}

/// Bytes that are no more than so many.
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    bytes_max: usize,
    /// Whether there would have been more.
    full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if piece.len() > self.bytes_max.saturating_sub(self.bytes.len()) {
            self.full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The largest body that a source may count on, decoded; as it is sent it may be no larger.
pub const BODY_BYTES_MAX: usize = 16 << 20;
/// Each takes as long as some KiB of what is in it, and a body has room for nearly a million of them.
const MEMBERS_MAX: u32 = 10_000;
const NO_GZIP: &str = "the body is said to be gzip, and is none";
const DAMAGED: &str = "the gzip of the body is damaged";
const FOLLOWED: &str = "the gzip of the body is followed by something else";
const CUT_SHORT: &str = "the gzip of the body is cut short, or damaged";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const MAX: usize = 1 << 20;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    /// What becomes of a gzip that comes in pieces of so many bytes.
    fn undone(sent: &[u8], piece: usize) -> Result<Vec<u8>, BodyError> {
        let mut body = Body::gzip(MAX);
        sent.chunks(piece).try_for_each(|piece| body.write(piece))?;
        body.finish()
    }

    #[test]
    fn a_gzip_is_whole_or_an_error_wherever_it_is_cut() {
        let (one, two) = (gzip(b"one, "), gzip(b"two"));
        let both = [&one[..], &two].concat();
        for piece in [1, 7, both.len()] {
            assert_eq!(undone(&both, piece).unwrap(), b"one, two");
            for end in 1..both.len() {
                let cut = undone(&both[..end], piece);
                // Between its members a gzip cannot be told from one that is whole.
                match (end == one.len(), cut) {
                    (true, Ok(bytes)) => assert_eq!(bytes, b"one, "),
                    (false, Err(BodyError::Garbled(_))) => {}
                    (_, other) => panic!("{end} of {}: {other:?}", both.len()),
                }
            }
        }
    }

    #[test]
    fn what_follows_a_gzip_or_is_none_is_said() {
        for piece in [1, 4096] {
            for rubbish in [&b"rubbish, longer than a head"[..], &[0; 32]] {
                let sent = [&gzip(b"x")[..], rubbish].concat();
                let told = undone(&sent, piece);
                assert_eq!(told, Err(BodyError::Garbled(FOLLOWED)));
            }
            assert_eq!(undone(b"{\"rows\": []}", piece), Err(BodyError::Garbled(NO_GZIP)));
            assert_eq!(undone(b"{}", piece), Err(BodyError::Garbled(NO_GZIP)));
            let mut damaged = gzip(b"one, and some more to damage");
            damaged[14] ^= 0x55;
            assert!(matches!(undone(&damaged, piece), Err(BodyError::Garbled(_))));
        }
    }

    #[test]
    fn a_gzip_is_bound_by_what_it_holds_and_by_what_was_sent() {
        assert_eq!(undone(&gzip(&vec![0; MAX]), MAX).unwrap().len(), MAX);
        assert_eq!(undone(&gzip(&vec![0; MAX + 1]), MAX), Err(BodyError::TooLarge));
        // Blocks that hold nothing.
        let nothing = [&gzip(b"")[..10], &[0, 0, 0, 0xff, 0xff].repeat(MAX / 5)].concat();
        assert_eq!(undone(&nothing, 4096), Err(BodyError::TooLarge));
        assert_eq!(undone(&gzip(b"").repeat(10_001), 4096), Err(BodyError::TooManyMembers));
    }

    #[test]
    fn a_body_that_is_taken_as_it_comes_is_bound() {
        let taken = |bytes: usize| {
            let mut body = Body::plain(MAX);
            body.write(&vec![b'x'; bytes])?;
            body.finish()
        };
        assert_eq!(taken(MAX).unwrap().len(), MAX);
        assert_eq!(taken(MAX + 1), Err(BodyError::TooLarge));
    }

    #[test]
    fn a_coding_is_known_by_its_name_in_any_case_and_beside_identity() {
        for coding in ["gzip", "GZIP", "x-gzip", "X-GZip", " gzip ,", "gzip, identity"] {
            assert!(is_gzip(coding), "{coding}");
        }
        for coding in ["", "identity", "br", "gzip, gzip", "gzip, br", "gzipped"] {
            assert!(!is_gzip(coding), "{coding}");
        }
    }

    #[test]
    fn an_empty_body_is_no_cut_gzip() {
        assert_eq!(undone(b"", 1).unwrap(), b"");
    }
}
