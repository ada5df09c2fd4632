package collector

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"polling-source.example/go/source"
)

func TestAPipelineThatDoesNotAnswerIsToldAndThatItDoesAgain(t *testing.T) {
	free := make(chan struct{})
	host, out := newHost(), &pipeline{refuse: func(try int, _ plog.Logs) error {
		if try == 1 {
			<-free
		}
		return nil
	}}
	r := create(t, scripted(t, threePages, kept), out, host)
	r.Logs.(*pollingSource).patience = 20 * time.Millisecond
	require.NoError(t, r.Start(context.Background(), host))
	t.Cleanup(r.end(t))
	const stalls = "The receiver waits, and nothing is polled meanwhile"
	eventually(t, "a line", func() bool { return r.lineCount(stalls) > 0 })
	eventually(t, "the status", func() bool { return host.statuses() == "StatusOK StatusRecoverableError" })
	time.Sleep(100 * time.Millisecond)
	assert.Equal(t, 1, r.lineCount(stalls), r.told())
	line := r.lines.FilterMessageSnippet(stalls).All()[0].ContextMap()
	assert.Equal(t, "the pipeline, which has a batch", line["for"])
	assert.EqualValues(t, 2, line["records"])
	assert.WithinDuration(t, time.Now(), line["since"].(time.Time), 10*time.Second)
	close(free)
	eventually(t, "all records", func() bool { return len(out.has()) == 6 })
	assert.Equal(t, 1, r.lineCount("The receiver goes on"), r.told())
	assert.Equal(t, "StatusOK StatusRecoverableError StatusOK", host.statuses())
}

func TestAPipelineThatAnswersIsNotTold(t *testing.T) {
	host, out := newHost(), &pipeline{}
	r := create(t, scripted(t, threePages, kept), out, host)
	r.Logs.(*pollingSource).patience = 20 * time.Millisecond
	require.NoError(t, r.Start(context.Background(), host))
	t.Cleanup(r.end(t))
	eventually(t, "all records", func() bool { return stored(t, host, r) == "3" })
	time.Sleep(50 * time.Millisecond)
	assert.Zero(t, r.lineCount("The receiver waits"), r.told())
}

func TestAPipelineThatHeedsNoEndIsLeftWithTheErrorThatSaysSo(t *testing.T) {
	entered, free := make(chan struct{}), make(chan struct{})
	r := create(t, scripted(t, threePages), consumerFunc(func(context.Context) error {
		close(entered)
		<-free
		return errors.New("late")
	}), newHost())
	r.Logs.(*pollingSource).lastGrace = 50*time.Millisecond - grace
	require.NoError(t, r.Start(context.Background(), r.host))
	<-entered
	err := r.Shutdown(context.Background())
	require.ErrorContains(t, err, "the receiver waits for the pipeline, which has a batch since ")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	close(free)
	require.NoError(t, r.Shutdown(context.Background()))
}

func TestWhatIsDroppedIsToldOnceAndCountedEachTime(t *testing.T) {
	host, out := newHost(), &pipeline{refuse: func(int, plog.Logs) error {
		return consumererror.NewPermanent(errors.New("code 400"))
	}}
	r := start(t, scripted(t, threePages, kept, "on_permanent_error: drop"), out, host)
	eventually(t, "the last", func() bool { return stored(t, host, r) == "3" })
	r.counts(t, "otelcol_polling_source_dropped_records", 6)
	assert.Equal(t, 1, r.lineCount("it is dropped"), r.told())
	assert.Contains(t, r.told(), "records:2")
}

func TestACaughtUpSourceIsToldOnce(t *testing.T) {
	host, out := newHost(), &pipeline{}
	r := start(t, scripted(t, threePages, kept, "poll_interval: 1s"), out, host)
	eventually(t, "polls beyond the last", func() bool { return r.count("otelcol_polling_source_polls") >= 5 })
	assert.Equal(t, 1, r.lineCount("The source has caught up"), r.told())
	assert.Equal(t, allThree, out.has())
}

// watching is a watch, and the lines that it tells.
func watching(t *testing.T, level zapcore.Level) (*watch, *running) {
	t.Helper()
	core, lines := observer.New(level)
	r := create(t, &Config{}, consumertest.NewNop(), newHost())
	r.lines = lines
	m, err := newMeters(r.settings)
	require.NoError(t, err)
	t.Cleanup(m.close)
	return &watch{meters: m, logger: zap.New(core), status: &status{host: r.host}}, r
}

func TestASourceThatWasBehindForAWhileIsToldToHaveCaughtUp(t *testing.T) {
	w, r := watching(t, zapcore.InfoLevel)
	const line = "The source has caught up"
	batch := func(more bool) { w.delivered(&source.Batch{More: more}) }
	batch(true)
	assert.Zero(t, r.lineCount(line))
	batch(false)
	batch(false)
	assert.Equal(t, 1, r.lineCount(line), "at first")
	batch(true)
	batch(true)
	batch(false)
	assert.Equal(t, 1, r.lineCount(line), "a page more than usual")
	batch(true)
	w.behind = w.behind.Add(-behindMin)
	batch(false)
	assert.Equal(t, 2, r.lineCount(line), "after a while")
}

func TestEachPollIsALineForWhoLooksCloserAndHasNoCursor(t *testing.T) {
	w, r := watching(t, zapcore.DebugLevel)
	newest := uint64(1_793_520_060_000_000_000)
	batch := func(cursor string) *source.Batch {
		return &source.Batch{
			Cursor: cursor, Events: make([]source.Event, 3), Stats: source.Stats{Requests: 2, Rows: 4, Duplicates: 1},
			Progress: &source.Progress{CompleteUntil: 1_793_520_000_000_000_000, Newest: &newest},
		}
	}
	w.polled(polledBatch(batch("s3cret")))
	w.polled(polledBatch(batch("s3cret")))
	w.polled(polledError(&source.PollError{Kind: source.Throttled, Code: "rate_limited", Stats: source.Stats{Requests: 1}}))
	polls := r.lines.FilterLevelExact(zap.DebugLevel).All()
	require.Len(t, polls, 3)
	assert.Equal(t, map[string]any{
		"requests": uint32(2), "rows": uint32(4), "duplicates": uint32(1), "records": int64(3), "more": false,
		"cursor_moved": true, "cursor_bytes": int64(6), "complete_until": "2026-11-01T08:00:00Z", "newest": "2026-11-01T08:01:00Z",
	}, polls[0].ContextMap())
	assert.Equal(t, false, polls[1].ContextMap()["cursor_moved"])
	assert.Equal(t, map[string]any{"kind": "throttled", "code": "rate_limited", "requests": uint32(1), "rows": uint32(0)}, polls[2].ContextMap())
	assert.NotContains(t, r.told(), "s3cret")
}

func TestWhatComesNowAndThenIsToldNoMoreOftenThanWhatLasts(t *testing.T) {
	w, r := watching(t, zapcore.InfoLevel)
	for n := range 100 {
		w.polled(polledError(&source.PollError{Kind: source.Throttled, Code: "rate_limited", Notices: []source.Notice{
			{Level: source.Warn, Code: "rows_withheld", Message: fmt.Sprintf("%d rows", n)},
		}}))
		w.polled(polledBatch(&source.Batch{}))
	}
	assert.Equal(t, 1, r.lineCount("The API asks for patience"))
	assert.Equal(t, 1, r.lineCount("Polls succeed again"))
	assert.LessOrEqual(t, r.lineCount("The source gives notice"), 17)
}
