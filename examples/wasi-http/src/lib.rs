//! Maps the HTTP of polling sources, `polling-source:contract/http`, to `wasi:http/outgoing-handler`.
//!
//! Plugged into a component of the contract, it makes one that any WASI 0.2 host with `wasi:http` can
//! load: the host needs no code for this contract's HTTP. What may be reached is that host's to say.
//!
//! A request goes through `request`, which says whether it may be sent, to `exchange`, which makes it;
//! `body` gathers what comes, and `failure` tells the contract's errors apart.

mod bindings;
mod body;
mod deadline;
mod exchange;
mod failure;
mod request;

use bindings::exports::polling_source::contract::http::{Guest, HttpError, Request, Response};

/// What the component exports.
#[derive(Clone, Copy, Debug)]
pub struct Adapter;

impl Guest for Adapter {
    fn send(request: Request) -> Result<Response, HttpError> {
        exchange::send(request)
    }
}
