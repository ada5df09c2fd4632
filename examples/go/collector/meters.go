package collector

import (
	"context"
	"math"
	"sync"
	"time"

	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"polling-source.example/go/collector/internal/metadata"
	"polling-source.example/go/source"
)

// meters is the receiver's own telemetry.
type meters struct {
	builder *metadata.TelemetryBuilder
	self    attribute.KeyValue
	plain   metric.MeasurementOption
	// Names are a component's to choose: those of each attribute have a bound of their own.
	codes, counters names

	mu       sync.Mutex
	progress *source.Progress
	quota    *source.Quota
}

func newMeters(settings receiver.Settings) (*meters, error) {
	builder, err := metadata.NewTelemetryBuilder(settings.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	self := attribute.String("receiver", settings.ID.String())
	m := &meters{builder: builder, self: self, plain: metric.WithAttributeSet(attribute.NewSet(self)), codes: names{}, counters: names{}}
	if err := m.register(); err != nil {
		builder.Shutdown()
		return nil, err
	}
	m.begin()
	return m, nil
}

// begin has each counter whose attributes are known there from the start, at 0: what first appears at 1 has no
// increase that one could alert on.
func (m *meters) begin() {
	for _, counter := range []metric.Int64Counter{
		m.builder.PollingSourceRequests, m.builder.PollingSourceReceivedBytes, m.builder.PollingSourceRows,
		m.builder.PollingSourceDuplicates, m.builder.PollingSourceDroppedRecords, m.builder.PollingSourceFailedCommits,
	} {
		m.add(counter, 0)
	}
	m.add(m.builder.PollingSourcePolls, 0, attribute.String("outcome", "batch"), attribute.String("code", ""))
	for _, forGood := range []bool{false, true} {
		m.add(m.builder.PollingSourceRefusedBatches, 0, attribute.Bool("permanent", forGood))
	}
}

func (m *meters) close() { m.builder.Shutdown() }

func (m *meters) register() error {
	err := m.builder.RegisterPollingSourceLagCallback(func(_ context.Context, o metric.Float64Observer) error {
		if progress, _ := m.last(); progress != nil {
			o.Observe(time.Since(time.Unix(0, clamped(progress.CompleteUntil))).Seconds(), m.plain)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = m.builder.RegisterPollingSourceQuotaLimitCallback(func(_ context.Context, o metric.Int64Observer) error {
		if _, quota := m.last(); quota != nil && quota.Limit != nil {
			o.Observe(clamped(*quota.Limit), m.plain)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return m.builder.RegisterPollingSourceQuotaRemainingCallback(func(_ context.Context, o metric.Int64Observer) error {
		if _, quota := m.last(); quota != nil {
			o.Observe(clamped(quota.Remaining), m.plain)
		}
		return nil
	})
}

func (m *meters) last() (*source.Progress, *source.Quota) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.progress, m.quota
}

func clamped(number uint64) int64 { return int64(min(number, math.MaxInt64)) }

// batch counts a poll that went well.
func (m *meters) batch(batch *source.Batch) {
	m.polled("batch", "", batch.Notices, &batch.Stats, batch.Quota)
}

// delivered takes how far it is with a batch that the pipeline has.
func (m *meters) delivered(batch *source.Batch) {
	if batch.Progress != nil {
		m.mu.Lock()
		m.progress = batch.Progress
		m.mu.Unlock()
	}
}

// failure counts one that did not.
func (m *meters) failure(failure *source.PollError) {
	m.polled(failure.Kind.String(), failure.Code, failure.Notices, &failure.Stats, failure.Quota)
}

func (m *meters) polled(outcome, code string, notices []source.Notice, stats *source.Stats, quota *source.Quota) {
	m.add(m.builder.PollingSourcePolls, 1, attribute.String("outcome", outcome), attribute.String("code", m.codes.known(code)))
	m.add(m.builder.PollingSourceRequests, uint64(stats.Requests))
	m.add(m.builder.PollingSourceReceivedBytes, stats.ReceivedBytes)
	m.add(m.builder.PollingSourceRows, uint64(stats.Rows))
	m.add(m.builder.PollingSourceDuplicates, uint64(stats.Duplicates))
	for _, counter := range stats.Counters {
		m.add(m.builder.PollingSourceCounters, counter.Value, attribute.String("counter", m.counters.known(counter.Name)))
	}
	for _, notice := range notices {
		m.add(m.builder.PollingSourceNotices, 1,
			attribute.String("level", notice.Level.String()), attribute.String("code", m.codes.known(notice.Code)))
	}
	if quota != nil {
		m.mu.Lock()
		m.quota = quota
		m.mu.Unlock()
	}
}

func (m *meters) refused(forGood bool) {
	m.add(m.builder.PollingSourceRefusedBatches, 1, attribute.Bool("permanent", forGood))
}

func (m *meters) dropped(records int) { m.add(m.builder.PollingSourceDroppedRecords, uint64(records)) }

func (m *meters) uncommitted() { m.add(m.builder.PollingSourceFailedCommits, 1) }

func (m *meters) add(counter metric.Int64Counter, count uint64, attributes ...attribute.KeyValue) {
	set := m.plain
	if len(attributes) > 0 {
		set = metric.WithAttributeSet(attribute.NewSet(append(attributes, m.self)...))
	}
	counter.Add(context.Background(), clamped(count), set)
}

// namesMax: each is kept in memory for as long as the process lives.
const namesMax = 100

// names is those that were told so far.
type names map[string]struct{}

func (n names) known(name string) string {
	if _, known := n[name]; !known && name != "" {
		if len(n) >= namesMax {
			return "other"
		}
		n[name] = struct{}{}
	}
	return name
}
