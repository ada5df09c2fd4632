package send

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"polling-source.example/go/source"
)

func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	for range 100 {
		if runtime.NumGoroutine() <= before {
			os.Exit(code)
		}
		time.Sleep(10 * time.Millisecond)
	}
	buffer := make([]byte, 1<<20)
	fmt.Fprintf(os.Stderr, "goroutines are left:\n%s\n", buffer[:runtime.Stack(buffer, true)])
	os.Exit(1)
}

func origin(t testing.TB, text string) Origin {
	t.Helper()
	o, err := ParseOrigin(text)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func client(t testing.TB, policy Policy, allow ...string) *Client {
	for _, entry := range allow {
		policy.Allow = append(policy.Allow, origin(t, entry))
	}
	c := New(policy)
	t.Cleanup(c.Close)
	return c
}

func get(url string, headers ...source.Header) source.Request {
	return source.Request{Method: "GET", URL: url, Headers: headers}
}

// served answers each connection's requests with these bytes, and counts the requests.
func served(t testing.TB, answer func(conn net.Conn, request *http.Request) bool) (url string, requests *atomic.Int32) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	requests = new(atomic.Int32)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				reader := bufio.NewReader(conn)
				for {
					request, err := http.ReadRequest(reader)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, request.Body)
					requests.Add(1)
					if !answer(conn, request) {
						return
					}
				}
			}()
		}
	}()
	return "http://" + listener.Addr().String(), requests
}

// untilClosed waits for the other side to hang up.
func untilClosed(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func bytesServed(t testing.TB, answer []byte) string {
	url, _ := served(t, func(conn net.Conn, _ *http.Request) bool {
		_, _ = conn.Write(answer)
		return false
	})
	return url
}

func fails(t *testing.T, c *Client, request source.Request, kind source.HTTPErrorCase) *source.HTTPError {
	t.Helper()
	response, why := c.Send(context.Background(), request)
	if why == nil {
		t.Fatalf("%s gave %d", request.URL, response.Status)
	}
	if why.Case != kind {
		t.Fatalf("%v is not %v", why, kind)
	}
	return why
}

func gives(t *testing.T, c *Client, request source.Request) *source.Response {
	t.Helper()
	response, why := c.Send(context.Background(), request)
	if why != nil {
		t.Fatal(why)
	}
	return response
}

func TestOrigins(t *testing.T) {
	for text, want := range map[string]string{
		"https://API.example":        "https://api.example",
		"https://api.example:443/":   "https://api.example",
		"http://api.example:8080":    "http://api.example:8080",
		"http://[::1]:80":            "http://[::1]",
		"http://[0:0::1]:81":         "http://[::1]:81",
		"HTTP://127.0.0.1:65535":     "http://127.0.0.1:65535",
		"ftp://api.example":          "",
		"api.example":                "",
		"https://api.example/a":      "",
		"https://api.example?":       "",
		"https://api.example#":       "",
		"https://user@api.example":   "",
		"https://":                   "",
		"https://:443":               "",
		"https://api.example:0":      "",
		"https://api.example:65536":  "",
		"https://api.example:4a":     "",
		"https://api.example:+80":    "",
		"https://[::1":               "",
		"https://[::1]a":             "",
		"https://[fe80::1%25lo]":     "",
		"https://[127.0.0.1]":        "",
		"https://api example":        "",
		"https://api.example\\@evil": "",
		"https://\u00e4pi.example":   "",
	} {
		o, err := ParseOrigin(text)
		if want == "" {
			if err == nil {
				t.Errorf("%s was taken for %v", text, o)
			}
		} else if err != nil || o.String() != want {
			t.Errorf("%s: %v, %v", text, o, err)
		}
	}
}

func TestPathsGoOutAsTheyAre(t *testing.T) {
	var got atomic.Value
	url, _ := served(t, func(conn net.Conn, request *http.Request) bool {
		got.Store(request.RequestURI)
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		return true
	})
	c := client(t, Policy{}, url)
	for sent, want := range map[string]string{
		"":                              "/",
		"?a=1":                          "/?a=1",
		"/a/../b/./c":                   "/a/../b/./c",
		"/ok?a=%2f&b=%7e&c=a%20b":       "",
		"/ok?b=c:d&e=f;g&h=(i)*~!$,@/?": "",
		"/ok?to=http://a.example/b?c":   "",
		"/ok?":                          "",
		"/a%2Fb%25zz":                   "",
		"//other.example/a":             "",
		"/a b\"<\u00e4>#fragment":       "/a%20b%22%3C%C3%A4%3E",
		"/[a]{b}|c^d`e'f\\g":            "",
	} {
		gives(t, c, get(url+sent))
		if want == "" {
			want = sent
		}
		if got.Load() != want {
			t.Errorf("%q went out as %q", sent, got.Load())
		}
	}
	for _, sent := range []string{"/a\r\nb", "/a\x00", "/\x7f", "//other.example/%zz"} {
		fails(t, c, get(url+sent), source.Denied)
	}
}

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

func TestTheAddressThatIsDialledIsJudged(t *testing.T) {
	url, requests := served(t, func(conn net.Conn, _ *http.Request) bool {
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		return false
	})
	port := url[strings.LastIndex(url, ":"):]
	name := "http://api.example" + port
	leads := func(to ...string) func(context.Context, string) ([]netip.Addr, error) {
		return func(context.Context, string) ([]netip.Addr, error) {
			var addresses []netip.Addr
			for _, text := range to {
				addresses = append(addresses, netip.MustParseAddr(text))
			}
			return addresses, nil
		}
	}
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

func TestWhatIsNotAllowedIsDenied(t *testing.T) {
	url, requests := served(t, func(conn net.Conn, _ *http.Request) bool {
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		return false
	})
	t.Setenv("HTTP_PROXY", url)
	t.Setenv("http_proxy", url)
	c := client(t, Policy{}, "http://127.0.0.1:1", "https://127.0.0.1")
	for _, denied := range []string{
		url, strings.Replace(url, "http:", "https:", 1), url + ".example", "http://127.0.0.1:1@" + url[7:],
		"http://127.0.0.1", "http://127.0.0.1:1.example", "file:///etc/hostname", "", "/", "http://127.0.0.1:1" + strings.Repeat("/", urlBytesMax),
	} {
		fails(t, c, get(denied), source.Denied)
	}
	// Nor does a proxy of the environment get what is allowed.
	fails(t, c, get("http://127.0.0.1:1/"), source.Connect)
	ok := client(t, Policy{}, url)
	for _, request := range []source.Request{
		{Method: "get", URL: url}, {Method: "", URL: url}, {Method: "CONNECT", URL: url}, {Method: "TRACE", URL: url},
		{Method: "GET /", URL: url}, {Method: "POST", URL: url, Body: make([]byte, requestBytesMax+1)},
		get(url, source.Header{Name: "host", Value: "x"}), get(url, source.Header{Name: "Proxy-Any", Value: "x"}),
		get(url, source.Header{Name: "", Value: "x"}), get(url, source.Header{Name: "a b", Value: "x"}),
		get(url, source.Header{Name: "a", Value: "x\r\nb: y"}), get(url, source.Header{Name: "a", Value: "\x00"}),
		get(url, make([]source.Header, requestHeadersMax+1)...),
		get(url, source.Header{Name: "a", Value: strings.Repeat("s3cret", 20_000)}),
	} {
		if why := fails(t, ok, request, source.Denied); strings.Contains(why.Text, "s3cret") {
			t.Error("a value is told")
		}
	}
	if requests.Load() != 0 {
		t.Errorf("%d requests were sent", requests.Load())
	}
}

func TestHeadersGoOutAndComeBack(t *testing.T) {
	var got atomic.Pointer[http.Request]
	url, _ := served(t, func(conn net.Conn, request *http.Request) bool {
		got.Store(request)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nX-B: 1\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n"+
			"x-a: caf\xe9\xe9\r\nContent-Length: 2\r\n\r\nok")
		return true
	})
	c := client(t, Policy{}, url)
	response := gives(t, c, get(url, source.Header{Name: "x-two", Value: "a"}, source.Header{Name: "X-Two", Value: "b"}))
	want := []source.Header{
		{Name: "content-length", Value: "2"}, {Name: "set-cookie", Value: "a=1"}, {Name: "set-cookie", Value: "b=2"},
		{Name: "x-a", Value: "caf\ufffd\ufffd"}, {Name: "x-b", Value: "1"},
	}
	if !slices.Equal(response.Headers, want) || string(response.Body) != "ok" {
		t.Errorf("%v %q", response.Headers, response.Body)
	}
	sent := got.Load().Header
	if !slices.Equal(sent.Values("X-Two"), []string{"a", "b"}) || sent.Get("Accept-Encoding") != "gzip" ||
		!strings.HasPrefix(sent.Get("User-Agent"), "polling-source-host/") || len(sent) != 3 {
		t.Errorf("%v", sent)
	}
	gives(t, c, get(url, source.Header{Name: "user-agent", Value: "mine"}))
	if sent := got.Load().Header; !slices.Equal(sent.Values("User-Agent"), []string{"mine"}) || sent.Get("Cookie") != "" {
		t.Errorf("%v", sent)
	}
}

func TestARequestIsSentOnceThoughAKeptConnectionBreaks(t *testing.T) {
	for name, request := range map[string]source.Request{
		"GET":     {Method: "GET"},
		"HEAD":    {Method: "HEAD"},
		"OPTIONS": {Method: "OPTIONS"},
		"DELETE":  {Method: "DELETE"},
		"POST":    {Method: "POST"},
		"body":    {Method: "PUT", Body: []byte("x")},
		"key":     {Method: "POST", Headers: []source.Header{{Name: "Idempotency-Key", Value: "1"}}},
		"GET key": {Method: "GET", Headers: []source.Header{{Name: "X-Idempotency-Key", Value: "1"}}},
	} {
		url, requests := served(t, func(conn net.Conn, request *http.Request) bool {
			if request.URL.Path == "/keep" {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				return true
			}
			return false
		})
		c := client(t, Policy{}, url)
		gives(t, c, get(url+"/keep"))
		request.URL = url + "/closed"
		fails(t, c, request, source.Other)
		if requests.Load() != 2 {
			t.Errorf("%s: %d requests", name, requests.Load())
		}
	}
}

func TestRedirectsAreGivenBack(t *testing.T) {
	url, requests := served(t, func(conn net.Conn, _ *http.Request) bool {
		_, _ = io.WriteString(conn, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
		return true
	})
	if got := gives(t, client(t, Policy{}, url), get(url)); got.Status != 302 || requests.Load() != 1 {
		t.Errorf("%d, %d requests", got.Status, requests.Load())
	}
}

func packed(t testing.TB, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	_, err := writer.Write(plain)
	if err := errors.Join(err, writer.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestGzip(t *testing.T) {
	one, other := packed(t, []byte("one, ")), packed(t, []byte("other"))
	both := slices.Concat(one, other)
	damaged := slices.Clone(both)
	damaged[len(damaged)-8] ^= 1
	const most = 1 << 20
	for name, c := range map[string]struct {
		coding string
		body   []byte
		want   string // Or the case of an error.
	}{
		"two members":     {"gzip", both, "one, other"},
		"upper case":      {"GZIP", one, "one, "},
		"x-gzip":          {"identity, x-gzip", one, "one, "},
		"another coding":  {"br", one, string(one)},
		"twice":           {"gzip, gzip", one, string(one)},
		"empty":           {"gzip", nil, ""},
		"cut in the end":  {"gzip", both[:len(both)-1], "other"},
		"cut in the head": {"gzip", both[:5], "other"},
		"cut in between":  {"gzip", both[:len(one)+5], "other"},
		"damaged":         {"gzip", damaged, "other"},
		"rubbish":         {"gzip", slices.Concat(both, []byte("rubbish, some more of it")), "other"},
		"a byte":          {"gzip", slices.Concat(both, []byte{0x1f}), "other"},
		"none":            {"gzip", []byte("plain text, none of it packed"), "other"},
		"as large as can": {"gzip", packed(t, make([]byte, most)), string(make([]byte, most))},
		"too large":       {"gzip", packed(t, make([]byte, most+1)), "too-large"},
		"many members":    {"gzip", bytes.Repeat(packed(t, nil), membersMax), ""},
		"more members":    {"gzip", bytes.Repeat(packed(t, nil), membersMax+1), "too-large"},
		"sent too large":  {"gzip", bytes.Repeat(packed(t, nil), most/23+1), "too-large"},
		"plain":           {"", make([]byte, most), string(make([]byte, most))},
		"plain too large": {"", make([]byte, most+1), "too-large"},
	} {
		head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n", c.coding, len(c.body))
		url := bytesServed(t, slices.Concat([]byte(head), c.body))
		response, why := client(t, Policy{ResponseBytesMax: most}, url).Send(context.Background(), get(url))
		got := ""
		if why != nil {
			got = why.Case.String()
		} else {
			got = string(response.Body)
		}
		if got != c.want {
			t.Errorf("%s: %.50q (%v), not %.50q", name, got, why, c.want)
		}
		for _, header := range responseHeaders(response) {
			if undone := isGzip(c.coding); undone == (header.Name == "content-encoding") {
				t.Errorf("%s: %v came back", name, header)
			}
		}
	}
}

func responseHeaders(response *source.Response) []source.Header {
	if response == nil {
		return nil
	}
	return slices.DeleteFunc(response.Headers, func(h source.Header) bool { return h.Name == "content-length" })
}

func TestAnswersThatBreakOffOrAreNone(t *testing.T) {
	for answer, kind := range map[string]source.HTTPErrorCase{
		"":                                  source.Other,
		"HTTP/1.1 200":                      source.Other,
		"rubbish s3cret\r\n\r\n":            source.Other,
		"HTTP/1.1 200 OK\r\ns3cret\r\n\r\n": source.Other,
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc":                                    source.Other,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n":                  source.Other,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: s3cret\r\nConnection: upgrade\r\n\r\n": source.Other,
		"HTTP/1.1 103 Early Hints\r\n\r\n":                                                   source.Other,
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: s3cret\r\n", 257) + "\r\n":              source.TooLarge,
		"HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("s3cret", 11_000) + "\r\n\r\n":           source.TooLarge,
		"HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("s3cret", 90_000) + "\r\n\r\n":           source.TooLarge,
	} {
		url := bytesServed(t, []byte(answer))
		if why := fails(t, client(t, Policy{}, url), get(url), kind); strings.Contains(why.Text, "s3cret") {
			t.Errorf("what the other side said is told: %v", why)
		}
	}
}

func TestFailuresHaveTheirCase(t *testing.T) {
	silent, _ := served(t, func(conn net.Conn, request *http.Request) bool {
		if request.URL.Path == "/body" {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
		}
		untilClosed(conn)
		return false
	})
	short := uint32(100)
	for _, path := range []string{"/", "/body"} {
		request := get(silent + path)
		request.TimeoutMs = &short
		begun := time.Now()
		fails(t, client(t, Policy{}, silent), request, source.Timeout)
		if took := time.Since(begun); took < 90*time.Millisecond || took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
	}
	begun := time.Now()
	fails(t, client(t, Policy{Timeout: 100 * time.Millisecond}, silent), get(silent), source.Timeout)
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	plain := strings.Replace(bytesServed(t, []byte("no TLS at all\r\n")), "http:", "https:", 1)
	fails(t, client(t, Policy{}, plain), get(plain), source.TLS)
	secured := httptest.NewTLSServer(http.NotFoundHandler())
	defer secured.Close()
	fails(t, client(t, Policy{}, secured.URL), get(secured.URL), source.TLS)
	roots := secured.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	if got := gives(t, client(t, Policy{RootCAs: roots}, secured.URL), get(secured.URL)); got.Status != 404 {
		t.Errorf("%d", got.Status)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	url := "http://" + closed.Addr().String()
	fails(t, client(t, Policy{}, url), get(url), source.Connect)
}

func TestAnEndOfTheContextEndsAnExchange(t *testing.T) {
	silent, _ := served(t, func(conn net.Conn, _ *http.Request) bool { untilClosed(conn); return false })
	ctx, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	begun := time.Now()
	if _, why := client(t, Policy{}, silent).Send(ctx, get(silent)); why == nil {
		t.Error("it gave a response")
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestAnHandshakeThatNeverEndsLeavesNothingBehind(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	closed := make(chan struct{})
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		// All that it says, to its end.
		_, _ = io.Copy(io.Discard, conn)
		conn.Close()
		close(closed)
	}()
	url := "https://" + listener.Addr().String()
	allowed, err := ParseOrigin(url)
	if err != nil {
		t.Fatal(err)
	}
	client := New(Policy{Allow: []Origin{allowed}, Timeout: 200 * time.Millisecond})
	defer client.Close()
	_, failed := client.Send(context.Background(), source.Request{Method: "GET", URL: url + "/"})
	if failed == nil || failed.Case != source.Timeout {
		t.Fatal(failed)
	}
	select {
	case <-closed:
	case <-time.After(5 * time.Second):
		t.Error("the connection is still open")
	}
}

func TestAnOriginThatHoldsASecretIsNotRepeated(t *testing.T) {
	for _, entry := range []string{"https://user:s3cret@host", "https://host/?key=s3cret", "https://host/#s3cret"} {
		if _, err := ParseOrigin(entry); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Error(err)
		}
	}
}
