//! The command `cursor`: looks at stored cursors, and changes them: those of a state file while no host runs, those of
//! a ledger at any time.

mod explanation;
mod kept;

use std::fmt::Write as _;
use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use source_contract::batch::{CURSOR_BYTES_MAX, check_cursor};
use source_contract::printable::{Form, escape, printable};

use crate::commands::answer::answer;
use crate::commands::cursor::explanation::explain;
use crate::commands::cursor::kept::Kept;
use crate::commands::exit::Exit;
use crate::commands::refusal::Refusal;
use crate::config::Outline;
use crate::limits::CallLimits;
use crate::log;

/// What to do with cursors.
#[derive(Debug, Subcommand)]
pub(super) enum CursorCommand {
    /// List the sources: when each cursor was stored, events delivered so far, bytes of the cursor.
    List(ConfigArg),
    /// Print the cursor of a source; and on standard error what its component says of it.
    Show {
        /// The configuration.
        #[command(flatten)]
        config: ConfigArg,
        /// The source's name.
        source: String,
    },
    /// Store a cursor that the source's component takes: collection goes on from there.
    Set {
        /// The configuration.
        #[command(flatten)]
        config: ConfigArg,
        /// The source's name.
        source: String,
        /// The cursor, or `-` to read it from standard input.
        #[arg(allow_hyphen_values = true)]
        cursor: String,
        /// Store it without asking the component.
        #[arg(long)]
        force: bool,
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

/// The configuration whose cursors are meant.
#[derive(Debug, Args)]
pub(super) struct ConfigArg {
    /// The configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Does what was asked for.
pub(super) async fn execute(command: &CursorCommand, limits: CallLimits) -> Exit {
    let (CursorCommand::List(config)
    | CursorCommand::Show { config, .. }
    | CursorCommand::Set { config, .. }
    | CursorCommand::Reset { config, .. }) = command;
    let outline = match Outline::load(&config.config, &|name| std::env::var_os(name)) {
        Ok(outline) => outline,
        Err(faults) => {
            crate::config::fault::log(&faults);
            return Exit::Misconfigured;
        }
    };
    let done = match command {
        CursorCommand::List(_) => list(&outline).await,
        CursorCommand::Show { source, .. } => show(&outline, source, limits).await,
        CursorCommand::Set { source, cursor, force, .. } => {
            let limits = (!force).then_some(limits);
            set(&outline, source, cursor, limits).await
        }
        CursorCommand::Reset { source, .. } => reset(&outline, source).await,
    };
    match done {
        Ok(()) => Exit::Done,
        Err(Refusal { exit, why }) => {
            tracing::error!("{why}");
            exit
        }
    }
}

async fn list(outline: &Outline) -> Result<(), Refusal> {
    let stored = kept::all(&outline.cursors).await?;
    let mut rows = vec![["SOURCE", "UPDATED", "EVENTS", "BYTES"].map(str::to_owned)];
    for source in &outline.sources {
        rows.push(row(&source.name, stored.get(&source.name)));
    }
    // Cursors of sources that are no longer in the file are kept: the source may come back.
    for (source, cursor) in stored.iter().filter(|(source, _)| outline.source(source).is_none()) {
        rows.push(row(source, Some(cursor)));
    }
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (first, second, third) = (width(0), width(1), width(2));
    let mut text = String::new();
    for [source, updated, events, bytes] in &rows {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{source:<first$}  {updated:<second$}  {events:>third$}  {bytes}");
    }
    answer(&text).map_err(Refusal::failed)
}

fn row(source: &str, kept: Option<&Kept>) -> [String; 4] {
    let source = printable(source);
    match kept {
        Some(kept) => [
            source,
            printable(&kept.updated),
            kept.events.to_string(),
            kept.cursor.len().to_string(),
        ],
        None => [source, "-".into(), "-".into(), "-".into()],
    }
}

async fn show(outline: &Outline, source: &str, limits: CallLimits) -> Result<(), Refusal> {
    let own = outline.source(source);
    let Some(Kept { cursor, .. }) = kept::one(&outline.cursors, source).await? else {
        let none = || Refusal::failed(format!("source {source:?} has no cursor yet"));
        return Err(own.map_or_else(|| unknown(outline, source), |_| none()));
    };
    let shown = if std::io::stdout().is_terminal() {
        escape(&cursor, Form::Text, None)
    } else {
        (&*cursor).into()
    };
    answer(&format!("{shown}\n")).map_err(Refusal::failed)?;
    if *shown != *cursor {
        tracing::warn!(
            "shown with what cannot be seen written out; for `cursor set`, take it from a pipe or \
             a file: there it is as it was stored"
        );
    }
    // It may be of a source that is no longer in the file.
    let Some(own) = own else { return Ok(()) };
    match explain(own, &cursor, limits).await {
        Ok(lines) => lines.iter().for_each(|line| log::plain(line)),
        Err(Refusal { why, .. }) => tracing::warn!("not explained: {why}"),
    }
    Ok(())
}

/// With limits the component is asked within them whether it takes the cursor.
async fn set(
    outline: &Outline,
    source: &str,
    cursor: &str,
    asked: Option<CallLimits>,
) -> Result<(), Refusal> {
    let own = outline.source(source).ok_or_else(|| unknown(outline, source))?;
    let cursor = if cursor == "-" { read_stdin()? } else { cursor.to_owned() };
    check_cursor(&cursor).map_err(Refusal::usage)?;
    if let Some(limits) = asked {
        // Before the lock is taken: a component that takes its time holds up no host.
        let explained = explain(own, &cursor, limits).await;
        explained.map_err(|refusal| refusal.put(|why| format!("{why}; {FORCE}")))?;
    }
    kept::set(&outline.cursors, source, &cursor).await?;
    tracing::info!(source, "cursor stored; whether it is one of this source, its next poll shows");
    Ok(())
}

async fn reset(outline: &Outline, source: &str) -> Result<(), Refusal> {
    let removed = kept::forget(&outline.cursors, source).await?;
    match removed {
        true => tracing::info!(source, "cursor forgotten: the source begins anew"),
        false if outline.source(source).is_some() => {
            tracing::info!(source, "there was no cursor to forget");
        }
        false => return Err(unknown(outline, source)),
    }
    Ok(())
}

fn read_stdin() -> Result<String, Refusal> {
    let mut text = String::new();
    // One byte more than fits shows that there is too much; one more is a line break.
    let most = CURSOR_BYTES_MAX as u64 + 2;
    std::io::stdin()
        .take(most)
        .read_to_string(&mut text)
        .map_err(|error| Refusal::failed(format!("standard input: {error}")))?;
    // What `cursor show` put there, and nothing of the cursor's own.
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

fn unknown(outline: &Outline, source: &str) -> Refusal {
    let names: Vec<&str> = outline.sources.iter().map(|source| source.name.as_str()).collect();
    let names = names.join(", ");
    Refusal::usage(format!("there is no source {source:?}; the configuration has {names}"))
}

const FORCE: &str = "to store it all the same, add --force";
