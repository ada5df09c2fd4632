package send

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"polling-source.example/go/source"
)

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

func TestABodyLiesInTheRoomThatItIsGiven(t *testing.T) {
	for coding, body := range map[string][]byte{"": []byte("some body"), "gzip": packed(t, []byte("some body"))} {
		head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n", coding, len(body))
		url := bytesServed(t, slices.Concat([]byte(head), body))
		for _, size := range []int{0, 4, 9, 100} {
			request := get(url)
			request.Room = bytes.Repeat([]byte("x"), size)
			got := gives(t, client(t, Policy{}, url), request)
			if string(got.Body) != "some body" {
				t.Errorf("%q, %d: %q", coding, size, got.Body)
			}
			if size > len(got.Body) && &got.Body[0] != &request.Room[0] {
				t.Errorf("%q, %d: it lies elsewhere", coding, size)
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
