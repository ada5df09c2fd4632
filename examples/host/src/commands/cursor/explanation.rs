//! A cursor in the words of its component: bound, and without secrets.

use source_contract::redact::Redactor;
use source_contract::schema;

use crate::bindings::PollError;
use crate::commands::refusal::Refusal;
use crate::config::SourceOutline;
use crate::limits::CallLimits;
use crate::sandbox::{CallFailure, ComponentError, LinkedSource, Runtime};
use crate::source::failure::kind;
use crate::source::judged::judged;

/// Asks the component of a source what a cursor says: a line for each thing. It can send nothing
/// meanwhile.
pub(super) async fn explain(
    source: &SourceOutline,
    cursor: &str,
    limits: CallLimits,
) -> Result<Vec<String>, Refusal> {
    let unasked =
        |refusal: Refusal| refusal.put(|why| format!("its component cannot be asked: {why}"));
    let Some(file) = &source.component else {
        return Err(unasked(Refusal::usage("none is named")));
    };
    let component = async {
        let runtime = Runtime::new(limits)?;
        runtime.load(file).await?.link(&runtime)
    };
    let component = component.await.map_err(|error: ComponentError| {
        unasked(Refusal::from(error).put(|why| format!("{}: {why}", file.display())))
    })?;
    let mut redactor = source.redactor.clone();
    let asked = ask(&component, source, &mut redactor, cursor).await;
    match asked.map_err(|failure| unasked(Refusal::from(failure).put(|why| redactor.clean(why))))? {
        Ok(said) => Ok(lines(&said, &redactor)),
        Err(PollError { kind: of, code, message, .. }) => {
            let [code, message] = [code, message].map(|text| redactor.clean(&text));
            let kind = kind(of).name();
            let why = format!("its component refuses the cursor: {kind} error {code}: {message}");
            Err(Refusal::usage(why))
        }
    }
}

/// What it says of the cursor, once it has told what is secret in its configuration.
async fn ask(
    component: &LinkedSource,
    source: &SourceOutline,
    redactor: &mut Redactor,
    cursor: &str,
) -> Result<Result<Vec<(String, String)>, PollError>, CallFailure> {
    let mut instance = component.instantiate(None).await?;
    let schema = instance.describe().await?.config_schema;
    redactor.add(schema::secrets(&schema, &source.config).map_err(CallFailure::Component)?);
    match instance.explain_cursor(cursor).await {
        // What the machine is short of is no verdict on the cursor.
        Err(failure @ CallFailure::Short(_)) => Err(failure),
        asked => Ok(judged(asked)),
    }
}

/// Names and values in two columns.
fn lines(said: &[(String, String)], redactor: &Redactor) -> Vec<String> {
    let shown: Vec<[String; 2]> =
        said.iter().map(|(name, value)| [name, value].map(|text| redactor.clean(text))).collect();
    let width = shown.iter().map(|[name, _]| name.chars().count()).max().unwrap_or(0);
    let line = |[name, value]: &[String; 2]| format!("{name:<width$}  {value}");
    shown.iter().map(line).collect()
}
