// Package benthos is the Benthos input polling_source: a log source that is one WebAssembly component.
//
// Importing it registers the input. README.md is its manual.
package benthos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"polling-source.example/go/loop"
	"polling-source.example/go/source"
)

func init() {
	err := service.RegisterBatchInput(name, spec(), func(conf *service.ParsedConfig, res *service.Resources) (service.BatchInput, error) {
		in, err := open(conf, res)
		if err != nil {
			return nil, err
		}
		// What a nack names comes again, with the same ids, and keeps its place in the order of cursors.
		return service.AutoRetryNacksBatched(in), nil
	})
	if err != nil {
		panic(err)
	}
}

// connectWait: a cursor that cannot be read is told again after so long.
const connectWait = 5 * time.Second

// poller is what the input polls.
type poller interface {
	Metadata() source.Metadata
	Poll(ctx context.Context, cursor *string) (*source.Batch, error)
	Close()
}

// input polls pages, and has the acknowledgements of their batches move the cursor.
type input struct {
	poller       poller
	store        store
	told         *teller
	pollInterval time.Duration
	maxInFlight  int

	// closing ends what ReadBatch waits for.
	closing context.Context
	close   context.CancelFunc
	closed  sync.Once
	// ended is closed once nothing of it goes on; failed is how that came out. What it is at meanwhile is polling.
	ended   chan struct{}
	failed  error
	polling atomic.Bool

	// reading is held by ReadBatch, so that Close does not take what it works with. The rest is there
	// once connected.
	reading sync.Mutex
	machine *loop.Machine
	order   *order
}

func newInput(poller poller, store store, told *teller) *input {
	in := &input{poller: poller, store: store, told: told, maxInFlight: 1, ended: make(chan struct{})}
	in.closing, in.close = context.WithCancel(context.Background())
	return in
}

// Connect reads the cursor.
func (in *input) Connect(ctx context.Context) error {
	in.reading.Lock()
	defer in.reading.Unlock()
	if in.closing.Err() != nil {
		return service.ErrEndOfInput
	}
	if in.machine != nil {
		return nil
	}
	cursor, err := in.store.open(ctx)
	if err != nil {
		return service.NewErrBackOff(fmt.Errorf("the cursor cannot be read: %w", err), connectWait)
	}
	in.told.begun(in.store, cursor)
	in.machine = loop.New(loop.Options{Cursor: cursor, PollInterval: in.pollInterval, Chance: rand.Float64})
	in.order = newOrder(in.store, cursor, in.maxInFlight, in.told.stored)
	return nil
}

// ReadBatch gives the next page that has events. The machine's steps to deliver and to commit are done once
// a batch has its place in the order: its acknowledgement moves the stored cursor, and the next poll may go
// on from the one that is not stored yet, as far as there is room.
func (in *input) ReadBatch(ctx context.Context) (service.MessageBatch, service.AckFunc, error) {
	in.reading.Lock()
	defer in.reading.Unlock()
	if in.machine == nil {
		return nil, nil, service.ErrNotConnected
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(in.closing, cancel)()
	for {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		switch step := in.machine.Next(); step.Kind {
		case loop.Poll:
			if err := in.poll(ctx, step.Cursor); err != nil {
				return nil, nil, err
			}
		case loop.Deliver:
			taken := in.order.enter(step.Batch.Cursor)
			in.machine.Delivered(nil)
			in.machine.Committed(nil)
			return messages(step.Batch, in.poller.Metadata()), acknowledge(taken), nil
		case loop.Commit: // An empty batch: Benthos would never acknowledge it.
			in.order.enter(step.Batch.Cursor)()
			in.machine.Committed(nil)
		case loop.Wait:
			if err := sleep(ctx, step.Wait); err != nil {
				return nil, nil, err
			}
			in.machine.Waited()
		default:
			return nil, nil, service.ErrEndOfInput
		}
	}
}

// poll takes room before it asks for a page, so that no more pages are held than may be under way.
func (in *input) poll(ctx context.Context, cursor *string) error {
	if err := in.order.room(ctx); err != nil {
		return err
	}
	in.polling.Store(true)
	batch, err := in.poller.Poll(ctx, cursor)
	in.polling.Store(false)
	if err != nil && ctx.Err() != nil {
		in.order.leave()
		return ctx.Err()
	}
	in.told.polled(batch, err)
	in.machine.Polled(batch, err)
	if next := in.machine.Next().Kind; next != loop.Deliver && next != loop.Commit {
		in.order.leave()
	}
	return nil
}

func acknowledge(taken func()) service.AckFunc {
	return func(_ context.Context, err error) error {
		if err == nil {
			taken()
		}
		return nil
	}
}

// Close ends a poll in mid-request, and stores the cursor of what is acknowledged by now. What is not comes
// again. What does not heed its end is left when the context ends, with the error that says so.
func (in *input) Close(ctx context.Context) error {
	in.closed.Do(func() {
		in.close()
		go func() {
			defer close(in.ended)
			in.failed = in.shut()
		}()
	})
	select {
	case <-in.ended:
		return in.failed
	case <-ctx.Done():
	}
	select {
	case <-in.ended: // However the two came.
		return in.failed
	default:
	}
	what := "the store still has a cursor"
	if in.polling.Load() {
		what = "the component still polls"
	}
	return fmt.Errorf("%s, though it is to end: it is left as it is, and what was not stored comes again: %w", what, ctx.Err())
}

func (in *input) shut() (err error) {
	in.reading.Lock()
	defer in.reading.Unlock()
	if in.order != nil {
		err = in.order.close()
	}
	in.poller.Close()
	return errors.Join(err, in.store.close())
}

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
