package benthos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"polling-source.example/go/source"
)

// fileStore is a file of its own. A new cursor is synced beside the old one, then takes its place: a crash
// leaves either.
type fileStore struct {
	path string
	lock *os.File
}

func (s *fileStore) String() string { return s.path }

// open takes the lock, too: two inputs with one cursor would deliver everything twice.
func (s *fileStore) open(context.Context) (_ *string, err error) {
	if s.lock == nil {
		if s.lock, err = lockFile(s.path + ".lock"); err != nil {
			return nil, err
		}
	}
	found, err := os.Lstat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !found.Mode().IsRegular(): // A link would be replaced, and a pipe waited for.
		return nil, fmt.Errorf("%s: it is no regular file", s.path)
	case found.Size() > source.CursorBytesMax:
		return nil, fmt.Errorf("%s: it is too large for a cursor", s.path)
	}
	bytes, err := os.ReadFile(s.path)
	if err != nil {
		return nil, err
	}
	cursor, err := cursorOf(bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	return cursor, nil
}

func (s *fileStore) set(_ context.Context, cursor string) error {
	next := s.path + ".new"
	file, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.WriteString(file, cursor)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, s.path); err != nil {
		return err
	}
	// Without the sync a power cut could undo the replacement: a page more would come again. Not every
	// file system can do it.
	if folder, err := os.Open(filepath.Dir(s.path)); err == nil {
		_ = folder.Sync()
		_ = folder.Close()
	}
	return nil
}

func (s *fileStore) close() error {
	if s.lock == nil {
		return nil
	}
	return s.lock.Close()
}
