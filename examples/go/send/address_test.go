package send

import (
	"net/netip"
	"testing"
)

func TestAddresses(t *testing.T) {
	for text, public := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1": true, "64:ff9b::808:808": true, "2002:808:808::1": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.31.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "168.63.129.16": false, "224.0.0.1": false, "255.255.255.255": false,
		"::1": false, "::": false, "fe80::1": false, "fc00::1": false, "ff02::1": false, "2001:db8::1": false,
		"::ffff:127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::1": false, "198.18.0.1": false, "::7f00:1": false,
	} {
		if got := isPublic(netip.MustParseAddr(text)); got != public {
			t.Errorf("%s: %v", text, got)
		}
	}
	for text, good := range map[string]bool{
		"198.18.0.0/15": true, "10.0.0.0/8": true, "10.1.0.0/16": true, "127.0.0.1": true, "169.254.169.254": true,
		"fd00::/8": true, "8.8.8.8": false, "0.0.0.0/0": false, "10.0.0.1/8": false, "::/0": false, "x": false,
		"fe80::1%lo": false,
	} {
		if _, err := ParseAddressRange(text); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
	contains := func(entry, address string) bool {
		r, err := ParseAddressRange(entry)
		if err != nil {
			t.Fatal(err)
		}
		return r.contains(netip.MustParseAddr(address))
	}
	if !contains("10.0.0.0/8", "10.9.9.9") || contains("10.0.0.0/8", "11.0.0.1") || !contains("10.0.0.0/8", "::ffff:10.1.1.1") {
		t.Error("a range does not hold what it holds")
	}
	// The keys of a machine are given out by nobody who did not mean them alone.
	if contains("169.254.0.0/16", "169.254.169.254") || !contains("169.254.169.254", "169.254.169.254") {
		t.Error("the metadata of a cloud")
	}
	if got := rangeOf(netip.MustParseAddr("198.18.3.4")).String(); got != "198.18.0.0/15" {
		t.Error(got)
	}
	if got := rangeOf(netip.MustParseAddr("100.100.100.200")).String(); got != "100.100.100.200" {
		t.Error(got)
	}
}
