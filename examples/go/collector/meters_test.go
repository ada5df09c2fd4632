package collector

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"polling-source.example/go/collector/internal/metadata"
	"polling-source.example/go/collector/internal/metadatatest"
	"polling-source.example/go/source"
)

func TestEachNumberStandsUnderTheNamesThatItHas(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	defer func() { require.NoError(t, telemetry.Shutdown(context.Background())) }()
	settings := receivertest.NewNopSettings(metadata.Type)
	settings.TelemetrySettings = telemetry.NewTelemetrySettings()
	m, err := newMeters(settings)
	require.NoError(t, err)
	defer m.close()
	limit := uint64(100)
	batch := &source.Batch{
		Stats:    source.Stats{Requests: 2, ReceivedBytes: 3, Rows: 4, Duplicates: 1, Counters: []source.Counter{{Name: "late", Value: 5}}},
		Notices:  []source.Notice{{Level: source.Warn, Code: "odd_row"}, {Level: source.Warn, Code: "odd_row"}},
		Progress: &source.Progress{CompleteUntil: uint64(time.Now().Add(-time.Hour).UnixNano())},
		Quota:    &source.Quota{Limit: &limit, Remaining: 98},
	}
	m.batch(batch)
	_, err = telemetry.GetMetric("otelcol_polling_source_lag")
	require.Error(t, err, "nothing of it is delivered yet")
	m.delivered(batch)
	m.failure(&source.PollError{Kind: source.Auth, Code: "unauthorized", Stats: source.Stats{Requests: 1}})

	points := func(value int64, attributes ...attribute.KeyValue) metricdata.DataPoint[int64] {
		set := attribute.NewSet(append(attributes, attribute.String("receiver", settings.ID.String()))...)
		return metricdata.DataPoint[int64]{Value: value, Attributes: set}
	}
	at := metricdatatest.IgnoreTimestamp()
	metadatatest.AssertEqualPollingSourcePolls(t, telemetry, []metricdata.DataPoint[int64]{
		points(1, attribute.String("outcome", "batch"), attribute.String("code", "")),
		points(1, attribute.String("outcome", "auth"), attribute.String("code", "unauthorized")),
	}, at)
	metadatatest.AssertEqualPollingSourceRequests(t, telemetry, []metricdata.DataPoint[int64]{points(3)}, at)
	metadatatest.AssertEqualPollingSourceReceivedBytes(t, telemetry, []metricdata.DataPoint[int64]{points(3)}, at)
	metadatatest.AssertEqualPollingSourceRows(t, telemetry, []metricdata.DataPoint[int64]{points(4)}, at)
	metadatatest.AssertEqualPollingSourceDuplicates(t, telemetry, []metricdata.DataPoint[int64]{points(1)}, at)
	metadatatest.AssertEqualPollingSourceCounters(t, telemetry, []metricdata.DataPoint[int64]{points(5, attribute.String("counter", "late"))}, at)
	metadatatest.AssertEqualPollingSourceNotices(t, telemetry, []metricdata.DataPoint[int64]{
		points(2, attribute.String("level", "warn"), attribute.String("code", "odd_row")),
	}, at)
	metadatatest.AssertEqualPollingSourceQuotaLimit(t, telemetry, []metricdata.DataPoint[int64]{points(100)}, at)
	metadatatest.AssertEqualPollingSourceQuotaRemaining(t, telemetry, []metricdata.DataPoint[int64]{points(98)}, at)
	lag, err := telemetry.GetMetric("otelcol_polling_source_lag")
	require.NoError(t, err)
	assert.InDelta(t, 3600, lag.Data.(metricdata.Gauge[float64]).DataPoints[0].Value, 60)
}

func TestEachCounterBeginsAtZero(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	defer func() { require.NoError(t, telemetry.Shutdown(context.Background())) }()
	settings := receivertest.NewNopSettings(metadata.Type)
	settings.TelemetrySettings = telemetry.NewTelemetrySettings()
	m, err := newMeters(settings)
	require.NoError(t, err)
	defer m.close()
	for name, points := range map[string]int{
		"polls": 1, "requests": 1, "received_bytes": 1, "rows": 1, "duplicates": 1, "refused_batches": 2, "dropped_records": 1,
		"failed_commits": 1,
	} {
		got, err := telemetry.GetMetric("otelcol_polling_source_" + name)
		require.NoError(t, err, name)
		require.Len(t, got.Data.(metricdata.Sum[int64]).DataPoints, points, name)
		for _, point := range got.Data.(metricdata.Sum[int64]).DataPoints {
			assert.Zero(t, point.Value, name)
		}
	}
}

func TestANameBeyondTheFirstHundredIsOther(t *testing.T) {
	n := names{}
	name := func(i int) string { return fmt.Sprintf("name_%d", i) }
	for i := range namesMax {
		assert.Equal(t, name(i), n.known(name(i)))
	}
	assert.Equal(t, "other", n.known(name(namesMax)))
	assert.Equal(t, name(0), n.known(name(0)))
	assert.Empty(t, n.known(""))
}

func TestCodesTakeNothingFromTheNamesOfCounters(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	defer func() { require.NoError(t, telemetry.Shutdown(context.Background())) }()
	settings := receivertest.NewNopSettings(metadata.Type)
	settings.TelemetrySettings = telemetry.NewTelemetrySettings()
	m, err := newMeters(settings)
	require.NoError(t, err)
	defer m.close()
	for i := range 2 * namesMax {
		m.failure(&source.PollError{Kind: source.Transient, Code: fmt.Sprintf("code_%d", i)})
	}
	m.batch(&source.Batch{Stats: source.Stats{Counters: []source.Counter{{Name: "late", Value: 5}}}})
	metadatatest.AssertEqualPollingSourceCounters(t, telemetry, []metricdata.DataPoint[int64]{{
		Value: 5, Attributes: attribute.NewSet(attribute.String("counter", "late"), attribute.String("receiver", settings.ID.String())),
	}}, metricdatatest.IgnoreTimestamp())
}
