//! Compiles components, away from the threads that do all else, within bounds of time and number.
//!
//! A compiler cannot be broken off: one that takes too long is left to itself, and nobody waits for it.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmparser::{Parser, Payload};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::machine::disk;
use crate::machine::shortage;
use crate::sandbox::error::{ComponentError, one_line};

/// A component as the engine has it.
pub(crate) struct Compiled {
    pub(crate) component: Component,
    /// The size of its file, in bytes.
    pub(crate) size: u64,
}

/// Compiles a few components at a time.
pub(crate) struct Compiler {
    engine: Engine,
    time_max: Duration,
    places: Semaphore,
}

impl Compiler {
    /// A compiler that waits for a component no longer than this.
    pub(crate) fn new(engine: Engine, time_max: Duration) -> Self {
        Self { engine, time_max, places: Semaphore::new(AT_A_TIME_MAX) }
    }

    /// Reads and compiles a component.
    pub(crate) async fn compile(&self, path: &Path) -> Result<Compiled, ComponentError> {
        let _place = self.places.acquire().await;
        let (done, compiled) = mpsc::sync_channel(1);
        // A pool of its own: one that takes for ever holds up no other.
        let pool = rayon::ThreadPoolBuilder::new()
            .thread_name(|number| format!("compile-{number}"))
            // What is lost with it is told by the end of the channel.
            .panic_handler(|_| {})
            .build()
            .map_err(|error| ComponentError::Short(no_pool(&error)))?;
        let (engine, path) = (self.engine.clone(), path.to_owned());
        pool.spawn(move || {
            // Whoever asked may have been stopped: then nobody waits for it.
            drop(done.send(read_and_compile(&engine, &path)));
        });
        // On a thread of its own: nobody else waits for what is no task.
        let time_max = self.time_max;
        let compiled = tokio::task::spawn_blocking(move || compiled.recv_timeout(time_max));
        match compiled.await {
            Ok(Ok(compiled)) => compiled,
            Err(_) | Ok(Err(RecvTimeoutError::Disconnected)) => Err(ComponentError::Unusable(
                "the engine broke off while it compiled the component".to_owned(),
            )),
            Ok(Err(RecvTimeoutError::Timeout)) => Err(ComponentError::TooSlow(format!(
                "it could not be compiled within {} s; name another component, or give this \
                 machine faster processors",
                self.time_max.as_secs_f32()
            ))),
        }
    }
}

fn no_pool(error: &rayon::ThreadPoolBuildError) -> String {
    let source = std::error::Error::source(error).and_then(|error| error.downcast_ref());
    source.map_or_else(|| error.to_string(), shortage::no_thread)
}

fn read_and_compile(engine: &Engine, path: &Path) -> Result<Compiled, ComponentError> {
    let bytes = disk::read(path, FILE_BYTES_MAX).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => ComponentError::Unusable(format!(
            "the file is larger than {FILE_BYTES_MAX} bytes: it is no source of this contract"
        )),
        _ => ComponentError::unreadable(&error),
    })?;
    let size = bytes.len() as u64;
    check_parts(&bytes).map_err(ComponentError::Unusable)?;
    let component = Component::new(engine, &bytes).map_err(|error| {
        ComponentError::of(&error, |error| {
            format!("the file is no WebAssembly component: {}", one_line(error))
        })
    })?;
    Ok(Compiled { component, size })
}

/// Counts what would take the compiler memory out of all proportion to the file.
fn check_parts(bytes: &[u8]) -> Result<(), String> {
    let (mut functions, mut segments, mut declared) = (0_u64, 0_u64, 0_u64);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            Ok(Payload::FunctionSection(section)) => functions += u64::from(section.count()),
            Ok(Payload::DataSection(section)) => segments += u64::from(section.count()),
            // What is in the first two comes by itself; of the others memory is as their size.
            Ok(
                Payload::ModuleSection { .. }
                | Payload::ComponentSection { .. }
                | Payload::CodeSectionStart { .. }
                | Payload::CodeSectionEntry(_)
                | Payload::CustomSection(_),
            ) => {}
            Ok(section) => {
                declared += section.as_section().map_or(0, |(_, range)| range.len() as u64);
            }
            // The engine says it better.
            Err(_) => return Ok(()),
        }
    }
    for (count, max, what) in [
        (functions, PARTS_MAX, "functions"),
        (segments, PARTS_MAX, "segments of data"),
        (declared, DECLARED_BYTES_MAX, "bytes of types, imports, exports and the like"),
    ] {
        if count > max {
            return Err(format!("it has {count} {what}; at most {max}"));
        }
    }
    Ok(())
}

/// Components that are compiled at a time, each on as many threads as there are processors.
const AT_A_TIME_MAX: usize = 2;
/// A component that carries a whole Python fits in.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Functions, and segments of data, of one component: more than twice as many as a whole Python has. The
/// compiler takes 5 KiB for a function that does nothing.
const PARTS_MAX: u64 = 50_000;
/// All else that a component declares, such as types, which take many times as much as in the file.
const DECLARED_BYTES_MAX: u64 = 4 << 20;
