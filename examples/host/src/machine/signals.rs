//! The signals that ask the host to stop, and those that ask for what it does not do.

use std::future::poll_fn;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Watches for signals.
pub(crate) struct Signals {
    /// Ask the host to stop.
    stop: [Signal; 2],
    /// Would end the process, and are commonly sent to have it do something else.
    ignored: Vec<(&'static str, Signal)>,
}

impl Signals {
    /// Watches for what asks a command to stop.
    pub(crate) fn watch() -> std::io::Result<Self> {
        // Caught for ever: a limit on file sizes is then an error of the write, and not the end.
        drop(signal(SignalKind::from_raw(FILE_SIZE_SIGNAL))?);
        let stop = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
        Ok(Self { stop, ignored: Vec::new() })
    }

    /// The same for a host in service: a terminal that goes away, or a tool that rotates logs, does
    /// not end it. `SIGQUIT` does, as at any program, and like `SIGKILL`: it loses nothing.
    pub(crate) fn watch_in_service() -> std::io::Result<Self> {
        let mut signals = Self::watch()?;
        for (name, kind) in [
            ("SIGHUP", SignalKind::hangup()),
            ("SIGUSR1", SignalKind::user_defined1()),
            ("SIGUSR2", SignalKind::user_defined2()),
        ] {
            signals.ignored.push((name, signal(kind)?));
        }
        Ok(signals)
    }

    /// Waits until the command is asked to stop.
    pub(crate) async fn next(&mut self) {
        poll_fn(|context| {
            if self.stop.iter_mut().any(|signal| signal.poll_recv(context).is_ready()) {
                return Poll::Ready(());
            }
            for (name, signal) in &mut self.ignored {
                while signal.poll_recv(context).is_ready() {
                    tracing::warn!(
                        "{name} is ignored: the configuration is read at the start alone; to have it \
                         read anew, stop the host with SIGTERM and start it again"
                    );
                }
            }
            Poll::Pending
        })
        .await;
    }
}

/// `SIGXFSZ`, wherever this runs but on MIPS.
const FILE_SIZE_SIGNAL: i32 = 25;
