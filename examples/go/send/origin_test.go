package send

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"polling-source.example/go/source"
)

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

func TestAnOriginThatHoldsASecretIsNotRepeated(t *testing.T) {
	for _, entry := range []string{"https://user:s3cret@host", "https://host/?key=s3cret", "https://host/#s3cret"} {
		if _, err := ParseOrigin(entry); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Error(err)
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
