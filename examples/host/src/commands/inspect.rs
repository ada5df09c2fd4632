//! The command `inspect`: what a component says of itself, and what it would be given.

use std::fmt::Write as _;
use std::path::Path;

use source_contract::kind::check_kinds;
use source_contract::printable::{Form, escape, printable};
use source_contract::schema::SCHEMA_BYTES_MAX;

use crate::bindings::Metadata;
use crate::commands::answer::answer_aside;
use crate::commands::exit::Exit;
use crate::limits::CallLimits;
use crate::sandbox::{CallFailure, ComponentError, Runtime, SourceComponent};

/// Prints what is known of a component.
pub(super) async fn inspect(path: &Path, limits: CallLimits) -> Exit {
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
    let text = description(path, &component, described.as_ref().ok());
    if let Err(why) = answer_aside(text).await {
        tracing::error!("{why}");
        return Exit::Failed;
    }
    let described =
        described.and_then(|metadata| Ok(check_kinds(metadata.kinds.iter().map(String::as_str))?));
    match described {
        Ok(()) => Exit::Done,
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

/// What is known of a component, for a person.
fn description(path: &Path, component: &SourceComponent, metadata: Option<&Metadata>) -> String {
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
        for kind in names(&metadata.kinds) {
            line("kind", &kind);
        }
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
