//! Loads components of the contract, and calls them within limits.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, ResourceLimiter, Store, Trap, UpdateDeadline};

use crate::bindings::wasi::clocks::wall_clock::Datetime;
use crate::bindings::{
    Batch, Diagnostic, HttpError, Metadata, PollError, PollingSource, PollingSourcePre, Request,
    Response,
};
use crate::http::HttpClient;

/// What one call of a component may cost.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// Computing time. Waiting in `send` does not count.
    pub cpu: Duration,
    /// Time from call to return.
    pub wall: Duration,
    /// Linear memory.
    pub memory_bytes_max: usize,
    /// Calls of `send`.
    pub requests_max: u32,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
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
    linker: Linker<GuestState>,
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
            .map_err(|error| ComponentError::new("no thread could be started", &error))?;
        Ok(Self { engine, linker, limits })
    }

    /// Reads and compiles a component, and looks at what it imports and exports. It may still be one
    /// that this host cannot run: see [`SourceComponent::link`].
    pub fn load(&self, path: &Path) -> Result<SourceComponent, ComponentError> {
        let size = std::fs::metadata(path)
            .map_err(|error| ComponentError::new("the file cannot be read", &error))?
            .len();
        if size > FILE_BYTES_MAX {
            return Err(ComponentError(format!(
                "the file is larger than {FILE_BYTES_MAX} bytes: it is no source of this contract"
            )));
        }
        let bytes = std::fs::read(path)
            .map_err(|error| ComponentError::new("the file cannot be read", &error))?;
        let component = Component::new(&self.engine, &bytes).map_err(|error| {
            ComponentError(format!("the file is no WebAssembly component: {}", one_line(&error)))
        })?;
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
            return Err(ComponentError(format!(
                "it imports {}, which this host does not give; it gives {}",
                foreign.join(", "),
                GIVEN.map(|(_, name)| name).join(", ")
            )));
        }
        if !self.exports.iter().any(|name| name == EXPORT) {
            return Err(ComponentError(format!("it does not export {EXPORT}")));
        }
        let linked = runtime
            .linker
            .instantiate_pre(&self.component)
            .and_then(PollingSourcePre::new)
            .map_err(|error| {
                ComponentError(format!("it does not fit the contract: {}", one_line(&error)))
            })?;
        Ok(LinkedSource { linked, limits: runtime.limits })
    }
}

/// A component that is ready to be instantiated.
#[derive(Clone)]
pub struct LinkedSource {
    linked: PollingSourcePre<GuestState>,
    limits: CallLimits,
}

impl LinkedSource {
    /// A fresh instance. Without a client every `send` is denied.
    pub async fn instantiate(
        &self,
        client: Option<Arc<HttpClient>>,
    ) -> Result<Instance, CallFailure> {
        let limits = self.limits;
        let state = GuestState {
            client,
            memory_bytes: 0,
            out_of_memory: false,
            ticks_left: ticks(limits.cpu),
            out_of_time: false,
            requests_left: limits.requests_max,
            limits,
        };
        let mut store = Store::new(self.linked.engine(), state);
        store.limiter(|state| state);
        // A list of the guest may name the same bytes many times over: what the host copies out of
        // it is bound as the guest's own memory is.
        store.set_hostcall_fuel(limits.memory_bytes_max);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut context| {
            let state = context.data_mut();
            state.ticks_left = state.ticks_left.saturating_sub(1);
            if state.ticks_left == 0 {
                state.out_of_time = true;
                return Ok(UpdateDeadline::Interrupt);
            }
            Ok(UpdateDeadline::Yield(1))
        });
        let source = match tokio::time::timeout(
            limits.wall,
            self.linked.instantiate_async(&mut store),
        )
        .await
        {
            Ok(Ok(source)) => source,
            Ok(Err(error)) => return Err(CallFailure::of(&error, store.data())),
            Err(_) => return Err(CallFailure::wall(limits)),
        };
        Ok(Instance { store, source, made: Instant::now(), calls: 0, sound: true })
    }
}

/// An instance of a component. After a failure it is not to be called again.
pub struct Instance {
    store: Store<GuestState>,
    source: PollingSource,
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

    /// Whether the instance may be kept for another call: not after a failure, not for ever, and not
    /// when it has grown, since linear memory never shrinks.
    pub fn may_be_kept(&self) -> bool {
        self.sound
            && self.calls < KEPT_CALLS_MAX
            && self.made.elapsed() < KEPT_FOR_MAX
            && self.store.data().memory_bytes <= KEPT_MEMORY_BYTES_MAX
    }

    /// Calls the component within the limits.
    async fn call<R>(
        &mut self,
        call: impl AsyncFnOnce(&PollingSource, &mut Store<GuestState>) -> wasmtime::Result<R>,
    ) -> Result<R, CallFailure> {
        let state = self.store.data_mut();
        let limits = state.limits;
        state.ticks_left = ticks(limits.cpu);
        state.requests_left = limits.requests_max;
        state.out_of_memory = false;
        self.calls += 1;
        // A call that is dropped half-way leaves an instance that cannot be entered again.
        self.sound = false;
        self.store.set_epoch_deadline(1);
        let called = tokio::time::timeout(limits.wall, call(&self.source, &mut self.store)).await;
        match called {
            Ok(Ok(returned)) => {
                self.sound = true;
                Ok(returned)
            }
            Ok(Err(error)) => Err(CallFailure::of(&error, self.store.data())),
            Err(_) => Err(CallFailure::wall(limits)),
        }
    }
}

/// Why a call came to no end of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFailure(String);

impl CallFailure {
    fn of(error: &wasmtime::Error, state: &GuestState) -> Self {
        let limits = state.limits;
        Self(if state.out_of_time {
            format!("the component computed for more than {} s", limits.cpu.as_secs_f32())
        } else if state.out_of_memory {
            format!("the component needs more memory than {} bytes", limits.memory_bytes_max)
        } else if let Some(trap) = error.downcast_ref::<Trap>() {
            format!("the component trapped: {trap}")
        } else {
            format!("the component failed: {}", one_line(error))
        })
    }

    fn wall(limits: CallLimits) -> Self {
        Self(format!("the component did not return within {} s", limits.wall.as_secs_f32()))
    }
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CallFailure {}

/// Why a component cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentError(String);

impl ComponentError {
    fn new(what: &str, error: &std::io::Error) -> Self {
        Self(format!("{what}: {error}"))
    }

    fn engine(error: &wasmtime::Error) -> Self {
        Self(format!("the WebAssembly engine cannot be set up: {}", one_line(error)))
    }
}

impl fmt::Display for ComponentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ComponentError {}

/// What the host keeps for one instance: its imports act on this.
struct GuestState {
    client: Option<Arc<HttpClient>>,
    memory_bytes: usize,
    out_of_memory: bool,
    ticks_left: u32,
    out_of_time: bool,
    requests_left: u32,
    limits: CallLimits,
}

impl crate::bindings::pipeline::source::http::Host for GuestState {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, HttpError>> {
        let Some(client) = self.client.clone() else {
            return Ok(Err(HttpError::Denied("this call may not send".to_owned())));
        };
        let Some(left) = self.requests_left.checked_sub(1) else {
            wasmtime::bail!("more than {} requests in one call", self.limits.requests_max);
        };
        self.requests_left = left;
        Ok(client.send(request).await)
    }
}

impl crate::bindings::wasi::clocks::wall_clock::Host for GuestState {
    async fn now(&mut self) -> wasmtime::Result<Datetime> {
        // A clock set before 1970 reads as 1970: the component judges it by the server's.
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Ok(Datetime { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() })
    }

    async fn resolution(&mut self) -> wasmtime::Result<Datetime> {
        Ok(Datetime { seconds: 0, nanoseconds: 1 })
    }
}

impl crate::bindings::wasi::random::random::Host for GuestState {
    async fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        let len = usize::try_from(len).ok().filter(|len| *len <= RANDOM_BYTES_MAX);
        let Some(len) = len else {
            wasmtime::bail!("more than {RANDOM_BYTES_MAX} random bytes in one call");
        };
        let mut bytes = vec![0; len];
        getrandom::fill(&mut bytes)?;
        Ok(bytes)
    }

    async fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(getrandom::u64()?)
    }
}

impl ResourceLimiter for GuestState {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // All memories of the instance together.
        let wanted = self.memory_bytes.saturating_sub(current).saturating_add(desired);
        if wanted > self.limits.memory_bytes_max {
            self.out_of_memory = true;
            return Ok(false);
        }
        self.memory_bytes = wanted;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }

    fn instances(&self) -> usize {
        PARTS_MAX
    }

    fn tables(&self) -> usize {
        PARTS_MAX
    }

    fn memories(&self) -> usize {
        PARTS_MAX
    }
}

fn is_given(import: &str) -> bool {
    GIVEN.iter().any(|(prefix, _)| import.starts_with(prefix))
}

fn ticks(time: Duration) -> u32 {
    u32::try_from(time.as_millis() / TICK.as_millis()).unwrap_or(u32::MAX).max(1)
}

/// An error of the engine without its line breaks.
fn one_line(error: &wasmtime::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause.to_string().replace('\n', " "));
    }
    crate::redact::printable(&text)
}

/// What this host gives to import: how its name begins (any version that fits will do), and what to
/// call it.
const GIVEN: [(&str, &str); 3] = [
    ("pipeline:source/http@0.1.", "pipeline:source/http@0.1.0"),
    ("wasi:clocks/wall-clock@0.2.", "wasi:clocks/wall-clock@0.2.12"),
    ("wasi:random/random@0.2.", "wasi:random/random@0.2.12"),
];
const EXPORT: &str = "pipeline:source/source@0.1.0";
const TICK: Duration = Duration::from_millis(10);
const FILE_BYTES_MAX: u64 = 64 << 20;
const RANDOM_BYTES_MAX: usize = 64 << 10;
const TABLE_ELEMENTS_MAX: usize = 100_000;
/// Core instances, tables and memories of one component.
const PARTS_MAX: usize = 32;
const KEPT_CALLS_MAX: u32 = 1_000;
const KEPT_FOR_MAX: Duration = Duration::from_mins(30);
const KEPT_MEMORY_BYTES_MAX: usize = 16 << 20;
