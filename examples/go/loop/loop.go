// Package loop is what a host does around a source, as a machine without I/O: poll, deliver, store the
// cursor, wait. Whoever drives it does each step and tells what came of it.
//
//	poll ──batch──▶ deliver ──▶ commit ──▶ wait ──▶ poll
//	  └──error──────────────────────────────▲
//
// A batch is delivered before its cursor is stored, and one that could not be delivered is tried again,
// the same, after a wait; so is a cursor that could not be stored, without delivering its batch again.
// After an error of the source the cursor that was handed in stands. Time is a parameter: a wait is a
// length, and who drives decides what it waits on.
package loop

import (
	"errors"
	"fmt"
	"time"

	"polling-source.example/go/source"
)

// Kind is what to do next.
type Kind uint8

// The steps.
const (
	// Poll the source with Step.Cursor, and tell it by [Machine.Polled].
	Poll Kind = iota
	// Deliver Step.Batch until it is safe, and tell it by [Machine.Delivered].
	Deliver
	// Commit the cursor of Step.Batch, in the place of Step.Cursor, and tell it by [Machine.Committed].
	Commit
	// Wait for Step.Wait, and tell it by [Machine.Waited].
	Wait
	// End: Step.Err says why, and is nil of one that has caught up.
	End
)

// Step is what to do next.
type Step struct {
	Kind Kind
	// Cursor is the one that was stored last; nil before the very first.
	Cursor *string
	Batch  *source.Batch
	Wait   time.Duration
	Err    error
}

// Options is how a source is collected from.
type Options struct {
	// Cursor is the stored one; nil for the very first poll.
	Cursor *string
	// UntilCaughtUp ends the machine once the source is caught up; and at an error that a person has to
	// mend, at the tenth failure without a batch between, and after a day of waiting without one.
	UntilCaughtUp bool
	// PollInterval is the least time between polls of a source that is caught up.
	PollInterval time.Duration
	// Chance spreads waits, so that sources which failed together do not come back together: a number
	// from 0 to 1. Without one they are not spread.
	Chance func() float64
}

const (
	firstWait   = 500 * time.Millisecond
	shortMax    = time.Minute
	longMax     = 15 * time.Minute
	idleMin     = time.Second
	nextPollMax = 24 * time.Hour
	patience    = 24 * time.Hour
	failuresMax = 10
	jitter      = 0.4
	emptyMax    = 1_000 // batches without an event that a way through a quiet time may take at full speed
	emptyMin    = 100 * time.Millisecond
)

// Machine is the loop of one source. It is for one goroutine.
type Machine struct {
	options Options
	cursor  *string
	// state is the step that is due; after is the one behind a wait.
	state, after Kind
	batch        *source.Batch
	wait         time.Duration
	err          error

	// Since the last batch.
	errors, failures int
	waited           time.Duration
	// Since the last success of a delivery or of a commit.
	tries       int
	emptyInARow int
}

// New is a machine that begins with a poll.
func New(options Options) *Machine {
	if options.Chance == nil {
		options.Chance = func() float64 { return 0.5 }
	}
	return &Machine{options: options, cursor: options.Cursor}
}

// Next is the step that is due, however often it is asked for.
func (m *Machine) Next() Step {
	switch m.state {
	case Deliver, Commit:
		return Step{Kind: m.state, Cursor: m.cursor, Batch: m.batch}
	case Wait:
		return Step{Kind: Wait, Cursor: m.cursor, Batch: m.batch, Wait: m.wait}
	case End:
		return Step{Kind: End, Cursor: m.cursor, Err: m.err}
	default:
		return Step{Kind: Poll, Cursor: m.cursor}
	}
}

// Polled tells what a poll gave: a batch that is within the bounds of the contract, or an error. An error
// that is no *source.PollError is taken for a component that failed. An outcome of a step that is not due
// changes nothing, here and below.
func (m *Machine) Polled(batch *source.Batch, err error) {
	if m.state != Poll || batch == nil && err == nil {
		return
	}
	if err != nil {
		m.failed(err)
		return
	}
	m.errors, m.failures, m.waited, m.tries = 0, 0, 0, 0
	m.batch = batch
	switch {
	case len(batch.Events) > 0:
		m.state = Deliver
	case m.cursor == nil || *m.cursor != batch.Cursor:
		m.state = Commit
	default:
		m.taken()
	}
}

// Delivered tells whether the batch is safe. With an error it is due again after a wait: the same batch.
func (m *Machine) Delivered(err error) {
	if m.state != Deliver {
		return
	}
	if err != nil {
		m.again(Deliver)
		return
	}
	m.tries = 0
	if m.cursor != nil && *m.cursor == m.batch.Cursor {
		m.taken()
		return
	}
	m.state = Commit
}

// Committed tells whether the cursor is stored. With an error it is due again after a wait.
func (m *Machine) Committed(err error) {
	if m.state != Commit {
		return
	}
	if err != nil {
		m.again(Commit)
		return
	}
	m.taken()
}

// Waited tells that a wait is over.
func (m *Machine) Waited() {
	if m.state == Wait {
		m.state = m.after
	}
}

// taken: the batch is delivered and its cursor stored.
func (m *Machine) taken() {
	batch := m.batch
	moved := len(batch.Events) > 0 || m.cursor == nil || *m.cursor != batch.Cursor
	cursor := batch.Cursor // A pointer into the batch would keep all its events, for as long as the wait takes.
	m.cursor, m.batch, m.tries = &cursor, nil, 0
	if len(batch.Events) > 0 {
		m.emptyInARow = 0
	} else {
		m.emptyInARow++
	}
	if m.options.UntilCaughtUp && !batch.More {
		m.state = End
		return
	}
	m.pause(m.afterBatch(batch, moved), Poll)
}

// afterBatch: a source that is caught up, or does not move, must not be called in a hurry; nor must one
// that goes on for ever and finds nothing.
func (m *Machine) afterBatch(batch *source.Batch, moved bool) time.Duration {
	least := time.Duration(0)
	switch {
	case !batch.More:
		least = max(idleMin, m.options.PollInterval)
	case !moved:
		least = idleMin
	case m.emptyInARow > emptyMax:
		least = emptyMin
	}
	return max(millis(batch.NextPollMs, nextPollMax), least)
}

// failed: the cursor stands.
func (m *Machine) failed(err error) {
	var told *source.PollError
	if !errors.As(err, &told) {
		told = source.Failed(err)
	}
	m.errors++
	if told.Kind.IsFailure() {
		m.failures++
	}
	longest := longMax
	if told.Kind == source.Transient || told.Kind == source.Throttled {
		longest = shortMax
	}
	wait := m.backoff(m.errors, longest)
	if told.RetryAfterMs != nil {
		wait = max(wait, millis(*told.RetryAfterMs, longMax))
	}
	m.waited += wait
	if m.options.UntilCaughtUp {
		switch {
		case told.Kind.NeedsPerson():
			m.end(fmt.Errorf("a person has to act: %w", told))
			return
		case told.Kind.IsFailure() && m.failures >= failuresMax:
			m.end(fmt.Errorf("%d failures in a row: %w", m.failures, told))
			return
		case m.waited >= patience:
			m.end(fmt.Errorf("no batch after waits of %v: %w", m.waited, told))
			return
		}
	}
	m.pause(wait, Poll)
}

func (m *Machine) end(err error) { m.state, m.err = End, err }

func (m *Machine) again(step Kind) {
	m.tries++
	m.pause(m.backoff(m.tries, shortMax), step)
}

func (m *Machine) pause(wait time.Duration, after Kind) {
	if wait <= 0 {
		m.state = after
		return
	}
	m.state, m.after, m.wait = Wait, after, wait
}

// backoff is the wait after so many errors: doubled each time, and spread.
func (m *Machine) backoff(count int, longest time.Duration) time.Duration {
	wait := longest
	if count <= 20 {
		wait = min(firstWait<<(count-1), longest)
	}
	chance := min(max(m.options.Chance(), 0), 1)
	return min(time.Duration(float64(wait)*(1+jitter*(chance-0.5))), longest)
}

// millis is so many milliseconds, or the longest: a wish for more is taken for that.
func millis(wish uint64, longest time.Duration) time.Duration {
	if wish >= uint64(longest/time.Millisecond) {
		return longest
	}
	return time.Duration(wish) * time.Millisecond
}
