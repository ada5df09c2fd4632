//! The command `inspect`: what a component says of itself, and what it would be given.

use std::fmt::Write as _;
use std::path::Path;

use source_contract::printable::{Form, escape, printable};

use crate::bindings::Metadata;
use crate::commands::exit::Exit;
use crate::config::SCHEMA_BYTES_MAX;
use crate::limits::CallLimits;
use crate::machine::signals::Signals;
use crate::machine::stdio::print_aside;
use crate::sandbox::{CallFailure, ComponentError, Runtime, SourceComponent};

/// Prints what is known of a component.
pub async fn inspect(path: &Path, limits: CallLimits) -> Exit {
    let mut signals = match Signals::watch() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!("signals cannot be watched: {error}");
            return Exit::Failed;
        }
    };
    tokio::select! {
        exit = find_and_print(path, limits) => exit,
        () = signals.next() => {
            tracing::error!("broken off: nothing was found out yet");
            Exit::Failed
        }
    }
}

async fn find_and_print(path: &Path, limits: CallLimits) -> Exit {
    let (runtime, component) = match load(path, limits).await {
        Ok(loaded) => loaded,
        Err(error) => {
            tracing::error!("{}: {error}", path.display());
            return match error {
                ComponentError::Unusable(_) => Exit::Misconfigured,
                ComponentError::TooSlow(_) | ComponentError::Short(_) => Exit::Failed,
            };
        }
    };
    let described = async {
        let mut instance = component.link(&runtime)?.instantiate(None).await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(instance.describe().await?)
    };
    let described = described.await;
    let text = told(path, &component, described.as_ref().ok());
    if let Err(error) = print_aside(text).await {
        tracing::error!("standard output: {error}");
        return Exit::Failed;
    }
    match described {
        Ok(_) => Exit::Done,
        Err(error) => {
            tracing::error!("{}: this host cannot run it: {error}", path.display());
            let is_short = matches!(error.downcast_ref(), Some(CallFailure::Short(_)))
                || matches!(error.downcast_ref(), Some(ComponentError::Short(_)));
            if is_short { Exit::Failed } else { Exit::Misconfigured }
        }
    }
}

async fn load(
    path: &Path,
    limits: CallLimits,
) -> Result<(Runtime, SourceComponent), ComponentError> {
    let runtime = Runtime::new(limits)?;
    let component = runtime.load(path).await?;
    Ok((runtime, component))
}

fn told(path: &Path, component: &SourceComponent, metadata: Option<&Metadata>) -> String {
    let mut text = String::new();
    let names = |names: &[String]| names.iter().map(|name| printable(name)).collect::<Vec<_>>();
    let mut line = |what: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{what:<9}{value}");
    };
    line("file", &escape(&path.display().to_string(), Form::Text, None));
    line("size", &format!("{} bytes", component.size()));
    if let Some(metadata) = metadata {
        line("name", &printable(&metadata.name));
        line("version", &printable(&metadata.version));
    }
    for name in names(component.imports()) {
        line("import", &name);
    }
    for name in names(component.exports()) {
        line("export", &name);
    }
    if let Some(metadata) = metadata {
        let said = &metadata.config_schema;
        let schema = if said.len() > SCHEMA_BYTES_MAX {
            format!(
                "too large: it has {} bytes, at most {SCHEMA_BYTES_MAX} are allowed",
                said.len()
            )
        } else {
            serde_json::from_str::<serde_json::Value>(said).map_or_else(
                |_| printable(said),
                |schema| escape(&format!("{schema:#}"), Form::Json, Some('\n')).into_owned(),
            )
        };
        let _ = write!(text, "schema of the configuration:\n{schema}\n");
    }
    text
}
