//! What the host gives to one instance: its imports, and its limits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::ResourceLimiter;

use crate::bindings::wasi::clocks::wall_clock::Datetime;
use crate::bindings::{HttpError, Request, Response};
use crate::http::HttpClient;
use crate::http::room::Room;
use crate::limits::CallLimits;
use crate::sandbox::error::short;
use crate::sandbox::lane::Turn;

/// What the host keeps for one instance: its imports act on this.
pub(crate) struct GuestState {
    pub(crate) limits: CallLimits,
    /// What its large replies take of the process.
    pub(crate) room: Arc<Room>,
    client: Option<Arc<HttpClient>>,
    turn: Turn,
    memory_bytes: usize,
    out_of_memory: bool,
    ticks_left: u32,
    /// The tick that ends a wait in `send` is none of computing.
    has_waited: bool,
    out_of_time: bool,
    requests_left: u32,
}

impl GuestState {
    /// The state of a fresh instance. Without a client every `send` is denied.
    pub(crate) fn new(client: Option<Arc<HttpClient>>, limits: CallLimits, turn: Turn) -> Self {
        Self {
            limits,
            room: Arc::default(),
            client,
            turn,
            memory_bytes: 0,
            out_of_memory: false,
            ticks_left: ticks(limits.cpu),
            has_waited: false,
            out_of_time: false,
            requests_left: limits.requests_max,
        }
    }

    /// Gives the next call what each call may use.
    pub(crate) fn begin_call(&mut self) {
        self.out_of_memory = false;
        self.ticks_left = ticks(self.limits.cpu);
        self.has_waited = false;
        self.requests_left = self.limits.requests_max;
    }

    /// Counts computing time, and says how the call goes on.
    pub(crate) fn tick(&mut self) -> Tick<impl Future<Output = ()> + Send + use<>> {
        if core::mem::take(&mut self.has_waited) {
            return Tick::Yield;
        }
        self.ticks_left = self.ticks_left.saturating_sub(1);
        self.out_of_time = self.ticks_left == 0;
        if self.out_of_time {
            Tick::End
        } else if self.ticks_left > ticks(self.limits.cpu).saturating_sub(LIGHT_TICKS) {
            Tick::Yield
        } else {
            Tick::Wait(self.turn.next())
        }
    }

    /// All linear memory of the instance.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// Calls of `send` since the call began.
    pub(crate) fn requests(&self) -> u32 {
        self.limits.requests_max.saturating_sub(self.requests_left)
    }

    /// The limit that ended the call, if one did.
    pub(crate) fn limit_hit(&self) -> Option<String> {
        if self.out_of_time {
            let cpu_secs = self.limits.cpu.as_secs_f32();
            Some(format!("the component computed for more than {cpu_secs} s"))
        } else if self.out_of_memory {
            let bytes_max = self.limits.memory_bytes_max;
            Some(format!("the component needs more memory than {bytes_max} bytes"))
        } else {
            None
        }
    }
}

impl crate::bindings::polling_source::contract::http::Host for GuestState {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, HttpError>> {
        let Some(client) = self.client.clone() else {
            return Ok(Err(HttpError::Denied("this call may not send".to_owned())));
        };
        let Some(left) = self.requests_left.checked_sub(1) else {
            wasmtime::bail!("more than {} requests in one call", self.limits.requests_max);
        };
        self.requests_left = left;
        self.turn.leave();
        let begun = Instant::now();
        let outcome = client.send(request, &self.room).await;
        self.has_waited = begun.elapsed() >= TICK;
        Ok(outcome)
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

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        // What the machine does not give ends the call: told to the guest, it would be its trap.
        if short(&error).is_some() { Err(error) } else { Ok(()) }
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
        PARTS_MAX as usize
    }

    fn tables(&self) -> usize {
        PARTS_MAX as usize
    }

    fn memories(&self) -> usize {
        PARTS_MAX as usize
    }
}

/// How a call goes on after a tick.
pub(crate) enum Tick<T> {
    /// When the others of its thread have had theirs.
    Yield,
    /// After a wait.
    Wait(T),
    /// Not at all: its computing time is used up.
    End,
}

fn ticks(time: Duration) -> u32 {
    u32::try_from(time.as_millis() / TICK.as_millis()).unwrap_or(u32::MAX).max(1)
}

/// The engine's unit of computing time: after each, a component gives its thread back.
pub(crate) const TICK: Duration = Duration::from_millis(10);
/// A call that goes on after so many ticks computes for long: it takes its turns with others of its kind.
const LIGHT_TICKS: u32 = 2;
const RANDOM_BYTES_MAX: usize = 64 << 10;
const TABLE_ELEMENTS_MAX: usize = 100_000;
/// Core instances, tables and memories of one component.
pub(super) const PARTS_MAX: u32 = 64;
