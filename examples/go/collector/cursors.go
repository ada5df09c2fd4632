package collector

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"polling-source.example/go/source"
)

// cursorKey is where the cursor is kept, in a storage that is the receiver's own.
const cursorKey = "cursor"

// openCursors gives the storage of this receiver.
func openCursors(ctx context.Context, host component.Host, receiver component.ID, wanted *component.ID) (storage.Client, error) {
	if wanted == nil {
		return storage.NewNopClient(), nil
	}
	found, ok := host.GetExtensions()[*wanted]
	if !ok {
		return nil, fmt.Errorf("storage: there is no extension %v; configure it under `extensions`, and list it in "+
			"`service::extensions`", wanted)
	}
	extension, ok := found.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("storage: the extension %v stores nothing; name one that does, such as file_storage", wanted)
	}
	client, err := extension.GetClient(ctx, component.KindReceiver, receiver, "")
	if err != nil {
		return nil, fmt.Errorf("storage: %v cannot be used by %v: %w; see that it can be written, and that no other "+
			"Collector uses it; if its file is damaged, put a backup back, or take it away to begin anew", wanted, receiver, err)
	}
	return client, nil
}

// readCursor gives the stored cursor; nil if there is none.
func readCursor(ctx context.Context, cursors storage.Client) (*string, error) {
	stored, err := cursors.Get(ctx, cursorKey)
	if err != nil || stored == nil {
		return nil, err
	}
	cursor := string(stored)
	if !utf8.ValidString(cursor) {
		return nil, errors.New("what is stored is no text")
	}
	return &cursor, source.CheckCursor(cursor)
}
