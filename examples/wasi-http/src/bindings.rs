//! The contract's HTTP as Rust types, made from `wit/source.wit`.
#![allow(unsafe_code, missing_docs, unreachable_pub, clippy::pedantic)]

wit_bindgen::generate!({
    path: "../../wit",
    inline: "
        package pipeline:wasi-http@0.1.0;

        world adapter {
            export pipeline:source/http@0.1.0;
        }
    ",
});

#[cfg(target_family = "wasm")]
use super::Adapter;
#[cfg(target_family = "wasm")]
export!(Adapter);
