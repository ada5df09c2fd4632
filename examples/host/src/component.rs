//! Loads components of the contract.

mod instance;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, OutOfMemory};

use crate::bindings::{PollingSource, PollingSourcePre};
use crate::compiler::{Compiled, Compiler};
use crate::guest::{GuestState, TICK};
use crate::http::HttpClient;
use crate::lane::Lane;
use crate::printable::printable;
use crate::process;
use crate::shortage::{self, Shortage};
pub use instance::{CallFailure, Instance};

/// What a component may cost: to be made ready, and in each call.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// Time to compile it.
    pub compile: Duration,
    /// Computing time of a call. Waiting in `send` does not count.
    pub cpu: Duration,
    /// Time from call to return. Waiting until others have computed does not count.
    pub wall: Duration,
    /// Linear memory.
    pub memory_bytes_max: usize,
    /// Calls of `send`.
    pub requests_max: u32,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            compile: Duration::from_mins(1),
            cpu: Duration::from_secs(10),
            wall: Duration::from_mins(2),
            memory_bytes_max: 64 << 20,
            requests_max: 8,
        }
    }
}

/// The WebAssembly engine, and what components are given to import.
pub struct Runtime {
    engine: Engine,
    compiler: Compiler,
    linker: Linker<GuestState>,
    lane: Lane,
    limits: CallLimits,
}

impl Runtime {
    /// An engine whose components are called within these limits.
    pub fn new(limits: CallLimits) -> Result<Self, ComponentError> {
        let mut config = Config::new();
        // A tick is what computing time is counted in, and when a component gives its thread back.
        config.epoch_interruption(true);
        let engine = Engine::new(&config).map_err(|error| ComponentError::engine(&error))?;
        let mut linker = Linker::new(&engine);
        PollingSource::add_to_linker::<_, HasSelf<GuestState>>(&mut linker, |state| state)
            .map_err(|error| ComponentError::engine(&error))?;
        let ticked = engine.weak();
        std::thread::Builder::new()
            .name("ticker".to_owned())
            .spawn(move || {
                while let Some(engine) = ticked.upgrade() {
                    engine.increment_epoch();
                    drop(engine);
                    std::thread::sleep(TICK);
                }
            })
            .map_err(|error| ComponentError::Short(shortage::no_thread(&error)))?;
        // One processor is left to all that is not in it.
        let lane = Lane::new(process::processors().saturating_sub(1).max(1));
        let compiler = Compiler::new(engine.clone(), limits.compile);
        Ok(Self { engine, compiler, linker, lane, limits })
    }

    /// Reads and compiles a component, and looks at what it imports and exports. It may still be one
    /// that this host cannot run: see [`SourceComponent::link`].
    pub async fn load(&self, path: &Path) -> Result<SourceComponent, ComponentError> {
        let Compiled { component, size } = self.compiler.compile(path).await?;
        let own = component.component_type();
        let imports = own.imports(&self.engine).map(|(name, _)| name.to_owned()).collect();
        let exports = own.exports(&self.engine).map(|(name, _)| name.to_owned()).collect();
        Ok(SourceComponent { component, size, imports, exports })
    }
}

/// A compiled component.
pub struct SourceComponent {
    component: Component,
    size: u64,
    imports: Vec<String>,
    exports: Vec<String>,
}

impl SourceComponent {
    /// The size of its file, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The names of its imports.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// The names of its exports.
    pub fn exports(&self) -> &[String] {
        &self.exports
    }

    /// Ties its imports to this host. A component that wants more than the contract gives is
    /// refused, and so is one of another contract.
    pub fn link(&self, runtime: &Runtime) -> Result<LinkedSource, ComponentError> {
        let foreign: Vec<&str> =
            self.imports.iter().map(String::as_str).filter(|name| !is_given(name)).collect();
        if !foreign.is_empty() {
            return Err(ComponentError::Unusable(format!(
                "it imports {}, which this host does not give; it gives {}",
                printable(&foreign.join(", ")),
                GIVEN.map(|(_, name)| name).join(", ")
            )));
        }
        if !self.exports.iter().any(|name| name == EXPORT) {
            return Err(ComponentError::Unusable(format!("it does not export {EXPORT}")));
        }
        let linked = runtime
            .linker
            .instantiate_pre(&self.component)
            .and_then(PollingSourcePre::new)
            .map_err(|error| {
                ComponentError::of(&error, |error| {
                    format!("it does not fit the contract: {}", one_line(error))
                })
            })?;
        Ok(LinkedSource { linked, lane: runtime.lane.clone(), limits: runtime.limits })
    }
}

/// A component that is ready to be instantiated.
#[derive(Clone)]
pub struct LinkedSource {
    linked: PollingSourcePre<GuestState>,
    lane: Lane,
    limits: CallLimits,
}

impl LinkedSource {
    /// A fresh instance. Without a client every `send` is denied.
    pub async fn instantiate(
        &self,
        client: Option<Arc<HttpClient>>,
    ) -> Result<Instance, CallFailure> {
        Instance::make(self, client).await
    }
}

/// Why a component cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentError {
    /// It is none that this host runs.
    Unusable(String),
    /// It was not compiled in time.
    TooSlow(String),
    /// The machine, or what the process may have of it, is short of something.
    Short(String),
}

impl ComponentError {
    /// An error of the engine, in these words if it is the component's fault.
    pub(crate) fn of(
        error: &wasmtime::Error,
        told: impl FnOnce(&wasmtime::Error) -> String,
    ) -> Self {
        short(error).map_or_else(|| Self::Unusable(told(error)), Self::Short)
    }

    /// A file that cannot be read.
    pub(crate) fn unreadable(error: &std::io::Error) -> Self {
        let why = format!("the file cannot be read: {error}");
        match Shortage::of(error) {
            Some(shortage) => Self::Short(format!("{why}; {}", shortage.remedy())),
            None => Self::Unusable(why),
        }
    }

    fn engine(error: &wasmtime::Error) -> Self {
        let told =
            |error: &_| format!("the WebAssembly engine cannot be set up: {}", one_line(error));
        Self::of(error, told)
    }
}

impl fmt::Display for ComponentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(why) | Self::TooSlow(why) | Self::Short(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ComponentError {}

/// What an error of the engine says the machine is short of, and what to do about it.
fn short(error: &wasmtime::Error) -> Option<String> {
    // The engine has its own types of the system's errors: the text is what they share.
    let shortage = error
        .chain()
        .find_map(|cause| Shortage::of_text(&cause.to_string()))
        .or_else(|| error.is::<OutOfMemory>().then_some(Shortage::Memory))?;
    let told = one_line(error);
    Some(format!("this machine is short of what it takes: {told}; {}", shortage.remedy()))
}

fn is_given(import: &str) -> bool {
    GIVEN.iter().any(|(prefix, _)| import.starts_with(prefix))
}

/// An error of the engine without its line breaks.
pub(crate) fn one_line(error: &wasmtime::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause.to_string().replace('\n', " "));
    }
    printable(&text)
}

/// What this host gives to import: how its name begins (any version that fits will do), and what to
/// call it.
const GIVEN: [(&str, &str); 3] = [
    ("pipeline:source/http@0.1.", "pipeline:source/http@0.1.0"),
    ("wasi:clocks/wall-clock@0.2.", "wasi:clocks/wall-clock@0.2.12"),
    ("wasi:random/random@0.2.", "wasi:random/random@0.2.12"),
];
const EXPORT: &str = "pipeline:source/source@0.1.0";
