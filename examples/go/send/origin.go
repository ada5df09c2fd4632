package send

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Origin is scheme, host and port: one entry of an allow list, compared exactly.
type Origin struct {
	scheme string
	// host is a name in small letters, or an address as it is written shortest.
	host string
	port uint16
}

// ParseOrigin reads scheme://host[:port].
func ParseOrigin(entry string) (Origin, error) {
	origin, target, err := parseURL(entry)
	named := fmt.Sprintf("%q", entry)
	if strings.ContainsAny(entry, "@?#") {
		named = "it" // What stands there may be a secret.
	}
	if err != nil {
		return Origin{}, fmt.Errorf("%s is no origin: it %w", named, err)
	}
	if target.text != "/" || strings.ContainsAny(entry, "?#") {
		return Origin{}, fmt.Errorf("%s holds more than a scheme, a host and a port", named)
	}
	return origin, nil
}

// String is the origin without a usual port.
func (o Origin) String() string {
	if o.port == usualPort(o.scheme) {
		return o.scheme + "://" + o.bracketed()
	}
	return o.scheme + "://" + o.hostPort()
}

// hostPort is what is dialled. No more of a URL is told anywhere: a query may hold a secret.
func (o Origin) hostPort() string { return net.JoinHostPort(o.host, strconv.Itoa(int(o.port))) }

func (o Origin) bracketed() string {
	if strings.Contains(o.host, ":") {
		return "[" + o.host + "]"
	}
	return o.host
}

// isAddress says whether the host is an address itself.
func (o Origin) isAddress() bool {
	_, err := netip.ParseAddr(o.host)
	return err == nil
}

// urlHost is the host of a request: a usual port is left out, as servers expect.
func (o Origin) urlHost() string {
	if o.port == usualPort(o.scheme) {
		return o.bracketed()
	}
	return o.hostPort()
}

func usualPort(scheme string) uint16 {
	if scheme == "https" {
		return 443
	}
	return 80
}

// target is path and query, as they go out.
type target struct{ text string }

// parseURL takes a URL apart, and takes nothing that two parsers could read differently. The error repeats
// nothing of it.
func parseURL(text string) (Origin, target, error) {
	scheme, rest, found := strings.Cut(text, "://")
	scheme = strings.ToLower(scheme)
	if !found || scheme != "http" && scheme != "https" {
		return Origin{}, target{}, errors.New("begins with neither http:// nor https://")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, rest := rest[:end], rest[end:]
	if strings.Contains(authority, "@") {
		return Origin{}, target{}, errors.New("holds a user name or a password")
	}
	host, port, err := splitHost(authority, usualPort(scheme))
	if err != nil {
		return Origin{}, target{}, err
	}
	rest, _, _ = strings.Cut(rest, "#")
	if !strings.HasPrefix(rest, "/") {
		rest = "/" + rest
	}
	var sent strings.Builder
	for i := range len(rest) {
		switch c := rest[i]; {
		case c < ' ' || c == 0x7f:
			return Origin{}, target{}, errors.New("holds a control character")
		case c == ' ' || c == '"' || c == '<' || c == '>' || c >= 0x80:
			fmt.Fprintf(&sent, "%%%02X", c)
		default:
			sent.WriteByte(c)
		}
	}
	return Origin{scheme, host, port}, target{sent.String()}, nil
}

func splitHost(authority string, usual uint16) (string, uint16, error) {
	host, port := authority, ""
	if inner, found := strings.CutPrefix(authority, "["); found {
		literal, after, closed := strings.Cut(inner, "]")
		address, err := netip.ParseAddr(literal)
		if !closed || err != nil || !address.Is6() || address.Zone() != "" {
			return "", 0, errors.New("has no address between its brackets")
		}
		if after != "" && after[0] != ':' {
			return "", 0, errors.New("has something between its host and its port")
		}
		host, port = address.String(), strings.TrimPrefix(after, ":")
	} else {
		host, port, _ = strings.Cut(authority, ":")
		host = strings.ToLower(host)
		for i := range len(host) {
			c := host[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
				return "", 0, errors.New("has a host of other characters than letters, digits, `-`, `.` and `_`")
			}
		}
		if host == "" {
			return "", 0, errors.New("has no host")
		}
	}
	if port == "" {
		return host, usual, nil
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || port[0] == '+' {
		return "", 0, errors.New("has no port that can be dialled")
	}
	return host, uint16(number), nil
}

// url is the URL whose target net/http sends to the byte.
func (o Origin) url(t target) (*url.URL, error) {
	path, query, hasQuery := strings.Cut(t.text, "?")
	u := &url.URL{
		Scheme: o.scheme, Host: o.urlHost(), Opaque: path, RawQuery: query, ForceQuery: hasQuery && query == "",
	}
	if strings.HasPrefix(path, "//") {
		// As it is, it would be taken for another host.
		plain, err := url.PathUnescape(path)
		if err != nil {
			return nil, errors.New("begins its path with `//`, and has a `%` that escapes nothing")
		}
		u.Opaque, u.Path, u.RawPath = "", plain, path
	}
	if u.RequestURI() != t.text {
		return nil, errors.New("has a path that cannot be sent as it is")
	}
	return u, nil
}
