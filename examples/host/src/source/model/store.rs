//! What is stored, and what keeps a worker from storing what another has stored.

/// What keeps a worker from storing what another has stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fence {
    /// A batch counts if the position still stands that it was polled from.
    Version,
    /// Nothing does.
    None,
    /// The cursor is guarded, the events before it are not.
    CursorAlone,
}

/// Rows in the order in which they came, and how far they reach.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub(super) struct Store {
    pub(super) rows: Vec<u8>,
    pub(super) cursor: u8,
    pub(super) version: u64,
    /// The cursors before: a load may come to somebody who is behind.
    pub(super) before: Vec<u8>,
}

/// A commit on its way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Sent {
    pub(super) rows: Vec<u8>,
    pub(super) from: (u8, u64),
    pub(super) cursor: u8,
}

impl Sent {
    /// Whether there is anything to store.
    pub(super) fn is_news(&self) -> bool {
        !self.rows.is_empty() || self.cursor != self.from.0
    }
}

impl Store {
    pub(super) fn take(&mut self, sent: &Sent, fence: Fence) -> bool {
        let stands = self.version == sent.from.1;
        if stands || fence != Fence::Version {
            self.rows.extend(&sent.rows);
        }
        if !stands && fence != Fence::None {
            return false;
        }
        self.before.push(self.cursor);
        self.cursor = sent.cursor;
        self.version += 1;
        true
    }

    /// What a load finds that is behind by so many cursors.
    pub(super) fn position(&self, behind: usize) -> (u8, u64) {
        let known = self.before.len() - behind;
        let cursor = self.before.get(known).copied().unwrap_or(self.cursor);
        (cursor, self.version - behind as u64)
    }

    /// Rows that are not there, and that are there once more than once.
    pub(super) fn faults(&self) -> (usize, usize) {
        let mut counts = vec![0_usize; self.cursor.into()];
        for row in &self.rows {
            if let Some(count) = counts.get_mut(usize::from(*row)) {
                *count += 1;
            }
        }
        let lost = counts.iter().filter(|count| **count == 0).count();
        (lost, counts.iter().map(|count| count.saturating_sub(1)).sum())
    }
}
