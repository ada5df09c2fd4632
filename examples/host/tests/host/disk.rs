//! Disks that are full, and folders that cannot be written: told, waited for, and nothing is lost
//! or comes twice.
//!
//! The disks are mounted in a namespace of the test's own, which needs no superuser. Where that is
//! not allowed, a test says so on stderr.
//!
//! Fails when: an output file is not cut back after a failure; `SIGXFSZ` is not caught; a full disk,
//! a read-only one or a limit on file sizes is told without its remedy, by the state or its lock.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::bench::{Bench, Running, Source, events, skipped, wait_for};
use crate::server::{Server, reply};

const FILE_HERE: &str = "type = \"file\"\npath = \"out.ndjson\"";
const FILE_THERE: &str = "type = \"file\"\npath = \"disk/out.ndjson\"";
const SMALL_DISK: &str = "mount -t tmpfs -o size=32m,mode=777 tmpfs disk";
const READ_ONLY: &str = "mount --bind disk disk && mount -o remount,bind,ro disk";

/// A mount that only those see who are started in it.
struct Mount {
    holder: Child,
    folder: PathBuf,
}

impl Mount {
    /// Runs a script in the folder of a bench, which has a folder `disk`, and has the host started
    /// where its mounts are seen. None where mounts are not allowed.
    fn make(test: &str, bench: &mut Bench, script: &str) -> Option<Self> {
        let _ = fs::create_dir(bench.path("disk"));
        let mut holder = Command::new("unshare")
            .args(["-r", "-m", "sh", "-c", &format!("{script} && echo made && read end")])
            .current_dir(&bench.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .inspect_err(|error| skipped(test, &format!("unshare: {error}")))
            .ok()?;
        let mut line = String::new();
        let _ = BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line);
        let mount = Self { holder, folder: bench.folder.clone() };
        if line != "made\n" {
            skipped(test, "no mount in a namespace is allowed here");
            return None;
        }
        let target = mount.holder.id().to_string();
        let enter = ["nsenter", "-U", "-m", "--preserve-credentials", "-t", &target];
        bench.starter = enter.map(str::to_owned).to_vec();
        Some(mount)
    }

    /// A file on the mounted disk, as it is reached from outside.
    fn path(&self, name: &str) -> PathBuf {
        let folder = self.folder.strip_prefix("/").unwrap();
        Path::new(&format!("/proc/{}/root", self.holder.id())).join(folder).join("disk").join(name)
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut filler = fs::File::create(self.path("filler")).unwrap();
        let error = std::io::copy(&mut std::io::repeat(0).take(1 << 30), &mut filler);
        assert_eq!(error.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    }

    fn make_room(&self) {
        fs::remove_file(self.path("filler")).unwrap();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// An API that gives as many pages as it is allowed to.
pub(crate) fn paced(allowed: &Arc<AtomicUsize>) -> Server {
    let allowed = Arc::clone(allowed);
    Server::start(move |number, _| {
        // Never so fast that the disk would be full again soon.
        std::thread::sleep(Duration::from_millis(5));
        while number >= allowed.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        reply(200, "", "")
    })
}

fn pages(lines: &str) -> Vec<u64> {
    events(lines).iter().map(|event| event["page"].as_u64().unwrap()).collect()
}

pub(crate) fn cursor(bench: &Bench) -> Option<u64> {
    bench.host(&["cursor", "show", "acme"]).stdout().trim().parse().ok()
}

/// Fills the disk under a host that has stored three pages, and makes room when it has been told
/// twice. `why` is what is told.
fn filled(output: &str, state: &str, why: &str, killed: bool) {
    let mut bench = Bench::new();
    let Some(disk) = Mount::make("a full disk", &mut bench, SMALL_DISK) else { return };
    let allowed = Arc::new(AtomicUsize::new(3));
    let server = paced(&allowed);
    let url = server.url();
    let config = format!("do = \"follow\"\nmore = true\npadding = 1500\nurl = \"{url}\"");
    let keys = format!("allow = [\"{url}\"]");
    bench.configure(output, &[Source { name: "acme", keys: &keys, config: &config }]);
    bench.write("host.toml", bench.read("host.toml").replace("state.db", state));

    let mut running = bench.start();
    wait_for("three pages", || cursor(&bench) == Some(3));
    disk.fill();
    allowed.store(usize::MAX, Ordering::SeqCst);
    wait_for("a second try", || running.log().matches(why).count() >= 2);
    // Some more may still have found room: in an output file, or where the state's log was.
    let kept = cursor(&bench).unwrap();
    assert!(kept >= 3, "{kept}: {}", running.log());

    if killed {
        running.signal("KILL");
        running.end();
        running = bench.start();
    }
    disk.make_room();
    let enough = || cursor(&bench).is_some_and(|pages| pages >= kept + 40);
    wait_for("many pages", enough);
    allowed.store(0, Ordering::SeqCst);
    end(running);
    let count = cursor(&bench).unwrap();
    let written = match output {
        FILE_HERE => bench.read("out.ndjson"),
        FILE_THERE => fs::read_to_string(disk.path("out.ndjson")).unwrap(),
        _ => bench.read("stdout"),
    };
    assert_eq!(pages(&written), (0..count).collect::<Vec<_>>());
}

#[test]
fn an_output_file_on_a_full_disk_is_gone_on_with_when_there_is_room() {
    let why = "disk/out.ndjson: No space left on device (os error 28); make room on the disk";
    filled(FILE_THERE, "state.db", why, false);
    filled(FILE_THERE, "state.db", why, true);
}

#[test]
fn a_state_on_a_full_disk_takes_nothing_until_there_is_room() {
    let why = "disk/state.db: database or disk is full; make room on the disk";
    filled(FILE_HERE, "disk/state.db", why, false);
    filled("type = \"stdout\"", "disk/state.db", why, false);
}

/// Starts where nothing can be written, and then where it can.
fn refused_until_mended(output: &str, state: &str, script: &str, says: &[&str]) {
    let mut bench = Bench::new();
    let Some(disk) = Mount::make("a disk that cannot be written", &mut bench, script) else {
        return;
    };
    let config = "do = \"events\"\npages = 3";
    bench.configure(output, &[Source { name: "acme", keys: "", config }]);
    bench.write("host.toml", bench.read("host.toml").replace("state.db", state));
    for _ in 0..2 {
        let ended = bench.catch_up().expect(1);
        for text in says {
            assert!(ended.stderr().contains(text), "{text:?} is not in:\n{}", ended.stderr());
        }
    }
    if script == READ_ONLY {
        // Outside of the namespace the folder can be written.
        bench.starter.clear();
    } else {
        disk.make_room();
    }
    bench.catch_up().expect(0);
    assert_eq!(cursor(&bench), Some(3));
}

#[test]
fn a_full_disk_is_told_at_the_start_by_path_cause_and_remedy() {
    let script = format!("{SMALL_DISK} && ! cat /dev/zero 2>/dev/null > disk/filler");
    let says = ["disk/state.db-new", "database or disk is full", "make room on the disk"];
    refused_until_mended("type = \"stdout\"", "disk/state.db", &script, &says);
}

#[test]
fn a_folder_that_cannot_be_written_is_told_at_the_start_by_path_cause_and_remedy() {
    let remedy = "the host must be able to write";
    let says = ["disk/state.db", "Read-only file system", remedy];
    refused_until_mended("type = \"stdout\"", "disk/state.db", READ_ONLY, &says);
    let says = ["disk/out.ndjson", "Read-only file system", remedy];
    refused_until_mended(FILE_THERE, "state.db", READ_ONLY, &says);
}

/// A limit on the size of files comes with a signal that ends whoever does not expect it.
#[test]
fn a_limit_on_file_sizes_is_told_and_gone_beyond_when_it_is_lifted() {
    let state = "state.db: disk I/O error; ";
    let output = "out.ndjson: File too large (os error 27); ";
    for (output, config, why) in [
        (FILE_HERE, "do = \"events\"\npages = 100\npadding = 4000", output),
        ("type = \"stdout\"", "do = \"wide cursors\"\npages = 100\ncount = 20000", state),
    ] {
        let mut bench = Bench::new();
        bench.starter =
            ["sh", "-c", "ulimit -S -f 256; exec \"$@\"", "sh"].map(str::to_owned).into();
        bench.configure(output, &[Source { name: "acme", keys: "", config }]);
        let running = bench.start();
        wait_for("a second try", || running.log().matches(why).count() >= 2);
        let pid = running.id().to_string();
        let lifted = Command::new("prlimit").args(["--fsize=unlimited:", "--pid", &pid]).status();
        assert!(lifted.unwrap().success());
        running.until("more=false");
        end(running);
        let name = if output == FILE_HERE { "out.ndjson" } else { "stdout" };
        assert_eq!(bench.read(name).lines().count(), 100);
        assert_eq!(cursor(&bench), Some(100));
    }
}

fn end(running: Running) {
    running.signal("TERM");
    assert_eq!(running.end().0, Some(0));
}
