// Package send makes the HTTP exchanges of one source, within a policy and within bounds: each once, and to
// what is allowed, at an address that may be dialled.
//
// A redirect is given back and not followed. There is no cache, no cookie, no credential and no proxy of
// the environment. What each rule is for stands in wit/source.wit, interface http.
package send

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"polling-source.example/go/source"
)

// Policy is what one source may reach, and what an exchange may cost. What is zero is what the contract has
// a host grant.
type Policy struct {
	// Allow is all that it may reach.
	Allow []Origin
	// AllowAddresses is what the names in Allow may lead to beside public addresses.
	AllowAddresses []AddressRange
	// RootCAs are trusted in the place of the machine's.
	RootCAs *x509.CertPool
	// Timeout is the longest time of an exchange: 30 s. A component may ask for less.
	Timeout time.Duration
	// ResponseBytesMax bounds a body, decoded, and as it is sent: 16 MiB.
	ResponseBytesMax int64
	// UserAgent is sent where the component sends none.
	UserAgent string
	// Lookup finds the addresses of a name; without one it is the machine's resolver.
	Lookup func(ctx context.Context, name string) ([]netip.Addr, error)
}

// The bounds of the contract.
const (
	timeoutMax          = 30 * time.Second
	responseBytesMax    = 16 << 20
	requestBytesMax     = 4 << 20
	urlBytesMax         = 16 << 10
	requestHeadersMax   = 64
	requestHeaderBytes  = 64 << 10
	responseHeadersMax  = 256
	responseHeaderBytes = 64 << 10
)

// headSlack is what a head of that size has beside names and values: `: ` and the line's end, and the first
// line.
const headSlack = 4*responseHeadersMax + 4096

// Client makes the exchanges of one source. Sources share no client, so that they share no connection.
type Client struct {
	policy    Policy
	transport *http.Transport
}

// New is a client within this policy. It has to be closed.
func New(policy Policy) *Client {
	if policy.Timeout <= 0 || policy.Timeout > timeoutMax {
		policy.Timeout = timeoutMax
	}
	if policy.ResponseBytesMax <= 0 || policy.ResponseBytesMax > responseBytesMax {
		policy.ResponseBytesMax = responseBytesMax
	}
	if policy.UserAgent == "" {
		policy.UserAgent = "polling-source-host/0.1 (Go)"
	}
	c := &Client{policy: policy}
	c.transport = &http.Transport{
		DialContext:            c.dial,
		DialTLSContext:         c.dialTLS,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    1,
		MaxResponseHeaderBytes: responseHeaderBytes + headSlack,
		// Shorter than servers commonly wait, so that a connection is not closed under a request.
		IdleConnTimeout: 15 * time.Second,
	}
	return c
}

// Close ends the connections that are kept.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Send makes one exchange.
func (c *Client) Send(ctx context.Context, request source.Request) (*source.Response, *source.HTTPError) {
	origin, sent, err := c.outgoing(request)
	if err != nil {
		return nil, &source.HTTPError{Case: source.Denied, Text: err.Error()}
	}
	allowed := c.policy.Timeout
	if request.TimeoutMs != nil {
		allowed = min(allowed, time.Duration(*request.TimeoutMs)*time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(ctx, allowed)
	defer cancel()
	response, err := c.exchange(sent.WithContext(ctx), request.Room[:0])
	if err == nil {
		return response, nil
	}
	if ctx.Err() != nil {
		return nil, &source.HTTPError{
			Case: source.Timeout,
			Text: fmt.Sprintf("no complete response within %d ms from %s", allowed.Milliseconds(), origin.hostPort()),
		}
	}
	return nil, told(err, origin.hostPort())
}

func (c *Client) exchange(sent *http.Request, room []byte) (*source.Response, error) {
	got, err := c.transport.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	defer got.Body.Close()
	if got.StatusCode == http.StatusSwitchingProtocols {
		return nil, garbled("it switches to another protocol, which nobody asked for")
	}
	names := make([]string, 0, len(got.Header))
	count, size := removed(got), 0
	for name, values := range got.Header {
		names = append(names, name)
		for _, value := range values {
			count, size = count+1, size+len(name)+len(value)
		}
	}
	if count > responseHeadersMax || size > responseHeaderBytes {
		return nil, errHead
	}
	packed := len(got.Header["Content-Encoding"]) > 0 && isGzip(got.Header["Content-Encoding"][0])
	body, err := readBody(got.Body, packed, c.policy.ResponseBytesMax, room)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	headers := make([]source.Header, 0, count)
	for _, name := range names {
		if packed && (name == "Content-Encoding" || name == "Content-Length") {
			continue // They speak of its form on the way.
		}
		for _, value := range got.Header[name] {
			headers = append(headers, source.Header{Name: strings.ToLower(name), Value: text(value)})
		}
	}
	return &source.Response{Status: uint16(got.StatusCode), Headers: headers, Body: body}, nil
}

// removed is the headers that net/http takes out: those about how a body is sent, and whether more may follow.
func removed(got *http.Response) int {
	count := len(got.TransferEncoding)
	if got.Close && (count > 0 || got.ContentLength >= 0) {
		count++
	}
	return count
}

// text replaces what is not UTF-8.
func text(value string) string {
	if utf8.ValidString(value) {
		return value
	}
	return string([]rune(value))
}

// Lacks gives the origin of a request that the policy does not allow. It sends nothing.
func (c *Client) Lacks(request source.Request) (Origin, bool) {
	if len(request.URL) > urlBytesMax {
		return Origin{}, false
	}
	origin, _, err := parseURL(request.URL)
	return origin, err == nil && !slices.Contains(c.policy.Allow, origin)
}

// outgoing turns a component's request into one that may be sent. The error says why it may not, and
// repeats no value.
func (c *Client) outgoing(request source.Request) (Origin, *http.Request, error) {
	if len(request.URL) > urlBytesMax {
		return Origin{}, nil, fmt.Errorf("the URL is longer than %d bytes", urlBytesMax)
	}
	origin, target, err := parseURL(request.URL)
	if err != nil {
		return Origin{}, nil, fmt.Errorf("the URL %w", err)
	}
	if !slices.Contains(c.policy.Allow, origin) {
		return Origin{}, nil, fmt.Errorf(
			"%s is not in the allow list of this source; to allow it, add %q to `allow`", origin, origin.String())
	}
	url, err := origin.url(target)
	if err != nil {
		return Origin{}, nil, fmt.Errorf("the URL %w", err)
	}
	if err := checkMethod(request.Method); err != nil {
		return Origin{}, nil, err
	}
	if len(request.Body) > requestBytesMax {
		return Origin{}, nil, fmt.Errorf("the request body is larger than %d bytes", requestBytesMax)
	}
	headers, err := checkHeaders(request.Headers)
	if err != nil {
		return Origin{}, nil, err
	}
	headers.Set("Accept-Encoding", "gzip")
	if headers.Values("User-Agent") == nil {
		headers.Set("User-Agent", c.policy.UserAgent)
	}
	sent := &http.Request{
		Method: request.Method, URL: url, Host: url.Host, Header: headers,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	c.once(sent, request.Body)
	return origin, sent, nil
}

// once sees to it that net/http does not send a request again, which it does on a kept connection that
// breaks, where it takes the request for one that can be repeated: one that has no body, or whose body can
// be had anew.
func (c *Client) once(sent *http.Request, body []byte) {
	if len(body) > 0 {
		sent.Body, sent.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return
	}
	switch sent.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodDelete:
		// Looked into, found empty, and left out.
		sent.Body = io.NopCloser(strings.NewReader(""))
	default:
		// Here that would be sent in chunks.
		sent.Body = http.NoBody
		if sent.Header.Values("Idempotency-Key") != nil || sent.Header.Values("X-Idempotency-Key") != nil {
			// With one of these it takes any request for such: a connection that is new is not tried twice.
			c.transport.CloseIdleConnections()
		}
	}
}

// deniedError: the policy does not allow an address.
type deniedError struct{ why string }

func (e *deniedError) Error() string { return e.why }

// garbled is an answer that is none.
type garbled string

func (e garbled) Error() string { return string(e) }

var (
	errHead     = errors.New("the headers of the response are too many, or too large")
	errTooLarge = errors.New("the response is larger than is allowed")
	errMembers  = errors.New("the gzip of the response has too many members")
)

// told is an error by its case. It repeats nothing that the other side said: that may be a header.
func told(err error, dialled string) *source.HTTPError {
	var denied *deniedError
	var dns *net.DNSError
	var handshake *tlsError
	var unreached *connectError
	var operation *net.OpError
	var broken garbled
	failed := func(kind source.HTTPErrorCase, format string, args ...any) *source.HTTPError {
		return &source.HTTPError{Case: kind, Text: fmt.Sprintf(format, args...)}
	}
	switch {
	case errors.As(err, &denied):
		return failed(source.Denied, "%s", denied.why)
	case errors.As(err, &dns):
		return failed(source.DNS, "%s could not be resolved: %s; check the name and this machine's DNS", dns.Name, dns.Err)
	case errors.As(err, &handshake):
		return failed(source.TLS, "no TLS with %s: %v", dialled, handshake)
	case errors.As(err, &unreached):
		return failed(source.Connect, "no connection to %s: %v", dialled, unreached)
	case errors.Is(err, errHead) || strings.Contains(err.Error(), "server response headers exceeded"):
		return failed(source.TooLarge, "%s", errHead)
	case errors.Is(err, errTooLarge) || errors.Is(err, errMembers):
		return failed(source.TooLarge, "%s", err)
	case errors.As(err, &broken):
		return failed(source.Other, "the exchange with %s broke: %s", dialled, broken)
	case errors.As(err, &operation):
		return failed(source.Other, "the exchange with %s broke: %v", dialled, operation.Err)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return failed(source.Other, "the exchange with %s broke: the other side hung up", dialled)
	}
	return failed(source.Other, "the exchange with %s broke: what came back is no HTTP", dialled)
}
