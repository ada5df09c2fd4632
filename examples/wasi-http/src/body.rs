//! Gathers the body of a response within a limit, with gzip undone.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

/// The body of a response, as it comes in.
pub(crate) struct Body {
    bytes_max: usize,
    received_bytes: usize,
    content: Content,
}

/// Why a body cannot be had.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooLarge,
    /// It is not the gzip that it should be.
    Damaged(String),
}

enum Content {
    /// Said to be gzip; too little of it is there to see.
    Begins(Vec<u8>),
    Plain(Bounded),
    Gzip(Box<MultiGzDecoder<Bounded>>),
}

impl Body {
    /// An empty body. `codings` are the values of `content-encoding`.
    pub(crate) fn new(codings: &[String], bytes_max: usize) -> Self {
        let gzip = matches!(codings, [coding] if is_gzip(coding));
        let content = if gzip {
            Content::Begins(Vec::new())
        } else {
            Content::Plain(Bounded::new(bytes_max))
        };
        Self { bytes_max, received_bytes: 0, content }
    }

    /// Takes the next piece.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), BodyError> {
        self.received_bytes += piece.len();
        // Gzip may be larger than what is in it, and endless while nothing is in it.
        if self.received_bytes > self.bytes_max.saturating_mul(2) {
            return Err(BodyError::TooLarge);
        }
        if let Content::Begins(begin) = &mut self.content {
            begin.extend_from_slice(piece);
            if begin.len() < GZIP_MAGIC.len() {
                return Ok(());
            }
            let begin = std::mem::take(begin);
            let bounded = Bounded::new(self.bytes_max);
            // Runtimes that undo gzip by themselves may leave its header as it was.
            self.content = if begin.starts_with(&GZIP_MAGIC) {
                Content::Gzip(Box::new(MultiGzDecoder::new(bounded)))
            } else {
                Content::Plain(bounded)
            };
            return self.content.write(&begin);
        }
        self.content.write(piece)
    }

    /// The whole body, and whether it was decoded here.
    pub(crate) fn finish(self) -> Result<(Vec<u8>, bool), BodyError> {
        match self.content {
            Content::Begins(bytes) => Ok((bytes, false)),
            Content::Plain(bounded) => Ok((bounded.bytes, false)),
            Content::Gzip(mut decoder) => match decoder.try_finish() {
                Ok(()) => Ok((std::mem::take(&mut decoder.get_mut().bytes), true)),
                Err(_) if decoder.get_ref().overflowed => Err(BodyError::TooLarge),
                Err(error) => Err(BodyError::Damaged(error.to_string())),
            },
        }
    }
}

impl Content {
    fn write(&mut self, piece: &[u8]) -> Result<(), BodyError> {
        let (written, overflowed) = match self {
            Self::Begins(_) => return Ok(()),
            Self::Plain(bounded) => (bounded.write_all(piece), bounded.overflowed),
            Self::Gzip(decoder) => {
                let written = decoder.write_all(piece);
                (written, decoder.get_ref().overflowed)
            }
        };
        match written {
            Ok(()) => Ok(()),
            Err(_) if overflowed => Err(BodyError::TooLarge),
            Err(error) => Err(BodyError::Damaged(error.to_string())),
        }
    }
}

/// Bytes up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    bytes_max: usize,
    overflowed: bool,
}

impl Bounded {
    fn new(bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), bytes_max, overflowed: false }
    }
}

impl Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + piece.len() > self.bytes_max {
            self.overflowed = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_gzip(coding: &str) -> bool {
    let coding = coding.trim();
    coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip")
}

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const MAX: usize = 10_000;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(codings: &[&str], bytes: &[u8], piece: usize) -> Result<(Vec<u8>, bool), BodyError> {
        let codings: Vec<String> = codings.iter().map(ToString::to_string).collect();
        let mut body = Body::new(&codings, MAX);
        bytes.chunks(piece).try_for_each(|piece| body.push(piece))?;
        body.finish()
    }

    #[test]
    fn gzip_is_undone_however_it_is_cut() {
        let text = b"a page of rows".repeat(100);
        for piece in [1, 2, 3, 17, 100_000] {
            for coding in ["gzip", "GZIP", " x-gzip "] {
                assert_eq!(read(&[coding], &gzip(&text), piece), Ok((text.clone(), true)));
            }
        }
    }

    #[test]
    fn gzip_in_several_members_is_one_body() {
        let both = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(read(&["gzip"], &both, 5), Ok((b"one two".to_vec(), true)));
    }

    #[test]
    fn what_is_no_gzip_stays() {
        for codings in [&[][..], &["identity"], &["br"], &["gzip", "gzip"]] {
            assert_eq!(read(codings, &gzip(b"x"), 3), Ok((gzip(b"x"), false)), "{codings:?}");
        }
    }

    #[test]
    fn a_body_that_the_runtime_has_decoded_is_taken_as_it_is() {
        for text in [&b"{\"data\":[]}"[..], b"{", b""] {
            assert_eq!(read(&["gzip"], text, 1), Ok((text.to_vec(), false)));
        }
    }

    #[test]
    fn the_limit_is_of_the_decoded_body() {
        let just = vec![b'a'; MAX];
        assert_eq!(read(&[], &just, 7).unwrap().0, just);
        assert_eq!(read(&["gzip"], &gzip(&just), 7).unwrap().0, just);
        let more = vec![b'a'; MAX + 1];
        assert!(gzip(&more).len() < 100);
        assert_eq!(read(&[], &more, 7), Err(BodyError::TooLarge));
        assert_eq!(read(&["gzip"], &gzip(&more), 7), Err(BodyError::TooLarge));
        assert_eq!(read(&["gzip"], &gzip(&vec![b'a'; 5_000_000]), 9_999), Err(BodyError::TooLarge));
    }

    #[test]
    fn gzip_without_content_does_not_go_on_for_ever() {
        let empty = gzip(b"").repeat(MAX);
        assert_eq!(read(&["gzip"], &empty, 1_000), Err(BodyError::TooLarge));
    }

    #[test]
    fn gzip_that_is_cut_or_damaged_is_an_error() {
        let whole = gzip(&b"a page of rows".repeat(100));
        for length in 2..whole.len() {
            let cut = read(&["gzip"], &whole[..length], 11);
            assert!(matches!(cut, Err(BodyError::Damaged(_))), "{length}: {cut:?}");
        }
        for rubbish in [&b"rubbish"[..], b"\x1f", &whole[..5], b"\0"] {
            let followed = read(&["gzip"], &[&whole, rubbish].concat(), 11);
            assert!(matches!(followed, Err(BodyError::Damaged(_))), "{rubbish:?}: {followed:?}");
        }
        let mut damaged = whole;
        let last = damaged.len() - 5;
        damaged[last] ^= 1;
        assert!(matches!(read(&["gzip"], &damaged, 11), Err(BodyError::Damaged(_))));
    }
}
