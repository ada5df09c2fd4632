//! The contract's source as Rust types and calls, made from `wit/source.wit`.
#![allow(unsafe_code, missing_docs, unreachable_pub, dead_code, clippy::pedantic)]

wit_bindgen::generate!({
    path: "../../wit",
    generate_all,
    inline: "
        package polling-source:command;

        world driver {
            import polling-source:contract/source@0.2.0;
        }
    ",
});

pub(crate) use polling_source::contract::source::*;
