//! The signals that ask the host to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Watches for the signals that ask the host to stop.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn watch() -> std::io::Result<Self> {
        // Caught for ever: a limit on file sizes is then an error of the write, and not the end.
        drop(signal(SignalKind::from_raw(FILE_SIZE_SIGNAL))?);
        let (terminate, interrupt) = (SignalKind::terminate(), SignalKind::interrupt());
        Ok(Self { terminate: signal(terminate)?, interrupt: signal(interrupt)? })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// `SIGXFSZ`, wherever this runs but on MIPS.
const FILE_SIZE_SIGNAL: i32 = 25;
