//! The cursor in a directory.
//!
//! A batch's cursor is written beside the old one *before* the batch goes out, and takes its place
//! *after*. So a full disk is met while nothing has been written yet; and a cursor that is found still
//! waiting tells that a batch may have been cut.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use source_contract::batch::CURSOR_BYTES_MAX;

/// The directory.
pub(crate) struct State {
    dir: PathBuf,
}

impl State {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf() }
    }

    /// The stored cursor; none if there never was one. The error says what to do.
    pub(crate) fn cursor(&self) -> Result<Option<String>, String> {
        let path = self.path();
        // A directory that is not there is no empty one: the runtime may grant another.
        fs::read_dir(&self.dir).map_err(|error| {
            format!(
                "the directory {} cannot be read: {error}; grant it to the command, and name it \
                 with --state",
                self.dir.display()
            )
        })?;
        let mut bytes = Vec::new();
        let read = File::open(&path)
            .and_then(|file| file.take(CURSOR_BYTES_MAX as u64 + 1).read_to_end(&mut bytes));
        let remedy =
            "put a good copy back, or remove it to begin anew at the configuration's start";
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{} cannot be read: {error}; {remedy}", path.display())),
            Ok(_) if bytes.is_empty() => Err(format!("{} is empty; {remedy}", path.display())),
            Ok(_) if bytes.len() > CURSOR_BYTES_MAX => Err(format!(
                "{} is larger than a cursor can be, {CURSOR_BYTES_MAX} bytes; {remedy}",
                path.display()
            )),
            Ok(_) => match String::from_utf8(bytes) {
                Ok(cursor) => Ok(Some(cursor)),
                Err(_) => Err(format!("{} is not UTF-8; {remedy}", path.display())),
            },
        }
    }

    /// Whether a batch was going out when the command ended.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.waiting().exists()
    }

    /// Forgets that.
    pub(crate) fn forget_interruption(&self) -> Result<(), String> {
        let waiting = self.waiting();
        fs::remove_file(&waiting)
            .map_err(|error| format!("{} cannot be removed: {error}", waiting.display()))
    }

    /// Writes the cursor of a batch that is about to go out.
    pub(crate) fn prepare(&self, cursor: &str) -> Result<(), String> {
        let waiting = self.waiting();
        let written = File::create(&waiting).and_then(|mut file| {
            file.write_all(cursor.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| format!("{} cannot be written: {error}", waiting.display()))
    }

    /// Puts it in the place of the old one.
    pub(crate) fn commit(&self) -> Result<(), String> {
        let (waiting, path) = (self.waiting(), self.path());
        fs::rename(&waiting, &path)
            .map_err(|error| format!("{} cannot be replaced: {error}", path.display()))?;
        // Not every runtime can; without it a loss of power may bring the old cursor back, and its
        // batches again.
        let _ = File::open(&self.dir).and_then(|dir| dir.sync_all());
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.dir.join("cursor")
    }

    fn waiting(&self) -> PathBuf {
        self.dir.join("cursor.new")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// An empty directory for a test.
    pub(crate) fn scratch(test: &str) -> PathBuf {
        let dir =
            std::env::temp_dir().join(format!("source-command-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn a_cursor_takes_its_place_only_when_it_is_committed() {
        let dir = scratch("state");
        let state = State::new(&dir);
        assert_eq!(state.cursor(), Ok(None));
        for (cursor, before) in [("one", None), ("two", Some("one"))] {
            state.prepare(cursor).unwrap();
            assert!(state.is_interrupted());
            assert_eq!(state.cursor().unwrap().as_deref(), before);
            state.commit().unwrap();
            assert!(!state.is_interrupted());
            assert_eq!(state.cursor().unwrap().as_deref(), Some(cursor));
        }
        state.prepare("three").unwrap();
        state.forget_interruption().unwrap();
        assert!(!state.is_interrupted());
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_cursor_that_cannot_be_used_is_told_with_path_and_remedy() {
        let dir = scratch("damaged");
        let state = State::new(&dir);
        for bytes in [vec![], vec![0xff, 0xfe], vec![b'c'; CURSOR_BYTES_MAX + 1]] {
            fs::write(dir.join("cursor"), bytes).unwrap();
            let why = state.cursor().unwrap_err();
            assert!(why.contains("/cursor ") && why.contains("put a good copy back"), "{why}");
        }
        fs::write(dir.join("cursor"), vec![b'c'; CURSOR_BYTES_MAX]).unwrap();
        assert!(state.cursor().is_ok());
        fs::remove_file(dir.join("cursor")).unwrap();
        fs::create_dir(dir.join("cursor")).unwrap();
        assert!(state.cursor().unwrap_err().contains("cannot be read"));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_directory_that_is_not_there_is_no_first_run() {
        let state = State::new(&scratch("none").join("missing"));
        assert!(state.cursor().unwrap_err().contains("grant it"));
        assert!(state.prepare("one").unwrap_err().contains("cursor.new"));
    }
}
