//! Sets up the log on stderr.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For a person.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Begins to log. Only this crate's own lines are written: those of libraries could hold secrets.
pub fn begin(format: LogFormat) {
    let own = Targets::new().with_target(env!("CARGO_CRATE_NAME"), LevelFilter::INFO);
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        // A closed stderr is no reason to stop collecting.
        .log_internal_errors(false);
    let layer = match format {
        LogFormat::Text => layer.with_filter(own).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_filter(own).boxed(),
    };
    // A second call, as tests make it, changes nothing.
    let _ = tracing_subscriber::registry().with(layer).try_init();
}
