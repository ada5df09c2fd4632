//! The lines of the log on their way to stderr. Whoever says something never waits for it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Lines that wait to be written, within bounds.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Lines that found no room, or were not taken, since the last one that was.
    left_out: u64,
    /// Whether the bounds hold.
    unbounded: bool,
    /// Whether a line is being written.
    writing: bool,
    /// Whether the last line was refused: nobody is to be told then.
    refused: bool,
    /// When the last line was taken or refused.
    moved: Option<Instant>,
}

/// A line that waits, and how many were left out before it.
struct Waiting {
    left_out: u64,
    line: Vec<u8>,
}

/// What is to be written next.
pub(super) struct Next {
    /// So many lines were left out before it.
    pub(super) left_out: u64,
    /// None: there is only that to be told.
    pub(super) line: Option<Vec<u8>>,
}

impl Queue {
    /// Takes a line, or counts it if there is no room.
    pub(super) fn push(&self, line: Vec<u8>) {
        let mut state = self.state();
        // Once it was full, half of it has to be free: so that one line tells of many.
        let part = if state.left_out > 0 && !state.refused { 2 } else { 1 };
        let full = state.waiting.len() >= LINES_MAX / part
            || state.bytes.saturating_add(line.len()) > BYTES_MAX / part;
        if full && !state.unbounded && !state.waiting.is_empty() {
            state.left_out += 1;
            return;
        }
        state.bytes += line.len();
        let left_out = std::mem::take(&mut state.left_out);
        state.waiting.push_back(Waiting { left_out, line });
        self.changed.notify_all();
    }

    /// Takes all that is said meanwhile: what is already there in another form needs no bound.
    pub(super) fn unbounded(&self, say: impl FnOnce()) {
        self.state().unbounded = true;
        say();
        self.state().unbounded = false;
    }

    /// Waits for what is to be written next.
    pub(super) fn next(&self) -> Next {
        let mut state = self.state();
        loop {
            if let Some(Waiting { left_out, line }) = state.waiting.pop_front() {
                state.bytes -= line.len();
                state.writing = true;
                return Next { left_out, line: Some(line) };
            }
            if state.left_out > 0 && !state.refused {
                state.writing = true;
                return Next { left_out: std::mem::take(&mut state.left_out), line: None };
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What was to be written was: but for so many lines.
    pub(super) fn written(&self, refused: u64) {
        let mut state = self.state();
        state.left_out += refused;
        (state.writing, state.refused) = (false, refused > 0);
        state.moved = Some(Instant::now());
        self.changed.notify_all();
    }

    /// Waits until all is written; no longer than this without a line that is taken.
    pub(super) fn drain(&self, patience: Duration) {
        let begun = Instant::now();
        let mut state = self.state();
        while state.writing || !state.waiting.is_empty() || state.left_out > 0 && !state.refused {
            let since = state.moved.map_or(begun, |moved| moved.max(begun));
            let left = patience.saturating_sub(since.elapsed());
            if left.is_zero() {
                return;
            }
            let waited = self.changed.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// It is sound at any time: no step of the above leaves it half changed.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some lines of each source, where there are a thousand.
const LINES_MAX: usize = 4_096;
/// What they take of the memory.
const BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize) -> Vec<u8> {
        format!("{number}\n").into_bytes()
    }

    #[test]
    fn lines_come_out_in_their_order_and_what_is_left_out_is_counted_at_its_place() {
        let queue = Queue::default();
        for number in 0..LINES_MAX + 7 {
            queue.push(line(number));
        }
        for number in 0..LINES_MAX / 2 {
            let next = queue.next();
            assert_eq!((next.left_out, next.line), (0, Some(line(number))));
            queue.written(0);
            // Too little room yet for another gap to be worth a line.
            queue.push(line(number));
        }
        for number in LINES_MAX / 2..LINES_MAX {
            assert_eq!(queue.next().line, Some(line(number)));
            queue.written(0);
            if number == LINES_MAX / 2 {
                queue.push(b"after\n".to_vec());
            }
        }
        let next = queue.next();
        let left_out = u64::try_from(LINES_MAX / 2).ok().map(|more| 7 + more);
        assert_eq!((Some(next.left_out), next.line), (left_out, Some(b"after\n".to_vec())));
    }

    #[test]
    fn bytes_are_bound_too_and_a_longer_line_is_taken_alone() {
        let queue = Queue::default();
        queue.push(vec![b'x'; 2 * BYTES_MAX]);
        queue.push(line(1));
        assert_eq!(queue.next().line.map(|line| line.len()), Some(2 * BYTES_MAX));
        queue.written(0);
        // Nothing waits: what was left out is told at once.
        let next = queue.next();
        assert_eq!((next.left_out, next.line), (1, None));
    }

    #[test]
    fn what_is_there_already_needs_no_bound() {
        let queue = Queue::default();
        queue.unbounded(|| (0..3 * LINES_MAX).for_each(|number| queue.push(line(number))));
        for number in 0..3 * LINES_MAX {
            let next = queue.next();
            assert_eq!((next.left_out, next.line), (0, Some(line(number))));
        }
    }

    #[test]
    fn a_stderr_that_refuses_is_told_nothing_until_it_takes_a_line_again() {
        let queue = Queue::default();
        queue.push(line(1));
        queue.next();
        queue.written(1);
        // It would wait for ever if it were to tell of the line that was refused.
        queue.drain(Duration::from_hours(1));
        queue.push(line(2));
        let next = queue.next();
        assert_eq!((next.left_out, next.line), (1, Some(line(2))));
    }

    #[test]
    fn the_end_waits_for_a_line_no_longer_than_it_is_told_to() {
        let queue = Queue::default();
        queue.push(line(1));
        queue.drain(Duration::from_millis(1));
        assert_eq!(queue.next().line, Some(line(1)));
    }
}
