//! Decides what a component may reach: by origin, and by the address that is really dialled.
//!
//! It judges; names are looked up in `http/resolver.rs`.

mod address;
mod origin;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

use crate::egress::address::is_public;
pub use address::AddressRange;
pub use origin::Origin;

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
    addresses: Vec<AddressRange>,
}

impl AllowList {
    /// A list of these entries; none of them allows nothing. Their names may lead to these addresses,
    /// too.
    pub fn new(origins: Vec<Origin>, addresses: Vec<AddressRange>) -> Self {
        Self { origins, addresses }
    }

    /// Whether the list names any origin that needs TLS.
    pub fn needs_tls(&self) -> bool {
        self.origins.iter().any(Origin::is_https)
    }

    /// Whether a URL may be asked for, by its origin. An address in it is a host like any other.
    pub fn check_url(&self, url: &Url) -> Result<(), EgressError> {
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
    pub fn dialable(
        &self,
        name: &str,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, EgressError> {
        let listed = |origin: &Origin| matches!(&origin.host, Host::Domain(own) if own == name);
        if !self.origins.iter().any(listed) {
            return Err(EgressError::Denied(format!("no entry of `allow` has the name {name}")));
        }
        let mut refused = None;
        let mut allowed = Vec::new();
        for address in addresses {
            if self.allows_address(name, address.ip()) {
                allowed.push(address);
            } else {
                refused = Some(address.ip());
            }
        }
        match refused {
            _ if !allowed.is_empty() => Ok(allowed),
            Some(address) if name == LOCALHOST => Err(EgressError::Denied(format!(
                "{name} resolves to {address}, which is no loopback address; \
                 check the names that this machine itself defines"
            ))),
            Some(address) => Err(EgressError::Denied(format!(
                "{name} resolves to {address}, which is no public address; {}",
                match AddressRange::of(address) {
                    Some(entry) =>
                        format!("if that is meant, add \"{entry}\" to `allow_addresses`"),
                    None => "no entry allows that: correct what it resolves to".to_owned(),
                }
            ))),
            None => Err(EgressError::Dns(format!("{name} has no address"))),
        }
    }

    /// Whether an address may be dialled for a name.
    fn allows_address(&self, name: &str, address: IpAddr) -> bool {
        if name == LOCALHOST {
            return address.is_loopback();
        }
        is_public(address) || self.addresses.iter().any(|range| range.contains(address))
    }
}

const LOCALHOST: &str = "localhost";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn allow(entries: &[&str]) -> AllowList {
        let origins = entries.iter().map(|entry| Origin::parse(entry).unwrap());
        AllowList::new(origins.collect(), Vec::new())
    }

    fn judge(entries: &[&str], url: &str) -> bool {
        allow(entries).check_url(&Url::parse(url).unwrap()).is_ok()
    }

    fn dial(entry: &str, name: &str, address: &str) -> bool {
        let address = SocketAddr::new(address.parse().unwrap(), 0);
        allow(&[entry]).dialable(name, [address]).is_ok()
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
    fn a_name_may_lead_to_addresses_that_are_named_as_well() {
        let origins = ["https://a.example", "http://localhost"];
        let origins = origins.map(|entry| Origin::parse(entry).unwrap());
        let ranges = ["198.18.0.0/15", "fd00::/8"].map(|entry| AddressRange::parse(entry).unwrap());
        let list = AllowList::new(origins.to_vec(), ranges.to_vec());
        let dial = |name: &str, address: &str| {
            list.dialable(name, [SocketAddr::new(address.parse().unwrap(), 0)]).is_ok()
        };
        for address in ["198.18.0.1", "198.19.255.255", "::ffff:198.18.0.1", "fd00::1", "1.1.1.1"] {
            assert!(dial("a.example", address), "{address}");
            assert!(!dial("b.example", address), "{address}");
            assert!(!dial("localhost", address), "{address}");
        }
        for address in ["10.0.0.1", "127.0.0.1", "169.254.169.254", "fc00::1", "::1"] {
            assert!(!dial("a.example", address), "{address}");
        }
    }

    #[test]
    fn a_refused_address_is_told_with_the_entry_that_allows_it() {
        let told = |entry: &str, name: &str, address: &str| {
            let address = SocketAddr::new(address.parse().unwrap(), 0);
            allow(&[entry]).dialable(name, [address]).unwrap_err().to_string()
        };
        assert_eq!(
            told("https://a.example", "a.example", "198.18.0.7"),
            "a.example resolves to 198.18.0.7, which is no public address; \
             if that is meant, add \"198.18.0.0/15\" to `allow_addresses`"
        );
        assert!(told("http://localhost", "localhost", "10.0.0.1").contains("no loopback address"));
        assert!(told("https://a.example", "b.example", "1.1.1.1").contains("no entry of `allow`"));
    }

    #[test]
    fn an_entry_that_is_told_is_taken_and_allows_what_was_refused() {
        let entry_in = |told: &str, list: &str| {
            let (_, rest) = told.split_once("add \"")?;
            let (entry, rest) = rest.split_once('"')?;
            assert_eq!(rest, format!(" to `{list}`"));
            Some(entry.to_owned())
        };
        let name = Origin::parse("https://a.example").unwrap();
        // All beginnings that addresses have; `::`, and what is near it.
        let v4 = (0..=u16::MAX).map(|begin| {
            let [a, b] = begin.to_be_bytes();
            IpAddr::from([a, b, 170, 2])
        });
        let v6 = (0..=u16::MAX).map(|begin| IpAddr::from([begin, 0xec2, 0, 0, 0, 0, 0, 0x254]));
        let low = (0..=u16::MAX).map(|end| IpAddr::from([0, 0, 0, 0, 0, 0, end >> 8, end]));
        let odd = ["::ffff:0.0.0.0", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "100::", "64:ff9b:1::"];
        let odd = odd.map(|address| address.parse().unwrap());
        for address in v4.chain(v6).chain(low).chain(odd) {
            let addresses = [SocketAddr::new(address, 0)];
            let list = AllowList::new(vec![name.clone()], Vec::new());
            let Err(error) = list.dialable("a.example", addresses) else { continue };
            let Some(entry) = entry_in(&error.to_string(), "allow_addresses") else {
                // There is none to tell.
                assert!(AddressRange::parse(&address.to_string()).is_err(), "{error}");
                continue;
            };
            let range = AddressRange::parse(&entry).expect(&entry);
            let list = AllowList::new(vec![name.clone()], vec![range]);
            assert!(list.dialable("a.example", addresses).is_ok(), "{error}");
        }
        for url in [
            "http://[::]/",
            "http://[::]:8080/x",
            "http://0/",
            "https://0x7f.1:0/",
            "https://[::ffff:10.0.0.1]:80/",
            "http://[fe80::1]:443/",
            "https://A.EXAMPLE.:443/",
            "https://b\u{fc}cher.example/?q",
            "http://x_y.example:65535/#f",
            "https://%61.example/",
        ] {
            let url = Url::parse(url).unwrap();
            let told = allow(&[]).check_url(&url).unwrap_err().to_string();
            let entry = entry_in(&told, "allow").expect(&told);
            assert!(allow(&[&entry]).check_url(&url).is_ok(), "{told}");
        }
    }

    #[test]
    fn refused_addresses_are_left_out_beside_good_ones() {
        let both = ["10.0.0.1", "1.1.1.1"].map(|ip| SocketAddr::new(ip.parse().unwrap(), 0));
        let kept = allow(&["https://a.example"]).dialable("a.example", both).unwrap();
        assert_eq!(kept, [both[1]]);
    }

    #[test]
    fn a_name_without_addresses_is_a_matter_of_dns() {
        let error = allow(&["https://a.example"]).dialable("a.example", []).unwrap_err();
        assert!(matches!(error, EgressError::Dns(_)));
    }
}
