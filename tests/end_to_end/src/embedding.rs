//! A small host: the component in wasmtime, with a clock and random bytes of the test's own, and a
//! canned API behind `send`.

use wasmtime::component::{Component, HasSelf, InstancePre, Linker};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result, Store,
    StoreLimits, StoreLimitsBuilder,
};

pub use bindings::exports::polling_source::contract::source::{
    Batch, Diagnostic, ErrorKind, Event, Level, Metadata, Notice, PollError, Report,
};
pub use bindings::polling_source::contract::http::{Header, HttpError, Request, Response};

/// What the API answers to a request.
pub type Api = Box<dyn FnMut(Request) -> Result<Response, HttpError> + Send>;

/// The component, compiled, with its imports linked.
pub struct Program {
    engine: Engine,
    component: Component,
    ready: bindings::PollingSourcePre<Outside>,
}

/// An instance of the component, and the world that it sees.
pub struct Guest {
    store: Store<Outside>,
    source: bindings::PollingSource,
}

/// What an instance can reach.
pub struct Outside {
    api: Api,
    /// The guest's clock, in Unix nanoseconds.
    now: u64,
    random: u64,
    limits: StoreLimits,
}

impl Program {
    /// Compiles a component.
    ///
    /// # Errors
    /// If it is none, or imports anything beyond its contract.
    pub fn new(wasm: &[u8]) -> Result<Self> {
        let mut pool = PoolingAllocationConfig::default();
        pool.total_component_instances(8).total_core_instances(32).total_memories(8);
        let mut config = Config::new();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config)?;
        let component = Component::new(&engine, wasm)?;
        let mut linker = Linker::<Outside>::new(&engine);
        bindings::PollingSource::add_to_linker::<_, HasSelf<_>>(&mut linker, |outside| outside)?;
        let ready = bindings::PollingSourcePre::new(linker.instantiate_pre(&component)?)?;
        Ok(Self { engine, component, ready })
    }

    /// The full names of what the component imports.
    #[must_use]
    pub fn imports(&self) -> Vec<String> {
        let kind = self.component.component_type();
        kind.imports(&self.engine).map(|(name, _)| name.to_owned()).collect()
    }

    /// The component with its imports linked, as the engine sees it.
    #[must_use]
    pub fn ready(&self) -> &InstancePre<Outside> {
        self.ready.instance_pre()
    }

    /// An instance before a canned API, at a given time.
    ///
    /// # Errors
    /// If the engine has no room.
    pub fn start(&self, now: u64, api: Api) -> Result<Guest> {
        let mut store = self.outside(now, api);
        let source = self.ready.instantiate(&mut store)?;
        Ok(Guest { store, source })
    }

    /// A store for an instance: the world that it will see.
    #[must_use]
    pub fn outside(&self, now: u64, api: Api) -> Store<Outside> {
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY_BYTES_MAX).build();
        let mut store = Store::new(&self.engine, Outside { api, now, random: 1, limits });
        store.limiter(|outside| &mut outside.limits);
        store
    }
}

impl Guest {
    /// Who the source is.
    ///
    /// # Errors
    /// If the component traps.
    pub fn describe(&mut self) -> Result<Metadata> {
        self.source.polling_source_contract_source().call_describe(&mut self.store)
    }

    /// The faults of a configuration.
    ///
    /// # Errors
    /// If the component traps.
    pub fn validate(&mut self, config: &str) -> Result<Result<(), Vec<Diagnostic>>> {
        self.source.polling_source_contract_source().call_validate(&mut self.store, config)
    }

    /// One small request.
    ///
    /// # Errors
    /// If the component traps.
    pub fn check(&mut self, config: &str) -> Result<Result<Report, PollError>> {
        self.source.polling_source_contract_source().call_check(&mut self.store, config)
    }

    /// A cursor in words.
    ///
    /// # Errors
    /// If the component traps.
    #[allow(clippy::type_complexity)]
    pub fn explain_cursor(
        &mut self,
        cursor: &str,
    ) -> Result<Result<Vec<(String, String)>, PollError>> {
        self.source.polling_source_contract_source().call_explain_cursor(&mut self.store, cursor)
    }

    /// One page.
    ///
    /// # Errors
    /// If the component traps.
    pub fn poll(&mut self, config: &str, cursor: Option<&str>) -> Result<Result<Batch, PollError>> {
        self.source.polling_source_contract_source().call_poll(&mut self.store, config, cursor)
    }
}

impl bindings::polling_source::contract::http::Host for Outside {
    fn send(&mut self, request: Request) -> Result<Response, HttpError> {
        (self.api)(request)
    }
}

impl bindings::wasi::clocks::wall_clock::Host for Outside {
    fn now(&mut self) -> bindings::wasi::clocks::wall_clock::Datetime {
        bindings::wasi::clocks::wall_clock::Datetime {
            seconds: self.now / NANOS,
            nanoseconds: u32::try_from(self.now % NANOS).expect("less than a second"),
        }
    }

    fn resolution(&mut self) -> bindings::wasi::clocks::wall_clock::Datetime {
        bindings::wasi::clocks::wall_clock::Datetime { seconds: 0, nanoseconds: 1 }
    }
}

impl bindings::wasi::random::random::Host for Outside {
    fn get_random_bytes(&mut self, len: u64) -> Vec<u8> {
        (0..len).map(|_| self.get_random_u64().to_be_bytes()[0]).collect()
    }

    /// Not random, so that a failure can be had again (Knuth's linear congruential generator).
    fn get_random_u64(&mut self) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.random
    }
}

const NANOS: u64 = 1_000_000_000;

/// What the contract's own host allows a guest.
pub const MEMORY_BYTES_MAX: usize = 64 * 1024 * 1024;

#[allow(missing_docs, clippy::pedantic)]
mod bindings {
    wasmtime::component::bindgen!({ world: "polling-source", path: "../../wit" });
}
