package loop

import (
	"errors"
	"runtime"
	"testing"
	"time"
	"weak"

	"polling-source.example/go/source"
)

func text(s string) *string { return &s }

func batch(cursor string, events int, more bool) *source.Batch {
	return &source.Batch{Events: make([]source.Event, events), Cursor: cursor, More: more}
}

// expect checks the step that is due.
func expect(t *testing.T, m *Machine, kind Kind) Step {
	t.Helper()
	step := m.Next()
	if step.Kind != kind {
		t.Fatalf("step %d is due, not %d", step.Kind, kind)
	}
	return step
}

func wait(t *testing.T, m *Machine) time.Duration {
	t.Helper()
	step := expect(t, m, Wait)
	m.Waited()
	return step.Wait
}

func TestEventsAreDeliveredBeforeTheirCursorIsStored(t *testing.T) {
	m := New(Options{})
	if step := expect(t, m, Poll); step.Cursor != nil {
		t.Fatal("the very first poll has a cursor")
	}
	m.Polled(batch("a", 2, true), nil)
	if step := expect(t, m, Deliver); step.Batch.Cursor != "a" || step.Cursor != nil {
		t.Fatalf("%+v", step)
	}
	m.Delivered(nil)
	expect(t, m, Commit)
	m.Committed(nil)
	if step := expect(t, m, Poll); *step.Cursor != "a" {
		t.Fatalf("polled with %q", *step.Cursor)
	}
}

func TestABatchThatWasNotDeliveredComesAgainAndTheCursorStands(t *testing.T) {
	m := New(Options{Cursor: text("a")})
	first := batch("b", 1, true)
	m.Polled(first, nil)
	for _, want := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second} {
		m.Delivered(errors.New("no room"))
		if got := wait(t, m); got != want {
			t.Errorf("waited %v, not %v", got, want)
		}
		if step := expect(t, m, Deliver); step.Batch != first || *step.Cursor != "a" {
			t.Fatalf("%+v", step)
		}
	}
	m.Delivered(nil)
	m.Committed(errors.New("no room"))
	if got := wait(t, m); got != 500*time.Millisecond {
		t.Errorf("waited %v", got)
	}
	// What is delivered is not delivered again.
	if step := expect(t, m, Commit); *step.Cursor != "a" || step.Batch != first {
		t.Fatalf("%+v", step)
	}
	m.Committed(nil)
	expect(t, m, Poll)
}

func TestAnEmptyBatchHasItsCursorStoredUnlessItIsTheSame(t *testing.T) {
	m := New(Options{Cursor: text("a")})
	m.Polled(batch("b", 0, true), nil)
	expect(t, m, Commit)
	m.Committed(nil)
	m.Polled(batch("b", 0, true), nil)
	if got := wait(t, m); got != time.Second {
		t.Errorf("one that does not move waits %v", got)
	}
	expect(t, m, Poll)
	m.Polled(batch("b", 1, true), nil)
	m.Delivered(nil)
	expect(t, m, Poll)
}

func TestWaitsAfterABatch(t *testing.T) {
	for name, c := range map[string]struct {
		batch    *source.Batch
		nextMs   uint64
		interval time.Duration
		want     time.Duration
	}{
		"caught up":                 {batch("b", 1, false), 0, 0, time.Second},
		"caught up, as it wishes":   {batch("b", 1, false), 2_500, 0, 2500 * time.Millisecond},
		"caught up, as is told":     {batch("b", 1, false), 2_500, time.Minute, time.Minute},
		"more, as it wishes":        {batch("b", 1, true), 2_500, time.Minute, 2500 * time.Millisecond},
		"longer than there is time": {batch("b", 1, false), 1<<64 - 1, 0, 24 * time.Hour},
	} {
		m := New(Options{Cursor: text("a"), PollInterval: c.interval})
		c.batch.NextPollMs = c.nextMs
		m.Polled(c.batch, nil)
		m.Delivered(nil)
		m.Committed(nil)
		if got := wait(t, m); got != c.want {
			t.Errorf("%s: %v, not %v", name, got, c.want)
		}
	}
}

func TestOneThatGoesOnAndFindsNothingIsSlowedDown(t *testing.T) {
	m := New(Options{})
	for i := range emptyMax {
		m.Polled(batch(string(rune('a'+i%2)), 0, true), nil)
		m.Committed(nil)
		expect(t, m, Poll)
	}
	m.Polled(batch("other", 0, true), nil)
	m.Committed(nil)
	if got := wait(t, m); got != emptyMin {
		t.Errorf("waited %v", got)
	}
}

func failure(kind source.ErrorKind, retryAfterMs *uint64) error {
	return &source.PollError{Kind: kind, Code: "as_told", RetryAfterMs: retryAfterMs}
}

func TestWaitsAfterErrorsGrowByTheirKind(t *testing.T) {
	for _, c := range []struct {
		err         error
		first, last time.Duration
	}{
		{failure(source.Transient, nil), 500 * time.Millisecond, time.Minute},
		{failure(source.Throttled, nil), 500 * time.Millisecond, time.Minute},
		{failure(source.Auth, nil), 500 * time.Millisecond, 15 * time.Minute},
		{failure(source.Config, nil), 500 * time.Millisecond, 15 * time.Minute},
		{failure(source.Cursor, nil), 500 * time.Millisecond, 15 * time.Minute},
		{failure(source.Protocol, nil), 500 * time.Millisecond, 15 * time.Minute},
		{errors.New("what is no error of the contract"), 500 * time.Millisecond, 15 * time.Minute},
	} {
		m := New(Options{Cursor: text("a")})
		var waits []time.Duration
		for range 40 {
			m.Polled(nil, c.err)
			waits = append(waits, wait(t, m))
			if step := expect(t, m, Poll); *step.Cursor != "a" {
				t.Fatal("an error moved the cursor")
			}
		}
		if waits[0] != c.first || waits[1] != 2*c.first || waits[39] != c.last {
			t.Errorf("%v: %v", c.err, waits)
		}
	}
}

func TestTheWishOfTheAPIWinsWhenItIsLonger(t *testing.T) {
	for wish, want := range map[uint64]time.Duration{
		1: 500 * time.Millisecond, 2_500: 2500 * time.Millisecond, 1<<64 - 1: 15 * time.Minute,
	} {
		m := New(Options{})
		m.Polled(nil, failure(source.Throttled, &wish))
		if got := wait(t, m); got != want {
			t.Errorf("%d: %v, not %v", wish, got, want)
		}
	}
}

func TestWaitsAreSpreadButNotBeyondTheLongest(t *testing.T) {
	for chance, want := range map[float64]time.Duration{
		0: 400 * time.Millisecond, 1: 600 * time.Millisecond, 7: 600 * time.Millisecond, -1: 400 * time.Millisecond,
	} {
		m := New(Options{Chance: func() float64 { return chance }})
		m.Polled(nil, failure(source.Transient, nil))
		if got := wait(t, m); got != want {
			t.Errorf("%v: %v", chance, got)
		}
		for range 30 {
			m.Polled(nil, failure(source.Transient, nil))
			if got := wait(t, m); got > time.Minute {
				t.Errorf("waited %v", got)
			}
		}
	}
}

func TestABatchBeginsTheWaitsAnew(t *testing.T) {
	m := New(Options{})
	m.Polled(nil, failure(source.Transient, nil))
	wait(t, m)
	m.Polled(batch("a", 0, true), nil)
	m.Committed(nil)
	m.Polled(nil, failure(source.Transient, nil))
	if got := wait(t, m); got != 500*time.Millisecond {
		t.Errorf("waited %v", got)
	}
}

func TestCatchingUpEnds(t *testing.T) {
	m := New(Options{UntilCaughtUp: true})
	m.Polled(batch("a", 1, false), nil)
	m.Delivered(nil)
	m.Committed(nil)
	if step := expect(t, m, End); step.Err != nil || *step.Cursor != "a" {
		t.Fatalf("%+v", step)
	}
	for _, kind := range []source.ErrorKind{source.Auth, source.Config, source.Cursor} {
		m := New(Options{UntilCaughtUp: true})
		m.Polled(nil, failure(kind, nil))
		var told *source.PollError
		if step := expect(t, m, End); !errors.As(step.Err, &told) || told.Kind != kind {
			t.Errorf("%v: %v", kind, step.Err)
		}
	}
	for _, kind := range []source.ErrorKind{source.Transient, source.Protocol} {
		m := New(Options{UntilCaughtUp: true})
		for range failuresMax - 1 {
			m.Polled(nil, failure(kind, nil))
			wait(t, m)
		}
		m.Polled(nil, failure(kind, nil))
		expect(t, m, End)
	}
	// To be told to wait is no failure, but nothing waits for ever.
	m = New(Options{UntilCaughtUp: true})
	wish, waited := uint64(900_000), time.Duration(0)
	for m.Next().Kind != End {
		m.Polled(nil, failure(source.Throttled, &wish))
		if m.Next().Kind == Wait {
			waited += wait(t, m)
		}
	}
	if waited < 23*time.Hour || waited > 24*time.Hour {
		t.Errorf("gave up after %v", waited)
	}
}

func TestAnOutcomeThatNobodyAskedForChangesNothing(t *testing.T) {
	m := New(Options{Cursor: text("a")})
	m.Delivered(nil)
	m.Committed(nil)
	m.Waited()
	m.Polled(nil, nil)
	expect(t, m, Poll)
	m.Polled(batch("b", 1, true), nil)
	m.Polled(batch("c", 1, true), nil)
	m.Committed(nil)
	if step := expect(t, m, Deliver); step.Batch.Cursor != "b" {
		t.Fatalf("%+v", step)
	}
}

func TestNothingIsKeptOfABatchThatIsTaken(t *testing.T) {
	m := New(Options{PollInterval: time.Hour})
	m.Polled(batch("a", 2, false), nil)
	kept := weak.Make(m.Next().Batch)
	m.Delivered(nil)
	m.Committed(nil)
	runtime.GC()
	if kept.Value() != nil {
		t.Fatal("the batch is kept while the machine waits")
	}
	wait(t, m)
	if step := expect(t, m, Poll); *step.Cursor != "a" {
		t.Fatalf("polled with %q", *step.Cursor)
	}
}
