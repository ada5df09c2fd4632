//! The right to change a state: one process has it, whatever path it took to the file.

use std::fs::File;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// Takes the lock of a state file that is open to be written. Whoever holds the handle has the lock;
/// it ends with the process, however that ends. The error says who is in the way.
///
/// One byte is locked, which may lie behind the file's end: `SQLite`'s own locks, which are on the same
/// file, are elsewhere. A lock file of its own could be removed, linked, or left aside by another path.
pub(super) fn take(file: &File) -> Result<(), String> {
    let whence = libc::SEEK_SET;
    let (Ok(kind), Ok(whence)) = (libc::F_WRLCK.try_into(), whence.try_into()) else {
        return Err("cannot be locked: this system numbers its locks in another way".to_owned());
    };
    // Safe to make: it is plain numbers, and those that are not named here are for answers.
    let lock = libc::flock { l_type: kind, l_whence: whence, l_start: AT, l_len: 1, l_pid: 0 };
    // One that belongs to the handle: the other kind ends as soon as SQLite closes the same file.
    #[cfg(target_os = "linux")]
    let wanted = FcntlArg::F_OFD_SETLK(&lock);
    #[cfg(not(target_os = "linux"))]
    let wanted = FcntlArg::F_SETLK(&lock);
    match fcntl(file, wanted) {
        Ok(_) => Ok(()),
        Err(Errno::EACCES | Errno::EAGAIN) => Err(
            "is in use by another process (`fuser` or `lsof` tells which); stop that one first, or \
             give this one a state of its own"
                .to_owned(),
        ),
        Err(error) => Err(format!(
            "cannot be locked: {}; put it on a file system that has locks",
            error.desc()
        )),
    }
}

/// `SQLite`'s locks are the 512 bytes behind the first GiB.
const AT: libc::off_t = 0x7fff_0000;
