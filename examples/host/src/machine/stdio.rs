//! Standard streams: prints what a command answers, and waits for readers that are slow.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::time::Duration;

/// Prints a text on a thread of its own: a reader that does not read keeps no signal waiting.
pub(crate) async fn print_aside(text: String) -> io::Result<()> {
    let printed = tokio::task::spawn_blocking(move || print(&text));
    printed.await.unwrap_or_else(|broken_off| Err(io::Error::other(broken_off)))
}

/// Prints a text, and waits for a reader that is slow. A reader that has seen enough is no error.
pub(crate) fn print(text: &str) -> io::Result<()> {
    // Past the buffer of the standard library, which would keep what cannot be written, and not tell.
    let mut stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    match write_patiently(&mut stdout, text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes all of it, also to a stream that is not to be waited for: others who hold it may want it so.
pub(crate) fn write_patiently(stream: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(AGAIN_AFTER),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

const AGAIN_AFTER: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that takes a byte at a time, and none every other time.
    #[derive(Default)]
    struct Slow(Vec<u8>, bool);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.0.extend(&bytes[..1]);
            Ok(1)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stream_that_takes_nothing_at_the_moment_gets_all_of_it_later() {
        let mut slow = Slow::default();
        assert!(write_patiently(&mut slow, b"all of it").is_ok());
        assert_eq!(slow.0, b"all of it");
    }
}
