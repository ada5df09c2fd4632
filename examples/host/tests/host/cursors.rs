//! Cursors can be looked at beside a running host, and changed without one.

use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::bench::{Bench, Finished, Source, acme, skipped};
use crate::server::{Server, reply};

const PAGES: &str = "do = \"events\"\npages = 3\ncount = 2\nnext_poll_ms = 60000";

#[test]
fn cursors_are_listed_shown_set_and_reset() {
    let bench = Bench::with(&[acme(PAGES), Source { name: "later", keys: "", config: PAGES }]);
    let empty = bench.host(&["cursor", "list"]).expect(0).stdout();
    assert_eq!(
        empty,
        "SOURCE  UPDATED  EVENTS  BYTES\nacme    -             -  -\nlater   -             -  -\n"
    );
    bench.host(&["cursor", "show", "acme"]).expect(1).says("source \"acme\" has no cursor yet");

    assert_eq!(bench.catch_up().expect(0).events().len(), 12);
    let list = bench.host(&["cursor", "list"]).expect(0).stdout();
    let columns: Vec<&str> = list.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!((columns[0], columns[2], columns[3]), ("acme", "6", "1"));
    assert_eq!(bench.host(&["cursor", "show", "acme"]).expect(0).stdout(), "3\n");

    bench.host(&["cursor", "set", "acme", "2"]).expect(0);
    assert_eq!(bench.catch_up().expect(0).events().len(), 2);
    bench.host(&["cursor", "reset", "later"]).expect(0);
    assert_eq!(bench.catch_up().expect(0).events().len(), 6);
}

#[test]
fn a_cursor_can_come_from_standard_input() {
    let bench = Bench::with(&[acme(PAGES)]);
    let mut set = bench.command(&["cursor", "set", "acme", "-"]);
    let mut set = set.stdin(Stdio::piped()).spawn().unwrap();
    set.stdin.take().unwrap().write_all(b"1\n").unwrap();
    assert!(set.wait().unwrap().success());
    assert_eq!(bench.catch_up().expect(0).events().len(), 4);
}

/// A cursor may hold what an API chose.
#[test]
fn a_cursor_passes_a_pipe_byte_for_byte_and_a_terminal_is_shown_what_it_would_obey() {
    let bench = Bench::with(&[acme(PAGES)]);
    for cursor in ["7\u{1b}[2J\u{9b}31m\u{202e}\0é\r", "\n7\r\n\n", "7"] {
        let mut set = bench.command(&["cursor", "set", "acme", "-"]);
        let mut set = set.stdin(Stdio::piped()).spawn().unwrap();
        set.stdin.take().unwrap().write_all(format!("{cursor}\n").as_bytes()).unwrap();
        assert!(set.wait().unwrap().success());
        let shown = bench.host(&["cursor", "show", "acme"]).expect(0);
        assert_eq!(shown.stdout(), format!("{cursor}\n"));
    }
    let mut set = bench.command(&["cursor", "set", "acme", "7\u{1b}[2J\u{9b}31m\u{202e}é"]);
    assert!(set.status().unwrap().success());
    let show = bench.command(&["cursor", "show", "acme"]);
    let words: Vec<_> = [show.get_program()].into_iter().chain(show.get_args()).collect();
    let line = words.join(std::ffi::OsStr::new(" "));
    let terminal = Command::new("script").arg("-qec").arg(line).arg("/dev/null").output();
    let Ok(terminal) = terminal else {
        skipped("a cursor on a terminal", "there is no `script` to make one");
        return;
    };
    let told = String::from_utf8(terminal.stdout).unwrap();
    assert!(told.contains("7\\u{1b}[2J\\u{9b}31m\\u{202e}é\r\n"), "{told:?}");
    assert!(told.contains("shown with what cannot be seen written out"), "{told:?}");
}

/// Sets a cursor without asking, and shows it.
fn shown(bench: &Bench, cursor: &str) -> Finished {
    bench.host(&["cursor", "set", "--force", "acme", cursor]).expect(0);
    let shown = bench.host(&["cursor", "show", "acme"]).expect(0);
    assert_eq!(shown.stdout(), format!("{cursor}\n"));
    shown
}

#[test]
fn a_cursor_is_explained_by_its_component_without_secrets_and_what_a_terminal_would_obey() {
    let bench = Bench::with(&[acme(
        "do = \"events\"\napi_key = \"hunter22\"\nmarked = { deep = [\"plain-two\"] }\n\
         secret = \"${NOT_SET_ANYWHERE}\"",
    )]);
    assert_eq!(shown(&bench, "3").stderr(), "page            3\ncomplete_until  now\n");
    let odd = "3\u{1b}[2J hunter22 plain-two";
    let told = "page            3\\u{1b}[2J [redacted] [redacted]\ncomplete_until  now\n";
    assert_eq!(shown(&bench, odd).stderr(), told);
    assert_eq!(shown(&bench, "many 100").stderr().lines().count(), 100);
    shown(&bench, "many 101").says("component_failed: the cursor is explained by 101 pairs");
}

#[test]
fn a_cursor_that_cannot_be_explained_is_shown_all_the_same_with_a_word_why() {
    let server = Server::start(|_, _| reply(200, "", ""));
    let keys = format!("allow = [\"{}\"]", server.url());
    let bench = Bench::with(&[Source { name: "acme", keys: &keys, config: PAGES }]);
    for (cursor, why) in [
        ("refused it is\ndamaged", "cursor error cursor_refused: it is\\u{a}damaged"),
        ("odd", "protocol error component_failed: a code or a name"),
        ("trap", "protocol error component_failed: the component trapped: "),
    ] {
        shown(&bench, cursor)
            .says("WARN not explained: its component refuses the cursor: ")
            .says(why);
    }
    // It reaches nothing meanwhile.
    shown(&bench, &format!("send {}", server.url())).says("this call may not send");
    assert_eq!(server.connections(), 0);
    let own = bench.read("host.toml");
    let named = format!("component = {:?}", crate::bench::guest().display().to_string());
    for (component, why) in [
        ("component = \"/no/such.wasm\"", "/no/such.wasm: the file cannot be read"),
        ("component = \"/dev/null\"", "/dev/null: the file cannot be read"),
        ("", "none is named"),
    ] {
        bench.write("host.toml", own.replace(&named, component));
        shown(&bench, "3").says("WARN not explained: its component cannot be asked: ").says(why);
        bench.host(&["cursor", "set", "acme", "2"]).expect(2).says(why).says("add --force");
        assert_eq!(bench.host(&["cursor", "show", "acme"]).stdout(), "3\n");
    }
}

#[test]
fn a_cursor_that_its_component_refuses_is_stored_only_by_force() {
    let bench = Bench::with(&[acme(PAGES)]);
    bench.host(&["cursor", "set", "acme", "2"]).expect(0);
    let refused = "refused it is damaged; begin anew";
    bench
        .host(&["cursor", "set", "acme", refused])
        .expect(2)
        .says("its component refuses the cursor: cursor error cursor_refused: it is damaged")
        .says("begin anew; to store it all the same, add --force");
    assert_eq!(bench.host(&["cursor", "show", "acme"]).stdout(), "2\n");
    bench.host(&["cursor", "set", "acme", refused, "--force"]).expect(0);
    assert_eq!(bench.host(&["cursor", "show", "acme"]).stdout(), format!("{refused}\n"));
}

#[test]
fn a_name_that_is_no_source_is_bad_usage() {
    let bench = Bench::with(&[acme(PAGES)]);
    for arguments in
        [&["cursor", "show", "x"][..], &["cursor", "set", "x", "1"], &["cursor", "reset", "x"]]
    {
        bench
            .host(arguments)
            .expect(2)
            .says("there is no source \"x\"; the configuration has acme");
    }
    bench.host(&["cursor", "set", "acme", ""]).expect(2).says("the cursor has 0 bytes");
}

#[test]
fn no_secret_is_needed_to_look() {
    let bench = Bench::with(&[acme("do = \"events\"\nsecret = \"${NOT_SET_ANYWHERE}\"")]);
    bench.host(&["cursor", "list"]).expect(0);
    bench.catch_up().expect(2);
}

#[test]
fn cursors_can_be_read_where_nothing_can_be_written() {
    let bench = Bench::with(&[acme(PAGES)]);
    bench.catch_up().expect(0);
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&bench.path("host.toml"), 0o444);
    mode(&bench.path("state.db"), 0o444);
    mode(&bench.folder, 0o555);
    let mut show = bench.command(&["cursor", "show", "acme"]);
    if std::fs::write(bench.path("probe"), "").is_ok() {
        // The superuser may write everywhere: ask as nobody.
        show.uid(65_534).gid(65_534);
    }
    let shown = show.output();
    mode(&bench.folder, 0o755);
    if shown.as_ref().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
        // The superuser's own folder: nobody else can come here to be asked.
        return;
    }
    let shown = shown.unwrap();
    assert_eq!(shown.stdout, b"3\n");
}

#[test]
fn beside_a_running_host_cursors_are_read_but_not_changed() {
    let bench = Bench::with(&[acme(PAGES)]);
    let running = bench.start();
    running.until("more=false");
    assert_eq!(bench.host(&["cursor", "show", "acme"]).expect(0).stdout(), "3\n");
    for arguments in [&["cursor", "set", "acme", "1"][..], &["cursor", "reset", "acme"], &["run"]] {
        bench.host(arguments).expect(1).says("state.db: is in use by another process");
    }
    running.signal("TERM");
    assert_eq!(running.end().0, Some(0));
    bench.host(&["cursor", "reset", "acme"]).expect(0);
}

#[test]
fn the_lock_ends_with_the_process_however_that_ends() {
    let bench = Bench::with(&[acme(PAGES)]);
    let running = bench.start();
    running.until("more=false");
    running.signal("KILL");
    running.end();
    bench.host(&["cursor", "set", "acme", "2"]).expect(0);
    assert_eq!(bench.catch_up().expect(0).events().len(), 2);
}

#[test]
fn a_state_of_another_program_or_of_a_newer_host_is_refused() {
    let bench = Bench::with(&[acme(PAGES)]);
    let other = rusqlite::Connection::open(bench.path("state.db")).unwrap();
    other.execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    let before = std::fs::read(bench.path("state.db")).unwrap();
    bench.catch_up().expect(1).says("belongs to another program");
    assert_eq!(std::fs::read(bench.path("state.db")).unwrap(), before);
    other.execute_batch("PRAGMA user_version = 4").unwrap();
    bench.catch_up().expect(1).says("belongs to another program");
    other.execute_batch("PRAGMA application_id = 1936681075; PRAGMA user_version = 99").unwrap();
    bench.catch_up().expect(1).says("was written by a newer source-host");
    drop(other);
    bench.write("state.db", "this is a text, longer than the header of a database would have to be.........................");
    bench
        .catch_up()
        .expect(1)
        .says("file is not a database; restore it from a copy, or give [state] a path of its own");
}
