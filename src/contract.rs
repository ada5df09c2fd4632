//! What the contract in `wit/` gives and takes, and how a machine is stepped for it, without the
//! bindings: the core knows no WebAssembly.

pub(crate) mod http;
pub(crate) mod source;
pub(crate) mod step;
