//! `mimecast-sim`: the simulated API as a program.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, ValueEnum};
use mimecast_sim::{
    ClientCredentials, ClockStart, Compression, Empty, Fault, FaultRule, Keys, LastPage, Layout,
    Log, Options, Paging, PagingMode, Quota, RateHeaders, ResultCount, Running, Standing, Style,
    ToBound, WorldOptions,
};

const ABOUT: &str = "\
A simulated Mimecast API: TTP Impersonation Protect logs on loopback, with generated rows,
real authorization and faults on demand. For trying a collector without an account, and for tests.";

const MORE: &str = "\
It serves, on one address:
  POST /api/ttp/impersonation/get-logs   the API, with API 1.0 signatures or API 2.0
                                         tokens
  POST /oauth/token                      access tokens for the API 2.0 client
  GET  /sim/ledger                       the rows that a client should have, one a line; parameters
                                         from, to, visibleBy, taggedMalicious, searchField, query,
                                         identifiers, actions (lists with commas)
  GET  /sim/stats                        counts of requests, outcomes and rows

When it is ready it writes one line of JSON to stdout: base_url, access_key, secret_key, app_id,
app_key, client_id, client_secret. The demo credentials are the defaults shown above. They are no
secret and open nothing else. What the token endpoint refuses, it repeats, as the real one may.

STANDING is one of
  good                     everything works
  lapsed                   the API 1.0 keys have lapsed (418)
  not-permitted            the role lacks the permission (403)
  no-product               the API 2.0 application lacks the product (403 app_forbidden)
  other-region             the account lives elsewhere: keys and client are not known (401)

STYLE is one of
  pretty                   line breaks and indentation between tokens
  no-gzip                  never compressed, even if the client accepts it
  empty-data               an empty result is \"data\": [], not a block without rows
  bare-last-page           the last page has no `pagination` at all
  no-result-count          no `resultCount`
  dashed-rate-headers      X-Rate-Limit-* instead of X-RateLimit-*

FAULT is [first:|later:|token:]KIND=WHEN, and --fault can be repeated. `first:` and `later:` limit
it to requests without and with a page token; `token:` moves it to the token endpoint, where KIND is
one from 429 to oversized. WHEN is a share (5%), every:7 or nth:3. KIND is one of
  429                      rate limit (--fault-reset-ms, --fault-retry-after-secs)
  500 502 503 509          this status; 509 with an empty body
  html                     503 with an HTML page
  drop, cut                the connection ends without an answer, or in its middle
  slow                     the answer comes late (--fault-delay-ms)
  garbage                  HTTP 200 with what is not JSON
  oversized                an answer far too long (--fault-oversized-bytes)
  fail, fail-retryable     HTTP 200 with a `fail`, final or retryable
  meta-status              HTTP 200 with meta.status 500
  token-expired            401 token_expired though the access token is good (API 2.0)
  token-unverified         401 token_verification_failed (API 2.0)
  dead-token, same-token   a page token is refused, or comes back as its own `next`
No fault changes the ledger. The same seed gives the same rows and faults.

Examples:
  mimecast-sim --rows 2000 --span 5d
  mimecast-sim --port 8025 --live-rate 120 --fault 503=5% --fault dead-token=every:10
  mimecast-sim --access-token-life-secs 60 --fault token-expired=5% --fault token:503=nth:2";

#[derive(Parser)]
#[command(name = "mimecast-sim", version, about = ABOUT, after_help = MORE, max_term_width = 100)]
struct Arguments {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Write the ready line to this file (whole or not at all) instead of stdout
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Same seed, same rows and faults
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds that the server's clock is ahead of the machine's; below zero is behind
    #[arg(long, value_name = "SECS", default_value_t = 0, allow_negative_numbers = true)]
    clock_skew_secs: i64,
    /// Tell each request on stderr
    #[arg(long)]
    log_requests: bool,
    #[command(flatten)]
    world: WorldArguments,
    #[command(flatten)]
    keys: KeyArguments,
    #[command(flatten)]
    paging: PagingArguments,
    #[command(flatten)]
    style: StyleArguments,
    #[command(flatten)]
    faults: FaultArguments,
}

#[derive(Args)]
#[command(next_help_heading = "Rows")]
struct WorldArguments {
    /// Rows that lie in the past at the start
    #[arg(long, default_value_t = 1000)]
    rows: u32,
    /// How far back they reach: 90s, 15m, 6h or 5d
    #[arg(long, default_value = "5d", value_parser = parse_span)]
    span: u32,
    /// Odd rows besides them: without an id, with null, unknown or wrongly typed fields and the like
    #[arg(long, value_name = "ROWS", default_value_t = 0)]
    odd_rows: u32,
    /// Rows a minute that go on appearing
    #[arg(long, default_value_t = 0)]
    live_rate: u32,
    /// Share of messages in the same second as the one before, 0 to 1
    #[arg(long, default_value_t = 0.1)]
    ties: f64,
    /// A row shows at most this long after its event time; 0 shows all at once
    #[arg(long, value_name = "SECS", default_value_t = 600)]
    late_max_secs: u32,
}

#[derive(Args)]
#[command(next_help_heading = "Credentials")]
struct KeyArguments {
    /// Names the user
    #[arg(long, default_value_t = Keys::default().access_key)]
    access_key: String,
    /// Signs; base64
    #[arg(long, default_value_t = Keys::default().secret_key)]
    secret_key: String,
    /// Names the application
    #[arg(long, default_value_t = Keys::default().app_id)]
    app_id: String,
    /// Goes into the string that is signed
    #[arg(long, default_value_t = Keys::default().app_key)]
    app_key: String,
    /// Names the application to API 2.0
    #[arg(long, default_value_t = ClientCredentials::default().client_id)]
    client_id: String,
    /// Proves it
    #[arg(long, default_value_t = ClientCredentials::default().client_secret)]
    client_secret: String,
    /// How long an access token is good
    #[arg(long, value_name = "SECS", default_value_t = Options::default().access_token_life_secs)]
    access_token_life_secs: u32,
    /// What the keys and the client are good for
    #[arg(long, value_enum, value_name = "STANDING", default_value_t = StandingArgument::Good, hide_possible_values = true)]
    standing: StandingArgument,
}

#[derive(Clone, Copy, ValueEnum)]
enum StandingArgument {
    Good,
    Lapsed,
    NotPermitted,
    NoProduct,
    OtherRegion,
}

#[derive(Args)]
#[command(next_help_heading = "Pages and quota")]
struct PagingArguments {
    /// Page tokens point into the result as it is now, or as it was at page one
    #[arg(long, value_enum, default_value_t = PagingArgument::Live)]
    paging: PagingArgument,
    /// Larger pages are cut to this
    #[arg(long, default_value_t = 500, value_parser = RangedU64ValueParser::<u32>::new().range(1..=100_000))]
    page_size_max: u32,
    /// Refuse page tokens older than this
    #[arg(long, value_name = "SECS")]
    token_life_secs: Option<u32>,
    /// Leave rows of the second `to` out
    #[arg(long)]
    to_exclusive: bool,
    /// Requests that are answered in one quota window
    #[arg(long, default_value_t = Quota::default().limit)]
    quota: u32,
    /// Length of a quota window
    #[arg(long, value_name = "MS", default_value_t = Quota::default().window_ms)]
    quota_window_ms: u32,
}

#[derive(Clone, Copy, ValueEnum)]
enum PagingArgument {
    Live,
    Snapshot,
}

#[derive(Args)]
#[command(next_help_heading = "Style of replies")]
struct StyleArguments {
    /// How replies differ from the usual; several with commas
    #[arg(long, value_enum, value_delimiter = ',', hide_possible_values = true)]
    style: Vec<StyleArgument>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum StyleArgument {
    Pretty,
    NoGzip,
    EmptyData,
    BareLastPage,
    NoResultCount,
    DashedRateHeaders,
}

impl StyleArguments {
    fn style(&self) -> Style {
        let has = |argument| self.style.contains(&argument);
        Style {
            layout: flag(has(StyleArgument::Pretty), Layout::Pretty),
            compression: flag(has(StyleArgument::NoGzip), Compression::Off),
            empty: flag(has(StyleArgument::EmptyData), Empty::NoData),
            last_page: flag(has(StyleArgument::BareLastPage), LastPage::NoPagination),
            result_count: flag(has(StyleArgument::NoResultCount), ResultCount::Absent),
            rate_headers: flag(has(StyleArgument::DashedRateHeaders), RateHeaders::Dashed),
        }
    }
}

#[derive(Args)]
#[command(next_help_heading = "Faults (see below)")]
struct FaultArguments {
    /// What goes wrong and when; repeat it for more
    #[arg(long = "fault", value_name = "FAULT")]
    rules: Vec<FaultRule>,
    /// What the header X-RateLimit-Reset of a 429 says
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    fault_reset_ms: u64,
    /// Give a 429 the header Retry-After too
    #[arg(long, value_name = "SECS")]
    fault_retry_after_secs: Option<u64>,
    /// How late a slow answer is
    #[arg(long, value_name = "MS", default_value_t = 3000)]
    fault_delay_ms: u64,
    /// How long an oversized answer is, before compression
    #[arg(long, value_name = "BYTES", default_value_t = 20 << 20, value_parser = parse_oversized)]
    fault_oversized_bytes: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ready_file = arguments.ready_file.clone();
    let started = options(arguments).start();
    let announced = started.and_then(|sim| announce(&sim, ready_file).map(|()| sim));
    match announced {
        Ok(sim) => {
            sim.wait();
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("mimecast-sim: {error}");
            ExitCode::from(2)
        }
    }
}

fn announce(sim: &Running, ready_file: Option<PathBuf>) -> io::Result<()> {
    let (keys, client) = (sim.keys(), sim.client());
    let ready = serde_json::json!({
        "base_url": sim.base_url(),
        "access_key": keys.access_key,
        "secret_key": keys.secret_key,
        "app_id": keys.app_id,
        "app_key": keys.app_key,
        "client_id": client.client_id,
        "client_secret": client.client_secret,
    });
    eprintln!("mimecast-sim: {} rows, listening on {}", sim.stats().rows_visible, sim.base_url());
    match ready_file {
        None => {
            let mut stdout = io::stdout().lock();
            writeln!(stdout, "{ready}")?;
            stdout.flush()
        }
        Some(path) => {
            let mut part = path.clone().into_os_string();
            part.push(".part");
            fs::write(&part, format!("{ready}\n"))?;
            fs::rename(part, path)
        }
    }
}

fn options(arguments: Arguments) -> Options {
    let Arguments {
        port,
        seed,
        clock_skew_secs,
        log_requests,
        world,
        keys,
        paging,
        style,
        faults,
        ..
    } = arguments;
    Options {
        listen: SocketAddr::from(([127, 0, 0, 1], port)),
        keys: Keys {
            access_key: keys.access_key,
            secret_key: keys.secret_key,
            app_id: keys.app_id,
            app_key: keys.app_key,
        },
        client: ClientCredentials { client_id: keys.client_id, client_secret: keys.client_secret },
        access_token_life_secs: keys.access_token_life_secs,
        standing: match keys.standing {
            StandingArgument::Good => Standing::Good,
            StandingArgument::Lapsed => Standing::Lapsed,
            StandingArgument::NotPermitted => Standing::NotPermitted,
            StandingArgument::NoProduct => Standing::NoProduct,
            StandingArgument::OtherRegion => Standing::OtherRegion,
        },
        clock: ClockStart::Machine { skew_secs: clock_skew_secs },
        seed,
        world: WorldOptions {
            rows: world.rows,
            span_secs: world.span,
            odd_rows: world.odd_rows,
            live_rate: world.live_rate,
            ties: world.ties,
            late_max_secs: world.late_max_secs,
        },
        script: Vec::new(),
        paging: Paging {
            mode: match paging.paging {
                PagingArgument::Live => PagingMode::Live,
                PagingArgument::Snapshot => PagingMode::Snapshot,
            },
            page_size_max: paging.page_size_max,
            token_life_secs: paging.token_life_secs,
            to_bound: flag(paging.to_exclusive, ToBound::Exclusive),
        },
        style: style.style(),
        quota: Quota { limit: paging.quota, window_ms: paging.quota_window_ms },
        faults: fault_rules(faults),
        log: flag(log_requests, Log::Stderr),
    }
}

/// The other choice if a flag is given.
fn flag<T: Default>(given: bool, other: T) -> T {
    if given { other } else { T::default() }
}

/// The rules with the figures that have flags of their own.
fn fault_rules(arguments: FaultArguments) -> Vec<FaultRule> {
    let figures = |mut rule: FaultRule| {
        match &mut rule.fault {
            Fault::RateLimit { reset_ms, retry_after_secs } => {
                *reset_ms = arguments.fault_reset_ms;
                *retry_after_secs = arguments.fault_retry_after_secs;
            }
            Fault::Slow { delay_ms } => *delay_ms = arguments.fault_delay_ms,
            Fault::Oversized { body_bytes } => *body_bytes = arguments.fault_oversized_bytes,
            _ => {}
        }
        rule
    };
    arguments.rules.into_iter().map(figures).collect()
}

fn parse_span(text: &str) -> Result<u32, String> {
    let refused = || format!("{text} is not like 90s, 15m, 6h or 5d");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(refused)?;
    let unit_secs: u32 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(refused()),
    };
    let number: u32 = number.parse().map_err(|_| refused())?;
    number.checked_mul(unit_secs).ok_or_else(|| format!("{text} is too long; at most 49710d"))
}

fn parse_oversized(text: &str) -> Result<usize, String> {
    const BYTES_MAX: usize = 1 << 30;
    let bytes: usize = text.parse().map_err(|_| format!("{text} is not a number of bytes"))?;
    if bytes > BYTES_MAX { Err(format!("at most {BYTES_MAX}")) } else { Ok(bytes) }
}
