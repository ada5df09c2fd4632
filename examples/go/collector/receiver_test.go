package collector

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/multierr"

	"polling-source.example/go/internal/components"
)

const threePages = `{do: events, pages: 3, count: 2}`

var (
	kept     = "storage: " + keptID.String()
	allThree = []string{"0-0", "0-1", "1-0", "1-1", "2-0", "2-1"}
	errBusy  = errors.New("no room")
)

func TestEachRecordComesOnceAndItsCursorBehindIt(t *testing.T) {
	host, out := newHost(), &pipeline{}
	r := start(t, scripted(t, threePages, kept), out, host)
	eventually(t, "all records", func() bool { return stored(t, host, r) == "3" })
	assert.Equal(t, allThree, out.has())
	assert.Equal(t, 1, r.lineCount("No cursor is stored: collection begins anew"), r.told())
	assert.Equal(t, "StatusOK", host.statuses())
}

func TestARestartGoesOnFromTheStoredCursor(t *testing.T) {
	host, out := newHost(), &pipeline{}
	config := scripted(t, threePages, kept)
	first := start(t, config, out, host)
	eventually(t, "all records", func() bool { return stored(t, host, first) == "3" })
	first.end(t)()
	second := start(t, config, out, host)
	eventually(t, "a poll", func() bool { return host.statuses() == "StatusOK StatusOK" })
	second.end(t)()
	assert.Equal(t, allThree, out.has())
	assert.Contains(t, second.told(), "Collection goes on from the stored cursor")
	assert.Contains(t, second.told(), "cursor.page:3")
	assert.Zero(t, second.lineCount("anew"), second.told())
}

func TestWithoutAStorageARestartBeginsAnewAndSaysSo(t *testing.T) {
	out := &pipeline{}
	for range 2 {
		r := start(t, scripted(t, `{do: events, start: "2026-11-01"}`), out, newHost())
		eventually(t, "a record", func() bool { return out.tried() > 0 })
		r.end(t)()
		assert.Equal(t, 1, r.lineCount("No storage is named: collection begins anew, now and at each restart"), r.told())
		assert.Contains(t, r.told(), "start:2026-11-01")
		assert.Contains(t, r.told(), "source:scripted")
	}
}

func TestABatchThatIsRefusedForNowComesAgainWholeAndNothingIsPolledMeanwhile(t *testing.T) {
	host := newHost()
	out := &pipeline{refuse: func(try int, logs plog.Logs) error {
		records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
		if records.Len() != 2 || records.At(0).Body().AsString() == "changed" {
			return consumererror.NewPermanent(errors.New("the records are those of the try before"))
		}
		if try%2 == 1 {
			// As a processor may, before an exporter refuses.
			records.At(0).Body().SetStr("changed")
			records.RemoveIf(func(record plog.LogRecord) bool { return record.Body().AsString() != "changed" })
			return consumererror.NewLogs(errBusy, logs)
		}
		return nil
	}}
	r := start(t, scripted(t, threePages, kept), out, host)
	eventually(t, "all records", func() bool { return stored(t, host, r) == "3" })
	assert.Equal(t, allThree, out.has())
	assert.NotContains(t, strings.Join(out.bodies, ""), "changed")
	assert.Equal(t, 6, out.tried())
	assert.Equal(t, 1, r.lineCount("refuses a batch for now"), r.told())
	assert.Equal(t, 1, r.lineCount("takes records again"), r.told())
	assert.Equal(t, "StatusOK StatusRecoverableError StatusOK StatusRecoverableError StatusOK StatusRecoverableError StatusOK", host.statuses())
	r.counts(t, "otelcol_polling_source_refused_batches", 3)
	r.counts(t, "otelcol_receiver_accepted_log_records", 6)
	r.counts(t, "otelcol_polling_source_polls", 3)
}

func TestWhatIsRefusedForGoodIsHeldOrDroppedAndTold(t *testing.T) {
	badOnce := func(try int, _ plog.Logs) error {
		if try == 2 {
			return consumererror.NewPermanent(errors.New("code 400"))
		}
		return nil
	}
	for policy, c := range map[string]struct {
		uids    []string
		dropped int64
		says    string
	}{
		hold: {allThree, 0, "error polling_source/tried: The pipeline refuses a batch for good: it is held and sent again"},
		drop: {[]string{"0-0", "0-1", "2-0", "2-1"}, 2, "error polling_source/tried: The pipeline refuses a batch for good: it is dropped"},
	} {
		host, out := newHost(), &pipeline{refuse: badOnce}
		r := start(t, scripted(t, threePages, kept, "on_permanent_error: "+policy), out, host)
		eventually(t, policy, func() bool { return stored(t, host, r) == "3" })
		assert.Equal(t, c.uids, out.has(), policy)
		assert.Contains(t, r.told(), c.says)
		assert.Contains(t, r.told(), "records:2")
		r.counts(t, "otelcol_polling_source_dropped_records", c.dropped)
	}
}

func TestOneOfSeveralPipelinesThatRefusesForGoodDoesNotLoseTheOthers(t *testing.T) {
	forGood := consumererror.NewPermanent(errBusy)
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"for now":                     {errBusy, false},
		"for good":                    {forGood, true},
		"wrapped":                     {fmt.Errorf("x: %w", forGood), true},
		"both for good":               {multierr.Append(forGood, forGood), true},
		"one for now":                 {multierr.Append(forGood, errBusy), false},
		"one for now, wrapped":        {fmt.Errorf("x: %w", errors.Join(errBusy, forGood)), false},
		"one for now, within another": {consumererror.NewPermanent(errors.Join(errBusy, forGood)), false},
		"a part, for now":             {consumererror.NewLogs(errBusy, plog.NewLogs()), false},
		"a part, for good":            {consumererror.NewPermanent(consumererror.NewLogs(errBusy, plog.NewLogs())), true},
	} {
		assert.Equal(t, c.want, permanent(c.err), name)
	}
	host, out := newHost(), &pipeline{refuse: func(try int, _ plog.Logs) error {
		if try == 1 {
			return multierr.Append(forGood, errBusy)
		}
		return nil
	}}
	r := start(t, scripted(t, threePages, kept, "on_permanent_error: drop"), out, host)
	eventually(t, "all records", func() bool { return stored(t, host, r) == "3" })
	assert.Equal(t, allThree, out.has())
}

// fullStorage is full, or read-only, for a while.
type fullStorage struct {
	storage.Client
	refusals atomic.Int32
}

func (s *fullStorage) Get(context.Context, string) ([]byte, error) { return nil, nil }
func (s *fullStorage) Set(context.Context, string, []byte) error {
	if s.refusals.Add(-1) >= 0 {
		return storage.ErrStorageFull
	}
	return nil
}
func (s *fullStorage) Close(context.Context) error { return nil }

func TestAStorageThatIsFullHoldsThePageAndNothingIsPolledMeanwhile(t *testing.T) {
	full := &fullStorage{}
	full.refusals.Store(2)
	host, out := newHost().with(component.MustNewID("full"), full), &pipeline{}
	r := start(t, scripted(t, threePages, "storage: full"), out, host)
	eventually(t, "a refusal", func() bool { return full.refusals.Load() < 1 })
	assert.Equal(t, allThree[:2], out.has())
	eventually(t, "the rest", func() bool { return len(out.has()) == 6 })
	assert.Equal(t, allThree, out.has(), "a batch was sent twice")
	assert.Equal(t, 1, r.lineCount("The storage does not take the cursor"), r.told())
	assert.Equal(t, 1, r.lineCount("The storage takes cursors again"), r.told())
	r.counts(t, "otelcol_polling_source_failed_commits", 2)
}

// brokenStorage gives what it is told.
type brokenStorage struct {
	fullStorage
	cursor []byte
	err    error
}

func (s *brokenStorage) Get(context.Context, string) ([]byte, error) { return s.cursor, s.err }

func TestAStorageThatCannotBeUsedIsOneClearLine(t *testing.T) {
	host := newHost().with(component.MustNewID("taken"), nil).
		with(component.MustNewID("broken"), &brokenStorage{err: errors.New("input/output error")}).
		with(component.MustNewID("binary"), &brokenStorage{cursor: []byte{0xff}}).
		with(component.MustNewID("empty"), &brokenStorage{cursor: []byte{}})
	host.WithNonStorageExtension("none")
	for name, says := range map[string]string{
		"absent":           "storage: there is no extension absent; configure it under `extensions`, and list it in `service::extensions`",
		"non_storage/none": "storage: the extension non_storage/none stores nothing; name one that does, such as file_storage",
		"taken":            "storage: taken cannot be used by polling_source/tried: timeout; see that it can be written, and that no other Collector uses it; if its file is damaged, put a backup back, or take it away to begin anew",
		"broken":           "storage: broken does not give the cursor: input/output error; mend the storage, or name another",
		"binary":           "storage: binary does not give the cursor: what is stored is no text; mend the storage, or name another",
		"empty":            "storage: empty does not give the cursor: the cursor has 0 bytes; 1 to 1000000 are allowed; mend the storage, or name another",
	} {
		r := create(t, scripted(t, threePages, "storage: "+name), consumertest.NewNop(), host)
		assert.EqualError(t, r.Start(context.Background(), host), says)
		require.NoError(t, r.Shutdown(context.Background()))
	}
}

func TestAnErrorIsToldOnceAndIsTheStatusThatItHas(t *testing.T) {
	for told, c := range map[string]struct{ line, statuses string }{
		`{do: error, kind: transient}`:                    {"warn polling_source/tried: A poll failed, and is tried again: ", "StatusRecoverableError"},
		`{do: error, kind: auth}`:                         {"error polling_source/tried: A poll failed, and a person has to act: ", "StatusRecoverableError"},
		`{do: error, kind: config}`:                       {"error polling_source/tried: A poll failed, and a person has to act: ", "StatusRecoverableError"},
		`{do: error, kind: config, code: config_refused}`: {"error polling_source/tried: A poll failed, and a person has to act: ", "StatusPermanentError"},
		`{do: error, kind: cursor, code: cursor_foreign}`: {"error polling_source/tried: A poll failed, and a person has to act: ", "StatusPermanentError"},
		`{do: error, kind: protocol}`:                     {"warn polling_source/tried: A poll failed, and is tried again: ", "StatusRecoverableError"},
		`{do: error, kind: throttled}`:                    {"info polling_source/tried: The API asks for patience: ", ""},
		`{do: trap}`:                                      {"code:component_failed", "StatusRecoverableError"},
	} {
		t.Run(told, func(t *testing.T) {
			t.Parallel()
			host, out := newHost(), &pipeline{}
			r := start(t, scripted(t, told, kept), out, host)
			eventually(t, "two polls", func() bool { return r.count("otelcol_polling_source_polls") >= 2 })
			assert.Contains(t, r.told(), c.line)
			assert.Equal(t, 1, r.lineCount("A poll failed")+r.lineCount("asks for patience"), "%s", r.told())
			assert.LessOrEqual(t, r.lineCount("gives notice"), 1, "%s", r.told())
			assert.Equal(t, c.statuses, host.statuses())
			assert.Empty(t, stored(t, host, r))
			assert.Zero(t, out.tried())
		})
	}
}

func TestAnErrorThatPassesIsToldToBeOver(t *testing.T) {
	host, out := newHost(), &pipeline{}
	r := start(t, scripted(t, `{do: errors at first, count: 1}`, kept), out, host)
	eventually(t, "the record", func() bool { return len(out.has()) == 1 })
	assert.Equal(t, 1, r.lineCount("Polls succeed again"), r.told())
	assert.True(t, strings.HasPrefix(host.statuses(), "StatusRecoverableError StatusOK"), host.statuses())
}

func TestNoticesAndNumbersOfTheSourceAreTold(t *testing.T) {
	host, out := newHost(), &pipeline{}
	r := start(t, scripted(t, `{do: largest numbers}`, kept), out, host)
	eventually(t, "the record", func() bool { return stored(t, host, r) != "" })
	for _, name := range []string{"requests", "rows", "duplicates", "received_bytes", "counters", "lag", "quota_limit", "quota_remaining"} {
		_, err := r.telemetry.GetMetric("otelcol_polling_source_" + name)
		assert.NoError(t, err, name)
	}
	assert.True(t, strings.HasPrefix(stored(t, host, r), "1"))
	out = &pipeline{}
	r = start(t, scripted(t, `{do: notices, count: 2, message: look here, token: here}`, kept), out, newHost())
	eventually(t, "the record", func() bool { return out.tried() > 2 })
	assert.Equal(t, 1, r.lineCount("The source gives notice"), r.told())
	assert.Contains(t, r.told(), "look [redacted]")
	assert.NotZero(t, r.count("otelcol_polling_source_notices"))
}

func TestAnEndComesInMidRequestAndInMidDeliveryAndLosesNothing(t *testing.T) {
	asked := make(chan struct{}, 10)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer silent.Close()
	host, out := newHost(), &pipeline{}
	config := scripted(t, fmt.Sprintf(`{do: fetch, url: "%s/", timeout_ms: 30000}`, silent.URL), kept)
	config.Allow = []string{silent.URL}
	r := start(t, config, out, host)
	<-asked
	begun := time.Now()
	r.end(t)()
	assert.Less(t, time.Since(begun), time.Second)
	assert.Empty(t, out.has())

	// A batch that is being handed over is given the time to be taken, and its cursor is stored.
	entered := make(chan struct{})
	out = &pipeline{refuse: func(try int, _ plog.Logs) error {
		if try == 1 {
			close(entered)
			time.Sleep(300 * time.Millisecond)
		}
		return nil
	}}
	r = start(t, scripted(t, threePages, kept), out, host)
	<-entered
	r.end(t)()
	assert.Equal(t, allThree[:2], out.has())
	assert.Equal(t, "1", stored(t, host, r))
}

func TestAPipelineThatBlocksHoldsUpAnEndForItsGraceAndNoLonger(t *testing.T) {
	entered, free := make(chan struct{}), make(chan struct{})
	r := create(t, scripted(t, threePages), consumerFunc(func(ctx context.Context) error {
		close(entered)
		<-ctx.Done()
		<-free
		return ctx.Err()
	}), newHost())
	require.NoError(t, r.Start(context.Background(), r.host))
	<-entered
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, r.Shutdown(ctx), context.DeadlineExceeded)
	close(free)
	require.NoError(t, r.Shutdown(context.Background()))
	assert.Zero(t, r.lineCount("refuses"), r.told())
}

func TestItMayBeShutDownTwiceAndWithoutAStart(t *testing.T) {
	r := create(t, scripted(t, threePages), consumertest.NewNop(), newHost())
	require.NoError(t, r.Shutdown(context.Background()))
	require.NoError(t, r.Start(context.Background(), componenttest.NewNopHost()))
	require.NoError(t, r.Shutdown(context.Background()))
	require.NoError(t, r.Shutdown(context.Background()))
}

// In the shape of the generated tests, for which a component has to be there.
func TestLifecycle(t *testing.T) {
	factory := NewFactory()
	config := scripted(t, `{do: events}`)
	for range 2 {
		r, err := factory.CreateLogs(context.Background(), create(t, config, consumertest.NewNop(), newHost()).settings, config, consumertest.NewNop())
		require.NoError(t, err)
		require.NoError(t, r.Start(context.Background(), componenttest.NewNopHost()))
		require.NoError(t, r.Shutdown(context.Background()))
	}
}

func TestAFeedIsCollectedWithASecretOfDigits(t *testing.T) {
	var tokens atomic.Value
	feed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tokens.Store(r.Header.Get("Authorization"))
		if r.URL.Query().Get("since") == "" {
			fmt.Fprint(w, `{"items": [{"id": "a1", "time": "2026-11-01T08:00:00Z", "amount": 12345678901234567890}], "next": "1"}`)
			return
		}
		fmt.Fprint(w, `{"items": [], "next": "1"}`)
	}))
	defer feed.Close()
	config := resolved(t, fmt.Sprintf(`{allow: ["%[1]s"], storage: %[2]s, body: map, config: {url: "%[1]s/audit", token: "${env:TOKEN}"}}`,
		feed.URL, keptID), map[string]string{"TOKEN": "0123"})
	config.Component = file(t, "feed-source.wasm")
	host, out := newHost(), &pipeline{}
	r := start(t, config, out, host)
	r.counts(t, "otelcol_polling_source_polls", 2)
	assert.Equal(t, []string{"a1"}, out.has())
	assert.Equal(t, "Bearer 0123", tokens.Load())
	amount, _ := out.records[0].Body().Map().Get("amount")
	assert.Equal(t, "12345678901234567890", amount.Str())
	assert.Equal(t, "2026-11-01T08:00:00Z", out.records[0].Timestamp().AsTime().Format(time.RFC3339))
	assert.NotEmpty(t, stored(t, host, r))
}

func TestHostileComponentsHarmNeitherTheProcessNorAnotherReceiver(t *testing.T) {
	host, beside := newHost(), &pipeline{}
	probe := func(steps string) *Config {
		return parsed(t, fmt.Sprintf("component: %s\nallow: [\"http://127.0.0.1:9\"]\nconfig: {steps: [%s]}", file(t, components.Probe), steps))
	}
	good := start(t, scripted(t, `{do: events, pages: 1000000}`), beside, host)
	for name, c := range map[string]struct {
		config *Config
		says   string
	}{
		"loop":      {scripted(t, `{do: loop}`), "computed for more than 1s"},
		"memory":    {scripted(t, `{do: balloon}`), "component_failed"},
		"trap":      {scripted(t, `{do: trap}`), "unreachable"},
		"stack":     {probe(`{answer: {break: stack}}`), "the component failed"},
		"events":    {scripted(t, `{do: events, count: 10001}`), "10001 events"},
		"bodies":    {scripted(t, `{do: events, count: 17, padding: 1048576}`), "component_failed"},
		"forbidden": {probe(`{request: {url: "http://127.0.0.2/"}, answer: {tell: true}}`), ""},
	} {
		out := &pipeline{}
		r := start(t, c.config, out, host)
		if c.says == "" {
			eventually(t, name, func() bool { return len(out.has()) == 1 })
			assert.Contains(t, out.bodies[0], "denied", name)
		} else {
			eventually(t, name, func() bool { return strings.Contains(r.told(), c.says) })
			assert.Zero(t, out.tried(), name)
		}
		before := beside.tried()
		eventually(t, name, func() bool { return beside.tried() > before })
		r.end(t)()
	}
	assert.Zero(t, good.lineCount("failed"), good.told())
	assert.False(t, slices.Contains(beside.has(), ""))
}

func TestReceiversOfOneFileShareWhatIsCompiled(t *testing.T) {
	host := newHost()
	first, second := start(t, scripted(t, threePages), &pipeline{}, host), start(t, scripted(t, threePages), &pipeline{}, host)
	shared.mu.Lock()
	var most int
	for _, volume := range shared.volumes {
		most = max(most, volume.holders)
	}
	shared.mu.Unlock()
	assert.GreaterOrEqual(t, most, 2)
	first.end(t)()
	second.end(t)()
}

func TestAComponentThatNobodyHoldsIsLetGo(t *testing.T) {
	own := &library{linger: time.Millisecond}
	wasm := components.Read(t, components.Scripted)
	for range 2 {
		first, err := own.open(context.Background(), wasm)
		require.NoError(t, err)
		compiled := first.loaded
		second, err := own.open(context.Background(), wasm)
		require.NoError(t, err)
		assert.Same(t, compiled, second.loaded)
		first.release()
		second.expire() // As one whose time had come when it was taken up again.
		_, err = second.loaded.Instantiate(context.Background(), imports)
		require.NoError(t, err)
		second.release()
		eventually(t, "let go", func() bool {
			own.mu.Lock()
			defer own.mu.Unlock()
			return len(own.volumes) == 0
		})
	}
	_, err := own.open(context.Background(), []byte("no component"))
	require.ErrorContains(t, err, "it is no component")
}
