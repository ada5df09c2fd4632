//! Files, as they are on a machine that others use.
//!
//! They can be removed, replaced, linked, or opened to everyone while the host runs, and a disk may take
//! nothing more.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc::O_NONBLOCK;

use crate::machine::shortage::Shortage;

/// Which file it is, whatever its names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    pub(crate) fn of(found: &Metadata) -> Self {
        Self { device: found.dev(), inode: found.ino() }
    }

    /// The file that a path leads to. None where there is none.
    pub(crate) fn at(path: &Path) -> io::Result<Option<Self>> {
        match std::fs::metadata(path) {
            Ok(found) => Ok(Some(Self::of(&found))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the path still leads to this file. The error says what happened to it.
    pub(crate) fn check(self, path: &Path) -> Result<(), String> {
        match Self::at(path) {
            Ok(Some(found)) if found == self => Ok(()),
            Ok(Some(_)) => Err("another file was put in its place while the host runs".to_owned()),
            Ok(None) => Err("it was moved away or removed while the host runs".to_owned()),
            Err(error) => Err(format!("it cannot be looked at: {error}")),
        }
    }
}

/// Opens a regular file and nothing else: a pipe would hold up whoever opens it, and a device is no
/// place for what is to be kept. New files are readable by their owner only.
pub(crate) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<(File, Metadata)> {
    let file = options.mode(OWNER_ONLY).custom_flags(O_NONBLOCK).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"));
    }
    Ok((file, found))
}

/// Reads a regular file of so many bytes at most.
pub(crate) fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let (file, _) = open(path, OpenOptions::new().read(true))?;
    let mut bytes = Vec::new();
    // One byte more shows that there is too much, whatever the file said of its size.
    file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        let why = format!("it is larger than {bytes_max} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

/// A file's name is as durable as the file only when its folder is synced.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    // Where a link leads, not where it stands.
    let path = path.canonicalize()?;
    File::open(path.parent().unwrap_or(&path))?.sync_all()
}

/// A file that another makes beside it: programs put it where links lead, and not where they stand.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut beside = resolved(path).into_os_string();
    beside.push(ending);
    beside.into()
}

/// The path without links, as far as it exists.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| match (folder(path).canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    })
}

/// The folder of a file.
pub(crate) fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Says so if anyone on this machine may read or change a file that holds mail data, positions or
/// keys.
pub(crate) fn warn_if_open_to_all(what: &str, path: &Path, found: &Metadata) {
    let mode = found.mode() & 0o7777;
    if mode & OTHERS != 0 {
        let path = path.display();
        tracing::warn!(
            "{what} {path} is open to every user of this machine (mode {mode:04o}); \
             `chmod o= {path}` takes that away"
        );
    }
}

/// What to do about a common error of writing, to be put behind it.
pub(crate) fn remedy(error: &io::Error) -> String {
    let remedy = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room on the disk",
        ErrorKind::FileTooLarge => "raise the limit on the size of files",
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
            "the host must be able to write there"
        }
        _ => match Shortage::of(error) {
            Some(shortage) => shortage.remedy(),
            None if error.raw_os_error() == Some(Errno::EIO as i32) => {
                "see whether the disk is sound"
            }
            None => return String::new(),
        },
    };
    format!("; {remedy}")
}

const OWNER_ONLY: u32 = 0o600;
const OTHERS: u32 = 0o007;
