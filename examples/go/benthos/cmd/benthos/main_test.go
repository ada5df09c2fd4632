package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The tests run this binary again as the program itself.
const asProgram = "POLLING_SOURCE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func program(args ...string) (string, error) {
	command := exec.Command(os.Args[0], args...)
	command.Env = append(os.Environ(), asProgram+"=1", "MC_CLIENT_ID=id", "MC_CLIENT_SECRET=secret")
	out, err := command.CombinedOutput()
	return string(out), err
}

func TestTheProgramFindsNothingWrongWithTheExamples(t *testing.T) {
	found, err := filepath.Glob("../../pipelines/*.yaml")
	if err != nil || len(found) < 3 {
		t.Fatal(found, err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for n, block := range strings.Split(string(readme), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		path := filepath.Join(t.TempDir(), "readme.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(n, err)
		}
		found = append(found, path)
	}
	for _, path := range found {
		if out, err := program("lint", path); err != nil || out != "" {
			t.Errorf("%s: %v\n%s", path, err, out)
		}
	}
}

func TestTheProgramFindsWhatIsWrong(t *testing.T) {
	const good = `
input:
  polling_source:
    component: c.wasm
    allow: []
    cursor:
      file: f
    poll_interval: 60s
`
	for what, c := range map[string]struct{ old, new, says string }{
		"nothing":             {"", "", ""},
		"a field of no input": {"allow:", "alow:", "alow"},
		"no component":        {"    component: c.wasm\n", "", "component is required"},
		"no cursor":           {"      file: f\n", "      key: a\n", "it takes a file, or a cache and a key"},
		"two cursors":         {"file: f", "file: f\n      cache: c", "it takes either a file"},
		"no key":              {"file: f", "cache: c", "a cache takes a key"},
		"a checksum cut off":  {"allow:", "sha256: abc\n    allow:", "64 hexadecimal digits"},
		"no place":            {"allow:", "max_in_flight: 0\n    allow:", "it takes 1 to 64"},
		"too long a timeout":  {"allow:", "timeout: 31s\n    allow:", "up to 30s"},
		"no duration":         {"60s", "soon", "it takes a duration"},
	} {
		path := filepath.Join(t.TempDir(), "pipeline.yaml")
		if err := os.WriteFile(path, []byte(strings.Replace(good, c.old, c.new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := program("lint", path)
		if (err != nil) != (c.says != "") || !strings.Contains(out, c.says) {
			t.Errorf("%s: %v %s", what, err, out)
		}
	}
}

func TestTheProgramTellsOfEveryField(t *testing.T) {
	out, err := program("create", "polling_source")
	if err != nil {
		t.Fatal(err, out)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{
		"component", "sha256", "config", "secrets", "allow", "allow_addresses", "ca_file", "timeout", "file", "cache",
		"key", "poll_interval", "max_in_flight",
	} {
		if !strings.Contains(out, field+":") || !strings.Contains(string(readme), "`"+field+"`") && !strings.Contains(string(readme), "."+field+"`") {
			t.Errorf("%s: %s", field, out)
		}
	}
}

func TestTheProgramShowsNoSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipeline.yaml")
	const pipeline = `
input:
  polling_source:
    component: c.wasm
    allow: [ "https://api.example" ]
    cursor: { file: f }
    config: { base_url: "https://api.example", page_size: 5, none: null, auth: { client_id: id } }
    secrets: { auth.client_secret: "s3cretOf-${MC_CLIENT_SECRET}", other: s3cret }
`
	if err := os.WriteFile(path, []byte(pipeline), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := program("echo", path)
	if err != nil || strings.Contains(out, "s3cret") || !strings.Contains(out, "https://api.example") ||
		!strings.Contains(out, "auth.client_secret: '!!!SECRET_SCRUBBED!!!'") {
		t.Errorf("%v\n%s", err, out)
	}
}
