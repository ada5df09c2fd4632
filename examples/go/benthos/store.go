package benthos

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/redpanda-data/benthos/v4/public/service"

	"polling-source.example/go/source"
)

// store keeps one cursor.
type store interface {
	// String names it.
	String() string
	// open gives the cursor, or none before the very first poll. What is there but is no cursor is an
	// error: nothing begins anew by itself.
	open(ctx context.Context) (*string, error)
	set(ctx context.Context, cursor string) error
	close() error
}

// cacheStore is a key of a cache resource.
type cacheStore struct {
	resources  *service.Resources
	cache, key string
}

func (s *cacheStore) String() string { return fmt.Sprintf("key %q of the cache %q", s.key, s.cache) }

func (s *cacheStore) open(ctx context.Context) (*string, error) {
	var bytes []byte
	err := s.access(ctx, func(cache service.Cache) (err error) {
		bytes, err = cache.Get(ctx, s.key)
		return err
	})
	switch {
	case errors.Is(err, service.ErrKeyNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	cursor, err := cursorOf(bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s, err)
	}
	return cursor, nil
}

func (s *cacheStore) set(ctx context.Context, cursor string) error {
	return s.access(ctx, func(cache service.Cache) error { return cache.Set(ctx, s.key, []byte(cursor), nil) })
}

func (s *cacheStore) access(ctx context.Context, do func(service.Cache) error) (err error) {
	found := s.resources.AccessCache(ctx, s.cache, func(cache service.Cache) { err = do(cache) })
	if err = errors.Join(found, err); err != nil {
		return fmt.Errorf("%s: %w", s, err)
	}
	return nil
}

func (s *cacheStore) close() error { return nil }

func cursorOf(bytes []byte) (*string, error) {
	cursor := string(bytes)
	err := source.CheckCursor(cursor)
	if err == nil && !utf8.ValidString(cursor) {
		err = errors.New("it is no UTF-8")
	}
	if err != nil {
		return nil, fmt.Errorf("%w; put a good copy back, or remove it to begin anew", err)
	}
	return &cursor, nil
}
