//! Components that do harm when they are instantiated, before any function of theirs is called.
//!
//! Fails when: a start function has no bound of time, stack or memory; the bounds on memories, tables and
//! instances are of each and not of all; the host ends of it, or calls it anything but a component's fault.

use std::time::Duration;

use source_host::limits::CallLimits;
use source_host::sandbox::{CallFailure, Runtime};

use crate::bench::{Bench, acme, guest};

/// The guest with such modules beside its own, each of which begins with it.
fn with_modules(modules: &[Vec<u8>]) -> Vec<u8> {
    let mut component = std::fs::read(guest()).unwrap();
    let own = own_modules(&component);
    for module in modules {
        section(&mut component, CORE_MODULE, module);
    }
    for index in (own..).take(modules.len()) {
        let mut instance = vec![1, 0];
        leb(&mut instance, index);
        instance.push(0);
        section(&mut component, CORE_INSTANCE, &instance);
    }
    component
}

/// How many modules a component has.
fn own_modules(component: &[u8]) -> usize {
    let mut modules = 0;
    let mut rest = &component[8..];
    while let [kind, after @ ..] = rest {
        modules += usize::from(*kind == CORE_MODULE);
        let (mut length, mut bytes) = (0_usize, after.iter().enumerate());
        let end = bytes.find_map(|(at, byte)| {
            length |= usize::from(byte & 0x7f) << (7 * at);
            (byte & 0x80 == 0).then_some(at + 1)
        });
        rest = &after[end.unwrap() + length..];
    }
    modules
}

fn section(component: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    component.push(kind);
    leb(component, payload.len());
    component.extend(payload);
}

fn leb(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn module(text: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {text})")).unwrap()
}

async fn instantiate(component: &[u8], limits: CallLimits) -> Result<(), CallFailure> {
    let bench = Bench::with(&[acme("do = \"events\"")]);
    bench.write("other.wasm", component);
    let runtime = Runtime::new(limits).unwrap();
    let linked = runtime.load(&bench.path("other.wasm")).await.unwrap().link(&runtime).unwrap();
    linked.instantiate(None).await.map(drop)
}

#[tokio::test]
async fn what_a_component_does_when_it_starts_is_within_the_limits_of_a_call() {
    let cpu = Duration::from_millis(200);
    let limits = CallLimits { cpu, ..CallLimits::default() };
    for (text, why) in [
        ("(func $f (loop br 0)) (start $f)", "the component computed for more than 0.2 s"),
        // One instruction each, and long ones.
        (
            "(memory 512) (func $f (loop (memory.fill (i32.const 0) (i32.const 1) \
             (i32.const 33554432)) br 0)) (start $f)",
            "the component computed for more than 0.2 s",
        ),
        (
            "(func $f (call $f)) (start $f)",
            "the component trapped: wasm trap: call stack exhausted",
        ),
        ("(memory 1025)", "the component needs more memory than 67108864 bytes"),
        (
            "(memory 1) (func $f (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) \
             (i32.const -1)))) unreachable) (start $f)",
            "the component needs more memory than 67108864 bytes",
        ),
        ("(table 100001 funcref)", "table"),
        (
            "(table 1 funcref) (func $f (br_if 0 (i32.eq (table.grow (ref.null func) \
             (i32.const 100001)) (i32.const -1))) unreachable) (start $f)",
            "",
        ),
    ] {
        let ended = instantiate(&with_modules(&[module(text)]), limits).await;
        match ended {
            Err(CallFailure::Component(told)) if !why.is_empty() => {
                assert!(told.contains(why), "{text}: {told}");
            }
            Ok(()) if why.is_empty() => {}
            ended => panic!("{text}: {ended:?}"),
        }
    }
}

#[tokio::test]
async fn memories_tables_and_instances_of_a_component_are_bound_all_together() {
    let limits = CallLimits::default();
    for (count, text, why) in [
        (4, "(memory 300)", "the component needs more memory than 67108864 bytes"),
        (32, "(memory 0) (memory 0)", "memory count too high"),
        (32, "(table 0 funcref) (table 0 funcref)", "table count too high"),
        (64, "", "instance count too high"),
    ] {
        let ended = instantiate(&with_modules(&vec![module(text); count]), limits).await;
        let Err(CallFailure::Component(told)) = ended else { panic!("{text}: {ended:?}") };
        assert!(told.contains(why), "{text}: {told}");
    }
    // As many as a source may count on, with those that the scripted component has itself.
    for (count, text) in
        [(30, "(memory 0) (memory 0)"), (30, "(table 0 funcref) (table 0 funcref)"), (58, "")]
    {
        let modules = vec![module(text); count];
        assert_eq!(instantiate(&with_modules(&modules), limits).await, Ok(()), "{text}");
    }
}

#[test]
fn a_component_that_never_begins_is_a_fault_of_the_configuration() {
    let bench = Bench::with(&[acme("do = \"events\"")]);
    let text = bench.read("host.toml").replace(&guest().display().to_string(), "other.wasm");
    bench.write("host.toml", text);
    bench.write("other.wasm", with_modules(&[module("(func $f (call $f)) (start $f)")]));
    let why = "the component trapped: wasm trap: call stack exhausted";
    for arguments in [&["run"][..], &["check"]] {
        bench.host(arguments).expect(2).says("source \"acme\": ").says(why);
    }
    let component = bench.path("other.wasm").display().to_string();
    bench.host(&["inspect", &component]).says(why);
    assert!(!bench.path("state.db").exists());
}

const CORE_MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;
