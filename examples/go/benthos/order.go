package benthos

import (
	"context"
	"sync"
	"time"
)

const (
	// storeMax is how long a store may take for one cursor.
	storeMax = 10 * time.Second
	// A store that fails is tried again after the first, and at last every longest.
	storeWaitFirst   = 500 * time.Millisecond
	storeWaitLongest = 30 * time.Second
)

// order holds the cursors of the batches under way, in the order of their polls. Acknowledgements come in
// any order; a cursor is stored once its batch and all before it are acknowledged. A batch gives its room
// back when its cursor is stored, so a store that fails pauses the polling.
type order struct {
	store  store
	stored *string
	told   func(error)
	places chan struct{}

	mu      sync.Mutex
	waiting []*place

	wake, closing, done chan struct{}
	err                 error
}

// place is where one batch stands.
type place struct {
	cursor string
	taken  bool
}

func newOrder(store store, stored *string, places int, told func(error)) *order {
	o := &order{
		store: store, stored: stored, told: told, places: make(chan struct{}, places),
		wake: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{}),
	}
	go o.run()
	return o
}

// room waits for room for one more batch. It is given back by leave, or with the cursor that is stored.
func (o *order) room(ctx context.Context) error {
	select {
	case o.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (o *order) leave() { <-o.places }

// enter gives a batch its place behind those before it. What it returns says that all of it is safe.
func (o *order) enter(cursor string) (taken func()) {
	p := &place{cursor: cursor}
	o.mu.Lock()
	o.waiting = append(o.waiting, p)
	o.mu.Unlock()
	return func() {
		o.mu.Lock()
		p.taken = true
		o.mu.Unlock()
		select {
		case o.wake <- struct{}{}:
		default:
		}
	}
}

// close stores what is acknowledged by now, and says so if it cannot.
func (o *order) close() error {
	close(o.closing)
	<-o.done
	return o.err
}

func (o *order) run() {
	defer close(o.done)
	wait := storeWaitFirst
	for {
		select {
		case <-o.wake:
		case <-o.closing:
			o.err = o.storeTaken()
			return
		}
		for o.storeTaken() != nil {
			select {
			case <-time.After(wait):
				wait = min(2*wait, storeWaitLongest)
				continue
			case <-o.closing:
				o.err = o.storeTaken()
				return
			}
		}
		wait = storeWaitFirst
	}
}

// storeTaken stores the newest cursor that has no batch before it which is not acknowledged.
func (o *order) storeTaken() error {
	cursor, count := o.taken()
	if count == 0 {
		return nil
	}
	if o.stored == nil || *o.stored != cursor {
		// An acknowledgement counts, whatever is being stopped meanwhile.
		ctx, cancel := context.WithTimeout(context.Background(), storeMax)
		err := o.store.set(ctx, cursor)
		cancel()
		if o.told(err); err != nil {
			return err
		}
		o.stored = &cursor
	}
	o.mu.Lock()
	o.waiting = o.waiting[count:]
	o.mu.Unlock()
	for range count {
		o.leave()
	}
	return nil
}

func (o *order) taken() (cursor string, count int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for count < len(o.waiting) && o.waiting[count].taken {
		cursor = o.waiting[count].cursor
		count++
	}
	return cursor, count
}
