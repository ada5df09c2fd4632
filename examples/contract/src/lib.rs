//! The rules that hosts of polling sources share: what goes in, what comes out, what is told.
//!
//! They stand once, for `source-host`, the driver of a WASI command and the adapter to
//! WASI's HTTP. Nothing in here does I/O, and nothing knows bindings: those differ from host to host. The
//! hosts in under 200 lines, in `examples/rust`, `examples/python` and `examples/node`, stand alone, as
//! does the page in `examples/browser`.
//!
//! ```text
//! configuration values of the environment put in, and which are secret by origin or name
//! schema        which of its values a source's own schema marks as secret
//! environment   `${NAME}` in a text
//! secret_key    which keys of a configuration have secrets for values
//! fault         what is wrong with a configuration, and what to do about it
//! request       what a source may send: method, headers, how long a URL may be
//! response      the head of a reply: how much of it there may be
//! body          the body of a reply: its gzip undone, within a bound
//! batch         whether a batch is one of the contract
//! kind          whether the kind of an event is
//! aside         whether codes, notices and counters are
//! error_kind    what a host does after each kind of error
//! wait          how long to wait after an error, and after a batch
//! redact        what a source says, without secrets
//! printable     and without what a person cannot see
//! ```

// Errors are sentences for a person: the functions say when they come.
#![allow(clippy::missing_errors_doc, clippy::must_use_candidate)]

pub mod aside;
pub mod batch;
pub mod body;
pub mod configuration;
pub mod environment;
pub mod error_kind;
pub mod fault;
pub mod kind;
pub mod printable;
pub mod redact;
pub mod request;
pub mod response;
pub mod schema;
pub mod secret_key;
pub mod wait;
