// Package component loads components of the contract polling-source:contract@0.2.0 and calls them within
// limits.
//
// An [Engine] is shared by all sources of a process: it compiles a component once. A [Component] is one
// that was checked. An [Instance] is one source's own: after a failure it is not to be called again, and
// another takes its place at once. What runs WebAssembly stands behind one small interface, in runtime.go.
package component

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"polling-source.example/go/source"
)

// Sender makes an exchange for a component, within a policy. Package send has one. What it gives is a
// response or an error of the contract, never both. The response's body is the instance's then, which may give it back as
// the room of its next request.
type Sender interface {
	Send(ctx context.Context, request source.Request) (*source.Response, *source.HTTPError)
}

// Imports is all that an instance gets of the world.
type Imports struct {
	// HTTP makes its exchanges. Without one every request is denied.
	HTTP Sender
	// Now is the clock; without one it is the machine's.
	Now func() time.Time
	// Random fills a slice; without one it is crypto/rand.
	Random func([]byte) error
}

// Limits is what a component may cost. What is zero is what the contract has a host grant.
type Limits struct {
	// MemoryBytes is all linear memory of an instance: 64 MiB.
	MemoryBytes uint64
	// Computing is the time of a call without the waiting in send: 10 s.
	Computing time.Duration
	// Call is the time of a call with it: 2 minutes.
	Call time.Duration
	// Requests of one call: 8.
	Requests int
}

func (l Limits) filled() Limits {
	if l.MemoryBytes == 0 {
		l.MemoryBytes = 64 << 20
	}
	if l.Computing == 0 {
		l.Computing = 10 * time.Second
	}
	if l.Call == 0 {
		l.Call = 2 * time.Minute
	}
	if l.Requests == 0 {
		l.Requests = 8
	}
	return l
}

const (
	componentBytesMax = 64 << 20
	randomBytesMax    = 64 << 10
	tableElementsMax  = 100_000
	partsMax          = 64
)

// Failure is a component's own: it trapped, met a limit, or is none of the contract.
type Failure struct{ Reason string }

func (f *Failure) Error() string { return f.Reason }

func failure(format string, args ...any) *Failure {
	return &Failure{Reason: fmt.Sprintf(format, args...)}
}

// Engine compiles components and makes instances. It is safe for concurrent use.
type Engine struct {
	limits  Limits
	runtime runtime
	// compiling is held by the one that loads: the runtime lets a second see what the first has compiled by half.
	compiling chan struct{}
}

// NewEngine is an engine with these limits.
func NewEngine(limits Limits) *Engine {
	limits = limits.filled()
	return &Engine{limits: limits, runtime: newWazy(limits), compiling: make(chan struct{}, 1)}
}

// Close frees what was compiled. No instance may be called any more.
func (e *Engine) Close(ctx context.Context) error { return e.runtime.close(ctx) }

// Component is one that was checked, and is compiled.
type Component struct {
	engine   *Engine
	program  program
	metadata source.Metadata
}

// Load checks a component, compiles it, and asks it who it is. One that imports anything but what the
// contract lists, or exports another contract, is refused by name.
func (e *Engine) Load(ctx context.Context, wasm []byte) (*Component, error) {
	if len(wasm) > componentBytesMax {
		return nil, failure("the component has %d bytes; at most %d are loaded", len(wasm), componentBytesMax)
	}
	c := &Component{engine: e}
	if err := guarded(func() (err error) { c.program, err = e.runtime.load(wasm); return err }); err != nil {
		return nil, fmt.Errorf("the component cannot be loaded: %w", err)
	}
	instance, err := c.first(ctx)
	if err != nil {
		return nil, fmt.Errorf("the component cannot be loaded: %w", err)
	}
	defer instance.Close()
	if c.metadata, err = instance.Describe(ctx); err != nil {
		return nil, fmt.Errorf("the component does not say who it is: %w", err)
	}
	return c, nil
}

// first makes the instance for which a component is compiled.
func (c *Component) first(ctx context.Context) (*Instance, error) {
	select {
	case c.engine.compiling <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-c.engine.compiling }()
	return c.Instantiate(ctx, Imports{})
}

// Metadata says who the source is.
func (c *Component) Metadata() source.Metadata { return c.metadata }

// Instantiate makes an instance. It has to be closed.
func (c *Component) Instantiate(ctx context.Context, imports Imports) (*Instance, error) {
	i := &Instance{limits: c.engine.limits}
	i.world.imports = imports
	err := i.within(ctx, func(ctx context.Context) (err error) {
		i.guest, err = c.program.instantiate(ctx, &i.world)
		return err
	})
	if err != nil {
		return nil, err
	}
	return i, nil
}

// Instance is a component with a memory of its own. Calls of it follow each other, whoever makes them.
type Instance struct {
	mu     sync.Mutex
	limits Limits
	world  world
	guest  guest
	failed bool
}

// errSpent: an instance that failed is in what state nobody knows.
var errSpent = errors.New("the instance failed before, or is closed: make another")

// Sound says whether the instance can be called again: not after a failure.
func (i *Instance) Sound() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return !i.failed
}

// MemoryBytes is its linear memory, which grows and never shrinks.
func (i *Instance) MemoryBytes() uint64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.guest == nil {
		return 0
	}
	return i.guest.memoryBytes()
}

// Close gives the instance's memory back.
func (i *Instance) Close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.drop()
}

func (i *Instance) drop() {
	i.failed = true
	if i.guest != nil {
		guest := i.guest
		i.guest = nil
		_ = guarded(func() error { return guest.close(context.Background()) })
	}
}

// Describe says who the source is.
func (i *Instance) Describe(ctx context.Context) (metadata source.Metadata, err error) {
	err = i.call(ctx, func(ctx context.Context) (err error) {
		metadata, err = i.guest.describe(ctx)
		return err
	})
	if err == nil {
		err = broken(metadata.Check())
	}
	return metadata, err
}

// Validate gives every fault of a configuration, or none.
func (i *Instance) Validate(ctx context.Context, config string) (faults []source.Diagnostic, err error) {
	err = i.call(ctx, func(ctx context.Context) (err error) {
		faults, err = i.guest.validate(ctx, config)
		return err
	})
	return faults, err
}

// Check makes one small request, to see whether a configuration works. An error of the contract is a
// *source.PollError.
func (i *Instance) Check(ctx context.Context, config string) (report *source.Report, err error) {
	err = i.call(ctx, func(ctx context.Context) (err error) {
		report, err = i.guest.check(ctx, config)
		return err
	})
	if err == nil {
		err = broken(report.Check())
	}
	return report, judged(err)
}

// Poll gives one page: of a batch that is within the bounds of the contract, or an error. What the source
// itself says is wrong is a *source.PollError; so is a component that failed, with the code
// component_failed. Any other error is the context's: the call was broken off, and nothing was lost.
func (i *Instance) Poll(ctx context.Context, config string, cursor *string) (batch *source.Batch, err error) {
	err = i.call(ctx, func(ctx context.Context) (err error) {
		batch, err = i.guest.poll(ctx, config, cursor)
		if err != nil || !batch.More {
			i.world.room = nil // The next page comes after a wait.
		}
		return err
	})
	if err == nil {
		if err = broken(batch.Check()); err != nil {
			batch = nil
		}
	}
	return batch, judged(err)
}

// ExplainCursor says what a cursor says, for a person.
func (i *Instance) ExplainCursor(ctx context.Context, cursor string) (pairs []source.Pair, err error) {
	err = i.call(ctx, func(ctx context.Context) (err error) {
		pairs, err = i.guest.explainCursor(ctx, cursor)
		return err
	})
	if err == nil {
		err = broken(source.CheckPairs(pairs))
	}
	return pairs, judged(err)
}

// broken is a bound of the contract that was not kept, as a failure.
func broken(err error) error {
	if err == nil {
		return nil
	}
	return &Failure{Reason: err.Error()}
}

// judged holds an error of the contract to the contract, and makes one of a failure.
func judged(err error) error {
	var told *source.PollError
	if errors.As(err, &told) {
		if broken := told.Check(); broken != nil {
			return source.Failed(&Failure{Reason: broken.Error()})
		}
		return told
	}
	var failed *Failure
	if errors.As(err, &failed) {
		return source.Failed(failed)
	}
	return err
}

func (i *Instance) call(ctx context.Context, call func(context.Context) error) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.failed {
		return errSpent
	}
	err := i.within(ctx, call)
	var told *source.PollError
	if err != nil && !errors.As(err, &told) {
		i.drop()
	}
	return err
}

var errCallTime = errors.New("the call took too long")

// within runs what the component does within the limits of a call.
func (i *Instance) within(ctx context.Context, call func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	whole, cancel := context.WithTimeoutCause(ctx, i.limits.Call, errCallTime)
	defer cancel()
	inner, end := context.WithCancelCause(whole)
	defer end(nil)
	meter := startMeter(i.limits.Computing, func() { end(errComputing) })
	defer meter.stop()
	i.world.meter, i.world.requestsLeft = meter, i.limits.Requests
	err := guarded(func() error { return call(inner) })
	var told *source.PollError
	switch {
	case err == nil || errors.As(err, &told):
		return err
	case ctx.Err() != nil:
		// Whoever called wants no answer any more: that is no fault of the component.
		return fmt.Errorf("the call was broken off: %w", context.Cause(ctx))
	case context.Cause(inner) == errComputing:
		return failure("the component computed for more than %v", i.limits.Computing)
	case context.Cause(inner) == errCallTime:
		return failure("the call took more than %v", i.limits.Call)
	}
	var failed *Failure
	if errors.As(err, &failed) {
		return failed
	}
	return failure("the component failed: %s", oneLine(err))
}

// guarded makes an error of a panic: what a component is made of must not end the process.
func guarded(call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if cause, ok := r.(error); ok {
				err = fmt.Errorf("the runtime panicked: %w", cause)
			} else {
				err = fmt.Errorf("the runtime panicked: %v", r)
			}
		}
	}()
	return call()
}

// oneLine is an error without the stack of the component, which says nothing to whoever has no source.
func oneLine(err error) string {
	text := err.Error()
	if at := strings.Index(text, "\nwasm stack trace:"); at >= 0 {
		text = text[:at]
	}
	// The runtime tells where it was before it tells what happened.
	if at := strings.LastIndex(text, "wasm error: "); at >= 0 {
		text = text[at:]
	}
	text = strings.ReplaceAll(text, "\n", " ")
	if len(text) > 500 {
		text = strings.ToValidUTF8(text[:500], "") + "…"
	}
	return text
}
