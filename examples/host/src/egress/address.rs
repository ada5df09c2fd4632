//! Tells addresses of the public internet from all others, and names ranges of those.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A range of addresses that are not public, such as `198.18.0.0/15`, or one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange(IpNet);

impl AddressRange {
    /// Reads `address/length`, or an address alone. A range must lie within one kind of special
    /// addresses: nobody allows the machine's own with a range that does not name it. The error says
    /// what is wrong with it.
    pub fn parse(entry: &str) -> Result<Self, String> {
        let range = entry.parse::<IpNet>();
        let range = range.or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
        let range = range.map_err(|_| "is no address, and no range of addresses")?;
        let whole = range.trunc();
        if whole != range {
            return Err(format!("begins within its range, which is {}", Self(whole)));
        }
        if SPECIAL.iter().any(|special| special.contains(&range)) {
            return Ok(Self(range));
        }
        Err("holds public addresses, or more than one kind of others".to_owned())
    }

    /// Whether the address, or the one that is reached through it, is in the range. A cloud's metadata
    /// is in none, but for one that holds nothing else: it gives out the keys of the machine.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let address = reached(address);
        self.0.contains(&address) && (self.is_single() || !METADATA.contains(&address))
    }

    fn is_single(&self) -> bool {
        self.0.prefix_len() == self.0.max_prefix_len()
    }

    /// The entry that allows an address that is not public; none for one of no kind, such as `::`.
    pub(super) fn of(address: IpAddr) -> Option<Self> {
        let address = reached(address);
        let mut given_out = GIVEN_OUT.iter().filter(|_| !METADATA.contains(&address));
        let whole = given_out.find(|range| range.contains(&address));
        let range = whole.copied().unwrap_or_else(|| address.into());
        SPECIAL.iter().any(|special| special.contains(&range)).then_some(Self(range))
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_single() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

/// Whether an address belongs to the public internet, as far as the registries of special addresses
/// tell. Anything in doubt does not.
pub(super) fn is_public(address: IpAddr) -> bool {
    let address = reached(address);
    (address.is_ipv4() || GLOBAL_UNICAST.contains(&address))
        && !SPECIAL.iter().any(|special| special.contains(&address))
}

/// The address that is reached through one that holds it.
fn reached(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    match v6.segments() {
        // IPv4-mapped, NAT64's well-known prefix, and 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            Ipv4Addr::new(a, b, c, d).into()
        }
        _ => address,
    }
}

const fn v4(octets: [u8; 4], length: u8) -> IpNet {
    let [a, b, c, d] = octets;
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length))
}

const fn v6(begin: [u16; 3], length: u8) -> IpNet {
    let [a, b, c] = begin;
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length))
}

const BENCHMARKS: IpNet = v4([198, 18, 0, 0], 15);
const SHARED: IpNet = v4([100, 64, 0, 0], 10);
/// Security agents and overlay networks give each name another address of these.
const GIVEN_OUT: [IpNet; 2] = [BENCHMARKS, SHARED];
/// Where clouds serve the keys of a machine.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), // nearly all
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),   // AWS, of a container
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), // Alibaba
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), // AWS
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)), // Google
];
/// Of IPv6, only what lies in here is public.
const GLOBAL_UNICAST: IpNet = v6([0x2000, 0, 0], 3);
/// Addresses that are not public, by their kind.
const SPECIAL: [IpNet; 27] = [
    v4([0, 0, 0, 0], 8), // this network
    v4([10, 0, 0, 0], 8),
    SHARED, // carrier-grade NAT; some clouds' metadata
    v4([127, 0, 0, 0], 8),
    // A public address, yet served by the machine's own cloud: Azure's agent endpoint.
    v4([168, 63, 129, 16], 32),
    v4([169, 254, 0, 0], 16), // link-local; metadata
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),   // protocol assignments
    v4([192, 0, 2, 0], 24),   // documentation
    v4([192, 88, 99, 0], 24), // 6to4 relays
    v4([192, 168, 0, 0], 16),
    BENCHMARKS,
    v4([198, 51, 100, 0], 24), // documentation
    v4([203, 0, 113, 0], 24),  // documentation
    v4([224, 0, 0, 0], 4),     // multicast
    v4([240, 0, 0, 0], 4),     // reserved
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
    v6([0x64, 0xff9b, 1], 48),  // NAT64 of one's own
    v6([0x100, 0, 0], 64),      // discard
    v6([0x2001, 0, 0], 23),     // protocol assignments: Teredo and others
    v6([0x2001, 0xdb8, 0], 32), // documentation
    v6([0x3fff, 0, 0], 20),     // documentation
    v6([0x5f00, 0, 0], 16),     // segment routing
    v6([0xfc00, 0, 0], 7),      // unique-local
    v6([0xfe80, 0, 0], 10),     // link-local
    v6([0xfec0, 0, 0], 10),     // site-local
    v6([0xff00, 0, 0], 8),      // multicast
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_range_is_of_one_kind_and_begins_where_it_says() {
        for good in [
            "198.18.0.0/15",
            "198.19.7.0/24",
            "100.64.0.0/10",
            "10.1.2.3",
            "10.1.2.3/32",
            "127.0.0.0/8",
            "169.254.169.254",
            "168.63.129.16",
            "fc00::/7",
            "fd00:ec2::254",
            "fe80::/10",
            "::1",
        ] {
            assert!(AddressRange::parse(good).is_ok(), "{good}");
        }
        let mixed = "holds public addresses, or more than one kind of others";
        let no_range = "is no address, and no range of addresses";
        for (bad, why) in [
            ("0.0.0.0/0", mixed),
            ("::/0", mixed),
            ("128.0.0.0/1", mixed),
            ("168.0.0.0/6", mixed),
            ("224.0.0.0/3", mixed),
            ("8000::/1", mixed),
            ("1.1.1.1", mixed),
            ("2606:4700::/32", mixed),
            // What is reached through these is named by itself.
            ("::ffff:10.0.0.0/104", mixed),
            ("64:ff9b::/96", mixed),
            ("198.18.3.4/15", "begins within its range, which is 198.18.0.0/15"),
            ("10.1.2.3/8", "begins within its range, which is 10.0.0.0/8"),
            ("10.0.0.0/33", no_range),
            ("10.0.0/8", no_range),
            ("10.0.0.0-10.0.0.9", no_range),
            ("10.0.0.0/255.0.0.0", no_range),
            ("[::1]", no_range),
            ("10.1.2.3:80", no_range),
            ("api.example", no_range),
            ("fe80::1%eth0", no_range),
            (" 10.0.0.1", no_range),
            ("", no_range),
        ] {
            assert_eq!(AddressRange::parse(bad).unwrap_err(), why, "{bad}");
        }
    }

    #[test]
    fn an_address_that_is_reached_through_another_is_named_by_itself() {
        let range = AddressRange::parse("10.0.0.0/8").unwrap();
        for within in ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "2002:a01:203::1"] {
            let address = within.parse().unwrap();
            assert!(range.contains(address), "{within}");
            assert_eq!(AddressRange::of(address).unwrap().to_string(), "10.1.2.3", "{within}");
        }
        assert!(!range.contains("11.1.2.3".parse().unwrap()));
    }

    #[test]
    fn a_clouds_metadata_is_reached_by_an_entry_of_its_own_alone() {
        for (address, range) in [
            ("169.254.169.254", "169.254.0.0/16"),
            ("100.100.100.200", "100.64.0.0/10"),
            ("fd00:ec2::254", "fc00::/7"),
            ("fd20:ce::254", "fd20:ce::/64"),
        ] {
            let contains = |entry: &str, address: &str| {
                AddressRange::parse(entry).unwrap().contains(address.parse().unwrap())
            };
            assert!(contains(address, address), "{address}");
            assert!(!contains(range, address), "{address}");
        }
        let range = AddressRange::parse("169.254.0.0/16").unwrap();
        assert!(range.contains("169.254.1.1".parse().unwrap()));
        assert!(!range.contains("::ffff:169.254.169.254".parse().unwrap()));
    }

    #[test]
    fn the_entry_of_an_address_is_a_range_where_each_name_has_another() {
        for (address, entry) in [
            ("198.18.3.4", "198.18.0.0/15"),
            ("100.100.100.1", "100.64.0.0/10"),
            ("100.100.100.200", "100.100.100.200"),
            ("169.254.169.254", "169.254.169.254"),
            ("fd00::1", "fd00::1"),
        ] {
            assert_eq!(AddressRange::of(address.parse().unwrap()).unwrap().to_string(), entry);
        }
    }
}
