//! The command `inspect`: what a component says of itself, and what it would be given.

use std::fmt::Write as _;
use std::path::Path;

use crate::bindings::Metadata;
use crate::component::{CallLimits, Runtime, SourceComponent};
use crate::print::print;
use crate::printable::{Form, escape, printable};
use crate::run::Exit;

/// Prints what is known of a component.
pub async fn inspect(path: &Path) -> Exit {
    let loaded = Runtime::new(CallLimits::default())
        .and_then(|runtime| runtime.load(path).map(|component| (runtime, component)));
    let (runtime, component) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            tracing::error!("{}: {error}", path.display());
            return Exit::Misconfigured;
        }
    };
    let described = async {
        let mut instance = component.link(&runtime)?.instantiate(None).await?;
        Ok::<_, Box<dyn std::error::Error>>(instance.describe().await?)
    };
    let described = described.await;
    let text = told(path, &component, described.as_ref().ok());
    if let Err(error) = print(&text) {
        tracing::error!("standard output: {error}");
        return Exit::Failed;
    }
    match described {
        Ok(_) => Exit::Done,
        Err(error) => {
            tracing::error!("{}: this host cannot run it: {error}", path.display());
            Exit::Misconfigured
        }
    }
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
        let schema = serde_json::from_str::<serde_json::Value>(&metadata.config_schema);
        let schema = schema.map_or_else(
            |_| printable(&metadata.config_schema),
            |schema| escape(&format!("{schema:#}"), Form::Json, Some('\n')).into_owned(),
        );
        let _ = write!(text, "schema of the configuration:\n{schema}\n");
    }
    text
}
