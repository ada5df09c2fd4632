//! Rows that cannot be read, and the way around them.
//!
//! Where such a row ends cannot be known, only guessed: a guess holds if all that follows is a page
//! again, to its very end. So nothing is skipped but what stands between two rows that can be read,
//! or between one and an end of the list.

use crate::json::walk::{Malformed, Walk};
use crate::row::{Row, RowDetail};

/// The parts of a body that a walk over its page steps over, in order.
#[derive(Default)]
pub(crate) struct Holes {
    all: Vec<Hole>,
    /// Where the row begins in which the last walk came to an end.
    failed: Option<usize>,
    /// The last row that was read: where it begins and ends.
    last: (usize, usize),
    /// Bytes that were walked for guesses.
    walked: usize,
}

/// A row that cannot be read, up to a guess at its end.
struct Hole {
    start: usize,
    end: usize,
    /// Where the next guess is looked for.
    from: usize,
}

impl Holes {
    /// Reads what stands where a row should, or steps over it.
    pub(crate) fn row<'a>(
        &mut self,
        walk: &mut Walk<'a>,
        detail: RowDetail,
    ) -> Result<Row<'a>, Malformed> {
        walk.peek();
        let start = walk.at();
        // They are in order.
        if let Ok(place) = self.all.binary_search_by_key(&start, |hole| hole.start) {
            walk.pass(self.all[place].end);
            return Ok(Row::unreadable(walk.since(start)));
        }
        match Row::read(walk, detail) {
            Ok(row) => {
                self.last = (start, walk.at());
                Ok(row)
            }
            Err(why) => {
                self.failed = Some(start);
                Err(why)
            }
        }
    }

    /// The text is a page up to its rows.
    pub(crate) fn reached_rows(&self) -> bool {
        self.failed.is_some() || self.last.1 > 0 || !self.all.is_empty()
    }

    /// Makes a hole where the last walk failed, or the last one end elsewhere. False if nothing is
    /// left to be tried.
    pub(crate) fn widen(&mut self, body: &str) -> bool {
        let (start, end) = core::mem::take(&mut self.last);
        // A row that ended where no row can end.
        let follows = body[end..].trim_ascii_start().bytes().next();
        let ended = (end > 0 && !matches!(follows, Some(b',' | b']') | None)).then_some(start);
        let failed = self.failed.take().or(ended);
        let last_end = self.all.last().map_or(0, |hole| hole.end);
        if let Some(start) = failed.filter(|start| *start >= last_end) {
            self.all.push(Hole { start, end: start, from: start + 1 });
        }
        self.walked += body.len();
        while self.walked <= WALKED_MAX
            && self.all.len() <= HOLES_MAX
            && let Some(hole) = self.all.last_mut()
        {
            match hole.next_end(body, &mut self.walked) {
                Some(end) => {
                    hole.end = end;
                    return true;
                }
                None => drop(self.all.pop()),
            }
        }
        false
    }
}

impl Hole {
    /// The next guess at where the row ends, the nearest first, so that none is skipped that can be
    /// read: before a comma that a value follows as another row would, or before a bracket that the
    /// rest of a block follows.
    fn next_end(&mut self, body: &str, walked: &mut usize) -> Option<usize> {
        loop {
            let rest = body.as_bytes().get(self.from..)?;
            let place = self.from + rest.iter().position(|byte| matches!(byte, b',' | b']'))?;
            self.from = place + 1;
            let mut walk = Walk::of(&body[place + 1..]);
            let is_end = match body.as_bytes()[place] {
                b']' => matches!(walk.peek(), Some(b'}' | b',')),
                _ => {
                    walk.peek() == Some(b'{')
                        && walk.skip().is_ok()
                        && matches!(walk.peek(), Some(b',' | b']'))
                }
            };
            *walked += walk.at();
            if *walked > WALKED_MAX {
                return None;
            }
            let end = body[..place].trim_ascii_end().len();
            if is_end && end > self.start {
                return Some(end);
            }
        }
    }
}

/// Each costs another walk over the page. As many as rows are asked for at most. (I5)
const HOLES_MAX: usize = 500;
/// A page of common length is read again some hundred times to get around its rows, one of the
/// longest that there may be some eight times. (I5)
const WALKED_MAX: usize = 128 << 20;
