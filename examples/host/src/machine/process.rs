//! What the process settles with the system before it does anything else: that no one reads its
//! memory, how many files it may have open, and its threads.

use std::io;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};

use crate::machine::shortage::{self, Shortage};

/// Keeps the keys that it holds out of dumps, and from other processes of the same user.
pub(crate) fn keep_memory_private() {
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

/// Lets the process open as many files as its sources may need, or says why they may not be enough.
pub(crate) fn open_files(sources: usize) {
    let wanted = FILES_OF_HOST + FILES_OF_SOURCE * sources as u64;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    if soft >= wanted {
        return;
    }
    let raised = hard.min(wanted);
    let allowed = match setrlimit(Resource::RLIMIT_NOFILE, raised, hard) {
        Ok(()) => raised,
        Err(_) => soft,
    };
    if allowed < wanted {
        tracing::warn!(
            "the process may open {allowed} files: {sources} sources may need {wanted}; {}",
            Shortage::Files.remedy()
        );
    }
}

/// The threads that all else runs on. The error says what to do about it.
pub(crate) fn runtime() -> Result<Runtime, String> {
    // Where tokio can open none, it panics.
    can_open_files().map_err(|error| match Shortage::of(&error) {
        Some(shortage) => format!("the host cannot begin: {error}; {}", shortage.remedy()),
        None => format!("the host cannot begin: {error}"),
    })?;
    let threads = processors() + THREADS_SPARE;
    can_start_threads(threads + THREADS_OF_HOST).map_err(|error| shortage::no_thread(&error))?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(threads)
        .event_interval(TURNS_WITHOUT_SOCKETS)
        // Where no more threads can be started, names wait for the one that is there: with none, an
        // attempt to start one would be a panic.
        .thread_keep_alive(Duration::MAX)
        .enable_all()
        .build()
        .map_err(|error| match Shortage::of(&error) {
            Some(shortage) => format!("the host cannot begin: {error}; {}", shortage.remedy()),
            None => shortage::no_thread(&error),
        })?;
    drop(runtime.spawn_blocking(|| {}));
    Ok(runtime)
}

/// The processors that the process may use.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Whether the files that the runtime needs can be opened.
fn can_open_files() -> io::Result<()> {
    let open = |_| std::fs::File::open("/dev/null");
    (0..FILES_OF_RUNTIME).map(open).collect::<io::Result<Vec<_>>>().map(drop)
}

/// Whether so many threads can be started: where tokio cannot start its own, it panics.
fn can_start_threads(threads: usize) -> io::Result<()> {
    std::thread::scope(|scope| {
        // Dropped at the end, or at an error: then all of them end.
        let mut waiting = Vec::new();
        for _ in 0..threads {
            let (hold, end) = std::sync::mpsc::channel::<()>();
            std::thread::Builder::new().spawn_scoped(scope, move || end.recv())?;
            waiting.push(hold);
        }
        Ok(())
    })
}

/// Threads beyond the processors: a turn on them may be long, and then the system shares the
/// processors among all that are under way.
const THREADS_SPARE: usize = 6;
/// Beside those of the runtime: one that ticks, one that delivers, one that looks up names, and those
/// that compile.
const THREADS_OF_HOST: usize = 4;
/// Sockets are looked at after each turn of a thread: a turn may take a tick of the engine.
const TURNS_WITHOUT_SOCKETS: u32 = 1;
/// What waits for sockets, twice, what wakes it, and what signals come by.
const FILES_OF_RUNTIME: usize = 8;
/// Standard streams, state and its log, output, lock, and what the runtime needs.
const FILES_OF_HOST: u64 = 32;
/// A connection that waits for its next request, one that is made, two names that are looked up.
const FILES_OF_SOURCE: u64 = 4;
