// Package collect joins the others: one configured source, and the loop that drives it.
package collect

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"polling-source.example/go/component"
	"polling-source.example/go/loop"
	"polling-source.example/go/redact"
	"polling-source.example/go/send"
	"polling-source.example/go/source"
)

// keptBytesMax: linear memory never shrinks, so an instance that has grown beyond it is not kept.
const keptBytesMax = 8 << 20

// idleGrownMax likewise, by how much it has grown, of a source that is caught up: a page of some hundred rows goes
// beyond it.
const idleGrownMax = 512 << 10

// Source is a component with a configuration and a policy, ready to be polled. It keeps an instance from
// poll to poll, and makes another in the place of one that failed.
type Source struct {
	component *component.Component
	outlet    *outlet
	config    string
	redactor  *redact.Redactor

	mu       sync.Mutex
	instance *component.Instance
	// fresh is what the instance took when it was made.
	fresh  uint64
	closed bool
}

// Open is a source with this configuration, as JSON text. It has to be closed. [Source.Validate] tells
// every fault of the configuration. What the source says is told without the configuration's secrets: those
// that its schema marks, those under the name of one, and these.
func Open(loaded *component.Component, policy send.Policy, config string, secrets ...string) *Source {
	secrets = append(redact.Secrets(config, loaded.Metadata().ConfigSchema), secrets...)
	return &Source{
		component: loaded, outlet: &outlet{client: send.New(policy)}, config: config, redactor: redact.New(secrets),
	}
}

// Close ends the instance and the connections of the source. It may be called twice, and waits for a call
// that is under way: end that by its context.
func (s *Source) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.forget()
	s.outlet.client.Close()
}

// Idle lets the instance go: what it knew, such as an access token, is asked for again. The next call
// makes another.
func (s *Source) Idle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
}

func (s *Source) forget() {
	if s.instance != nil {
		s.instance.Close()
		s.instance = nil
	}
}

// Metadata says who the source is.
func (s *Source) Metadata() source.Metadata { return s.component.Metadata() }

// Poll asks for one page, as [component.Instance.Poll] does.
func (s *Source) Poll(ctx context.Context, cursor *string) (batch *source.Batch, err error) {
	err = s.with(ctx, true, func(instance *component.Instance) (err error) {
		batch, err = instance.Poll(ctx, s.config, cursor)
		return err
	})
	if batch != nil {
		s.clean(batch.Notices)
		if !batch.More {
			s.slim()
		}
	}
	return batch, err
}

// slim lets an instance go that has grown, once its source is caught up: memory of WebAssembly does not shrink,
// and few of the polls that follow give as much. What it knew is asked for again, once.
func (s *Source) slim() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.instance != nil && s.instance.MemoryBytes() > s.fresh+idleGrownMax {
		s.forget()
	}
}

// Validate gives every fault of the configuration, or none. It does no I/O.
func (s *Source) Validate(ctx context.Context) (faults []source.Diagnostic, err error) {
	err = s.with(ctx, false, func(instance *component.Instance) (err error) {
		faults, err = instance.Validate(ctx, s.config)
		return err
	})
	for i := range faults {
		fault := &faults[i]
		fault.Path, fault.Message = s.redactor.Clean(fault.Path), s.redactor.Clean(fault.Message)
		fault.Remedy = s.redactor.Clean(fault.Remedy)
	}
	return faults, err
}

// rehearsalMax is how long a first poll may take that sends nothing.
const rehearsalMax = 2 * time.Second

// Lacks gives the origin without which the policy lets the source's first poll fail; empty if there is none, or
// if that cannot be known. It does no I/O: an instance of its own is polled, up to the first request that may be
// sent. A source that does without what is denied lacks nothing.
func (s *Source) Lacks(ctx context.Context) string {
	ctx, end := context.WithTimeout(ctx, rehearsalMax)
	defer end()
	heard := &rehearsal{client: s.outlet.client, end: end}
	instance, err := s.component.Instantiate(ctx, component.Imports{HTTP: heard})
	if err != nil {
		return ""
	}
	defer instance.Close()
	_, err = instance.Poll(ctx, s.config, nil)
	var told *source.PollError
	if !errors.As(err, &told) || told.Kind != source.Config {
		return ""
	}
	return s.redactor.Clean(heard.lacks)
}

// rehearsal is what an instance sends by that is to send nothing.
type rehearsal struct {
	client *send.Client
	end    context.CancelFunc
	lacks  string
}

// Send denies what the policy denies for its origin. At any other request the call is over.
func (r *rehearsal) Send(ctx context.Context, request source.Request) (*source.Response, *source.HTTPError) {
	if origin, lacks := r.client.Lacks(request); lacks {
		if r.lacks == "" {
			r.lacks = origin.String()
		}
		return r.client.Send(ctx, request)
	}
	r.end()
	return nil, &source.HTTPError{Case: source.Denied, Text: "nothing is sent but in a poll or a check"}
}

// Check makes one small request, to see whether the configuration works.
func (s *Source) Check(ctx context.Context) (report *source.Report, err error) {
	err = s.with(ctx, true, func(instance *component.Instance) (err error) {
		report, err = instance.Check(ctx, s.config)
		return err
	})
	if report != nil {
		s.clean(report.Notices)
	}
	return report, err
}

// ExplainCursor says what a cursor says, or why it cannot be used.
func (s *Source) ExplainCursor(ctx context.Context, cursor string) (pairs []source.Pair, err error) {
	err = s.with(ctx, false, func(instance *component.Instance) (err error) {
		pairs, err = instance.ExplainCursor(ctx, cursor)
		return err
	})
	for i := range pairs {
		pairs[i].Name, pairs[i].Value = s.redactor.Clean(pairs[i].Name), s.redactor.Clean(pairs[i].Value)
	}
	return pairs, err
}

var errClosed = errors.New("the source is closed")

// outlet is what an instance sends by: nothing but what polls and checks send.
type outlet struct {
	client *send.Client
	isOpen atomic.Bool
}

// Send makes an exchange.
func (o *outlet) Send(ctx context.Context, request source.Request) (*source.Response, *source.HTTPError) {
	if !o.isOpen.Load() {
		return nil, &source.HTTPError{Case: source.Denied, Text: "nothing is sent but in a poll or a check"}
	}
	return o.client.Send(ctx, request)
}

func (s *Source) with(ctx context.Context, sends bool, call func(*component.Instance) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	if s.instance == nil {
		instance, err := s.component.Instantiate(ctx, component.Imports{HTTP: s.outlet})
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			return source.Failed(err)
		}
		s.instance, s.fresh = instance, instance.MemoryBytes()
	}
	s.outlet.isOpen.Store(sends)
	err := call(s.instance)
	s.outlet.isOpen.Store(false)
	var told *source.PollError
	if errors.As(err, &told) {
		told.Message = s.redactor.Clean(told.Message)
		s.clean(told.Notices)
	}
	if !s.instance.Sound() || s.instance.MemoryBytes() > keptBytesMax {
		s.forget()
	}
	return err
}

func (s *Source) clean(notices []source.Notice) {
	for i := range notices {
		notices[i].Message = s.redactor.Clean(notices[i].Message)
	}
}

// Poller is what [Run] polls.
type Poller interface {
	Poll(ctx context.Context, cursor *string) (*source.Batch, error)
}

// Sink takes batches, and keeps the cursor.
type Sink interface {
	// Deliver returns once every event of the batch is safe. With an error the same batch comes again: it
	// must not be changed.
	Deliver(ctx context.Context, batch *source.Batch) error
	// Commit stores a cursor in the place of the last one, which is nil at the very first.
	Commit(ctx context.Context, cursor string, last *string) error
}

// Fatal makes an error of a sink one that ends [Run]: nothing is tried again.
func Fatal(err error) error { return &fatalError{err} }

type fatalError struct{ cause error }

func (e *fatalError) Error() string { return e.cause.Error() }
func (e *fatalError) Unwrap() error { return e.cause }

// Told is what an observer is told after each poll, delivery and commit.
type Told struct {
	// Step is what was done.
	Step loop.Kind
	// Batch is what was polled, delivered or committed; nil after a poll that failed.
	Batch *source.Batch
	// Err is what went wrong, if something did.
	Err error
}

// commitMax is how long a cursor may take whose events are safe, though the run is to end.
const commitMax = 10 * time.Second

// Run does what the machine says, up to its end, or that of the context: then a poll, a delivery or a wait is
// left, and nothing is lost, since no cursor was stored without its events. What was delivered has its cursor
// stored first. observe may be nil; it is called from this goroutine.
func Run(ctx context.Context, poller Poller, machine *loop.Machine, sink Sink, observe func(Told)) error {
	if observe == nil {
		observe = func(Told) {}
	}
	for {
		step := machine.Next()
		if ctx.Err() != nil && step.Kind != loop.Commit && step.Kind != loop.End {
			return errors.Join(context.Cause(ctx), lastTry(ctx, machine, sink))
		}
		var err error
		switch step.Kind {
		case loop.Poll:
			step.Batch, err = poller.Poll(ctx, step.Cursor)
			if ctx.Err() != nil && err != nil {
				return context.Cause(ctx)
			}
			machine.Polled(step.Batch, err)
		case loop.Deliver:
			err = sink.Deliver(ctx, step.Batch)
			machine.Delivered(err)
		case loop.Commit:
			err = commit(ctx, sink, step)
			machine.Committed(err)
		case loop.Wait:
			if sleep(ctx, step.Wait) {
				machine.Waited()
			}
			continue
		default:
			return step.Err
		}
		observe(Told{Step: step.Kind, Batch: step.Batch, Err: err})
		var fatal *fatalError
		if errors.As(err, &fatal) {
			return fatal.cause
		}
	}
}

// lastTry stores a cursor that waits to be tried again: what is delivered would come once more.
func lastTry(ctx context.Context, machine *loop.Machine, sink Sink) error {
	machine.Waited()
	if step := machine.Next(); step.Kind == loop.Commit {
		return commit(ctx, sink, step)
	}
	return nil
}

// commit stores the cursor of what is delivered, though the run is to end.
func commit(ctx context.Context, sink Sink, step loop.Step) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitMax)
	defer cancel()
	return sink.Commit(ctx, step.Batch.Cursor, step.Cursor)
}

// sleep says whether it was not woken before.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
