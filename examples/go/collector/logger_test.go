package collector

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"polling-source.example/go/collect"
	"polling-source.example/go/collector/internal/metadata"
	"polling-source.example/go/loop"
	"polling-source.example/go/source"
)

func TestALineThatIsToldOnceIsThereThoughOthersTellMuch(t *testing.T) {
	core, lines := observer.New(zapcore.InfoLevel)
	// The Collector's default.
	all := zap.New(zapcore.NewSamplerWithOptions(core, 10*time.Second, 10, 100))
	meters, err := newMeters(receivertest.NewNopSettings(metadata.Type))
	require.NoError(t, err)
	t.Cleanup(meters.close)
	watching := func(name string) *watch {
		logger := newLogger(all, component.MustNewIDWithName("polling_source", name)).With(zap.Bool("with", true))
		return &watch{logger: logger, meters: meters, status: &status{}}
	}
	fails := func(w *watch, kind source.ErrorKind, code string) {
		w.observe(collect.Told{Step: loop.Poll, Err: &source.PollError{Kind: kind, Code: code}})
	}
	noisy, quiet := watching("noisy"), watching("quiet")
	for range 50 { // However seldom the receiver itself tells that.
		noisy.logger.Warn("A poll failed, and is tried again: exchange_failed")
	}
	fails(noisy, source.Protocol, "component_failed")
	fails(quiet, source.Transient, "exchange_failed")
	assert.Equal(t, 1, lines.FilterMessage("polling_source/quiet: A poll failed, and is tried again: exchange_failed").Len())
	assert.Equal(t, 1, lines.FilterMessage("polling_source/noisy: A poll failed, and is tried again: component_failed").Len())
	assert.Equal(t, 1, lines.FilterMessageSnippet("quiet").FilterField(zap.Bool("with", true)).Len())
}
