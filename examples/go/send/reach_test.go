package send

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"polling-source.example/go/source"
)

// leads is a resolver of which every name has these addresses.
func leads(to ...string) func(context.Context, string) ([]netip.Addr, error) {
	return func(context.Context, string) ([]netip.Addr, error) {
		var addresses []netip.Addr
		for _, text := range to {
			addresses = append(addresses, netip.MustParseAddr(text))
		}
		return addresses, nil
	}
}

func answers(t *testing.T) (port string) {
	t.Helper()
	url, _ := served(t, func(conn net.Conn, _ *http.Request) bool {
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		return false
	})
	return url[strings.LastIndex(url, ":"):]
}

func TestADenialSuggestsWhatWorks(t *testing.T) {
	const name = "http://api.example"
	for to, says := range map[string]string{
		"10.1.2.3":                "resolves to 10.1.2.3, which is no public address; if that is meant, add \"10.1.2.3\" to `allow_addresses`",
		"::ffff:10.1.2.3":         "resolves to 10.1.2.3, which is no public address; if that is meant, add \"10.1.2.3\" to",
		"198.18.3.4":              "add \"198.18.0.0/15\" to",
		"::1":                     "add \"::1\" to",
		"fe80::1%lo":              "add \"fe80::1\" to",
		"64:ff9b::a01:203":        "add \"10.1.2.3\" to",
		"::":                      "resolves to ::, which is no public address; it cannot be allowed",
		"::7f00:1":                "it cannot be allowed",
		"4000::1":                 "it cannot be allowed",
		"::,4000::1,fd00::1":      "resolves to :: and 2 more, none of which is a public address; if that is meant, add \"fd00::1\" to",
		"10.0.0.1,10.0.0.2":       "resolves to 10.0.0.1 and 1 more",
		"169.254.169.254":         "add \"169.254.169.254\" to",
		"::ffff:169.254.169.254":  "add \"169.254.169.254\" to",
		"2002:a01:203::1,4000::1": "add \"10.1.2.3\" to",
	} {
		addresses := strings.Split(to, ",")
		why := fails(t, client(t, Policy{Lookup: leads(addresses...)}, name), get(name), source.Denied)
		if !strings.Contains(why.Text, says) {
			t.Errorf("%s: %v", to, why)
		}
		_, rest, found := strings.Cut(why.Text, "add \"")
		if !found {
			continue
		}
		entry, _, _ := strings.Cut(rest, "\"")
		allowed, err := ParseAddressRange(entry)
		if err != nil {
			t.Errorf("%s: what it suggests is refused: %v", to, err)
		}
		c := client(t, Policy{AllowAddresses: []AddressRange{allowed}}, name)
		works := false
		for _, address := range addresses {
			works = works || c.mayDial("api.example", netip.MustParseAddr(address))
		}
		if !works {
			t.Errorf("%s: what it suggests does not help: %v", to, why)
		}
	}
}

func TestOfSeveralAddressesOneThatWorksIsEnough(t *testing.T) {
	port := answers(t)
	loopback, _ := ParseAddressRange("127.0.0.0/8")
	name := "http://api.example" + port
	for _, to := range [][]string{
		{"10.0.0.1", "127.0.0.1"}, {"::", "10.0.0.1", "127.0.0.1"}, {"127.0.0.1", "10.0.0.1"}, {"127.0.0.2", "127.0.0.1"},
	} {
		gives(t, client(t, Policy{Lookup: leads(to...), AllowAddresses: []AddressRange{loopback}}, name), get(name))
	}
}

func TestOfSeveralAddressesTheMostTellingIsTold(t *testing.T) {
	loopback, _ := ParseAddressRange("127.0.0.0/8")
	const name = "http://api.example:9"
	for to, c := range map[string]struct {
		kind source.HTTPErrorCase
		text string
	}{
		"127.0.0.1":           {source.Connect, "no connection to api.example:9: connect: connection refused"},
		"127.0.0.1,127.0.0.2": {source.Connect, "no connection to api.example:9: connect: connection refused"},
		"10.0.0.1,127.0.0.1":  {source.Connect, "no connection to api.example:9: 127.0.0.1: connect: connection refused; 10.0.0.1: may not be dialled"},
		"10.0.0.1,10.0.0.2,10.0.0.3,::,10.0.0.5,127.0.0.1": {source.Connect,
			"no connection to api.example:9: 127.0.0.1: connect: connection refused; 10.0.0.1: may not be dialled; " +
				"10.0.0.2: may not be dialled; 10.0.0.3: may not be dialled; and 2 more"},
		"10.0.0.1,::": {source.Denied, "api.example resolves to 10.0.0.1 and 1 more, none of which is a public address; if that is meant, add \"10.0.0.1\" to `allow_addresses`"},
	} {
		policy := Policy{Lookup: leads(strings.Split(to, ",")...), AllowAddresses: []AddressRange{loopback}}
		if why := fails(t, client(t, policy, name), get(name), c.kind); why.Text != c.text {
			t.Errorf("%s: %v", to, why)
		}
	}
}

func TestANameThatCannotBeResolvedIsToldAsSuch(t *testing.T) {
	for name, lookup := range map[string]func(context.Context, string) ([]netip.Addr, error){
		"none":    leads(),
		"failed":  func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("s3cret") },
		"machine": nil,
	} {
		const url = "http://api.invalid"
		why := fails(t, client(t, Policy{Lookup: lookup}, url), get(url), source.DNS)
		if !strings.Contains(why.Text, "api.invalid could not be resolved") || strings.Contains(why.Text, "s3cret") {
			t.Errorf("%s: %v", name, why)
		}
	}
}

// closing is a connection that tells that it was closed.
type closing struct {
	net.Conn
	closed chan struct{}
}

func (c *closing) Close() error { close(c.closed); return nil }

func TestAnAddressThatIsSilentHoldsUpTheNextForAMoment(t *testing.T) {
	addresses := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")}
	late := &closing{closed: make(chan struct{})}
	begun := time.Now()
	conn, failed := reach(context.Background(), addresses, func(ctx context.Context, address netip.Addr) (net.Conn, error) {
		switch address {
		case addresses[0]: // Silent, and connected just when another was.
			<-ctx.Done()
			return late, nil
		case addresses[1]:
			return nil, errors.New("refused")
		}
		return &closing{closed: make(chan struct{})}, nil
	})
	if conn == nil || failed != nil {
		t.Fatal(failed)
	}
	if took := time.Since(begun); took < stagger || took > 2*stagger {
		t.Errorf("it took %v", took)
	}
	select {
	case <-late.closed:
	default:
		t.Error("the other connection is left open")
	}
}

func TestNoMoreAddressesAreTriedThanAreBearable(t *testing.T) {
	var many []string
	for n := range 1_000 {
		many = append(many, fmt.Sprintf("127.0.%d.%d", n/250, 1+n%250))
	}
	found, err := client(t, Policy{Lookup: leads(many...)}).lookup(context.Background(), "api.example")
	if err != nil || len(found) != addressesMax {
		t.Errorf("%d, %v", len(found), err)
	}
}

func TestTheAddressThatIsDialledIsJudged(t *testing.T) {
	url, requests := served(t, func(conn net.Conn, _ *http.Request) bool {
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		return false
	})
	port := url[strings.LastIndex(url, ":"):]
	name := "http://api.example" + port
	for _, to := range []string{"127.0.0.1", "::ffff:127.0.0.1"} {
		why := fails(t, client(t, Policy{Lookup: leads(to)}, name), get(name), source.Denied)
		if !strings.Contains(why.Text, `"127.0.0.1" to `) {
			t.Errorf("%s: it does not tell the remedy: %v", to, why)
		}
	}
	fails(t, client(t, Policy{Lookup: leads()}, name), get(name), source.DNS)
	allowed, _ := ParseAddressRange("127.0.0.0/8")
	gives(t, client(t, Policy{Lookup: leads("127.0.0.1"), AllowAddresses: []AddressRange{allowed}}, name), get(name))
	gives(t, client(t, Policy{}, url), get(url)) // An address is allowed as itself.
	local := "http://localhost" + port
	gives(t, client(t, Policy{Lookup: leads("127.0.0.1")}, local), get(local))
	fails(t, client(t, Policy{Lookup: leads("10.0.0.1")}, local), get(local), source.Denied)
	if requests.Load() != 3 {
		t.Errorf("%d requests", requests.Load())
	}
}
