//! The command line, and what is to start by it.

mod faults;
mod help;
mod style;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, ValueEnum};
use mimecast_sim::{
    ClientCredentials, ClockStart, Future, Keys, Log, Options, Paging, PagingMode, Quota, Standing,
    ToBound, Window, WorldOptions,
};

use faults::FaultArguments;
use help::{ABOUT, MORE};
use style::StyleArguments;

/// The command line.
#[derive(Parser)]
#[command(name = "mimecast-sim", version, about = ABOUT, after_help = MORE, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Write the ready line to this file (whole or not at all) instead of stdout
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Same seed, same rows and faults
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds that the server's clock is ahead of the machine's; below zero is behind
    #[arg(long, value_name = "SECS", default_value_t = 0, allow_negative_numbers = true)]
    clock_skew_secs: i64,
    /// Let two nodes answer in turn, the second one's clock off by this: its Date and Retry-After, and
    /// which signing dates it takes
    #[arg(long, value_name = "SECS", default_value_t = 0, allow_negative_numbers = true)]
    second_node_skew_secs: i64,
    /// Tell each request on stderr
    #[arg(long)]
    log_requests: bool,
    #[command(flatten)]
    world: WorldArguments,
    #[command(flatten)]
    keys: KeyArguments,
    #[command(flatten)]
    window: WindowArguments,
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
    /// Rows besides them whose text is not valid JSON (a raw control character, NaN, bare quotes), or
    /// nested deeper than 128
    #[arg(long, value_name = "ROWS", default_value_t = 0)]
    broken_rows: u32,
    /// Rows a minute that go on appearing
    #[arg(long, default_value_t = 0)]
    live_rate: u32,
    /// Share of messages in the same second as the one before, 0 to 1
    #[arg(long, default_value_t = 0.1)]
    ties: f64,
    /// A row shows at most this long after its event time; 0 shows all at once
    #[arg(long, value_name = "SECS", default_value_t = 600)]
    late_max_secs: u32,
    /// Every row shows this much later than it would, and is found (from, to) by its event time plus
    /// this
    #[arg(long, value_name = "SPAN", default_value = "0s", value_parser = parse_span)]
    index_lag: u32,
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
#[command(next_help_heading = "From and to")]
struct WindowArguments {
    /// Answer 504 with an empty body if from and to are further apart
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    window_max: Option<u32>,
    /// Refuse a `to` that is later than the server's clock
    #[arg(long)]
    refuse_future: bool,
    /// Refuse a `from` that is longer ago by the server's clock
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    oldest_age: Option<u32>,
    /// Round `from` down to a multiple of this: older rows come along
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    from_floor: Option<u32>,
    /// Leave rows of the second `to` out
    #[arg(long)]
    to_exclusive: bool,
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
    /// End each listing after so many rows, whatever resultCount says
    #[arg(long, value_name = "ROWS")]
    rows_per_query: Option<u32>,
    /// Refuse page tokens older than this
    #[arg(long, value_name = "SECS")]
    token_life_secs: Option<u32>,
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

impl Arguments {
    /// What is to start.
    pub(crate) fn options(self) -> Options {
        Options {
            listen: SocketAddr::from(([127, 0, 0, 1], self.port)),
            access_token_life_secs: self.keys.access_token_life_secs,
            standing: self.keys.standing.into(),
            client: ClientCredentials {
                client_id: self.keys.client_id,
                client_secret: self.keys.client_secret,
            },
            keys: Keys {
                access_key: self.keys.access_key,
                secret_key: self.keys.secret_key,
                app_id: self.keys.app_id,
                app_key: self.keys.app_key,
            },
            clock: ClockStart::Machine { skew_secs: self.clock_skew_secs },
            second_node_skew_secs: self.second_node_skew_secs,
            seed: self.seed,
            world: WorldOptions {
                rows: self.world.rows,
                span_secs: self.world.span,
                odd_rows: self.world.odd_rows,
                broken_rows: self.world.broken_rows,
                live_rate: self.world.live_rate,
                ties: self.world.ties,
                late_max_secs: self.world.late_max_secs,
                index_lag_secs: self.world.index_lag,
            },
            script: Vec::new(),
            paging: Paging {
                mode: self.paging.paging.into(),
                page_size_max: self.paging.page_size_max,
                rows_per_query: self.paging.rows_per_query,
                token_life_secs: self.paging.token_life_secs,
                to_bound: flag(self.window.to_exclusive, ToBound::Exclusive),
            },
            window: Window {
                max_secs: self.window.window_max,
                future: flag(self.window.refuse_future, Future::Refused),
                oldest_age_secs: self.window.oldest_age,
                from_floor_secs: self.window.from_floor,
            },
            style: self.style.style(),
            quota: Quota { limit: self.paging.quota, window_ms: self.paging.quota_window_ms },
            faults: self.faults.rules(),
            log: flag(self.log_requests, Log::Stderr),
        }
    }
}

impl From<StandingArgument> for Standing {
    fn from(argument: StandingArgument) -> Self {
        match argument {
            StandingArgument::Good => Self::Good,
            StandingArgument::Lapsed => Self::Lapsed,
            StandingArgument::NotPermitted => Self::NotPermitted,
            StandingArgument::NoProduct => Self::NoProduct,
            StandingArgument::OtherRegion => Self::OtherRegion,
        }
    }
}

impl From<PagingArgument> for PagingMode {
    fn from(argument: PagingArgument) -> Self {
        match argument {
            PagingArgument::Live => Self::Live,
            PagingArgument::Snapshot => Self::Snapshot,
        }
    }
}

/// The other choice if a flag is given.
fn flag<T: Default>(given: bool, other: T) -> T {
    if given { other } else { T::default() }
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
