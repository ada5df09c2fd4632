//! Why an output file is not written to, and what to do about it.

use std::path::Path;

use crate::output::OutputError;

pub(super) fn io_error(path: &Path, error: &std::io::Error) -> OutputError {
    OutputError::io(&format!("output file {}", path.display()), error)
}

pub(super) fn refused(path: &Path, why: &str, remedy: &str) -> OutputError {
    OutputError::Failed(format!("output file {}: {why}; {remedy}", path.display()))
}

/// There is more in the file than this host wrote. It could be anything: it is not for the host to cut.
pub(super) fn foreign(path: &Path, found: u64, length: u64) -> OutputError {
    let why =
        format!("another program wrote to it: it has {found} bytes, of which {length} are events");
    let remedy = format!(
        "move what lies behind those away (`truncate -s {length}` cuts it), or give [output] another \
         path to begin a new one"
    );
    refused(path, &why, &remedy)
}

pub(super) const REMEDY: &str =
    "put the file back as it was, or give [output] another path to begin a new one";
