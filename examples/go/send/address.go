package send

import (
	"errors"
	"fmt"
	"net/netip"
)

// AddressRange is a range of addresses that are not public, such as 198.18.0.0/15, or one of them.
type AddressRange struct{ prefix netip.Prefix }

// ParseAddressRange reads address/length, or an address alone. A range must lie within one kind of special
// addresses: nobody allows the machine's own with a range that does not name it.
func ParseAddressRange(entry string) (AddressRange, error) {
	prefix, err := netip.ParsePrefix(entry)
	if err != nil {
		address, err := netip.ParseAddr(entry)
		if err != nil || address.Zone() != "" {
			return AddressRange{}, fmt.Errorf("%q is no address, and no range of addresses", entry)
		}
		prefix = netip.PrefixFrom(address, address.BitLen())
	}
	if prefix.Masked() != prefix {
		return AddressRange{}, fmt.Errorf("%q begins within its range, which is %v", entry, prefix.Masked())
	}
	for _, special := range specials {
		if special.Bits() <= prefix.Bits() && special.Contains(prefix.Addr()) {
			return AddressRange{prefix}, nil
		}
	}
	return AddressRange{}, fmt.Errorf("%q holds public addresses, or more than one kind of others", entry)
}

// String is the range as it is written in a configuration.
func (r AddressRange) String() string {
	if r.prefix.IsSingleIP() {
		return r.prefix.Addr().String()
	}
	return r.prefix.String()
}

// contains: a cloud's metadata is in none, but for one that holds nothing else: it gives out the keys of
// the machine.
func (r AddressRange) contains(address netip.Addr) bool {
	address = reached(address)
	return r.prefix.Contains(address) && (r.prefix.IsSingleIP() || !isMetadata(address))
}

// rangeOf is the entry that allows an address that is not public.
func rangeOf(address netip.Addr) AddressRange {
	address = reached(address)
	if !isMetadata(address) {
		for _, given := range givenOut {
			if given.Contains(address) {
				return AddressRange{given}
			}
		}
	}
	return AddressRange{netip.PrefixFrom(address, address.BitLen())}
}

// isPublic says whether an address belongs to the public internet, as far as the registries of special
// addresses tell. Anything in doubt does not.
func isPublic(address netip.Addr) bool {
	address = reached(address)
	if !address.IsValid() || address.Is6() && !globalUnicast.Contains(address) {
		return false
	}
	for _, special := range specials {
		if special.Contains(address) {
			return false
		}
	}
	return true
}

// reached is the address that is reached through one that holds it.
func reached(address netip.Addr) netip.Addr {
	address = address.WithZone("").Unmap()
	if !address.Is6() {
		return address
	}
	b := address.As16()
	switch {
	case nat64.Contains(address):
		return netip.AddrFrom4([4]byte(b[12:]))
	case sixToFour.Contains(address):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return address
}

func isMetadata(address netip.Addr) bool {
	for _, metadata := range metadata {
		if metadata == address {
			return true
		}
	}
	return false
}

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

var (
	errNoAddress  = errors.New("what is dialled is no address")
	nat64         = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour     = netip.MustParsePrefix("2002::/16")
	globalUnicast = netip.MustParsePrefix("2000::/3") // of IPv6, only what lies in here is public

	// Security agents and overlay networks give each name another address of these.
	givenOut = prefixes("198.18.0.0/15", "100.64.0.0/10")

	// Where clouds serve the keys of a machine.
	metadata = []netip.Addr{
		netip.MustParseAddr("169.254.169.254"), // nearly all
		netip.MustParseAddr("169.254.170.2"),   // AWS, of a container
		netip.MustParseAddr("100.100.100.200"), // Alibaba
		netip.MustParseAddr("fd00:ec2::254"),   // AWS
		netip.MustParseAddr("fd20:ce::254"),    // Google
	}

	// Addresses that are not public, by their kind.
	specials = prefixes(
		"0.0.0.0/8", // this network
		"10.0.0.0/8",
		"100.64.0.0/10", // carrier-grade NAT; some clouds' metadata
		"127.0.0.0/8",
		"168.63.129.16/32", // public, yet served by the machine's own cloud: Azure's agent endpoint
		"169.254.0.0/16",   // link-local; metadata
		"172.16.0.0/12",
		"192.0.0.0/24",   // protocol assignments
		"192.0.2.0/24",   // documentation
		"192.88.99.0/24", // 6to4 relays
		"192.168.0.0/16",
		"198.18.0.0/15",   // benchmarks
		"198.51.100.0/24", // documentation
		"203.0.113.0/24",  // documentation
		"224.0.0.0/4",     // multicast
		"240.0.0.0/4",     // reserved
		"::1/128",
		"64:ff9b:1::/48", // NAT64 of one's own
		"100::/64",       // discard
		"2001::/23",      // protocol assignments: Teredo and others
		"2001:db8::/32",  // documentation
		"3fff::/20",      // documentation
		"5f00::/16",      // segment routing
		"fc00::/7",       // unique-local
		"fe80::/10",      // link-local
		"fec0::/10",      // site-local
		"ff00::/8",       // multicast
	)
)
