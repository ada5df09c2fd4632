package send

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"polling-source.example/go/internal/leaks"
	"polling-source.example/go/source"
)

func TestMain(m *testing.M) { leaks.Main(m) }

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
