//! The body of a response as a runtime hands it over, which may have undone its gzip already.

use source_contract::body::{Body, BodyError, is_gzip};

/// A body that comes in.
pub(crate) struct Incoming {
    /// How it begins, as long as it is said to be gzip and too little of it is there to see.
    begin: Option<Vec<u8>>,
    body: Body,
    undone: bool,
    bytes_max: usize,
}

impl Incoming {
    /// An empty body. `encoding` is what `content-encoding` says.
    pub(crate) fn new(encoding: Option<&str>, bytes_max: usize) -> Self {
        let begin = encoding.is_some_and(is_gzip).then(Vec::new);
        Self { begin, body: Body::plain(bytes_max), undone: false, bytes_max }
    }

    /// Takes in what came next.
    pub(crate) fn write(&mut self, piece: &[u8]) -> Result<(), BodyError> {
        let Some(mut begin) = self.begin.take() else { return self.body.write(piece) };
        begin.extend_from_slice(piece);
        if begin.len() < GZIP_MAGIC.len() {
            self.begin = Some(begin);
            return Ok(());
        }
        // Runtimes that undo gzip by themselves may leave its header as it was.
        if begin.starts_with(&GZIP_MAGIC) {
            self.body = Body::gzip(self.bytes_max);
            self.undone = true;
        }
        self.body.write(&begin)
    }

    /// The whole body, and whether its gzip was undone here.
    pub(crate) fn finish(self) -> Result<(Vec<u8>, bool), BodyError> {
        match self.begin {
            Some(begin) => Ok((begin, false)),
            None => Ok((self.body.finish()?, self.undone)),
        }
    }
}

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(encoding: &str, bytes: &[u8], piece: usize) -> Result<(Vec<u8>, bool), BodyError> {
        let mut body = Incoming::new(Some(encoding), 10_000);
        bytes.chunks(piece).try_for_each(|piece| body.write(piece))?;
        body.finish()
    }

    #[test]
    fn gzip_is_undone_however_it_is_cut() {
        let text = b"a page of rows".repeat(100);
        for piece in [1, 2, 3, 17, 100_000] {
            for encoding in ["gzip", "GZIP", " x-gzip "] {
                assert_eq!(read(encoding, &gzip(&text), piece), Ok((text.clone(), true)));
            }
        }
    }

    #[test]
    fn what_is_no_gzip_stays() {
        for encoding in ["", "identity", "br", "gzip, gzip"] {
            assert_eq!(read(encoding, &gzip(b"x"), 3), Ok((gzip(b"x"), false)), "{encoding:?}");
        }
        assert_eq!(Incoming::new(None, 1).finish(), Ok((Vec::new(), false)));
    }

    #[test]
    fn a_body_that_the_runtime_has_decoded_is_taken_as_it_is() {
        for text in [&b"{\"data\":[]}"[..], b"{", b""] {
            assert_eq!(read("gzip", text, 1), Ok((text.to_vec(), false)));
        }
    }

    #[test]
    fn the_bound_holds_for_what_the_runtime_has_decoded_and_for_what_it_has_not() {
        let more = vec![b'a'; 10_001];
        for body in [&more, &gzip(&more)] {
            assert_eq!(read("gzip", body, 7), Err(BodyError::TooLarge));
        }
    }
}
