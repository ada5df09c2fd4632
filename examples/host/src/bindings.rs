//! Generated from the contract in `wit/`: the types and the calls of a polling source.

#![allow(missing_docs, unreachable_pub, unsafe_code, clippy::pedantic)]

// Every function is asynchronous on the host's side: a guest that waits in `send`, or computes for
// long, gives its thread back to the other sources.
wasmtime::component::bindgen!({
    path: "../../wit",
    world: "polling-source",
    imports: { default: async | trappable },
    exports: { default: async },
});

pub use exports::polling_source::contract::source::{
    Batch, Counter, Diagnostic, ErrorKind, Event, Level, Metadata, Notice, PollError, Quota,
    Report, Stats,
};
pub use polling_source::contract::http::{Header, HttpError, Request, Response};
