//! Everything about a simulated API that can be chosen when it starts.

use std::net::{Ipv4Addr, SocketAddr};

use crate::answer::style::Style;
use crate::clock::ClockStart;
use crate::fault::FaultRule;
use crate::gate::quota::Quota;
use crate::gate::signature::Keys;
use crate::gate::standing::Standing;
use crate::gate::token::ClientCredentials;
use crate::listing::paging::Paging;
use crate::listing::window::Window;
use crate::world::WorldOptions;
use crate::world::row::ScriptedRow;

/// What to start. The default is a friendly API with a thousand rows of the last five days.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; loopback addresses only. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The one set of API 1.0 keys that is accepted.
    pub keys: Keys,
    /// The one API 2.0 application that is given access tokens.
    pub client: ClientCredentials,
    /// How long an access token is good, in seconds.
    pub access_token_life_secs: u32,
    /// What the keys and the client are good for.
    pub standing: Standing,
    /// The server's clock.
    pub clock: ClockStart,
    /// Requests are answered by two nodes in turn, the first one first. The second one's clock is
    /// off by this many seconds: that shows in `Date` and `Retry-After`, and in which signing dates of
    /// API 1.0 are taken. All else goes by the server's clock.
    pub second_node_skew_secs: i64,
    /// The same seed gives the same rows and the same faults.
    pub seed: u64,
    /// The rows that are generated.
    pub world: WorldOptions,
    /// Rows put in by hand, besides the generated ones.
    pub script: Vec<ScriptedRow>,
    /// What is made of `from` and `to`.
    pub window: Window,
    /// How results are cut into pages.
    pub paging: Paging,
    /// How replies are written.
    pub style: Style,
    /// How many requests are answered in a while.
    pub quota: Quota,
    /// What goes wrong, and when.
    pub faults: Vec<FaultRule>,
    /// Whether each request is told on stderr.
    pub log: Log,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            keys: Keys::default(),
            client: ClientCredentials::default(),
            access_token_life_secs: 1799,
            standing: Standing::default(),
            clock: ClockStart::default(),
            second_node_skew_secs: 0,
            seed: 1,
            world: WorldOptions::default(),
            script: Vec::new(),
            window: Window::default(),
            paging: Paging::default(),
            style: Style::default(),
            quota: Quota::default(),
            faults: Vec::new(),
            log: Log::default(),
        }
    }
}

/// Whether each request is told on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Log {
    /// It is not.
    #[default]
    Off,
    /// A line for each.
    Stderr,
}
