package collector

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"polling-source.example/go/internal/components"
)

// otelcol is the Collector that is built of builder.yaml. Where POLLING_SOURCE_OTELCOL names it, it has to be
// there; elsewhere a test without it is skipped.
func otelcol(t *testing.T) string {
	t.Helper()
	path, wanted := os.LookupEnv("POLLING_SOURCE_OTELCOL")
	if !wanted {
		path = "../../../target/pipelines/otelcol"
	}
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	if _, err := os.Stat(path); err != nil {
		if wanted {
			t.Fatalf("%v: README.md says how it is built", err)
		}
		t.Skipf("%v: README.md says how it is built", err)
	}
	return path
}

// run runs the Collector with a configuration of the folder example, in a folder where the component and the
// secrets are, and gives all that it printed.
func run(t *testing.T, example string, arguments ...string) (string, error) {
	t.Helper()
	binary, folder := otelcol(t), t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "target/component"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "target/pipelines"), 0o700))
	wasm := filepath.Join(folder, "target/component", components.Mimecast)
	require.NoError(t, os.WriteFile(wasm, components.Read(t, components.Mimecast), 0o600))
	secret := filepath.Join(folder, "client_secret")
	require.NoError(t, os.WriteFile(secret, []byte("s3cret0fTheFile\n"), 0o600))
	text, err := os.ReadFile(filepath.Join("example", example))
	require.NoError(t, err)
	config := strings.NewReplacer("/etc/otelcol/mimecast-ttp-source.wasm", wasm, "/etc/otelcol/client_secret", secret,
		"/var/lib/otelcol/file_storage", filepath.Join(folder, "state")).Replace(string(text))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "config.yaml"), []byte(config), 0o600))
	command := exec.Command(binary, append(arguments, "--config", "config.yaml")...)
	command.Dir = folder
	command.Env = append(os.Environ(), "MC_CLIENT_ID=abcdef", "MC_CLIENT_SECRET=s3cretOfTheEnvironment", "OTLP_ENDPOINT=http://127.0.0.1:4318")
	printed, err := command.CombinedOutput()
	return string(printed), err
}

func TestTheExamplesAreValid(t *testing.T) {
	examples, err := os.ReadDir("example")
	require.NoError(t, err)
	for _, example := range examples {
		printed, err := run(t, example.Name(), "validate")
		assert.NoError(t, err, "%s: %s", example.Name(), printed)
	}
}

func TestTheEffectiveConfigurationHasNoSecret(t *testing.T) {
	printed, err := run(t, "simulated.yaml", "print-config")
	require.NoError(t, err, printed)
	assert.Regexp(t, regexp.MustCompile(`client_secret: .?\[REDACTED\]`), printed)
	assert.NotContains(t, printed, "s3cret")
}
