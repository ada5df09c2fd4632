//! The smallest host in Rust against the simulated API.
