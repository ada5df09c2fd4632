//! Instances of a component, and the calls of them: within limits.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::{Store, Trap, UpdateDeadline};

use crate::bindings::{
    Batch, Diagnostic, Metadata, PollError, PollingSource, PollingSourcePre, Report,
};
use crate::http::HttpClient;
use crate::http::room::Place;
use crate::limits::{CallLimits, within};
use crate::sandbox::error::{one_line, short};
use crate::sandbox::guest::{GuestState, Tick};
use crate::sandbox::lane::{Lane, Turn};
use crate::sandbox::mappings::{Mapped, Mappings};

/// A component that is ready to be instantiated.
#[derive(Clone)]
pub struct LinkedSource {
    pub(super) linked: PollingSourcePre<GuestState>,
    pub(super) lane: Lane,
    pub(super) mappings: Mappings,
    pub(super) memories: u32,
    pub(super) limits: CallLimits,
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

/// An instance of a component. After a failure it is not to be called again.
pub struct Instance {
    store: Store<GuestState>,
    exports: PollingSource,
    /// Given back after the store.
    mapped: Mapped,
    turn: Turn,
    made: Instant,
    calls: u32,
    sound: bool,
}

impl Instance {
    /// A fresh one. Without a client every `send` is denied.
    async fn make(
        source: &LinkedSource,
        client: Option<Arc<HttpClient>>,
    ) -> Result<Self, CallFailure> {
        let limits = source.limits;
        let mapped = source.mappings.take(source.memories).await.map_err(CallFailure::Short)?;
        let turn = source.lane.turn();
        let state = GuestState::new(client, limits, turn.clone());
        let mut store = Store::new(source.linked.engine(), state);
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
        let making = source.linked.instantiate_async(&mut store);
        let made = within(limits.wall, || turn.waited(), making).await;
        drop(under_way);
        let exports = match made {
            Some(Ok(exports)) => exports,
            Some(Err(error)) => return Err(CallFailure::of(&error, store.data())),
            None => return Err(CallFailure::wall(limits)),
        };
        Ok(Self { store, exports, mapped, turn, made: Instant::now(), calls: 0, sound: true })
    }

    /// Who the source is.
    pub async fn describe(&mut self) -> Result<Metadata, CallFailure> {
        self.call(async |source, store| {
            source.polling_source_contract_source().call_describe(store).await
        })
        .await
    }

    /// Every fault of a configuration, or none.
    pub async fn validate(
        &mut self,
        config: &str,
    ) -> Result<Result<(), Vec<Diagnostic>>, CallFailure> {
        self.call(async |source, store| {
            source.polling_source_contract_source().call_validate(store, config).await
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
            source.polling_source_contract_source().call_poll(store, config, cursor).await
        })
        .await
    }

    /// Whether a configuration works.
    pub async fn check(&mut self, config: &str) -> Result<Result<Report, PollError>, CallFailure> {
        self.call(async |source, store| {
            source.polling_source_contract_source().call_check(store, config).await
        })
        .await
    }

    /// What a cursor says, in names and values.
    pub async fn explain_cursor(
        &mut self,
        cursor: &str,
    ) -> Result<Result<Vec<(String, String)>, PollError>, CallFailure> {
        self.call(async |source, store| {
            source.polling_source_contract_source().call_explain_cursor(store, cursor).await
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

    /// Whether the instance may be kept for another call: not after a failure, not beyond its bounds,
    /// and not if all of them together take too much.
    pub fn may_be_kept(&self) -> bool {
        let memory_bytes = self.store.data().memory_bytes();
        self.sound
            && is_within_bounds(self.calls, self.made.elapsed(), memory_bytes)
            && self.mapped.may_be_kept()
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
        match within(limits.wall, waited, call(&self.exports, &mut self.store)).await {
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
