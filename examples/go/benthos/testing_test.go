package benthos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/redpanda-data/benthos/v4/public/components/io"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/service"
	"go.uber.org/goleak"

	"polling-source.example/go/internal/components"
	"polling-source.example/go/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// componentFile is the path of a component that is built.
func componentFile(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, components.Read(t, name), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// pages is a source without a component: page n has so many events, and the cursor "n".
type pages struct {
	counts []int
	mu     sync.Mutex
	polled []string
	closed bool
}

func (p *pages) Metadata() source.Metadata { return source.Metadata{Name: "pages", Version: "1.2.3"} }

func (p *pages) Close() { p.closed = true }

func (p *pages) Poll(_ context.Context, cursor *string) (*source.Batch, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := 0
	if cursor != nil {
		at, _ = strconv.Atoi(*cursor)
	}
	p.polled = append(p.polled, strconv.Itoa(at))
	if at == len(p.counts) {
		return &source.Batch{Cursor: *cursor}, nil
	}
	batch := &source.Batch{Cursor: strconv.Itoa(at + 1), More: true}
	for i := range p.counts[at] {
		id := fmt.Sprintf("%d-%d", at, i)
		batch.Events = append(batch.Events, source.Event{ID: id, Kind: "pages.event", Body: `{"id":"` + id + `"}`})
	}
	return batch, nil
}

func (p *pages) polls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.polled)
}

// memory is a store that fails while it is told to.
type memory struct {
	mu      sync.Mutex
	cursors []string
	fault   error
	tries   int
}

func (m *memory) String() string { return "memory" }

func (m *memory) open(context.Context) (*string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != nil {
		return nil, m.fault
	}
	if len(m.cursors) == 0 {
		return nil, nil
	}
	return &m.cursors[len(m.cursors)-1], nil
}

func (m *memory) set(_ context.Context, cursor string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tries++
	if m.fault == nil {
		m.cursors = append(m.cursors, cursor)
	}
	return m.fault
}

func (m *memory) close() error { return nil }

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = err
}

func (m *memory) tried() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tries
}

func (m *memory) stored() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.cursors)
}

func (m *memory) last() string {
	if all := m.stored(); len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

// lines is a log that keeps its lines.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *lines) has(text string) bool { return l.count(text) > 0 }

func (l *lines) count(text string) int { return strings.Count(l.String(), text) }

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *lines) resources(options ...service.MockResourcesOptFn) *service.Resources {
	logger := service.MockResourcesOptUseLogger(service.NewLoggerFromSlog(l.logger()))
	return service.MockResources(append(options, logger)...)
}

// connected is an input around a source and a store.
func connected(t *testing.T, from poller, kept store, maxInFlight int) (*input, *lines) {
	t.Helper()
	told := &lines{}
	in := newInput(from, kept, newTeller(told.resources(), from.Metadata()))
	in.maxInFlight = maxInFlight
	t.Cleanup(func() { _ = in.Close(context.Background()) })
	if err := in.Connect(context.Background()); err != nil {
		t.Fatal(err)
	}
	return in, told
}

// next is the next batch, or none within a short time.
func next(t *testing.T, in service.BatchInput) (service.MessageBatch, service.AckFunc) {
	t.Helper()
	return within(t, in, 20*time.Second)
}

func nothing(t *testing.T, in service.BatchInput) {
	t.Helper()
	if batch, _ := within(t, in, 50*time.Millisecond); batch != nil {
		t.Fatalf("there is a batch of %d", len(batch))
	}
}

func within(t *testing.T, in service.BatchInput, wait time.Duration) (service.MessageBatch, service.AckFunc) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	batch, ack, err := in.ReadBatch(ctx)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if err == nil && len(batch) == 0 {
		t.Fatal("an empty batch is handed out")
	}
	return batch, ack
}

func acked(t *testing.T, ack service.AckFunc, err error) {
	t.Helper()
	if err := ack(context.Background(), err); err != nil {
		t.Fatal(err)
	}
}
