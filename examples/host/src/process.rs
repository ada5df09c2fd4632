//! What the process settles with the system before it does anything else: that no one reads its memory.

use nix::sys::resource::{Resource, setrlimit};

/// Keeps the keys that it holds out of dumps, and from other processes of the same user.
pub(crate) fn shut() {
    let mut outcome = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    // Where a program takes the dumps the limit does not count.
    #[cfg(target_os = "linux")]
    {
        outcome = nix::sys::prctl::set_dumpable(false).and(outcome);
    }
    if let Err(error) = outcome {
        tracing::warn!("a crash may write keys to where the system keeps core dumps: {error}");
    }
}
