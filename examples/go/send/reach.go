package send

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// stagger is how long an address has before the next is tried beside it.
	stagger = 250 * time.Millisecond
	// addressesMax is how many of a name's are tried, and addressesTold how many are told.
	addressesMax  = 16
	addressesTold = 4
)

// dial connects to an address that may be dialled for the name.
func (c *Client) dial(ctx context.Context, network, hostPort string) (net.Conn, error) {
	// A transport goes on dialling when the exchange is over, without its deadline.
	ctx, cancel := context.WithTimeout(ctx, c.policy.Timeout+time.Second)
	defer cancel()
	name, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	addresses, err := c.lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	var allowed, refused []netip.Addr
	for _, address := range addresses {
		if c.mayDial(name, address) {
			allowed = append(allowed, address)
		} else {
			refused = append(refused, address)
		}
	}
	if len(allowed) == 0 {
		return nil, denial(name, refused)
	}
	dialer := net.Dialer{
		// Asked for the address that is really dialled, once it is known and before anything is sent.
		ControlContext: func(_ context.Context, _, dialled string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(dialled)
			if err != nil {
				return errNoAddress
			}
			if !c.mayDial(name, at.Addr()) {
				return denial(name, []netip.Addr{at.Addr()})
			}
			return nil
		},
	}
	conn, failed := reach(ctx, allowed, func(ctx context.Context, address netip.Addr) (net.Conn, error) {
		return dialer.DialContext(ctx, network, net.JoinHostPort(address.String(), port))
	})
	if conn == nil {
		return nil, &connectError{failed, refused}
	}
	return conn, nil
}

// lookup gives the addresses of a name, as many as are tried.
func (c *Client) lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	if address, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{address}, nil
	}
	var addresses []netip.Addr
	var err error
	if c.policy.Lookup != nil {
		addresses, err = c.policy.Lookup(ctx, name)
	} else {
		addresses, err = net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	}
	var dns *net.DNSError
	if err != nil && errors.As(err, &dns) {
		return nil, err
	}
	if err != nil || len(addresses) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	for i, address := range addresses {
		addresses[i] = address.Unmap()
	}
	return addresses[:min(len(addresses), addressesMax)], nil
}

// failure is an address that could not be reached.
type failure struct {
	address netip.Addr
	err     error
}

// reach dials these addresses in their order, each a while after the one before or as soon as that failed, and
// gives the first connection, or every failure.
func reach(ctx context.Context, addresses []netip.Addr, dial func(context.Context, netip.Addr) (net.Conn, error)) (net.Conn, []failure) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		conn net.Conn
		failure
	}
	outcomes := make(chan outcome)
	due := time.NewTimer(0)
	defer due.Stop()
	begun := 0
	var failed []failure
	for len(failed) < len(addresses) {
		next := due.C
		if begun == len(addresses) {
			next = nil
		}
		select {
		case <-next:
			address := addresses[begun]
			begun++
			go func() {
				conn, err := dial(ctx, address)
				outcomes <- outcome{conn, failure{address, err}}
			}()
			due.Reset(stagger)
		case got := <-outcomes:
			if got.err != nil {
				failed = append(failed, got.failure)
				due.Reset(0)
				continue
			}
			cancel()
			for range begun - len(failed) - 1 {
				if late := <-outcomes; late.err == nil {
					late.conn.Close()
				}
			}
			return got.conn, nil
		}
	}
	return nil, failed
}

// mayDial says whether an address may be dialled for a name that is allowed.
func (c *Client) mayDial(name string, address netip.Addr) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return true // It is in the list as itself.
	}
	if name == localhost {
		return reached(address).IsLoopback()
	}
	return isPublic(address) || slices.ContainsFunc(c.policy.AllowAddresses, func(allowed AddressRange) bool {
		return allowed.contains(address)
	})
}

const localhost = "localhost"

// denial says why none of these addresses may be dialled for a name, and what lets it be.
func denial(name string, refused []netip.Addr) *deniedError {
	told, which := fmt.Sprintf("%s resolves to %v", name, refused[0]), "which is no"
	if more := len(refused) - 1; more > 0 {
		told, which = fmt.Sprintf("%s and %d more", told, more), "none of which is a"
	}
	if name == localhost {
		return &deniedError{fmt.Sprintf("%s, %s loopback address; check the names that this machine itself defines", told, which)}
	}
	told = fmt.Sprintf("%s, %s public address; ", told, which)
	for _, address := range refused {
		entry := rangeOf(address).String()
		if _, err := ParseAddressRange(entry); err == nil {
			return &deniedError{told + fmt.Sprintf("if that is meant, add %q to `allow_addresses`", entry)}
		}
	}
	return &deniedError{told + "it cannot be allowed: check the name and this machine's DNS"}
}

// connectError: none of a name's addresses that may be dialled could be reached. Others may not be dialled.
type connectError struct {
	failed  []failure
	refused []netip.Addr
}

func (e *connectError) Error() string {
	texts := make([]string, 0, len(e.failed)+len(e.refused))
	same := len(e.refused) == 0
	for _, each := range e.failed {
		text := each.err.Error()
		var operation *net.OpError
		if errors.As(each.err, &operation) {
			text = operation.Err.Error()
		}
		same = same && (len(texts) == 0 || texts[0] == text)
		texts = append(texts, text)
	}
	if same {
		return texts[0]
	}
	for i, each := range e.failed {
		texts[i] = fmt.Sprintf("%v: %s", each.address, texts[i])
	}
	for _, address := range e.refused {
		texts = append(texts, fmt.Sprintf("%v: may not be dialled", address))
	}
	more := ""
	if len(texts) > addressesTold {
		more = fmt.Sprintf("; and %d more", len(texts)-addressesTold)
	}
	return strings.Join(texts[:min(len(texts), addressesTold)], "; ") + more
}

func (e *connectError) Unwrap() []error {
	errs := make([]error, len(e.failed))
	for i, each := range e.failed {
		errs[i] = each.err
	}
	return errs
}
