//! The command `cursor`: looks at stored cursors, and changes them while no host runs.

use std::fmt::Write as _;
use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use source_contract::batch::CURSOR_BYTES_MAX;
use source_contract::printable::{Form, escape, printable};

use crate::commands::answer::answer;
use crate::commands::exit::Exit;
use crate::config::Outline;
use crate::state::sqlite::SqliteState;
use crate::state::{CursorChange, State, StateError, StoredCursor};
use crate::timestamp::rfc3339;

/// What to do with cursors.
#[derive(Debug, Subcommand)]
pub(super) enum CursorCommand {
    /// List the sources: when each cursor was stored, events delivered so far, bytes of the cursor.
    List(ConfigArg),
    /// Print the cursor of a source.
    Show {
        /// The configuration.
        #[command(flatten)]
        config: ConfigArg,
        /// The source's name.
        source: String,
    },
    /// Store a cursor: collection goes on from there.
    Set {
        /// The configuration.
        #[command(flatten)]
        config: ConfigArg,
        /// The source's name.
        source: String,
        /// The cursor, or `-` to read it from standard input.
        #[arg(allow_hyphen_values = true)]
        cursor: String,
    },
    /// Forget a cursor: collection begins anew, and events already delivered may come again.
    Reset {
        /// The configuration.
        #[command(flatten)]
        config: ConfigArg,
        /// The source's name.
        source: String,
    },
}

/// The configuration whose state is meant.
#[derive(Debug, Args)]
pub(super) struct ConfigArg {
    /// The configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Does what was asked for.
pub(super) fn execute(command: &CursorCommand) -> Exit {
    let (CursorCommand::List(config)
    | CursorCommand::Show { config, .. }
    | CursorCommand::Set { config, .. }
    | CursorCommand::Reset { config, .. }) = command;
    let outline = match Outline::load(&config.config) {
        Ok(outline) => outline,
        Err(faults) => {
            crate::config::fault::log(&faults);
            return Exit::Misconfigured;
        }
    };
    let done = match command {
        CursorCommand::List(_) => list(&outline),
        CursorCommand::Show { source, .. } => show(&outline, source),
        CursorCommand::Set { source, cursor, .. } => set(&outline, source, cursor),
        CursorCommand::Reset { source, .. } => reset(&outline, source),
    };
    match done {
        Ok(()) => Exit::Done,
        Err(Refusal::Usage(why)) => {
            tracing::error!("{why}");
            Exit::Misconfigured
        }
        Err(Refusal::Failed(why)) => {
            tracing::error!("{why}");
            Exit::Failed
        }
    }
}

fn list(outline: &Outline) -> Result<(), Refusal> {
    let stored = read(outline)?;
    let mut rows = vec![["SOURCE", "UPDATED", "EVENTS", "BYTES"].map(str::to_owned)];
    for source in &outline.sources {
        rows.push(row(source, stored.get(source)));
    }
    // Cursors of sources that are no longer in the file are kept: the source may come back.
    for (source, cursor) in stored.iter().filter(|(source, _)| !outline.sources.contains(source)) {
        rows.push(row(source, Some(cursor)));
    }
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (first, second, third) = (width(0), width(1), width(2));
    let mut text = String::new();
    for [source, updated, events, bytes] in &rows {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{source:<first$}  {updated:<second$}  {events:>third$}  {bytes}");
    }
    answer(&text).map_err(Refusal::Failed)
}

fn row(source: &str, stored: Option<&StoredCursor>) -> [String; 4] {
    let source = printable(source);
    match stored {
        Some(stored) => {
            let updated_ms = u64::try_from(stored.updated_ms).unwrap_or(0);
            let updated = rfc3339(updated_ms.saturating_mul(1_000_000)).unwrap_or_default();
            [source, updated, stored.events.to_string(), stored.cursor.len().to_string()]
        }
        None => [source, "-".into(), "-".into(), "-".into()],
    }
}

fn show(outline: &Outline, source: &str) -> Result<(), Refusal> {
    let mut stored = read(outline)?;
    match stored.remove(source) {
        Some(stored) if std::io::stdout().is_terminal() => {
            let shown = escape(&stored.cursor, Form::Text, None);
            answer(&format!("{shown}\n")).map_err(Refusal::Failed)?;
            if *shown != *stored.cursor {
                tracing::warn!(
                    "shown with what cannot be seen written out; for `cursor set`, take it from a \
                     pipe or a file: there it is as it was stored"
                );
            }
            Ok(())
        }
        Some(stored) => answer(&format!("{}\n", stored.cursor)).map_err(Refusal::Failed),
        None if outline.sources.iter().any(|name| name == source) => {
            Err(Refusal::Failed(format!("source {source:?} has no cursor yet")))
        }
        None => Err(unknown(outline, source)),
    }
}

fn set(outline: &Outline, source: &str, cursor: &str) -> Result<(), Refusal> {
    if !outline.sources.iter().any(|name| name == source) {
        return Err(unknown(outline, source));
    }
    let cursor = if cursor == "-" { read_stdin()? } else { cursor.to_owned() };
    if cursor.is_empty() || cursor.len() > CURSOR_BYTES_MAX {
        return Err(Refusal::Usage(format!(
            "the cursor has {} bytes; give 1 to {CURSOR_BYTES_MAX}, as `cursor show` printed them",
            cursor.len()
        )));
    }
    let change = CursorChange { source: source.to_owned(), cursor: cursor.into(), events: 0 };
    SqliteState::open(&outline.state)?.commit(&[change], None).map_err(StateError::from)?;
    tracing::info!(source, "cursor stored");
    Ok(())
}

fn reset(outline: &Outline, source: &str) -> Result<(), Refusal> {
    let removed = SqliteState::open(&outline.state)?.remove(source)?;
    match removed {
        true => tracing::info!(source, "cursor forgotten: the source begins anew"),
        false if outline.sources.iter().any(|name| name == source) => {
            tracing::info!(source, "there was no cursor to forget");
        }
        false => return Err(unknown(outline, source)),
    }
    Ok(())
}

fn read(outline: &Outline) -> Result<std::collections::BTreeMap<String, StoredCursor>, StateError> {
    Ok(SqliteState::read(&outline.state)?.unwrap_or_default())
}

fn read_stdin() -> Result<String, Refusal> {
    let mut text = String::new();
    // One byte more than fits shows that there is too much; one more is a line break.
    let most = CURSOR_BYTES_MAX as u64 + 2;
    std::io::stdin()
        .take(most)
        .read_to_string(&mut text)
        .map_err(|error| Refusal::Failed(format!("standard input: {error}")))?;
    // What `cursor show` put there, and nothing of the cursor's own.
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

fn unknown(outline: &Outline, source: &str) -> Refusal {
    Refusal::Usage(format!(
        "there is no source {source:?}; the configuration has {}",
        outline.sources.join(", ")
    ))
}

/// Why a command did not do what was asked for.
enum Refusal {
    /// It was asked for something that is not there.
    Usage(String),
    /// It could not be done.
    Failed(String),
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        Self::Failed(error.to_string())
    }
}
