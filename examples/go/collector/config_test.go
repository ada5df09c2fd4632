package collector

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"

	"polling-source.example/go/internal/components"
)

// lines are all of these, in this order.
func assertLines(t *testing.T, err error, want ...string) {
	t.Helper()
	require.Error(t, err)
	assert.Equal(t, strings.Join(want, "\n"), err.Error())
}

func TestEveryFaultIsOneLineWithItsPlaceAndItsRemedy(t *testing.T) {
	folder := t.TempDir()
	wrong := filepath.Join(folder, "wrong.wasm")
	require.NoError(t, os.WriteFile(wrong, []byte("no component"), 0o600))
	other := filepath.Join(folder, "other.wasm")
	require.NoError(t, os.WriteFile(other, bytes.ReplaceAll(components.Read(t, components.Probe),
		[]byte("contract/source@0.2.0"), []byte("contract/source@0.3.0")), 0o600))
	command := file(t, components.Command)
	scripted := file(t, components.Scripted)
	sum := sha256.Sum256(components.Read(t, components.Scripted))

	for name, c := range map[string]struct {
		yaml string
		want []string
	}{
		"nothing": {"", []string{
			"allow: it is missing; name the origins that the source may reach, such as https://api.example.com",
			"component: it is missing; name the file of a component of polling-source:contract@0.2.0",
		}},
		"no file": {"component: /none.wasm\nallow: [https://a.example]", []string{
			"component: /none.wasm cannot be read: no such file or directory; name a file that this Collector may read",
		}},
		"a folder": {fmt.Sprintf("component: %s\nallow: [https://a.example]", folder), []string{
			"component: " + folder + " cannot be read: it is no regular file; name a file that this Collector may read",
		}},
		"no component": {fmt.Sprintf("component: %s\nallow: [https://a.example]", wrong), []string{
			"component: " + wrong + ": the component cannot be loaded: it is no component: *; name one of polling-source:contract@0.2.0",
		}},
		"another version": {fmt.Sprintf("component: %s\nallow: [https://a.example]", other), []string{
			"component: " + other + ": the component cannot be loaded: it exports polling-source:contract/source@0.3.0, and not polling-source:contract/source@0.2.0; name one of polling-source:contract@0.2.0",
		}},
		"another import": {fmt.Sprintf("component: %s\nallow: [https://a.example]", command), []string{
			"component: " + command + ": the component cannot be loaded: it imports *, which is not on the contract's list; name one of polling-source:contract@0.2.0",
		}},
		"another file": {fmt.Sprintf("component: %s\nallow: [https://a.example]\nsha256: %s", scripted, strings.Repeat("ab", 32)), []string{
			fmt.Sprintf("sha256: %s has %x; if that is the file you mean, say so, or else get it anew", scripted, sum),
		}},
		"much": {fmt.Sprintf("component: %s\nallow: [a.example, https://b.example/path]\nallow_addresses: [8.8.8.8, x]\nca_file: /none.pem\n"+
			"sha256: ab\ntimeout: 31s\npoll_interval: 0s\nbody: xml\non_permanent_error: retry\n", scripted), []string{
			`allow[0]: "a.example" is no origin: it begins with neither http:// nor https://; write scheme://host[:port]`,
			`allow[1]: "https://b.example/path" holds more than a scheme, a host and a port; write scheme://host[:port]`,
			`allow_addresses[0]: "8.8.8.8" holds public addresses, or more than one kind of others; write an address or a range that is not public, such as 10.0.0.0/8`,
			`allow_addresses[1]: "x" is no address, and no range of addresses; write an address or a range that is not public, such as 10.0.0.0/8`,
			"ca_file: /none.pem cannot be read: no such file or directory; name a file that this Collector may read",
			"sha256: it is no checksum; write the 64 digits that `sha256sum` prints",
			"timeout: it is 31s; write one above 0s and up to 30s",
			"poll_interval: it is 0s; write one from 1s to 24h",
			`body: it is "xml"; write text or map`,
			`on_permanent_error: it is "retry"; write hold or drop`,
			fmt.Sprintf("sha256: %s has %x; if that is the file you mean, say so, or else get it anew", scripted, sum),
		}},
		"the source's own, beside another": {fmt.Sprintf("component: %s\nconfig: {refused_secret: s3cret}", scripted), []string{
			"allow: it is missing; name the origins that the source may reach, such as https://api.example.com",
			"config.do: is missing; say what to do",
			"config.refused_secret: [redacted] is no good; use another",
		}},
		"a validation without end": {fmt.Sprintf("component: %s\nallow: [https://a.example]\nconfig: {do: loop in validate}", scripted), []string{
			"component: " + scripted + " cannot say whether `config` is right: the component computed for more than 1s",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			err := parsed(t, c.yaml).Validate()
			require.Error(t, err)
			got, want := strings.Split(err.Error(), "\n  "), c.want
			if len(want) > 1 {
				assert.Equal(t, fmt.Sprintf("%d faults:", len(want)), got[0])
				got = got[1:]
			}
			require.Len(t, got, len(want), "%v", err)
			for i := range want {
				before, after, wild := strings.Cut(want[i], "*")
				if wild && strings.HasPrefix(got[i], before) && strings.HasSuffix(got[i], after) {
					continue
				}
				assert.Equal(t, want[i], got[i])
			}
		})
	}
}

func TestAConfigurationThatIsRightHasNoFault(t *testing.T) {
	wasm := components.Read(t, components.Scripted)
	config := scripted(t, threePages, fmt.Sprintf("sha256: %X", sha256.Sum256(wasm)), "allow_addresses: [10.0.0.0/8]",
		"body: map", "timeout: 5s", "resource: {service.name: audit}")
	require.NoError(t, config.Validate())
	for name, c := range map[string]struct{ own, origin string }{
		components.Mimecast: {`{base_url: "https://api.services.mimecast.com", auth: {type: oauth2, client_id: abcdef, client_secret: s3cret}}`, "https://api.services.mimecast.com"},
		"feed-source.wasm":  {`{url: "https://feed.example/audit", token: abc}`, "https://feed.example"},
	} {
		config := parsed(t, fmt.Sprintf("component: %s\nallow: [\"%s:443\"]\nconfig: %s", file(t, name), c.origin, c.own))
		require.NoError(t, config.Validate(), name)
		config.Allow = []string{"https://a.example", "http" + c.origin[5:]}
		assertLines(t, config.Validate(), fmt.Sprintf("allow: it lacks %[1]s, which the source asks for in its first poll; "+
			"add %[1]q, or change what `config` names", c.origin))
	}
}

func TestNothingShowsAValueOfTheSourcesOwnConfiguration(t *testing.T) {
	config := parsed(t, `config: {a: s3cret, b: {c: [s3cret, 1]}, d: 2026-11-01}`)
	conf := confmap.New()
	require.NoError(t, conf.Marshal(config))
	shown := fmt.Sprintf("%v", conf.ToStringMap()["config"])
	assert.Equal(t, "map[a:[REDACTED] b:map[c:[[REDACTED] [REDACTED]]] d:[REDACTED]]", shown)
	for _, form := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		assert.NotContains(t, fmt.Sprintf(form, config.Settings), "s3cret", form)
		assert.NotContains(t, fmt.Sprintf(form, *config), "s3cret", form)
	}
	for _, wrong := range []string{"config: s3cret", "config: [s3cret]", "pin: s3cret", "config: {a: 1}\nallow: {s3cret: s3cret}"} {
		_, err := parse(wrong)
		require.Error(t, err, wrong)
		assert.NotContains(t, strings.ReplaceAll(err.Error(), "'s3cret'", ""), "s3cret", wrong)
	}
}

// resolved is a configuration with values of the environment.
func resolved(t *testing.T, yaml string, environment map[string]string) *Config {
	t.Helper()
	provider := func(scheme string, retrieve func(string) (*confmap.Retrieved, error)) confmap.ProviderFactory {
		return confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider { return &given{scheme, retrieve} })
	}
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs: []string{"yaml:x"},
		ProviderFactories: []confmap.ProviderFactory{
			provider("yaml", func(string) (*confmap.Retrieved, error) { return confmap.NewRetrievedFromYAML([]byte(yaml)) }),
			provider("env", func(name string) (*confmap.Retrieved, error) {
				return confmap.NewRetrievedFromYAML([]byte(environment[strings.TrimPrefix(name, "env:")]))
			}),
		},
	})
	require.NoError(t, err)
	conf, err := resolver.Resolve(context.Background())
	require.NoError(t, err)
	config := createDefaultConfig().(*Config)
	require.NoError(t, conf.Unmarshal(config))
	return config
}

// given is a provider of what it is given.
type given struct {
	scheme   string
	retrieve func(string) (*confmap.Retrieved, error)
}

func (g *given) Retrieve(_ context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	return g.retrieve(uri)
}
func (g *given) Scheme() string                 { return g.scheme }
func (g *given) Shutdown(context.Context) error { return nil }

func TestASecretOfTheEnvironmentIsTakenAsItStandsThere(t *testing.T) {
	for name, c := range map[string]struct{ secret, token string }{
		"plain":    {"abc", `"abc"`},
		"comment":  {"abc #def", `"abc #def"`},
		"quoted":   {`"abc"`, `"\"abc\""`},
		"digits":   {"0123", `"0123"`},
		"exponent": {"12e45", `"12e45"`},
		"truth":    {"true", `"true"`},
		"a list":   {"[1, 2]", `"[1, 2]"`},
		"a date":   {"2026-11-01", `"2026-11-01"`},
	} {
		config := resolved(t, `{allow: ["https://feed.example"], config: {url: "https://feed.example/audit", token: "${env:TOKEN}", page_size: "${env:SIZE}"}}`,
			map[string]string{"TOKEN": c.secret, "SIZE": "500"})
		config.Component = file(t, "feed-source.wasm")
		written, _ := config.Settings.asWritten([]string{"token"})
		text, err := written.json()
		require.NoError(t, err)
		if !strings.Contains(text, `"token":`) {
			text, err = config.Settings.json()
			require.NoError(t, err)
		}
		assert.Equal(t, `{"page_size":500,"token":`+c.token+`,"url":"https://feed.example/audit"}`, text, name)
		err = config.Validate()
		if strings.ContainsAny(c.secret, " ") {
			assertLines(t, err, "config.token: not a token; give 1 to 4096 visible ASCII characters")
		} else {
			assert.NoError(t, err, name)
		}
	}
}

func TestALineEndOfAFileIsNoPartOfASecret(t *testing.T) {
	const yaml = `{allow: ["https://api.services.mimecast.com"], config: {base_url: "${env:URL}", auth: {type: oauth2, client_id: "${env:ID}", client_secret: "${env:SECRET}"}}}`
	for name, c := range map[string]struct{ id, secret, url, says string }{
		"none":              {"abc", "s3cret", "https://api.services.mimecast.com", ""},
		"one":               {"abc\n", "s3cret\n", "https://api.services.mimecast.com\n", ""},
		"of Windows":        {"abc", "s3cret\r\n", "https://api.services.mimecast.com", ""},
		"behind digits":     {"0123\n", "0456\n", "https://api.services.mimecast.com", ""},
		"two":               {"abc", "s3cret\n\n", "https://api.services.mimecast.com", ""},
		"a space":           {"abc", "s3cret \n", "https://api.services.mimecast.com", "config.auth.client_secret: holds a space"},
		"a line end within": {"abc", "s3\nKey1", "https://api.services.mimecast.com", "config.auth.client_secret: holds a space"},
		"nothing else":      {"abc", "\n", "https://api.services.mimecast.com", "config.auth.client_secret: is null, and has no value; set the environment variable, or fill the file, that it is taken from"},
	} {
		config := resolved(t, yaml, map[string]string{"ID": c.id, "SECRET": c.secret, "URL": c.url})
		config.Component = file(t, components.Mimecast)
		err := config.Validate()
		if c.says == "" {
			assert.NoError(t, err, name)
		} else {
			assert.ErrorContains(t, err, c.says, name)
		}
	}
	// Of a source that looks at none, too; and what is no secret is left as it is.
	config := parsed(t, "config: {token: \"s3cret\\n\", nested: [{app_key: \"k3y!\\n\", name: \"a\\n\"}], separator: \"\\n\"}")
	own := config.Settings.withoutLineEnds([]string{"s3cret\n", "k3y!\n", "\n"})
	text, err := own.json()
	require.NoError(t, err)
	assert.Equal(t, `{"nested":[{"app_key":"k3y!","name":"a\n"}],"separator":"\n","token":"s3cret"}`, text)
}

func TestASecretOfASourceThatLooksAtNoneHasNoLineEnd(t *testing.T) {
	var got atomic.Value
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got.Store(r.Header.Clone()) }))
	defer api.Close()
	config := scripted(t, fmt.Sprintf(`{do: fetch, method: GET, url: "%s/", headers: {authorization: "s3cret\n"}}`, api.URL))
	config.Allow = []string{api.URL}
	out := &pipeline{}
	start(t, config, out, newHost())
	eventually(t, "a record", func() bool { return len(out.has()) > 0 })
	require.NotNil(t, got.Load(), out.bodies)
	assert.Equal(t, "s3cret", got.Load().(http.Header).Get("Authorization"))
}

func TestWhatTakesNothingFromTheEnvironmentIsToldWithItsRemedy(t *testing.T) {
	config := resolved(t, `{allow: ["https://feed.example"], config: {url: "https://feed.example/audit", token: "${env:TOKEN}", page_size: "${env:SIZE}"}}`,
		map[string]string{"SIZE": "many"})
	config.Component = file(t, "feed-source.wasm")
	err := config.Validate()
	require.ErrorContains(t, err, "config.token: not a token, and has no value; set the environment variable, or fill the file, that it is taken from")
	require.ErrorContains(t, err, "config.page_size: ")
	assert.Equal(t, 1, strings.Count(err.Error(), "has no value"))
}

func TestTheSourcesOwnConfigurationKeepsItsTypes(t *testing.T) {
	config := resolved(t, `config: {i: 9007199254740993, u: 18446744073709551615, f: 1.5, b: true, n: null, d: 2026-11-01T08:00:00Z,
 e: {}, l: [1, "2", "${env:A}", {x: "${env:B}"}], m: ["${env:A}", "${env:B}"], o: {p: 1, q: {r: "${env:A}", s: "${env:B}", t: 1}}, h: "<&>", c: "a ${env:A}"}`, map[string]string{"A": "007", "B": "x #y"})
	text, err := config.Settings.json()
	require.NoError(t, err)
	assert.Equal(t, `{"b":true,"c":"a 007","d":"2026-11-01T08:00:00Z","e":{},"f":1.5,"h":"<&>","i":9007199254740993,`+
		`"l":[1,"2",7,{"x":"x #y"}],"m":[7,"x #y"],"n":null,"o":{"p":1,"q":{"r":7,"s":"x #y","t":1}},"u":18446744073709551615}`, text)
	assert.Equal(t, map[string]string{"m[0]": "007", "m[1]": "x #y", "o.q.r": "007"}, config.Settings.written)
	assert.Nil(t, parsed(t, "body: map").Settings.values)
}
