//! What is stored of a file: how long it is, and hashes of how it begins and ends.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::output::OutputError;
use crate::output::file::refusal::{REMEDY, foreign, io_error, refused};

/// How long a file is, and how it begins and ends.
#[derive(Clone)]
pub(super) struct Ends {
    pub(super) length: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Ends {
    /// Those of the first `length` bytes of a file.
    pub(super) fn read(file: &mut File, length: u64) -> std::io::Result<Self> {
        let part = length.min(END_BYTES as u64);
        let (head, tail) = (read_at(file, 0, part)?, read_at(file, length - part, part)?);
        Ok(Self { length, head, tail })
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let missing = END_BYTES.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(missing)]);
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(END_BYTES)..]);
        self.tail.drain(..self.tail.len().saturating_sub(END_BYTES));
    }
}

/// What is stored of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileMark {
    pub(super) length: u64,
    head: String,
    tail: String,
    /// The host came to a good end: nothing of it lies beyond.
    is_closed: bool,
}

impl FileMark {
    pub(super) fn of(ends: &Ends, is_closed: bool) -> Self {
        Self { length: ends.length, head: hash(&ends.head), tail: hash(&ends.tail), is_closed }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let [length, head, tail, end] = *text.split(' ').collect::<Vec<_>>() else { return None };
        let is_closed = [OPEN, CLOSED].iter().position(|&word| word == end)? == 1;
        let (head, tail) = (head.to_owned(), tail.to_owned());
        Some(Self { length: length.parse().ok()?, head, tail, is_closed })
    }

    pub(super) fn to_text(&self) -> String {
        let end = if self.is_closed { CLOSED } else { OPEN };
        format!("{} {} {} {end}", self.length, self.head, self.tail)
    }

    /// Whether a file of this length is the one that the mark was made of.
    pub(super) fn check(
        &self,
        file: &mut File,
        found: u64,
        path: &Path,
    ) -> Result<(), OutputError> {
        let length = self.length;
        if found < length {
            let why = format!(
                "it holds {found} bytes, but {length} were delivered to it: it was cut or replaced"
            );
            return Err(refused(path, &why, REMEDY));
        }
        let ends = Ends::read(file, length).map_err(|error| io_error(path, &error))?;
        let now = Self::of(&ends, self.is_closed);
        if now != *self {
            return Err(refused(path, "it is another file than the one that was written", REMEDY));
        }
        if found > length && self.is_closed {
            return Err(foreign(path, found, length));
        }
        Ok(())
    }
}

fn read_at(file: &mut File, from: u64, length: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    Read::by_ref(file).take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Bytes at either end of a file that its mark stands for.
const END_BYTES: usize = 4096;
/// What the mark says while a host writes, and for ever after one that came to no good end.
const OPEN: &str = "open";
const CLOSED: &str = "closed";
