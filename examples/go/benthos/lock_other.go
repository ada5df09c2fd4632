//go:build !unix

package benthos

import "os"

// lockFile only makes the file: there is no lock here.
func lockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}
