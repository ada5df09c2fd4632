//! The example in Node against the simulated API.
