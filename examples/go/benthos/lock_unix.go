//go:build unix

package benthos

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockFile holds a lock until the file is closed, or the process ends in whatever way.
func lockFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: another input has this cursor", path)
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}
