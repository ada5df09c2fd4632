//! What the host stands on, changed by others while it runs and while it does not: its output, its
//! state, its configuration, its streams.
//!
//! Fails when: a file is made longer than what was written; what another program wrote is cut; a host
//! goes on in a state that no longer has its name; a state that was emptied is taken for a new one;
//! two paths to a state are two locks.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::bench::{Bench, Running, Source, acme, events, guest, wait_for};
use crate::disk::{cursor, paced};

const FILE: &str = "type = \"file\"\npath = \"out.ndjson\"";
const THREE_PAGES: &str = "do = \"events\"\npages = 3\ncount = 2";

/// A host in service whose API gives as many pages as it is allowed to.
struct Collecting {
    bench: Bench,
    running: Running,
    allowed: Arc<AtomicUsize>,
}

impl Collecting {
    /// One that has stored three pages.
    fn three_pages(output: &str) -> Self {
        let allowed = Arc::new(AtomicUsize::new(3));
        let bench = following(output, &allowed);
        let running = bench.start();
        wait_for("three pages", || cursor(&bench) == Some(3));
        Self { bench, running, allowed }
    }

    fn go_on(&self) {
        self.allowed.store(usize::MAX, Ordering::SeqCst);
    }

    /// Goes on, and is told twice that nothing can be stored.
    #[track_caller]
    fn refuses(&self, why: &str) {
        self.go_on();
        wait_for(why, || self.running.log().matches(why).count() >= 2);
        assert!(self.running.log().contains("position kept"), "{}", self.running.log());
    }

    /// Goes on to many pages, each of them once, and to a good end.
    #[track_caller]
    fn has_all(self) {
        self.go_on();
        wait_for("many pages", || cursor(&self.bench).is_some_and(|pages| pages >= 20));
        self.allowed.store(0, Ordering::SeqCst);
        self.running.signal("TERM");
        assert_eq!(self.running.end().0, Some(0));
        let count = cursor(&self.bench).unwrap();
        assert_eq!(pages(&self.bench.read("out.ndjson")), (0..count).collect::<Vec<_>>());
    }
}

/// A host that asks an API for as many pages as it is allowed to give.
fn following(output: &str, allowed: &Arc<AtomicUsize>) -> Bench {
    let url = paced(allowed).url();
    let keys = format!("allow = [\"{url}\"]");
    let config = format!("do = \"follow\"\nmore = true\nurl = \"{url}\"");
    Bench::with_output(output, &[Source { name: "acme", keys: &keys, config: &config }])
}

fn pages(lines: &str) -> Vec<u64> {
    events(lines).iter().map(|event| event["page"].as_u64().unwrap()).collect()
}

fn length(bench: &Bench, name: &str) -> u64 {
    fs::metadata(bench.path(name)).unwrap().len()
}

fn set_length(bench: &Bench, name: &str, length: u64) {
    fs::OpenOptions::new().write(true).open(bench.path(name)).unwrap().set_len(length).unwrap();
}

fn append(bench: &Bench, name: &str, text: &str) {
    let mut file = fs::OpenOptions::new().append(true).open(bench.path(name)).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

// The output file.

#[test]
fn an_output_file_that_is_cut_under_the_host_is_never_made_longer_and_refused_until_it_is_back() {
    for halves in [0, 1] {
        let collecting = Collecting::three_pages(FILE);
        let bench = &collecting.bench;
        let whole = bench.read("out.ndjson");
        let cut = whole.len() as u64 * halves / 2;
        set_length(bench, "out.ndjson", cut);
        collecting.refuses("another program cut it");
        assert_eq!(length(bench, "out.ndjson"), cut);
        // Nor is it at the next start.
        collecting.running.signal("KILL");
        bench
            .catch_up()
            .expect(1)
            .says("it was cut or replaced")
            .says("give [output] another path");
        assert_eq!(length(bench, "out.ndjson"), cut);
        bench.write("out.ndjson", &whole);
        bench.write("stderr", "");
        let Collecting { bench, allowed, .. } = collecting;
        allowed.store(3, Ordering::SeqCst);
        let running = bench.start();
        Collecting { bench, running, allowed }.has_all();
    }
}

#[test]
fn an_output_file_that_is_put_back_under_the_host_is_gone_on_with() {
    let collecting = Collecting::three_pages(FILE);
    let whole = collecting.bench.read("out.ndjson");
    set_length(&collecting.bench, "out.ndjson", 0);
    collecting.refuses("another program cut it");
    append(&collecting.bench, "out.ndjson", &whole);
    collecting.has_all();
}

#[test]
fn what_another_program_appends_to_the_output_file_is_never_cut() {
    const OTHER: &str = "another program's\n";
    let collecting = Collecting::three_pages(FILE);
    let whole = length(&collecting.bench, "out.ndjson");
    append(&collecting.bench, "out.ndjson", OTHER);
    collecting.refuses(&format!("of which {whole} are events"));
    assert!(collecting.bench.read("out.ndjson").ends_with(OTHER));
    set_length(&collecting.bench, "out.ndjson", whole);
    collecting.has_all();

    // Nor by the host that is started after one that refused it was stopped.
    let collecting = Collecting::three_pages(FILE);
    append(&collecting.bench, "out.ndjson", OTHER);
    collecting.refuses("another program wrote to it");
    collecting.running.signal("TERM");
    let Collecting { bench, running, .. } = collecting;
    running.end();
    bench.catch_up().expect(1).says("another program wrote to it");
    assert!(bench.read("out.ndjson").ends_with(OTHER));

    // A host that came to a good end leaves nothing to cut.
    let bench = Bench::with_output(FILE, &[acme(THREE_PAGES)]);
    bench.catch_up().expect(0);
    append(&bench, "out.ndjson", OTHER);
    bench.catch_up().expect(1).says("another program wrote to it").says("move what lies behind");
    assert!(bench.read("out.ndjson").ends_with(OTHER));
}

/// A file that was cut to half and filled up again to what it was.
#[test]
fn an_output_file_whose_end_is_another_is_refused() {
    let bench = Bench::with_output(FILE, &[acme("do = \"events\"\npages = 50\npadding = 1000")]);
    bench.catch_up().expect(0);
    let whole = length(&bench, "out.ndjson");
    set_length(&bench, "out.ndjson", whole / 2);
    set_length(&bench, "out.ndjson", whole);
    bench.catch_up().expect(1).says("it is another file than the one that was written");
}

#[test]
fn an_output_file_that_is_moved_removed_or_replaced_under_the_host_is_refused() {
    for (script, why) in [
        ("mv out.ndjson out.1", "it was moved away or removed"),
        ("rm out.ndjson", "it was moved away or removed"),
        ("cp out.ndjson copy && mv copy out.ndjson", "another file was put in its place"),
    ] {
        let collecting = Collecting::three_pages(FILE);
        shell(&collecting.bench, script);
        collecting.refuses(why);
        assert_eq!(cursor(&collecting.bench), Some(3));
    }
}

fn shell(bench: &Bench, script: &str) {
    let done = Command::new("sh").args(["-c", script]).current_dir(&bench.folder).status().unwrap();
    assert!(done.success(), "{script}");
}

// The state.

#[test]
fn a_state_that_is_removed_or_replaced_under_the_host_ends_collecting_until_it_is_back() {
    for (script, why, back) in [
        ("mv state.db away", "it was moved away or removed", "mv away state.db"),
        (
            "mv state.db away && touch state.db",
            "another file was put in its place",
            "mv away state.db",
        ),
    ] {
        let collecting = Collecting::three_pages(FILE);
        let written = length(&collecting.bench, "out.ndjson");
        shell(&collecting.bench, script);
        collecting.refuses(why);
        assert_eq!(length(&collecting.bench, "out.ndjson"), written, "written without a cursor");
        shell(&collecting.bench, back);
        collecting.has_all();
    }
    let collecting = Collecting::three_pages(FILE);
    shell(&collecting.bench, "rm state.db");
    collecting.refuses("it was moved away or removed");
    collecting.running.signal("TERM");
    let Collecting { bench, running, .. } = collecting;
    assert_eq!(running.end().0, Some(0));
    // Whoever starts it again is not sent everything again.
    bench.catch_up().expect(1).says("state.db: is gone, and its log").says("remove the log too");
    fs::remove_file(bench.path("state.db-wal")).unwrap();
    bench.catch_up().expect(1).says("that this state has no record of");
}

/// `SQLite` goes on in a log without a name.
#[test]
fn a_log_of_the_state_that_is_removed_under_the_host_is_made_anew() {
    for script in ["rm state.db-wal", "rm state.db-shm", "rm state.db-wal state.db-shm"] {
        let collecting = Collecting::three_pages(FILE);
        shell(&collecting.bench, script);
        collecting.has_all();
    }
}

/// What stood in the log only is gone with it; the output tells that it was more.
#[test]
fn a_log_of_the_state_that_is_removed_before_a_kill_repeats_nothing() {
    let Collecting { bench, running, allowed } = Collecting::three_pages(FILE);
    running.signal("KILL");
    running.end();
    shell(&bench, "rm state.db-wal state.db-shm");
    allowed.store(3, Ordering::SeqCst);
    bench.catch_up().expect(1).says("that this state has no record of");
    assert_eq!(pages(&bench.read("out.ndjson")), [0, 1, 2]);
}

#[test]
fn a_state_that_was_emptied_is_refused_and_not_taken_for_a_new_one() {
    for output in [FILE, "type = \"stdout\""] {
        let bench = Bench::with_output(output, &[acme(THREE_PAGES)]);
        bench.catch_up().expect(0);
        let state = fs::read(bench.path("state.db")).unwrap();
        bench.write("state.db", "");
        for arguments in
            [&["run", "--until-caught-up"][..], &["cursor", "list"], &["cursor", "reset", "acme"]]
        {
            bench
                .host(arguments)
                .expect(1)
                .says("state.db: is empty")
                .says("bring it back from a copy");
        }
        assert_eq!(length(&bench, "state.db"), 0);
        bench.write("state.db", &state[..state.len() / 2]);
        assert_eq!(bench.catch_up().code(), Some(1));
        bench.write("state.db", &state);
        assert_eq!(bench.catch_up().expect(0).stdout(), "");
    }
}

#[test]
fn a_state_that_was_being_made_when_the_host_was_killed_is_made_anew() {
    let bench = Bench::with(&[acme(THREE_PAGES)]);
    bench.write("state.db-new", "half");
    assert_eq!(bench.catch_up().expect(0).events().len(), 6);
    assert!(!bench.path("state.db-new").exists());
}

#[test]
fn one_state_has_one_lock_whatever_the_path_to_it() {
    let bench = Bench::with(&[acme("do = \"events\"\nnext_poll_ms = 60000")]);
    let running = bench.start();
    running.until("more=false");
    let own = bench.read("host.toml");
    fs::create_dir(bench.path("other")).unwrap();
    symlink(bench.path("state.db"), bench.path("linked.db")).unwrap();
    symlink(&bench.folder, bench.path("folder")).unwrap();
    for path in ["linked.db", "folder/state.db", "./other/../state.db"] {
        bench.write("host.toml", own.replace("state.db", path));
        bench.catch_up().expect(1).says("is in use by another process");
        bench.host(&["cursor", "reset", "acme"]).expect(1).says("is in use by another process");
        // Looking works by each of them.
        bench.host(&["cursor", "show", "acme"]).expect(0);
    }
    fs::hard_link(bench.path("state.db"), bench.path("hard.db")).unwrap();
    bench.write("host.toml", own.replace("state.db", "hard.db"));
    bench.host(&["cursor", "reset", "acme"]).expect(1).says("is in use by another process");
    running.signal("TERM");
    running.end();
    // Its log would be another, too.
    bench.catch_up().expect(1).says("has 2 names (hard links)").says("remove the others");
    fs::remove_file(bench.path("hard.db")).unwrap();
    bench.write("host.toml", own.replace("state.db", "linked.db"));
    bench.catch_up().expect(0);
}

#[test]
fn a_link_that_leads_nowhere_is_no_state() {
    let bench = Bench::with(&[acme(THREE_PAGES)]);
    symlink("gone.db", bench.path("state.db")).unwrap();
    bench.catch_up().expect(1).says("is a link that leads nowhere");
    assert!(bench.path("state.db").is_symlink());
}

#[test]
fn files_that_are_not_the_hosts_are_neither_followed_nor_emptied() {
    for name in ["state.db-new", "state.db.lock", "state.db-journal"] {
        let bench = Bench::with(&[acme(THREE_PAGES)]);
        bench.write("precious", "of somebody else");
        symlink(bench.path("precious"), bench.path(name)).unwrap();
        bench.catch_up();
        assert_eq!(bench.read("precious"), "of somebody else", "{name}");
    }
}

// Modes.

#[test]
fn files_that_are_open_to_all_are_told_once_each() {
    let bench = Bench::with_output(FILE, &[acme(THREE_PAGES)]);
    bench.catch_up().expect(0);
    for name in ["state.db", "out.ndjson"] {
        fs::set_permissions(bench.path(name), fs::Permissions::from_mode(0o666)).unwrap();
        let ended = bench.catch_up().expect(0).says("(mode 0666)").says("chmod o= ");
        assert_eq!(ended.stderr().matches("is open to every user").count(), 1);
        fs::set_permissions(bench.path(name), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(!bench.catch_up().expect(0).stderr().contains("open to every user"));
    }
}

#[test]
fn a_configuration_that_is_open_to_all_is_told_if_keys_are_in_it() {
    let bench = Bench::new();
    for (key, told) in [("\"in the file\"", 1), ("\"${OWN_KEY}\"", 0)] {
        let config = format!("{THREE_PAGES}\nnested = {{ api_key = {key} }}");
        bench.configure("type = \"stdout\"", &[acme(&config)]);
        for (mode, told) in [(0o644, told), (0o640, 0)] {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(bench.path("host.toml"), mode).unwrap();
            let ended = bench.catch_up_with("OWN_KEY", "from outside").expect(0);
            assert_eq!(ended.stderr().matches("which has keys in it").count(), told);
        }
    }
}

// What is read once.

#[test]
fn configuration_and_component_may_go_while_the_host_runs() {
    let allowed = Arc::new(AtomicUsize::new(3));
    let bench = following(FILE, &allowed);
    fs::copy(guest(), bench.path("own.wasm")).unwrap();
    let text = bench.read("host.toml").replace(&guest().display().to_string(), "own.wasm");
    bench.write("host.toml", &text);
    let running = bench.start();
    wait_for("three pages", || cursor(&bench) == Some(3));
    fs::remove_file(bench.path("host.toml")).unwrap();
    fs::remove_file(bench.path("own.wasm")).unwrap();
    allowed.store(10, Ordering::SeqCst);
    wait_for("more pages", || pages(&bench.read("out.ndjson")).len() >= 8);
    bench.write("host.toml", text);
    Collecting { bench, running, allowed }.has_all();
}

// Standard output.

#[test]
fn standard_output_that_leads_nowhere_is_refused_before_anything_is_asked_for() {
    for (redirection, why) in [
        (">&-", "is closed, or leads to /dev/null"),
        (">/dev/null", "is closed, or leads to /dev/null"),
        ("1</dev/zero", "is open to be read only"),
    ] {
        let mut bench = Bench::with(&[acme(THREE_PAGES)]);
        bench.starter = sh(&format!("exec \"$@\" {redirection}"));
        bench.catch_up().expect(1).says("standard output").says(why);
        bench.starter.clear();
        assert_eq!(cursor(&bench), None);
        assert_eq!(bench.catch_up().expect(0).events().len(), 6);
    }
}

#[test]
fn a_blackhole_takes_events_on_purpose() {
    let mut bench = Bench::with_output("type = \"blackhole\"", &[acme(THREE_PAGES)]);
    bench.starter = sh("exec \"$@\" >/dev/null");
    bench.catch_up().expect(0).says("output=\"blackhole\"");
    bench.starter.clear();
    assert_eq!(cursor(&bench), Some(3));
    assert_eq!(bench.catch_up().expect(0).stdout(), "");
}

fn sh(script: &str) -> Vec<String> {
    ["sh", "-c", script, "sh"].map(str::to_owned).into()
}

/// As whoever else has the other end of a pipe may set it.
#[test]
fn standard_output_that_does_not_block_is_waited_for() {
    let bench = Bench::with(&[acme("do = \"events\"\npages = 60\ncount = 50\npadding = 1000")]);
    let (mut reader, writer) = std::io::pipe().unwrap();
    let flag = nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK);
    nix::fcntl::fcntl(&writer, flag).unwrap();
    let mut command = bench.command(&["run", "--until-caught-up"]);
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    // The pipe is full before anybody reads.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let mut written = String::new();
    reader.read_to_string(&mut written).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    let rows: Vec<(u64, u64)> = events(&written)
        .iter()
        .map(|event| (event["page"].as_u64().unwrap(), event["row"].as_u64().unwrap()))
        .collect();
    assert!(
        rows == (0..60).flat_map(|page| (0..50).map(move |row| (page, row))).collect::<Vec<_>>()
    );
}

// The clock.

#[test]
fn a_clock_that_jumps_changes_nothing_but_what_the_log_and_the_component_are_told() {
    let Some(library) = crate::syscalls::library() else { return };
    let allowed = Arc::new(AtomicUsize::new(3));
    let mut bench = following(FILE, &allowed);
    bench.write("ahead", "0");
    bench.starter = ["env".to_owned(), format!("LD_PRELOAD={}", library.display())].into();
    bench.starter.push(format!("SYSCALLS_CLOCK={}", bench.path("ahead").display()));
    let running = bench.start();
    for (pages, ahead) in [(3, "31536000"), (6, "-315360000"), (9, "-4000000000"), (12, "0")] {
        wait_for("three more pages", || cursor(&bench) == Some(pages));
        bench.write("ahead", ahead);
        allowed.fetch_add(3, Ordering::SeqCst);
    }
    Collecting { bench, running, allowed }.has_all();
}
