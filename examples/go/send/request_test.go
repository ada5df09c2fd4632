package send

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"polling-source.example/go/source"
)

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
