//! Loads components of the contract, and calls them within limits.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, OutOfMemory, Store, Trap, UpdateDeadline};

use crate::bindings::{
    Batch, Diagnostic, Metadata, PollError, PollingSource, PollingSourcePre, Report,
};
use crate::compiler::{Compiled, Compiler};
use crate::guest::{GuestState, TICK, Tick};
use crate::http::HttpClient;
use crate::lane::{Lane, Turn};
use crate::process;
use crate::room::Place;
use crate::shortage::{self, Shortage};
use crate::wait::within;

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
                foreign.join(", "),
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
        let limits = self.limits;
        let turn = self.lane.turn();
        let state = GuestState::new(client, limits, turn.clone());
        let mut store = Store::new(self.linked.engine(), state);
        store.limiter(|state| state);
        // A list of the guest may name the same bytes many times over: what the host copies out of
        // it is bound as the guest's own memory is.
        store.set_hostcall_fuel(limits.memory_bytes_max);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut context| {
            Ok(match context.data_mut().tick() {
                Tick::Yield => UpdateDeadline::Yield(1),
                Tick::Wait(turn) => UpdateDeadline::YieldCustom(1, Box::pin(turn)),
                Tick::End => UpdateDeadline::Interrupt,
            })
        });
        let under_way = turn.begin();
        let making = self.linked.instantiate_async(&mut store);
        let made = within(limits.wall, || turn.waited(), making).await;
        drop(under_way);
        let source = match made {
            Some(Ok(source)) => source,
            Some(Err(error)) => return Err(CallFailure::of(&error, store.data())),
            None => return Err(CallFailure::wall(limits)),
        };
        Ok(Instance { store, source, turn, made: Instant::now(), calls: 0, sound: true })
    }
}

/// An instance of a component. After a failure it is not to be called again.
pub struct Instance {
    store: Store<GuestState>,
    source: PollingSource,
    turn: Turn,
    made: Instant,
    calls: u32,
    sound: bool,
}

impl Instance {
    /// Who the source is.
    pub async fn describe(&mut self) -> Result<Metadata, CallFailure> {
        self.call(async |source, store| source.pipeline_source_source().call_describe(store).await)
            .await
    }

    /// Every fault of a configuration, or none.
    pub async fn validate(
        &mut self,
        config: &str,
    ) -> Result<Result<(), Vec<Diagnostic>>, CallFailure> {
        self.call(async |source, store| {
            source.pipeline_source_source().call_validate(store, config).await
        })
        .await
    }

    /// One page.
    pub async fn poll(
        &mut self,
        config: &str,
        cursor: Option<&str>,
    ) -> Result<Result<Batch, PollError>, CallFailure> {
        self.call(async |source, store| {
            source.pipeline_source_source().call_poll(store, config, cursor).await
        })
        .await
    }

    /// Whether a configuration works.
    pub async fn check(&mut self, config: &str) -> Result<Result<Report, PollError>, CallFailure> {
        self.call(async |source, store| {
            source.pipeline_source_source().call_check(store, config).await
        })
        .await
    }

    /// Calls of `send` within the last call, however it came to its end.
    pub fn requests(&self) -> u32 {
        self.store.data().requests()
    }

    /// The place that large replies of the last call took: to be held for what came of them.
    pub(crate) fn take_place(&mut self) -> Option<Place> {
        self.store.data().room.leave()
    }

    /// Whether the instance may be kept for another call: not after a failure, and not beyond its
    /// bounds.
    pub fn may_be_kept(&self) -> bool {
        let memory_bytes = self.store.data().memory_bytes();
        self.sound && is_within_bounds(self.calls, self.made.elapsed(), memory_bytes)
    }

    /// Calls the component within the limits.
    async fn call<R>(
        &mut self,
        call: impl AsyncFnOnce(&PollingSource, &mut Store<GuestState>) -> wasmtime::Result<R>,
    ) -> Result<R, CallFailure> {
        let limits = self.store.data().limits;
        self.store.data_mut().begin_call();
        self.calls += 1;
        // A call that is dropped half-way leaves an instance that cannot be entered again.
        self.sound = false;
        self.store.set_epoch_deadline(1);
        let (room, turn) = (Arc::clone(&self.store.data().room), &self.turn);
        let _under_way = turn.begin();
        let waited = || turn.waited() + room.waited();
        match within(limits.wall, waited, call(&self.source, &mut self.store)).await {
            Some(Ok(returned)) => {
                self.sound = true;
                Ok(returned)
            }
            Some(Err(error)) => Err(CallFailure::of(&error, self.store.data())),
            None => Err(CallFailure::wall(limits)),
        }
    }
}

/// An instance is not kept for ever, and not when it has grown: linear memory never shrinks.
fn is_within_bounds(calls: u32, age: Duration, memory_bytes: usize) -> bool {
    calls < KEPT_CALLS_MAX && age < KEPT_FOR_MAX && memory_bytes <= KEPT_MEMORY_BYTES_MAX
}

/// Why a call came to no end of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallFailure {
    /// The component trapped, or met a limit of its own.
    Component(String),
    /// The machine, or what the process may have of it, is short of something.
    Short(String),
}

impl CallFailure {
    fn of(error: &wasmtime::Error, state: &GuestState) -> Self {
        if let Some(limit) = state.limit_hit() {
            Self::Component(limit)
        } else if let Some(short) = short(error) {
            Self::Short(short)
        } else if let Some(trap) = error.downcast_ref::<Trap>() {
            Self::Component(format!("the component trapped: {trap}"))
        } else {
            Self::Component(format!("the component failed: {}", one_line(error)))
        }
    }

    fn wall(limits: CallLimits) -> Self {
        let wall_secs = limits.wall.as_secs_f32();
        Self::Component(format!("the component did not return within {wall_secs} s"))
    }
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Component(why) | Self::Short(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for CallFailure {}

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
    crate::printable::printable(&text)
}

/// What this host gives to import: how its name begins (any version that fits will do), and what to
/// call it.
const GIVEN: [(&str, &str); 3] = [
    ("pipeline:source/http@0.1.", "pipeline:source/http@0.1.0"),
    ("wasi:clocks/wall-clock@0.2.", "wasi:clocks/wall-clock@0.2.12"),
    ("wasi:random/random@0.2.", "wasi:random/random@0.2.12"),
];
const EXPORT: &str = "pipeline:source/source@0.1.0";
const KEPT_CALLS_MAX: u32 = 1_000;
/// Many times as long as the access tokens that an instance may keep are good for.
const KEPT_FOR_MAX: Duration = Duration::from_hours(6);
const KEPT_MEMORY_BYTES_MAX: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_kept_within_its_calls_its_age_and_its_memory() {
        let (age, memory) = (KEPT_FOR_MAX.saturating_sub(Duration::from_secs(1)), 16 << 20);
        assert!(is_within_bounds(999, age, memory));
        assert!(!is_within_bounds(1_000, age, memory));
        assert!(!is_within_bounds(999, KEPT_FOR_MAX, memory));
        assert!(!is_within_bounds(999, age, memory + 1));
    }
}
