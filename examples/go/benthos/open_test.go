package benthos

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redpanda-data/benthos/v4/public/service"

	"polling-source.example/go/internal/components"
)

// opened parses a configuration and opens the input that it says.
func opened(t *testing.T, yaml string) (*input, error) {
	t.Helper()
	conf, err := spec().ParseYAML(yaml, nil)
	if err != nil {
		t.Fatal(err)
	}
	in, err := open(conf, (&lines{}).resources(service.MockResourcesOptAddCache("kept")))
	if err == nil {
		t.Cleanup(func() { _ = in.Close(context.Background()) })
	}
	return in, err
}

func TestWhatIsWrongIsToldInOneLineThatNamesTheField(t *testing.T) {
	folder := t.TempDir()
	text := filepath.Join(folder, "text.wasm")
	if err := os.WriteFile(text, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	mimecast := componentFile(t, components.Mimecast)
	older := filepath.Join(folder, "older.wasm")
	wasm := strings.ReplaceAll(string(components.Read(t, components.Probe)), "contract/source@0.2.0", "contract/source@0.1.0")
	if err := os.WriteFile(older, []byte(wasm), 0o600); err != nil {
		t.Fatal(err)
	}
	good := "component: " + mimecast + `
allow: ["https://api.services.mimecast.com"]
cursor: {file: ` + filepath.Join(folder, "cursor") + `}
config: {base_url: "https://api.services.mimecast.com", auth: {type: oauth2, client_id: id, client_secret: s3cret}}
`
	if _, err := opened(t, good); err != nil {
		t.Fatal(err)
	}
	cursor := "cursor: {file: " + filepath.Join(folder, "cursor") + "}"
	for what, c := range map[string]struct{ old, new, says string }{
		"no file":            {mimecast, folder + "/none.wasm", "component: " + folder + "/none.wasm: no such file or directory"},
		"no component":       {mimecast, text, "component: the component cannot be loaded"},
		"another contract":   {mimecast, older, "contract/source@0.1.0"},
		"another checksum":   {"allow:", "sha256: " + strings.Repeat("0", 64) + "\nallow:", "sha256: " + mimecast + " is another file: its checksum is "},
		"no origin":          {"https://api", "ftp://api", "allow: "},
		"no address":         {"allow:", "allow_addresses: [\"8.8.8.8\"]\nallow:", "allow_addresses: "},
		"no certificate":     {"allow:", "ca_file: " + text + "\nallow:", "ca_file: " + text + " holds no certificate"},
		"too long a timeout": {"allow:", "timeout: 31s\nallow:", "timeout: it takes a duration of up to 30s"},
		"no place":           {"allow:", "max_in_flight: 0\nallow:", "max_in_flight: it takes 1 to 64"},
		"no cursor":          {cursor, "cursor: {}", "cursor: it takes either a file, or a cache and a key"},
		"two cursors":        {"cursor: {", "cursor: {cache: kept, key: a, ", "cursor: it takes either a file, or a cache and a key"},
		"no key":             {cursor, "cursor: {cache: kept}", "cursor: it takes either a file, or a cache and a key"},
		"an unknown cache":   {cursor, "cursor: {cache: lost, key: a}", `cursor: there is no cache resource "lost"`},
		"its own fault":      {"client_id: id, ", "", "config: auth.client_id: "},
		"its own two faults": {"{type: oauth2, client_id: id, client_secret: s3cret}", "{type: oauth2}", " | auth.client_secret: "},
		"no JSON":            {"client_id: id", "client_id: .nan", "config: it holds what JSON has no form for"},
	} {
		_, err := opened(t, strings.Replace(good, c.old, c.new, 1))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if line := err.Error(); strings.Contains(line, "\n") || strings.Contains(line, "s3cret") {
			t.Errorf("%s: %q", what, line)
		}
	}
	if engines.users != 1 {
		t.Errorf("%d inputs use the engine", engines.users)
	}
}

func TestTheConfigurationComesAsItIsWritten(t *testing.T) {
	conf, err := spec().ParseYAML(`
component: c
allow: []
cursor: {file: f}
config:
  text: "<&>\u00e4"
  number: 9007199254740993
  broken: 1.5
  yes: true
  none: null
  since: "2026-11-01"
  start: 2026-11-01T00:00:00Z
  list: [ 1, {a: b} ]
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := fields{conf, nil}.config()
	want := `{"broken":1.5,"list":[1,{"a":"b"}],"none":null,"number":9007199254740993,"since":"2026-11-01",` +
		`"start":"2026-11-01T00:00:00Z","text":"<&>ä","yes":true}`
	if err != nil || got != want {
		t.Errorf("%v\n%s\n%s", err, got, want)
	}
}

func TestSecretsStandWhereTheyBelong(t *testing.T) {
	const begin = "component: c\nallow: []\ncursor: {file: f}\n"
	for what, c := range map[string]struct{ yaml, want string }{
		"none":           {"config: {a: 1}", `{"a":1}`},
		"beside others":  {"config: {auth: {type: x}, a: 1}\nsecrets: {auth.key: \"0123\", b: s3cret}", `{"a":1,"auth":{"key":"0123","type":"x"},"b":"s3cret"}`},
		"alone":          {"secrets: {a.b.c: s3cret, a.d: s3cret}", `{"a":{"b":{"c":"s3cret"},"d":"s3cret"}}`},
		"twice":          {"config: {a: {b: other}}\nsecrets: {a.b: s3cret}", "secrets: \"a.b\" stands in `config`, too: take it away there"},
		"through a text": {"config: {a: text}\nsecrets: {a.b: s3cret}", "secrets: \"a.b\" leads through \"a\", which is no object in `config`"},
		"through one":    {"secrets: {a: s3cret, a.b: s3cret}", "secrets: \"a.b\" leads through \"a\", which is no object in `config`"},
	} {
		conf, err := spec().ParseYAML(begin+c.yaml, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // As Benthos does that looks at one configuration again.
			got, secrets, err := fields{conf, nil}.config()
			if err != nil {
				got = err.Error()
			} else if strings.Contains(got, "s3cret") != slices.Contains(secrets, "s3cret") {
				t.Errorf("%s: %v are secrets", what, secrets)
			}
			if got != c.want {
				t.Errorf("%s: %s", what, got)
			}
		}
	}
}
