// Package components finds the components that tests load.
package components

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Read gives a component that is built. Where POLLING_SOURCE_COMPONENTS names the folder of them, it has to
// be there; elsewhere a test without it is skipped.
func Read(t testing.TB, name string) []byte {
	t.Helper()
	folder, wanted := os.LookupEnv("POLLING_SOURCE_COMPONENTS")
	if !wanted {
		_, file, _, _ := runtime.Caller(0)
		folder = filepath.Join(filepath.Dir(file), "../../../../target/component")
	}
	wasm, err := os.ReadFile(filepath.Join(folder, name))
	switch {
	case err == nil:
		return wasm
	case wanted:
		t.Fatalf("%v: run `cargo xtask hosts go`", err)
	default:
		t.Skipf("%v: run `cargo xtask hosts go`", err)
	}
	return nil
}

// The components.
const (
	// Mimecast is the source itself.
	Mimecast = "mimecast-ttp-source.wasm"
	// Scripted does what its configuration says: examples/host/tests/guest.
	Scripted = "scripted-source.wasm"
	// Probe does so, too: examples/probe-source.
	Probe = "probe-source.wasm"
	// Command imports files, sockets and an environment.
	Command = "mimecast-ttp-source.command.wasm"
	// WasiHTTP imports the HTTP of WASI.
	WasiHTTP = "mimecast-ttp-source.wasi-http.wasm"
)
