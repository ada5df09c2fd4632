//! A disk that can be full.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::{env, fs};

/// A small file system of a test's own, where this machine lets one be mounted.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Of so many bytes, in the place of a folder. None where it cannot be mounted.
    ///
    /// # Panics
    /// If it cannot be mounted in CI, or nothing can be written beside it.
    #[must_use]
    pub fn mount(dir: &Path, bytes: u64) -> Option<Self> {
        // Not within the folder: a test that is killed leaves it mounted, and the next could not empty that.
        let name = dir.to_string_lossy().replace('/', "-");
        let disk = Self(env::temp_dir().join(format!("disk-{}{name}", process::id())));
        fs::create_dir_all(&disk.0).expect("a folder of its own");
        let size = format!("size={bytes}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&disk.0).status();
        if !mounted.is_ok_and(|status| status.success()) {
            assert!(env::var_os("CI").is_none(), "{} cannot be mounted", disk.0.display());
            eprintln!("skipped: {} cannot be mounted here", disk.0.display());
            return None;
        }
        let _ = fs::remove_dir(dir);
        symlink(&disk.0, dir).expect("a scratch folder can be written");
        Some(disk)
    }

    /// Leaves no byte free.
    pub fn fill(&self) {
        let _ = fs::write(self.0.join("ballast"), vec![0; 64 << 20]);
    }

    /// Takes back what filled it.
    ///
    /// # Panics
    /// If nothing did.
    pub fn free(&self) {
        fs::remove_file(self.0.join("ballast")).expect("it was filled");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).stderr(Stdio::null()).status();
        let _ = fs::remove_dir(&self.0);
    }
}
