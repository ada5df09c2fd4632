//! Independent work on all processors.

use std::sync::atomic::{AtomicU64, Ordering};
use std::{panic, thread};

/// Calls it with 0, 1, 2 and so on, until it gives nothing more. In no order.
pub(crate) fn spread<T: Send>(work: impl Fn(u64) -> Option<T> + Sync) -> Vec<T> {
    let next = AtomicU64::new(0);
    let one = || {
        let numbers = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
        numbers.map_while(&work).collect::<Vec<_>>()
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        let joined = running.into_iter().map(thread::ScopedJoinHandle::join);
        joined.flat_map(|done| done.unwrap_or_else(|why| panic::resume_unwind(why))).collect()
    })
}
