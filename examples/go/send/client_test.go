package send

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"polling-source.example/go/source"
)

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
