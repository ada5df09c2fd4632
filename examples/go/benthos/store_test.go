package benthos

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redpanda-data/benthos/v4/public/service"

	"polling-source.example/go/source"
)

func TestAFileTakesTheCursorWholeOrNotAtAll(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "cursor")
	kept := &fileStore{path: path}
	defer kept.close()
	ctx := context.Background()
	if cursor, err := kept.open(ctx); cursor != nil || err != nil {
		t.Fatal(cursor, err)
	}
	const odd = "1 \"ä\\\r\n\t \n"
	if err := kept.set(ctx, odd); err != nil {
		t.Fatal(err)
	}
	// What cannot be written beside it leaves the old one.
	if err := os.Mkdir(path+".new", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := kept.set(ctx, "2"); err == nil {
		t.Error("nothing is told")
	}
	if cursor, err := kept.open(ctx); err != nil || *cursor != odd {
		t.Error(cursor, err)
	}
}

func TestAFileThatHoldsNoCursorIsNoNewBeginning(t *testing.T) {
	for what, write := range map[string]func(path string) error{
		"empty":     func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"no UTF-8":  func(path string) error { return os.WriteFile(path, []byte{0xff}, 0o600) },
		"too large": func(path string) error { return os.Truncate(path, source.CursorBytesMax+1) },
		"a folder":  func(path string) error { _ = os.Remove(path); return os.Mkdir(path, 0o700) },
		"a link": func(path string) error {
			return errors.Join(os.Rename(path, path+".other"), os.Symlink(path+".other", path))
		},
	} {
		path := filepath.Join(t.TempDir(), "cursor")
		if err := errors.Join(os.WriteFile(path, []byte("1"), 0o600), write(path)); err != nil {
			t.Fatal(err)
		}
		kept := &fileStore{path: path}
		if _, err := kept.open(context.Background()); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", what, err)
		}
		_ = kept.close()
	}
}

func TestTwoInputsDoNotShareACursor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cursor")
	first, second := &fileStore{path: path}, &fileStore{path: path}
	ctx := context.Background()
	if _, err := first.open(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := second.open(ctx); err == nil || !strings.Contains(err.Error(), "another input has this cursor") {
		t.Fatal(err)
	}
	_ = first.close()
	if _, err := second.open(ctx); err != nil {
		t.Fatal(err)
	}
	_ = second.close()
}

func TestACacheKeepsTheCursorUnderItsKey(t *testing.T) {
	resources := service.MockResources(service.MockResourcesOptAddCache("kept"))
	ctx := context.Background()
	kept, other := &cacheStore{resources, "kept", "a"}, &cacheStore{resources, "kept", "b"}
	if cursor, err := kept.open(ctx); cursor != nil || err != nil {
		t.Fatal(cursor, err)
	}
	if err := kept.set(ctx, "1"); err != nil {
		t.Fatal(err)
	}
	if cursor, err := kept.open(ctx); err != nil || *cursor != "1" {
		t.Error(cursor, err)
	}
	if cursor, err := other.open(ctx); cursor != nil || err != nil {
		t.Error(cursor, err)
	}
	lost := &cacheStore{resources, "lost", "a"}
	if _, err := lost.open(ctx); err == nil || !strings.Contains(err.Error(), `the cache "lost"`) {
		t.Error(err)
	}
	if err := lost.set(ctx, "1"); err == nil {
		t.Error("nothing is told")
	}
}
