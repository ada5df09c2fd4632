//! The ledger that many machines share, on servers and workers that are killed, held up and cut off.

use anyhow::Result;

use crate::cargo::{cargo, run_printing};
use crate::component::FEED;
use crate::step::{Step, Steps};
use crate::{component, python, simulation};

/// The steps of `cargo xtask cluster`.
pub(crate) const STEPS: Steps = Steps {
    command: "cluster",
    steps: &[
        Step {
            name: "consumer",
            what: "the example that reads events, killed",
            run: || test("consumer", 2),
        },
        Step {
            name: "kills",
            what: "workers and servers, killed and held up at random",
            run: || test("kills", 1),
        },
        Step {
            name: "failures",
            what: "one failure after the other, and a server that is cut off: none costs more than half a minute",
            run: || test("failures", 2),
        },
        Step {
            name: "fence",
            what: "workers that disagree about who runs a source, and that hand it over",
            run: || test("fence", 2),
        },
        Step {
            name: "outages",
            what: "no majority of servers, and a full disk",
            run: || test("outages", 2),
        },
        Step {
            name: "refusals",
            what: "what is no ledger, each told in a line",
            run: || test("refusals", 3),
        },
        Step {
            name: "security",
            what: "encrypted connections, and users who may do what they need",
            run: || test("security", 2),
        },
    ],
};

/// Runs the tests of one module of `tests/end_to_end/tests/cluster/`, so many at a time: each has servers and
/// workers of its own.
fn test(module: &str, at_a_time: u8) -> Result<()> {
    run(&format!("{module}::"), &[], at_a_time)
}

/// Prints what workers and servers take.
pub(crate) fn bench() -> Result<()> {
    run("figures::", &["--ignored"], 1)
}

fn run(filter: &str, more: &[&str], at_a_time: u8) -> Result<()> {
    python::environment("nats", "tests/end_to_end/nats.txt")?;
    python::environment("nats-old", "tests/end_to_end/nats-old.txt")?;
    simulation::build()?;
    component::build_source(FEED)?;
    run_printing(
        cargo()
            .args(["test", "--release", "--locked", "--package", "end-to-end"])
            .args(["--features", "hosts", "--test", "cluster", "--"])
            .args([filter, "--nocapture"])
            .args(more)
            .env("RUST_TEST_THREADS", at_a_time.to_string()),
    )
}
