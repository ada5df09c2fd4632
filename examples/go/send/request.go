package send

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"polling-source.example/go/source"
)

// deniedMethods ask for no resource: the first makes a way for anything; the others repeat the request as
// it arrived, with what a proxy adds to it.
var deniedMethods = []string{"CONNECT", "TRACE", "TRACK"}

// transportHeaders are written by the transport. Two versions of any of them would let a request mean two
// things.
var transportHeaders = []string{
	"accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "te", "trailer",
	"transfer-encoding", "upgrade",
}

func checkMethod(method string) error {
	good := method != "" && !slices.Contains(deniedMethods, method)
	for i := range len(method) {
		good = good && method[i] >= 'A' && method[i] <= 'Z'
	}
	if !good {
		return fmt.Errorf("the method is not one that may be used: write it in capitals; %s are never sent",
			strings.Join(deniedMethods, ", "))
	}
	return nil
}

func checkHeaders(given []source.Header) (http.Header, error) {
	size := 0
	for _, header := range given {
		size += len(header.Name) + len(header.Value)
	}
	if len(given) > requestHeadersMax || size > requestHeaderBytes {
		return nil, fmt.Errorf("the request has more than %d headers or %d bytes of them",
			requestHeadersMax, requestHeaderBytes)
	}
	headers := make(http.Header, len(given)+2)
	for _, header := range given {
		name := strings.ToLower(header.Name)
		if !isToken(name) {
			return nil, fmt.Errorf("a header's name is not valid")
		}
		if slices.Contains(transportHeaders, name) || strings.HasPrefix(name, "proxy-") {
			return nil, fmt.Errorf("the header %s belongs to the transport: leave it to the host", name)
		}
		if !isValue(header.Value) {
			return nil, fmt.Errorf("the value of the header %s is not valid", name)
		}
		headers.Add(name, header.Value)
	}
	return headers, nil
}

func isToken(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return name != ""
}

func isValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
