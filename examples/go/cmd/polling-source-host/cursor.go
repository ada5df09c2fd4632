//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"polling-source.example/go/collect"
	"polling-source.example/go/source"
)

// cursorFile writes events to stdout and keeps the cursor. The new one is synced beside the old one, then
// the events are written, then it takes the old one's place: a full disk under the cursor lets no page out.
type cursorFile struct {
	path string
	last *string
	// prepared is the cursor that stands beside it.
	prepared string
}

func (c *cursorFile) waiting() string { return c.path + ".new" }

// read gives none before the very first poll. What is there but unreadable is never begun anew.
func (c *cursorFile) read() (*string, error) {
	cursor, err := c.stored()
	if err != nil {
		return nil, fmt.Errorf("%s: %w; put a good copy back, or remove it to begin anew at `start`", c.path, err)
	}
	c.last = cursor
	return cursor, nil
}

func (c *cursorFile) stored() (*string, error) {
	found, err := os.Lstat(c.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !found.Mode().IsRegular(): // A link would be replaced, and a pipe waited for.
		return nil, errors.New("it is no regular file")
	case found.Size() == 0:
		return nil, errors.New("it is empty")
	case found.Size() > source.CursorBytesMax:
		return nil, errors.New("it is too large")
	}
	bytes, err := os.ReadFile(c.path)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(bytes) {
		return nil, errors.New("it is no UTF-8")
	}
	cursor := string(bytes)
	return &cursor, nil
}

// Deliver writes the events out, a line each.
func (c *cursorFile) Deliver(_ context.Context, batch *source.Batch) error {
	cut, err := c.prepare(batch.Cursor)
	if err != nil {
		return collect.Fatal(err)
	}
	var lines strings.Builder
	if cut {
		lines.WriteByte('\n') // A batch was going out: its last line is ended.
	}
	for _, event := range batch.Events {
		lines.WriteString(event.Body)
		lines.WriteByte('\n')
	}
	if err := write(lines.String()); err != nil {
		return collect.Fatal(fmt.Errorf("a batch cannot be stored, and will come again: stdout: %w", err))
	}
	return nil
}

// Commit has the new cursor take the place of the old one.
func (c *cursorFile) Commit(_ context.Context, cursor string, _ *string) error {
	if err := c.commit(cursor); err != nil {
		return collect.Fatal(err)
	}
	return nil
}

func (c *cursorFile) commit(cursor string) error {
	if found, err := os.Lstat(c.waiting()); err != nil || !found.Mode().IsRegular() || c.prepared != cursor {
		// An empty batch's: nothing was delivered before.
		cut, err := c.prepare(cursor)
		if err == nil && cut {
			err = write("\n")
		}
		if err != nil {
			return err
		}
	}
	if err := os.Rename(c.waiting(), c.path); err != nil {
		return fmt.Errorf("a batch cannot be stored, and will come again: %w", err)
	}
	c.last, c.prepared = &cursor, ""
	folder, err := os.Open(filepath.Dir(c.path))
	if err == nil {
		// Without the sync a power cut could undo the replacement.
		err = errors.Join(folder.Sync(), folder.Close())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.path, err)
	}
	return nil
}

// prepare puts a cursor beside the stored one, and says whether one stood there.
func (c *cursorFile) prepare(cursor string) (cut bool, err error) {
	stored, err := c.stored()
	if err != nil || (stored == nil) != (c.last == nil) || stored != nil && *stored != *c.last {
		return false, fmt.Errorf("%s: it was changed meanwhile; run one collector for each cursor file", c.path)
	}
	_, err = os.Lstat(c.waiting())
	cut = err == nil
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	file, err := os.OpenFile(c.waiting(), flags, 0o666)
	if err == nil {
		_, err = io.WriteString(file, cursor)
		err = errors.Join(err, file.Sync(), file.Close())
	}
	if err != nil {
		return cut, fmt.Errorf("a batch cannot be stored, and will come again: %w", err)
	}
	c.prepared = cursor
	return cut, nil
}

// write writes all of it to stdout, or gives an error. What others share of a pipe they may have made
// non-blocking.
func write(text string) error {
	for text != "" {
		count, err := os.Stdout.WriteString(text)
		text = text[count:]
		switch {
		case errors.Is(err, syscall.EAGAIN):
			time.Sleep(10 * time.Millisecond)
		case err != nil:
			return err
		}
	}
	return nil
}
