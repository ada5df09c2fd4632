//! Joins the core to the WIT imports and exports. The only file that knows WebAssembly.

#[allow(unsafe_code, missing_docs, clippy::pedantic)]
mod bindings {
    wit_bindgen::generate!({
        world: "polling-source",
        path: "wit",
        with: {
            "wasi:clocks/wall-clock@0.2.12": wasi::clocks::wall_clock,
            "wasi:random/random@0.2.12": wasi::random::random,
        },
    });
}
