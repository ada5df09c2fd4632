//! The smallest host of polling sources: one component, events to stdout, the cursor in a file.

use exports::polling_source::contract::source::ErrorKind::{Protocol, Throttled, Transient};
use flate2::read::MultiGzDecoder;
use polling_source::contract::http::{Header, HttpError, Request, Response};
use serde_json::{Value, from_str, from_value, json};
use std::{
    env, fs, io, io::Read, io::Write as _, process, thread, time::Duration, time::SystemTime,
};
use wasi::clocks::wall_clock::Datetime;
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Result, Store, StoreLimitsBuilder, ensure};

wasmtime::component::bindgen!({ path: "../../wit", world: "polling-source" });

fn main() -> Result<()> {
    let file = env::args_os().nth(1).unwrap_or_else(|| refuse("needs CONFIG [--until-caught-up]"));
    let until_caught_up = env::args_os().nth(2).is_some_and(|arg| arg == "--until-caught-up");
    let text = fs::read_to_string(file).unwrap_or_else(refuse);
    let vars = env::vars_os().filter_map(|(k, v)| k.into_string().ok().zip(v.into_string().ok()));
    let set = |t: String, (k, v)| t.replace(&format!("\"${{{k}}}\""), &json!(v).to_string());
    let settings: Value = from_str(&vars.fold(text, set)).unwrap_or_else(refuse);
    let path = |key| settings[key].as_str().unwrap_or_else(|| refuse(format!("{key}: no path")));
    let allow = from_value(settings["allow"].clone()).map_err(|error| format!("allow: {error}"));
    let allow: Vec<String> = allow.unwrap_or_else(refuse);
    let (config, file) = (settings["config"].to_string(), path("cursor"));
    let engine = Engine::new(Config::new().consume_fuel(true))?;
    let component = Component::from_file(&engine, path("component")).unwrap_or_else(refuse);
    let mut linker = Linker::new(&engine);
    let mut http = linker.instance("polling-source:contract/http@0.2.0")?;
    http.func_wrap("send", move |_, (request,)| Ok((send(&allow, request),)))?;
    let mut clock = linker.instance("wasi:clocks/wall-clock@0.2.12")?;
    let at = |t: Duration| (Datetime { seconds: t.as_secs(), nanoseconds: t.subsec_nanos() },);
    clock.func_wrap("now", move |_, ()| Ok(SystemTime::UNIX_EPOCH.elapsed().map(at)?))?;
    let mut random = linker.instance("wasi:random/random@0.2.12")?;
    random.func_wrap("get-random-u64", |_, ()| Ok((getrandom::u64()?,)))?;
    random.func_wrap("get-random-bytes", |_, (count,): (u64,)| {
        let mut bytes = vec![0_u8; usize::try_from(count.min(65_536))?];
        Ok(getrandom::fill(&mut bytes).map(|()| (bytes,))?)
    })?;
    let mut store = Store::new(&engine, StoreLimitsBuilder::new().memory_size(64 << 20).build());
    store.limiter(|limits| limits);
    store.set_fuel(10_000_000_000)?;
    let source = PollingSource::instantiate(&mut store, &component, &linker).unwrap_or_else(refuse);
    let source = source.polling_source_contract_source();
    source.call_validate(&mut store, &config)?.unwrap_or_else(|all| refuse(format!("{all:#?}")));
    let mut cursor = fs::exists(file)?.then(|| fs::read_to_string(file)).transpose()?;
    let (next, mut more, mut wait_ms) = (format!("{file}.new"), true, 0);
    let (mut errors, mut failures, mut waited_ms) = (0, 0, 0); // Since the last batch.
    while more || !until_caught_up {
        thread::sleep(Duration::from_millis(wait_ms));
        store.set_fuel(10_000_000_000)?;
        wait_ms = match source.call_poll(&mut store, &config, cursor.as_deref())? {
            Ok(batch) => {
                // One that is there tells of a batch that was going out: its last line may be cut.
                let mut lines = "\n".repeat(fs::exists(&next)?.into());
                lines.extend(batch.events.iter().flat_map(|event| [&event.body, "\n"]));
                fs::write(&next, &batch.cursor)?;
                fs::File::open(&next)?.sync_all()?;
                io::stdout().write_all(lines.as_bytes())?;
                fs::rename(&next, file)?; // The last: a crash repeats a page, and loses nothing.
                (cursor, more) = (Some(batch.cursor), batch.more);
                (errors, failures, waited_ms) = (0, 0, 0);
                batch.next_poll_ms.clamp(if more { 0 } else { 1_000 }, 86_400_000)
            }
            Err(error) => {
                eprintln!("{}: {}", error.code, error.message);
                let is_throttled = error.kind == Throttled; // To be told to wait is no failure.
                (errors, failures) = (errors + 1, failures + u32::from(!is_throttled));
                let short = is_throttled || error.kind == Transient;
                let max = if short { 60_000 } else { 900_000 };
                let hint = error.retry_after_ms.unwrap_or(0).min(900_000);
                let wait_ms = max.min(250 << errors.min(12)).max(hint);
                waited_ms += wait_ms;
                let may_pass = (short || error.kind == Protocol) && failures < 10;
                let goes_on = !until_caught_up || may_pass && waited_ms < 86_400_000;
                ensure!(goes_on, "not caught up: waiting does not mend this");
                wait_ms
            }
        };
    }
    Ok(())
}

fn refuse<T>(why: impl std::fmt::Display) -> T {
    eprintln!("{why:#}");
    process::exit(2) // The code of a configuration that cannot be used.
}

/// Makes one exchange, if `allow` has its origin. Nothing is followed, and nothing sent twice. What echoes
/// a request is denied: it would tell what a proxy has added.
fn send(allow: &[String], request: Request) -> Result<Response, HttpError> {
    let fits = |it: &&String| request.url.strip_prefix(*it).is_some_and(|p| p.starts_with('/'));
    allow.iter().find(fits).ok_or(HttpError::Denied("its origin is not in `allow`".into()))?;
    let mut names = request.headers.iter().map(|header| header.name.to_ascii_lowercase());
    let is_transports =
        |name: String| TRANSPORT.split(' ').any(|it| it == name) || name.starts_with("proxy-");
    if names.any(is_transports) {
        return Err(HttpError::Denied("one of its headers is the transport's".into()));
    }
    if ["CONNECT", "TRACE", "TRACK"].contains(&&*request.method.to_ascii_uppercase()) {
        return Err(HttpError::Denied("its method is not one that may be used".into()));
    }
    let sent = ureq::http::Request::builder().method(&*request.method).uri(&request.url);
    let sent = sent.header("accept-encoding", "gzip");
    let sent = request.headers.into_iter().fold(sent, |sent, h| sent.header(h.name, h.value));
    let sent = sent.body(request.body).map_err(|error| HttpError::Denied(error.to_string()))?;
    let timeout = Duration::from_millis(request.timeout_ms.unwrap_or(30_000).min(30_000).into());
    let agent = ureq::Agent::config_builder().timeout_global(Some(timeout)).proxy(None);
    let agent = agent.max_redirects(0).http_status_as_error(false).build().new_agent();
    let told = |error: ureq::Error| match &error {
        ureq::Error::Timeout(_) => HttpError::Timeout(error.to_string()),
        ureq::Error::BodyExceedsLimit(_) | ureq::Error::LargeResponseHeader(..) => {
            HttpError::TooLarge(error.to_string())
        }
        _ => HttpError::Other(error.to_string()),
    };
    let (reply, body) = agent.run(sent).map_err(told)?.into_parts();
    let coding = reply.headers.get("content-encoding").map(|v| v.as_bytes().to_ascii_lowercase());
    let mut source: Box<dyn Read> = Box::new(body.into_with_config().limit(BODY_MAX).reader());
    if coding.is_some_and(|coding| coding == b"gzip" || coding == b"x-gzip") {
        source = Box::new(MultiGzDecoder::new(source)); // ureq's own knows `gzip` alone.
    }
    let mut body = Vec::new();
    source.take(BODY_MAX + 1).read_to_end(&mut body).map_err(|error| told(error.into()))?;
    if body.len() as u64 > BODY_MAX {
        return Err(told(ureq::Error::BodyExceedsLimit(BODY_MAX)));
    }
    let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
    let found = reply.headers.iter().map(|(k, v)| Header { name: k.to_string(), value: text(v) });
    Ok(Response { status: reply.status.as_u16(), headers: found.collect(), body })
}

/// What only the transport can write right.
const TRANSPORT: &str = "accept-encoding connection content-length expect host keep-alive te trailer \
    transfer-encoding upgrade";
/// Largest body of a response, as it was sent and as it is given on.
const BODY_MAX: u64 = 16 << 20;
