package collector

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/storagetest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"polling-source.example/go/collect"
	"polling-source.example/go/collector/internal/metadata"
	guest "polling-source.example/go/component"
	"polling-source.example/go/internal/components"
	"polling-source.example/go/source"
)

func init() {
	// Components that never end are given up sooner.
	shared.limits.Computing = time.Second
}

// file is a component's file.
func file(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, components.Read(t, name), 0o600))
	return path
}

// parsed is a configuration as the Collector reads it.
func parsed(t testing.TB, yaml string) *Config {
	t.Helper()
	config, err := parse(yaml)
	require.NoError(t, err)
	return config
}

func parse(yaml string) (*Config, error) {
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(yaml))
	if err != nil {
		return nil, err
	}
	conf, err := retrieved.AsConf()
	if err != nil {
		return nil, err
	}
	config := createDefaultConfig().(*Config)
	return config, conf.Unmarshal(config)
}

// scripted is a configuration of the component that does what it is told.
func scripted(t testing.TB, told string, more ...string) *Config {
	t.Helper()
	return parsed(t, fmt.Sprintf("component: %s\nallow: [\"http://127.0.0.1:9\"]\nconfig: %s\n%s",
		file(t, components.Scripted), told, strings.Join(more, "\n")))
}

// host is a Collector with a storage extension in memory, that notes what status it is told.
type host struct {
	*storagetest.StorageHost
	mu     sync.Mutex
	events []*componentstatus.Event
}

func newHost() *host {
	h := &host{StorageHost: storagetest.NewStorageHost()}
	return h.with(keptID, &memory{})
}

func (h *host) Report(event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, event)
}

// statuses is what it was told, by name.
func (h *host) statuses() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var names []string
	for _, event := range h.events {
		names = append(names, event.Status().String())
	}
	return strings.Join(names, " ")
}

var keptID = storagetest.NewStorageID("kept")

// with gives the host another extension.
func (h *host) with(id component.ID, client storage.Client) *host {
	h.WithExtension(id, &clients{client})
	return h
}

// memory is a storage that outlives its clients.
type memory struct {
	storage.Client
	values sync.Map
}

func (m *memory) Get(_ context.Context, key string) ([]byte, error) {
	value, ok := m.values.Load(key)
	if !ok {
		return nil, nil
	}
	return value.([]byte), nil
}

func (m *memory) Set(_ context.Context, key string, value []byte) error {
	m.values.Store(key, value)
	return nil
}

func (m *memory) Close(context.Context) error { return nil }

// clients is a storage extension with one client.
type clients struct{ client storage.Client }

func (c *clients) Start(context.Context, component.Host) error { return nil }
func (c *clients) Shutdown(context.Context) error              { return nil }
func (c *clients) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	if c.client == nil {
		return nil, errors.New("timeout")
	}
	return c.client, nil
}

// pipeline takes records, unless it is told to refuse them.
type pipeline struct {
	mu      sync.Mutex
	bodies  []string
	uids    []string
	tries   int
	records []plog.LogRecord
	refuse  func(try int, logs plog.Logs) error
}

func (p *pipeline) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

func (p *pipeline) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	p.mu.Lock()
	p.tries++
	try := p.tries
	p.mu.Unlock()
	if p.refuse != nil {
		if err := p.refuse(try, logs); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				uid, _ := record.Attributes().Get("log.record.uid")
				p.uids = append(p.uids, uid.Str())
				p.bodies = append(p.bodies, record.Body().AsString())
				kept := plog.NewLogRecord()
				record.CopyTo(kept)
				p.records = append(p.records, kept)
			}
		}
	}
	return nil
}

func (p *pipeline) has() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.uids...)
}

func (p *pipeline) tried() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tries
}

// running is a receiver that was started, and all that can be seen of it.
type running struct {
	receiver.Logs
	host      *host
	lines     *observer.ObservedLogs
	telemetry *componenttest.Telemetry
	settings  receiver.Settings
}

func create(t testing.TB, config *Config, next consumer.Logs, host *host) *running {
	t.Helper()
	core, lines := observer.New(zapcore.InfoLevel)
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, telemetry.Shutdown(context.Background())) })
	settings := receivertest.NewNopSettings(metadata.Type)
	settings.ID = component.MustNewIDWithName("polling_source", "tried")
	settings.TelemetrySettings = telemetry.NewTelemetrySettings()
	settings.Logger = zap.New(core)
	made, err := NewFactory().CreateLogs(context.Background(), settings, config, next)
	require.NoError(t, err)
	return &running{Logs: made, host: host, lines: lines, telemetry: telemetry, settings: settings}
}

// start starts a receiver, under a context that ends as soon as it has started.
func start(t testing.TB, config *Config, next consumer.Logs, host *host) *running {
	t.Helper()
	r := create(t, config, next, host)
	ctx, cancel := context.WithCancel(context.Background())
	err := r.Start(ctx, host)
	cancel()
	require.NoError(t, err)
	t.Cleanup(r.end(t))
	return r
}

func (r *running) end(t testing.TB) func() {
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
		defer cancel()
		require.NoError(t, r.Shutdown(ctx))
	}
}

// told is the lines so far: level, message and what stands beside it.
func (r *running) told() string {
	var text strings.Builder
	for _, line := range r.lines.All() {
		fmt.Fprintf(&text, "%s %s %v\n", line.Level, line.Message, line.ContextMap())
	}
	return text.String()
}

func (r *running) lineCount(message string) int { return r.lines.FilterMessageSnippet(message).Len() }

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, 10*time.Second, 5*time.Millisecond, what)
}

// stored is the cursor in the host's storage.
func stored(t testing.TB, h *host, r *running) string {
	t.Helper()
	client, err := h.GetExtensions()[keptID].(storage.Extension).GetClient(context.Background(), component.KindReceiver, r.settings.ID, "")
	require.NoError(t, err)
	kept, err := client.Get(context.Background(), cursorKey)
	require.NoError(t, err)
	return string(kept)
}

// count is the sum of a metric's points; 0 if there are none.
func (r *running) count(name string) (sum int64) {
	got, err := r.telemetry.GetMetric(name)
	if err != nil {
		return 0
	}
	for _, point := range got.Data.(metricdata.Sum[int64]).DataPoints {
		sum += point.Value
	}
	return sum
}

func (r *running) counts(t testing.TB, name string, want int64) {
	t.Helper()
	eventually(t, name, func() bool { return r.count(name) == want })
}

// consumerFunc is a pipeline that does this.
type consumerFunc func(context.Context) error

func (f consumerFunc) Capabilities() consumer.Capabilities                { return consumer.Capabilities{} }
func (f consumerFunc) ConsumeLogs(ctx context.Context, _ plog.Logs) error { return f(ctx) }

var imports = guest.Imports{}

func polledBatch(batch *source.Batch) collect.Told { return collect.Told{Batch: batch} }

func polledError(err error) collect.Told { return collect.Told{Err: err} }
