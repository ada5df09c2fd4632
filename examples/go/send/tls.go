package send

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
	"unicode"
)

func (c *Client) dialTLS(ctx context.Context, network, hostPort string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.policy.Timeout+time.Second)
	defer cancel()
	conn, err := c.dial(ctx, network, hostPort)
	if err != nil {
		return nil, err
	}
	name, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		conn.Close()
		return nil, err
	}
	secured := tls.Client(conn, &tls.Config{
		ServerName: name, RootCAs: c.policy.RootCAs, MinVersion: tls.VersionTLS12,
	})
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, &tlsError{err}
	}
	return secured, nil
}

// tlsError: a handshake failed, or a certificate is not trusted.
type tlsError struct{ cause error }

const (
	// namesTold is how many names of a certificate are told, and nameBytesMax how much of each: it may have many.
	namesTold    = 3
	nameBytesMax = 100
	tlsBytesMax  = 300
)

// Error is what is wrong, and what to do about it.
func (e *tlsError) Error() string {
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(e.cause, &host) && host.Certificate != nil:
		return "its certificate is for " + names(host.Certificate)
	case errors.As(e.cause, &authority) && authority.Cert != nil:
		return fmt.Sprintf("its certificate is signed by %s, which is not trusted; if it is your own, name the authority's "+
			"certificate in `ca_file`", shown(authority.Cert.Issuer.CommonName))
	case errors.As(e.cause, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		return fmt.Sprintf("a certificate of it is valid from %s to %s; check this machine's clock",
			invalid.Cert.NotBefore.UTC().Format(time.RFC3339), invalid.Cert.NotAfter.UTC().Format(time.RFC3339))
	}
	text := e.cause.Error()
	if len(text) > tlsBytesMax {
		text = strings.ToValidUTF8(text[:tlsBytesMax], "") + "…"
	}
	return text
}

func (e *tlsError) Unwrap() error { return e.cause }

// names is those that a certificate is for, each once.
func names(certificate *x509.Certificate) string {
	var all []string
	add := func(name string) {
		if name = shown(name); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	for _, name := range certificate.DNSNames {
		if len(all) > namesTold {
			break
		}
		add(name)
	}
	for _, address := range certificate.IPAddresses {
		if len(all) > namesTold {
			break
		}
		add(address.String())
	}
	switch {
	case len(all) == 0:
		return "no name at all"
	case len(all) > namesTold:
		return strings.Join(all[:namesTold], ", ") + " and others"
	}
	return strings.Join(all, ", ")
}

// shown is a name that the other side gave, as it may be told.
func shown(name string) string {
	name = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return -1
	}, strings.ToValidUTF8(name[:min(len(name), nameBytesMax)], ""))
	if name == "" {
		return "nobody"
	}
	return name
}
