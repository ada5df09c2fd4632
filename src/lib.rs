//! Collects Mimecast TTP Impersonation Protect logs.

#[cfg(target_family = "wasm")]
mod component;
