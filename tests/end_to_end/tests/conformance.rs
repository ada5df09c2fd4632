//! The scenarios of `tests/conformance/` before the built component in wasmtime, with values whose
//! types come from the component itself: nothing here is generated from the contract.
#![allow(clippy::unwrap_used)]

#[path = "../../conformance/scenario.rs"]
mod scenario;

use std::path::Path;
use std::sync::Arc;

use end_to_end::artifacts;
use scenario::{Function, Reply, Scenario};
use serde_json::{Map, Value, json};
use wasmtime::component::{Component, Linker, Val};
use wasmtime::{Engine, Result, Store, StoreContextMut};

#[test]
fn every_scenario_ends_as_it_says_in_wasmtime() {
    let engine = Engine::default();
    let component = Component::from_file(&engine, artifacts::component()).unwrap();
    let linker = linker(&engine).unwrap();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance");
    let all = scenario::all(&dir);
    assert!(all.len() >= 40, "{} scenarios", all.len());
    for (name, text) in all {
        let scenario = Arc::new(Scenario::parse(&name, &text));
        let world =
            World { scenario: Arc::clone(&scenario), call: 0, read: 0, drawn: 0, requests: vec![] };
        let store = Store::new(&engine, world);
        let transcript = transcript(store, &linker, &component).unwrap();
        assert_eq!(transcript, scenario.expected(), "{name}");
    }
}

/// What an instance sees.
struct World {
    scenario: Arc<Scenario>,
    /// The number of the call that is being made.
    call: usize,
    /// Readings of the clock, and draws of random bytes, in this call.
    read: usize,
    drawn: usize,
    requests: Vec<Value>,
}

/// What comes of a scenario.
fn transcript(
    mut store: Store<World>,
    linker: &Linker<World>,
    component: &Component,
) -> Result<String> {
    let instance = linker.instantiate(&mut store, component)?;
    let source =
        instance.get_export_index(&mut store, None, "polling-source:contract/source@0.2.0");
    let scenario = Arc::clone(&store.data().scenario);
    let (mut cursors, mut calls) = (Vec::new(), Vec::new());
    for (number, call) in scenario.calls.iter().enumerate() {
        let world = store.data_mut();
        (world.call, world.read, world.drawn) = (number, 0, 0);
        let config = Val::String(call.config());
        let (name, params) = match call.function {
            Function::Describe => ("describe", vec![]),
            Function::Validate => ("validate", vec![config]),
            Function::Check => ("check", vec![config]),
            Function::ExplainCursor => {
                let cursor = call.cursor(&cursors).unwrap_or_default();
                ("explain-cursor", vec![Val::String(cursor)])
            }
            Function::Poll => {
                let cursor = call.cursor(&cursors).map(|text| Box::new(Val::String(text)));
                ("poll", vec![config, Val::Option(cursor)])
            }
        };
        let function = instance.get_export_index(&mut store, source.as_ref(), name).unwrap();
        let function = instance.get_func(&mut store, function).unwrap();
        let mut results = [Val::Bool(false)];
        function.call(&mut store, &params, &mut results)?;
        let outcome = shown(&results[0]);
        cursors.push(outcome["ok"]["cursor"].as_str().map(str::to_owned));
        let requests = std::mem::take(&mut store.data_mut().requests);
        calls.push(json!({"outcome": scenario::outcome(outcome), "requests": requests}));
    }
    Ok(Value::from(calls).to_string())
}

/// The three imports of the contract.
fn linker(engine: &Engine) -> Result<Linker<World>> {
    let mut linker = Linker::new(engine);
    linker.instance("polling-source:contract/http@0.2.0")?.func_new(
        "send",
        |store, _, params, results| {
            results[0] = sent(store, &params[0]);
            Ok(())
        },
    )?;
    linker.instance("wasi:clocks/wall-clock@0.2.12")?.func_new(
        "now",
        |mut store, _, _, results| {
            let world = store.data_mut();
            let clock_ms = world.scenario.calls[world.call].moment(world.read).clock_ms;
            world.read += 1;
            let nanoseconds = u32::try_from(clock_ms % 1000).unwrap() * 1_000_000;
            results[0] = record([
                ("seconds", Val::U64(clock_ms / 1000)),
                ("nanoseconds", Val::U32(nanoseconds)),
            ]);
            Ok(())
        },
    )?;
    linker.instance("wasi:random/random@0.2.12")?.func_new(
        "get-random-bytes",
        |mut store, _, params, results| {
            let [Val::U64(len)] = params else { panic!("{params:?}") };
            let world = store.data_mut();
            let moment = world.scenario.calls[world.call].moment(world.drawn);
            let bytes = moment.random(usize::try_from(*len)?);
            world.drawn += 1;
            results[0] = Val::List(bytes.into_iter().map(Val::U8).collect());
            Ok(())
        },
    )?;
    Ok(linker)
}

fn sent(mut store: StoreContextMut<'_, World>, request: &Val) -> Val {
    let mut request = shown(request);
    for header in request["headers"].as_array_mut().unwrap() {
        *header = json!([header["name"], header["value"]]);
    }
    let world = store.data_mut();
    world.requests.push(request);
    let reply = world.scenario.calls[world.call].reply(world.requests.len() - 1);
    match reply.expect("there is a reply for each request") {
        Reply::Response { status, headers, body } => {
            let text = |text: &String| Val::String(text.clone());
            let headers =
                headers.iter().map(|(n, v)| record([("name", text(n)), ("value", text(v))]));
            Val::Result(Ok(Some(Box::new(record([
                ("status", Val::U16(*status)),
                ("headers", Val::List(headers.collect())),
                ("body", Val::List(body.bytes().into_iter().map(Val::U8).collect())),
            ])))))
        }
        Reply::Error { error: (case, text) } => {
            let text = Some(Box::new(Val::String(text.clone())));
            Val::Result(Err(Some(Box::new(Val::Variant(case.clone(), text)))))
        }
    }
}

fn record<const N: usize>(members: [(&str, Val); N]) -> Val {
    Val::Record(members.map(|(name, value)| (name.to_owned(), value)).into())
}

/// A value as it stands in a transcript.
fn shown(value: &Val) -> Value {
    let optional = |value: &Option<Box<Val>>| value.as_deref().map_or(Value::Null, shown);
    match value {
        Val::Bool(value) => json!(value),
        Val::U16(value) => json!(value),
        Val::U32(value) => json!(value),
        Val::U64(value) => json!(value.to_string()),
        Val::S64(value) => json!(value.to_string()),
        Val::String(text) | Val::Enum(text) => json!(text),
        Val::Option(value) => optional(value),
        Val::Tuple(members) => members.iter().map(shown).collect(),
        Val::Result(Ok(value)) => json!({"ok": optional(value)}),
        Val::Result(Err(value)) => json!({"error": optional(value)}),
        Val::Record(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), shown(value)))
            .collect::<Map<_, _>>()
            .into(),
        Val::List(values) => match values.iter().map(byte).collect::<Option<Vec<u8>>>() {
            Some(bytes) if !bytes.is_empty() => json!(String::from_utf8(bytes).unwrap()),
            _ => values.iter().map(shown).collect(),
        },
        value => panic!("the contract has no such value: {value:?}"),
    }
}

fn byte(value: &Val) -> Option<u8> {
    match value {
        Val::U8(byte) => Some(*byte),
        _ => None,
    }
}
