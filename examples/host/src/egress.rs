//! Decides what a component may reach: by origin, and by the address that is really dialled.
//!
//! It judges and resolves; it sends nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use url::{Host, Url};

/// One entry of an allow-list: scheme, host and port, compared exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    host: Host<String>,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Origin {
    /// Reads `scheme://host[:port]`. The error says what is wrong with it.
    pub fn parse(entry: &str) -> Result<Self, &'static str> {
        let url = Url::parse(entry).map_err(|_| "is no URL")?;
        let origin = Self::of(&url)?;
        // The parser adds a path and drops an empty query: what was written decides.
        let (_, rest) = entry.split_once("://").ok_or("has no `//` after its scheme")?;
        if rest.contains(['@', '?', '#', '\\'])
            || rest.strip_suffix('/').unwrap_or(rest).contains('/')
        {
            return Err("holds more than a scheme, a host and a port");
        }
        Ok(origin)
    }

    /// The origin of a URL.
    fn of(url: &Url) -> Result<Self, &'static str> {
        let scheme = match url.scheme() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => return Err("has a scheme other than https and http"),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("holds a user name or a password");
        }
        let host = url.host().ok_or("has no host")?.to_owned();
        let port = url.port_or_known_default().ok_or("has no port")?;
        Ok(Self { scheme, host, port })
    }

    /// Whether this entry needs TLS.
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// Whether this entry allows an address to be dialled for its host.
    fn allows_address(&self, address: IpAddr) -> bool {
        match &self.host {
            Host::Ipv4(own) => address == *own,
            Host::Ipv6(own) => address == *own,
            Host::Domain(name) if name == "localhost" => address.is_loopback(),
            Host::Domain(_) => is_public(address),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.is_https() { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == usual { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// Why something may not be reached, or could not be resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EgressError {
    /// The policy does not allow it.
    Denied(String),
    /// The name has no address.
    Dns(String),
}

impl fmt::Display for EgressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(why) | Self::Dns(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for EgressError {}

/// What one source may reach.
#[derive(Clone, Debug, Default)]
pub struct AllowList {
    origins: Vec<Origin>,
}

impl AllowList {
    /// A list of these entries; none of them allows nothing.
    pub fn new(origins: Vec<Origin>) -> Self {
        Self { origins }
    }

    /// Whether the list names any origin that needs TLS.
    pub fn needs_tls(&self) -> bool {
        self.origins.iter().any(Origin::is_https)
    }

    /// Judges a URL, and the address in it if there is one.
    pub fn judge_url(&self, url: &Url) -> Result<(), EgressError> {
        let origin =
            Origin::of(url).map_err(|why| EgressError::Denied(format!("the URL {why}")))?;
        if self.origins.contains(&origin) {
            // A literal address is in the list as itself, so it is allowed by name.
            return Ok(());
        }
        Err(EgressError::Denied(format!(
            "{origin} is not in the allow list of this source; to allow it, add \"{origin}\" to `allow`"
        )))
    }

    /// The addresses that may be dialled for a name, out of those it resolved to.
    pub fn judge_addresses(
        &self,
        name: &str,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, EgressError> {
        let entries: Vec<&Origin> = self
            .origins
            .iter()
            .filter(|origin| matches!(&origin.host, Host::Domain(own) if own == name))
            .collect();
        let mut refused = None;
        let mut allowed = Vec::new();
        for address in addresses {
            if entries.iter().any(|entry| entry.allows_address(address.ip())) {
                allowed.push(address);
            } else {
                refused = Some(address.ip());
            }
        }
        match refused {
            _ if !allowed.is_empty() => Ok(allowed),
            Some(address) => {
                let which = if name == "localhost" { "loopback" } else { "public" };
                let entry = entries.first().map_or_else(String::new, |entry| {
                    let host = match address {
                        IpAddr::V4(own) => Host::Ipv4(own),
                        IpAddr::V6(own) => Host::Ipv6(own),
                    };
                    format!(", as \"{}\"", Origin { host, ..(*entry).clone() })
                });
                Err(EgressError::Denied(format!(
                    "{name} resolves to {address}, which is no {which} address; if that is meant, \
                     name the address itself in the URL and in `allow`{entry}"
                )))
            }
            None => Err(EgressError::Dns(format!("{name} has no address"))),
        }
    }
}

/// Whether an address belongs to the public internet, as far as the registries of special addresses
/// tell. Anything in doubt does not.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)   // this network, private, loopback, multicast, reserved
        | (100, 64..=127, _)               // carrier-grade NAT; some clouds' metadata
        | (169, 254, _)                    // link-local; metadata
        | (172, 16..=31, _)
        | (192, 0, 0 | 2)                  // protocol assignments, documentation
        | (192, 88, 99)                    // 6to4 relays
        | (192, 168, _)
        | (198, 18 | 19, _)                // benchmarks
        | (198, 51, 100)
        | (203, 0, 113)
    );
    // A public address, yet served by the machine's own cloud: Azure's agent endpoint.
    !special && address != Ipv4Addr::new(168, 63, 129, 16)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // IPv4-mapped, and NAT64's well-known prefix: what counts is the address within.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            embedded(high, low)
        }
        // 6to4, whose address within is the one that is reached.
        [0x2002, high, low, ..] => embedded(high, low),
        // Protocol assignments (Teredo and others), documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Global unicast. Everything else is loopback, unique-local, link-local, multicast, ...
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn allow(entries: &[&str]) -> AllowList {
        AllowList::new(entries.iter().map(|entry| Origin::parse(entry).unwrap()).collect())
    }

    fn judge(entries: &[&str], url: &str) -> bool {
        allow(entries).judge_url(&Url::parse(url).unwrap()).is_ok()
    }

    fn dial(entry: &str, name: &str, address: &str) -> bool {
        let address = SocketAddr::new(address.parse().unwrap(), 0);
        allow(&[entry]).judge_addresses(name, [address]).is_ok()
    }

    #[test]
    fn an_entry_is_a_scheme_a_host_and_a_port_only() {
        for good in [
            "https://a.example",
            "http://a.example:8080",
            "https://[2001:db8::1]:1",
            "https://a.example/",
        ] {
            assert!(Origin::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "a.example",
            "a.example:443",
            "ftp://a.example",
            "https://",
            "https://a.example/x",
            "https://u@a.example",
            "https://u:p@a.example",
            "https://@a.example",
            "https://a.example?x",
            "https://a.example?",
            "https://a.example#",
            "https:a.example",
            "https://a.example//",
            "https://a.example\\x",
            "https://a.example:0x50",
            "https://a.example:99999",
            "file:///etc/passwd",
            "",
        ] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn scheme_host_and_port_must_be_equal() {
        let entries = ["https://a.example", "http://b.example:8080"];
        assert!(judge(&entries, "https://a.example/path?q#f"));
        assert!(judge(&entries, "https://A.EXAMPLE:443/"));
        assert!(judge(&entries, "http://b.example:8080/"));
        for url in [
            "http://a.example/",
            "https://a.example:444/",
            "https://sub.a.example/",
            "https://a.example.evil/",
            "https://a.example@evil/",
            "https://u:p@a.example/",
            "http://b.example/",
            "https://b.example:8080/",
            "https://a.example./",
        ] {
            assert!(!judge(&entries, url), "{url}");
        }
        assert!(!judge(&[], "https://a.example/"));
    }

    #[test]
    fn a_literal_address_needs_an_entry_of_its_own() {
        assert!(judge(&["http://127.0.0.1:8080"], "http://127.0.0.1:8080/"));
        // The parser turns odd forms of an address into the usual one before it is judged.
        assert!(judge(&["http://127.0.0.1:8080"], "http://0x7f.1:8080/"));
        assert!(!judge(&["http://127.0.0.1:8080"], "http://127.0.0.2:8080/"));
        assert!(!judge(&["http://localhost:8080"], "http://127.0.0.1:8080/"));
        assert!(!judge(&["http://127.0.0.1"], "http://[::ffff:127.0.0.1]/"));
        assert!(!judge(&["https://a.example"], "http://169.254.169.254/latest/meta-data"));
    }

    #[test]
    fn a_name_may_lead_to_public_addresses_only() {
        for address in [
            "1.1.1.1",
            "100.128.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert!(dial("https://a.example", "a.example", address), "{address}");
        }
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.9.9.9",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!dial("https://a.example", "a.example", address), "{address}");
        }
    }

    #[test]
    fn localhost_is_loopback_and_nothing_else() {
        assert!(dial("http://localhost", "localhost", "127.0.0.1"));
        assert!(dial("http://localhost", "localhost", "::1"));
        assert!(!dial("http://localhost", "localhost", "10.0.0.1"));
        assert!(!dial("http://localhost", "localhost", "1.1.1.1"));
        assert!(!dial("http://127.0.0.1", "localhost", "127.0.0.1"));
        assert!(!dial("http://a.localhost", "a.localhost", "127.0.0.1"));
    }

    #[test]
    fn refused_addresses_are_left_out_beside_good_ones() {
        let both = ["10.0.0.1", "1.1.1.1"].map(|ip| SocketAddr::new(ip.parse().unwrap(), 0));
        let kept = allow(&["https://a.example"]).judge_addresses("a.example", both).unwrap();
        assert_eq!(kept, [both[1]]);
    }

    #[test]
    fn a_name_without_addresses_is_a_matter_of_dns() {
        let error = allow(&["https://a.example"]).judge_addresses("a.example", []).unwrap_err();
        assert!(matches!(error, EgressError::Dns(_)));
    }
}
