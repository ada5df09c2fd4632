//! The command `inspect`: what a component says of itself, and what it would be given.

use std::fmt::Write as _;
use std::path::Path;

use source_contract::kind::check_kinds;
use source_contract::printable::{Form, escape, printable};
use source_contract::schema::check_size;

use crate::bindings::Metadata;
use crate::commands::answer::answer_aside;
use crate::commands::exit::Exit;
use crate::commands::refusal::Refusal;
use crate::limits::CallLimits;
use crate::sandbox::{ComponentError, Runtime, SourceComponent};

/// Prints what is known of a component.
pub(super) async fn inspect(path: &Path, limits: CallLimits) -> Exit {
    let (runtime, component) = match load(path, limits).await {
        Ok(loaded) => loaded,
        Err(error) => {
            let Refusal { exit, why } = error.into();
            tracing::error!("{}: {why}", path.display());
            return exit;
        }
    };
    let described = async {
        let mut instance = component.link(&runtime)?.instantiate(None).await?;
        Ok::<_, Refusal>(instance.describe().await?)
    };
    let described = described.await;
    let text = description(path, &component, described.as_ref().ok());
    if let Err(why) = answer_aside(text).await {
        tracing::error!("{why}");
        return Exit::Failed;
    }
    match described.and_then(|metadata| check(&metadata).map_err(Refusal::usage)) {
        Ok(()) => Exit::Done,
        Err(Refusal { exit, why }) => {
            tracing::error!("{}: this host cannot run it: {why}", path.display());
            exit
        }
    }
}

/// Whether a run takes what a component says of itself. The error says why not.
fn check(metadata: &Metadata) -> Result<(), String> {
    check_size(&metadata.config_schema)?;
    check_kinds(metadata.kinds.iter().map(String::as_str))
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
    let schema = metadata.map(|metadata| metadata.config_schema.as_str());
    if let Some(said) = schema.filter(|schema| check_size(schema).is_ok()) {
        let schema = serde_json::from_str::<serde_json::Value>(said).map_or_else(
            |_| printable(said),
            |schema| escape(&format!("{schema:#}"), Form::Json, Some('\n')).into_owned(),
        );
        let _ = write!(text, "schema of the configuration:\n{schema}\n");
    }
    text
}
