//! The files that a configuration names: the output must be none of the others.

use std::path::{Path, PathBuf};

use crate::config::fault::Fault;
use crate::machine::disk::{beside, folder, resolved};

/// Files that are in use, each with what it is.
#[derive(Default)]
pub(super) struct Files {
    used: Vec<(PathBuf, &'static str)>,
}

impl Files {
    pub(super) fn add(&mut self, path: &Path, what: &'static str) {
        self.used.push((resolved(path), what));
    }

    /// Adds a state file, and those that are made beside it.
    pub(super) fn add_state(&mut self, path: &Path) {
        self.add(path, "the state file");
        for ending in ["-wal", "-shm", "-journal", "-new"] {
            self.add(&beside(path, ending), "a file of the state");
        }
    }

    /// The fault of an output file that is one of these.
    pub(super) fn check_output(&self, path: &Path) -> Option<Fault> {
        let path = resolved(path);
        let (_, what) = self.used.iter().find(|(used, _)| *used == path)?;
        let message = format!("is also {what}");
        Some(Fault::new("output.path", message, "give the output a file of its own"))
    }
}

/// The folder of a file that is to be made has to be there.
pub(super) fn check_folder(path: &str, file: &Path, faults: &mut Vec<Fault>) {
    if !folder(file).is_dir() {
        faults.push(Fault::new(
            path,
            format!("there is no folder {}", folder(file).display()),
            "make it, or correct the path; it starts at the configuration's folder",
        ));
    }
}
