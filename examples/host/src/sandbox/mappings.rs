//! Mappings of memory: the kernel lets a process have so many, however small. Each instance takes some of them, and
//! what else the process needs of them is left free: a sixteenth, whatever that is. The code of thousands of component
//! files that differ may take more. Who came first keeps its instance, unless a poll of it ends while there is no room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::machine::shortage::Shortage;

/// Those that instances may have. Clones share them.
#[derive(Clone)]
pub(crate) struct Mappings(Arc<State>);

struct State {
    /// Those that the whole process may have.
    allowed: usize,
    free: Arc<Semaphore>,
    /// Whether it was told that instances are not kept.
    is_told: AtomicBool,
}

impl Mappings {
    /// Those that the kernel lets this process have.
    pub(crate) fn of_process() -> Self {
        let allowed = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok();
        // Another kernel has no such bound.
        Self::new(allowed.and_then(|text| text.trim().parse().ok()).unwrap_or(usize::MAX))
    }

    fn new(allowed: usize) -> Self {
        let allowed = allowed.min(Semaphore::MAX_PERMITS);
        let free = Arc::new(Semaphore::new(allowed / 16 * 15));
        Self(Arc::new(State { allowed, free, is_told: AtomicBool::new(false) }))
    }

    /// Takes those of an instance with so many memories: waits for them, or tells why not.
    pub(crate) async fn take(&self, memories: u32) -> Result<Mapped, String> {
        let count = OF_STACK + OF_MEMORY * memories;
        let taking = Arc::clone(&self.0.free).acquire_many_owned(count);
        match timeout(WAIT_MAX, taking).await {
            Ok(Ok(taken)) => Ok(Mapped { of: self.clone(), _taken: taken }),
            // Nobody closes it.
            Ok(Err(_)) | Err(_) => Err(format!(
                "no {count} mappings of memory are free, and the process may have {}; {}",
                self.0.allowed,
                Shortage::Mappings.remedy()
            )),
        }
    }
}

/// Those of one instance, until it is dropped.
pub(crate) struct Mapped {
    of: Mappings,
    _taken: OwnedSemaphorePermit,
}

impl Mapped {
    /// Whether there is room for others even if these are not given back.
    pub(crate) fn may_be_kept(&self) -> bool {
        let State { allowed, free, is_told } = &*self.of.0;
        let is_room = free.available_permits() >= allowed / 16 * 3;
        if !is_room && !is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the instances of all sources need more mappings of memory than the {allowed} that the process may \
                 have: some are made anew for each poll, and forget their access tokens; {}",
                Shortage::Mappings.remedy()
            );
        }
        is_room
    }
}

/// Calls that are under way end, and give theirs back.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// A stack, and the page that guards it.
const OF_STACK: u32 = 2;
/// What guards it on either side, what the component begins with, and what lies before and behind that.
const OF_MEMORY: u32 = 5;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn instances_are_kept_while_others_have_room_and_wait_when_they_have_none() {
        let mappings = Mappings::new(160);
        let mut taken = Vec::new();
        for _ in 0..17 {
            taken.push(mappings.take(1).await.unwrap());
        }
        assert!(taken[0].may_be_kept());
        taken.push(mappings.take(1).await.unwrap());
        assert!(!taken[0].may_be_kept());
        for memories in [1, 2] {
            taken.push(mappings.take(memories).await.unwrap());
        }
        let told = mappings.take(1).await.err().unwrap();
        assert!(told.contains("160") && told.contains("vm.max_map_count"), "{told}");
        // Who waits has those of the next that ends.
        let waiting = tokio::spawn(async move { mappings.take(1).await.map(drop) });
        tokio::time::sleep(WAIT_MAX / 2).await;
        assert!(!waiting.is_finished());
        taken.truncate(17);
        waiting.await.unwrap().unwrap();
        assert!(taken[0].may_be_kept());
    }
}
