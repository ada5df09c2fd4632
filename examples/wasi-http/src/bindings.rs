//! The contract's HTTP as Rust types, made from `wit/source.wit`.
#![allow(unsafe_code, missing_docs, unreachable_pub, clippy::pedantic)]

wit_bindgen::generate!({
    path: "../../wit",
    inline: "
        package polling-source:wasi-http;

        world adapter {
            export polling-source:contract/http@0.2.0;
        }
    ",
});

#[cfg(target_family = "wasm")]
use super::Adapter;
#[cfg(target_family = "wasm")]
export!(Adapter);
