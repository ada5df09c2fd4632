package send

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"polling-source.example/go/source"
)

// certified serves with a certificate of its own that is so, and gives its URL and the certificate as an authority.
func certified(t *testing.T, change func(*x509.Certificate)) (url string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, Subject: pkix.Name{CommonName: "Acme CA"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	return server.URL, roots
}

func TestACertificateThatIsNotTakenIsToldOnceAndShortly(t *testing.T) {
	many := make([]string, 500)
	for i := range many {
		many[i] = fmt.Sprintf("host-%d.example", i)
	}
	past := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		change  func(*x509.Certificate)
		trusted bool
		says    string
	}{
		"of another":   {func(x *x509.Certificate) { x.IPAddresses, x.DNSNames = nil, []string{"a.example", "b.example"} }, true, "its certificate is for a.example, b.example"},
		"of one twice": {func(x *x509.Certificate) { x.IPAddresses, x.DNSNames = nil, []string{"a.example", "a.example"} }, true, "its certificate is for a.example"},
		"of many":      {func(x *x509.Certificate) { x.IPAddresses, x.DNSNames = nil, many }, true, "its certificate is for host-0.example, host-1.example, host-2.example and others"},
		"of addresses": {func(x *x509.Certificate) { x.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 1)} }, true, "its certificate is for 10.0.0.1"},
		"of nobody":    {func(x *x509.Certificate) { x.IPAddresses = nil }, true, "its certificate is for no name at all"},
		"of a long name": {func(x *x509.Certificate) { x.IPAddresses, x.DNSNames = nil, []string{strings.Repeat("a", 5_000)} }, true,
			"its certificate is for " + strings.Repeat("a", nameBytesMax)},
		"of an authority that nobody trusts": {func(*x509.Certificate) {}, false,
			"its certificate is signed by Acme CA, which is not trusted; if it is your own, name the authority's certificate in `ca_file`"},
		"of one with a name to obey": {func(x *x509.Certificate) { x.Subject.CommonName = "A\x1b[31m\nB" }, false,
			"its certificate is signed by A[31mB, which is not trusted; if it is your own, name the authority's certificate in `ca_file`"},
		"that has run out": {func(x *x509.Certificate) { x.NotBefore, x.NotAfter = past, past.AddDate(1, 0, 0) }, true,
			"a certificate of it is valid from 2020-01-02T03:04:05Z to 2021-01-02T03:04:05Z; check this machine's clock"},
	} {
		url, roots := certified(t, c.change)
		if !c.trusted {
			roots = x509.NewCertPool()
		}
		why := fails(t, client(t, Policy{RootCAs: roots}, url), get(url), source.TLS)
		if want := "no TLS with " + strings.TrimPrefix(url, "https://") + ": " + c.says; why.Text != want {
			t.Errorf("%s: %q", name, why.Text)
		}
	}
	url, roots := certified(t, func(*x509.Certificate) {})
	if got := gives(t, client(t, Policy{RootCAs: roots}, url), get(url)); got.Status != 404 {
		t.Errorf("%d", got.Status)
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
