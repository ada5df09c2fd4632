package component

import (
	"context"
	"crypto/rand"
	"time"

	"polling-source.example/go/source"
)

// runtime is what runs WebAssembly: all that this module asks of it.
type runtime interface {
	// load says why a component is none that can be run, by its imports, exports and parts.
	load(wasm []byte) (program, error)
	close(ctx context.Context) error
}

// program is a component that was checked.
type program interface {
	// instantiate makes an instance. The context carries the limits of time, here and in every call.
	instantiate(ctx context.Context, world *world) (guest, error)
}

// guest is an instance's exports. An error of the contract is a *source.PollError; any other leaves the
// guest unusable.
type guest interface {
	describe(ctx context.Context) (source.Metadata, error)
	validate(ctx context.Context, config string) ([]source.Diagnostic, error)
	check(ctx context.Context, config string) (*source.Report, error)
	poll(ctx context.Context, config string, cursor *string) (*source.Batch, error)
	explainCursor(ctx context.Context, cursor string) ([]source.Pair, error)
	memoryBytes() uint64
	close(ctx context.Context) error
}

// world is what an instance sees, and what it has used of it in the call under way.
type world struct {
	imports      Imports
	meter        *meter
	requestsLeft int
	// room is the last response's body: once the component sends again, it has a copy.
	room []byte
}

// roomBytesMax is what is kept of it for as long as there is more to come.
const roomBytesMax = 4 << 20

func (w *world) send(ctx context.Context, request source.Request) (*source.Response, *source.HTTPError, error) {
	if w.imports.HTTP == nil {
		return nil, &source.HTTPError{Case: source.Denied, Text: "this call may not send"}, nil
	}
	if w.requestsLeft == 0 {
		return nil, nil, failure("the component made too many requests in one call")
	}
	w.requestsLeft--
	request.Room, w.room = w.room, nil
	w.meter.pause()
	defer w.meter.resume()
	response, why := w.imports.HTTP.Send(ctx, request)
	if ctx.Err() != nil {
		// The call is over: the component is not to make anything of what looks like a timeout.
		return nil, nil, context.Cause(ctx)
	}
	if response != nil && cap(response.Body) <= roomBytesMax {
		w.room = response.Body
	}
	return response, why, nil
}

func (w *world) now() time.Time {
	if w.imports.Now != nil {
		return w.imports.Now()
	}
	return time.Now()
}

func (w *world) random(count uint64) ([]byte, error) {
	if count > randomBytesMax {
		return nil, failure("the component asks for %d random bytes at once; %d are allowed", count, randomBytesMax)
	}
	bytes := make([]byte, count)
	if w.imports.Random != nil {
		return bytes, w.imports.Random(bytes)
	}
	_, err := rand.Read(bytes)
	return bytes, err
}
