//! Components that take a compiler time or memory out of all proportion: the host stays answerable,
//! and its other sources run.
//!
//! Fails when: a component is compiled on a thread that hears signals; a compiler that takes for ever
//! is waited for, or its source taken for a fault of the configuration; what a component has has no bound.

use std::fmt::Write as _;
use std::process::Stdio;
use std::time::Duration;

use source_host::commands::exit::Exit;
use source_host::commands::run::{Manner, run};
use source_host::limits::{CallLimits, Limits};

use crate::bench::{Bench, Running, Source, acme, events, guest, wait_for};

/// One function that keeps a compiler busy for minutes: so many variables through so many loops.
fn slow() -> Vec<u8> {
    let (locals, loops) = (1_000, 500);
    let mut text = "(component (core module (func (param i32) (local".to_owned();
    text.push_str(&" i64".repeat(locals));
    text.push_str(")\n");
    text.push_str(&"loop\n".repeat(loops));
    for local in 1..=locals {
        writeln!(text, "(local.set {local} (i64.add (local.get {local}) (i64.const 1)))").unwrap();
    }
    text.push_str(&"local.get 0 br_if 0 end\n".repeat(loops));
    text.push_str(")))");
    wat::parse_str(text).unwrap()
}

/// A component that has this so many times.
fn many(part: &str, count: usize) -> Vec<u8> {
    wat::parse_str(format!("(component (core module {}))", part.repeat(count))).unwrap()
}

/// A bench whose second source has another component than the first.
fn beside(component: impl AsRef<[u8]>, config: &str) -> Bench {
    let other = Source { name: "other", keys: "", config: "do = \"events\"" };
    let output = "type = \"file\"\npath = \"out.ndjson\"";
    let bench = Bench::with_output(output, &[acme(config), other]);
    let guest = guest().display().to_string();
    let text = bench.read("host.toml");
    let (first, second) = text.split_at(text.rfind(&guest).unwrap());
    bench.write("host.toml", format!("{first}other.wasm{}", &second[guest.len()..]));
    bench.write("other.wasm", component);
    bench
}

/// Whether the host compiles.
fn compiles(running: &Running) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{}/task", running.id())).unwrap().flatten();
    let mut names =
        threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok());
    names.any(|name| name.starts_with("compile-"))
}

#[test]
fn a_signal_is_heard_while_a_component_is_compiled() {
    let bench = beside(slow(), "do = \"events\"");
    let component = bench.path("other.wasm").display().to_string();
    for (arguments, code) in
        [(vec!["run"], 0), (vec!["check"], 1), (vec!["inspect", component.as_str()], 1)]
    {
        let running = bench.start_command(&arguments, Stdio::null());
        wait_for("a compiler", || compiles(&running));
        running.signal("TERM");
        let (ended, took) = running.end();
        assert_eq!(ended, Some(code), "{arguments:?}");
        assert!(took < Duration::from_secs(5), "{arguments:?}: {took:?}");
    }
    assert!(!bench.path("state.db").exists());
}

/// A release is commonly a folder, and a link leads to the one in use.
#[tokio::test]
async fn a_component_whose_link_is_led_elsewhere_meanwhile_is_not_left_out() {
    let bench = beside("", "do = \"events\"");
    let link = bench.path("other.wasm");
    let lead_to = |release: &str| {
        bench.write(release, "no component");
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(bench.path(release), &link).unwrap();
    };
    lead_to("one.wasm");
    let config = bench.path("host.toml");
    let mut running = Box::pin(run(&config, Manner::CATCHING_UP, Limits::default()));
    // As far as to where it waits for the compilers.
    assert!(tokio::time::timeout(Duration::ZERO, &mut running).await.is_err());
    lead_to("two.wasm");
    assert_eq!(running.await, Exit::Misconfigured);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_that_is_not_compiled_in_time_costs_its_own_source() {
    let bench = beside(slow(), "do = \"events\"\npages = 3");
    let call = CallLimits { compile: Duration::from_secs(10), ..CallLimits::default() };
    let limits = Limits { call, ..Limits::default() };
    assert_eq!(run(&bench.path("host.toml"), Manner::CATCHING_UP, limits).await, Exit::Failed);
    assert_eq!(events(&bench.read("out.ndjson")).len(), 3);
}

#[test]
fn a_component_of_too_many_parts_is_refused_before_it_is_compiled() {
    let bench = beside(many("(func)", 300_000), "do = \"events\"");
    let why = "it has 300000 functions; at most 50000";
    bench.catch_up().expect(2).says("source \"other\": component: ").says(why);
    bench.host(&["check"]).expect(2).says(why);
    let component = bench.path("other.wasm").display().to_string();
    bench.host(&["inspect", &component]).expect(2).says(why);
    bench.write("other.wasm", many("(data \"\")", 50_001));
    bench.catch_up().expect(2).says("it has 50001 segments of data; at most 50000");
    // One type, of many parts.
    let exports = ('a'..='z').chain('A'..='Z').map(|last| {
        let name = "a".repeat(90_000);
        format!("(export \"{name}-{last}\" (func))")
    });
    let wide = format!("(component (type (instance {})))", exports.collect::<String>());
    bench.write("other.wasm", wat::parse_str(wide).unwrap());
    bench
        .catch_up()
        .expect(2)
        .says("bytes of types, imports, exports and the like; at most 4194304");
    // As many as that are none of a source, but no fault by their number.
    bench.write("other.wasm", many("(func)", 50_000));
    bench.catch_up().expect(2).says("it does not export polling-source:contract/source");
}
