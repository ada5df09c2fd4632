//! Runs components of the contract: loads them, gives them what they import, and calls them.

mod compiler;
mod error;
mod guest;
mod instance;
mod lane;
mod mappings;

use std::path::Path;

use source_contract::printable::printable;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine};

use crate::bindings::{PollingSource, PollingSourcePre};
use crate::limits::CallLimits;
use crate::machine::process;
use crate::machine::shortage;
use crate::sandbox::compiler::{Compiled, Compiler};
use crate::sandbox::error::one_line;
use crate::sandbox::guest::{GuestState, PARTS_MAX, TICK};
use crate::sandbox::lane::Lane;
use crate::sandbox::mappings::Mappings;
pub use error::ComponentError;
pub use instance::{CallFailure, Instance, LinkedSource};

/// The WebAssembly engine, and what components are given to import.
pub struct Runtime {
    engine: Engine,
    compiler: Compiler,
    linker: Linker<GuestState>,
    lane: Lane,
    mappings: Mappings,
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
        let mappings = Mappings::of_process();
        Ok(Self { engine, compiler, linker, lane, mappings, limits })
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
        // Only a component that imports modules does not say; it would have been refused.
        let memories = self.component.resources_required();
        // One with too many is refused when it is instantiated, and is not to wait for all of them before.
        let memories = memories.map_or(0, |required| required.num_memories).min(PARTS_MAX);
        let (lane, mappings) = (runtime.lane.clone(), runtime.mappings.clone());
        Ok(LinkedSource { linked, lane, mappings, memories, limits: runtime.limits })
    }
}

fn is_given(import: &str) -> bool {
    GIVEN.iter().any(|(prefix, _)| import.starts_with(prefix))
}

/// What this host gives to import: how its name begins (any version that fits will do), and what to
/// call it.
const GIVEN: [(&str, &str); 3] = [
    ("polling-source:contract/http@0.2.", "polling-source:contract/http@0.2.0"),
    ("wasi:clocks/wall-clock@0.2.", "wasi:clocks/wall-clock@0.2.12"),
    ("wasi:random/random@0.2.", "wasi:random/random@0.2.12"),
];
const EXPORT: &str = "polling-source:contract/source@0.2.0";
