package component

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"polling-source.example/go/source"
)

// counted is a runtime that counts how many make an instance at once.
type counted struct {
	now, most atomic.Int32
	held      chan struct{}
}

func (c *counted) load([]byte) (program, error) { return c, nil }
func (c *counted) close(context.Context) error  { return nil }
func (c *counted) instantiate(context.Context, *world) (guest, error) {
	c.most.Store(max(c.most.Load(), c.now.Add(1)))
	defer c.now.Add(-1)
	if c.held != nil {
		<-c.held
	}
	time.Sleep(5 * time.Millisecond)
	return nameless{}, nil
}

// nameless is an instance that has a name and nothing else.
type nameless struct{ guest }

func (nameless) describe(context.Context) (source.Metadata, error) {
	return source.Metadata{Name: "nameless"}, nil
}
func (nameless) close(context.Context) error { return nil }

func TestComponentsAreCompiledOneAfterTheOther(t *testing.T) {
	runtime := &counted{}
	e := NewEngine(Limits{})
	own := e.runtime
	e.runtime = runtime
	defer own.close(context.Background())
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := e.Load(context.Background(), nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if most := runtime.most.Load(); most != 1 {
		t.Errorf("%d at once", most)
	}
	runtime.held = make(chan struct{})
	group.Go(func() { _, _ = e.Load(context.Background(), nil) })
	for runtime.now.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := e.Load(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	close(runtime.held)
	group.Wait()
}
