//! The contract's source as Rust types and calls, made from `wit/source.wit`.
#![allow(unsafe_code, missing_docs, unreachable_pub, dead_code, clippy::pedantic)]

wit_bindgen::generate!({
    path: "../../wit",
    generate_all,
    inline: "
        package pipeline:command@0.1.0;

        world driver {
            import pipeline:source/source@0.1.0;
        }
    ",
});

pub(crate) use pipeline::source::source::*;
