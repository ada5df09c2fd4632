package component

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/samyfodil/wazy"
	"github.com/samyfodil/wazy/api"
	"github.com/samyfodil/wazy/component"
	"github.com/samyfodil/wazy/component/witgo"

	"polling-source.example/go/component/internal/wit"
	"polling-source.example/go/source"
)

//go:generate go run github.com/samyfodil/wazy/cmd/wazy-bindgen -wit ../../../wit -world polling-source -package wit -o internal/wit/source.go

// wazyRuntime is wazy: WebAssembly with the component model, in Go alone.
type wazyRuntime struct {
	runtime wazy.Runtime
	cache   *component.CompileCache
	limits  Limits
}

const (
	pageBytes = 64 << 10
	// givenBytesMax is all that a call gives.
	givenBytesMax = 64 << 20
)

func newWazy(limits Limits) runtime {
	ctx := context.Background()
	config := wazy.NewRuntimeConfig().
		WithMemoryLimitPages(uint32(min(limits.MemoryBytes/pageBytes, 1<<16))).
		WithTableLimitElements(tableElementsMax).
		WithDebugInfoEnabled(false)
	return &wazyRuntime{
		runtime: wazy.NewRuntimeWithConfig(ctx, config),
		cache:   component.NewCompileCache(),
		limits:  limits,
	}
}

func (r *wazyRuntime) load(wasm []byte) (program, error) {
	lifted, err := inspect(wasm)
	if err != nil {
		return nil, err
	}
	results, err := shapesOf(lifted)
	if err != nil {
		return nil, err
	}
	return &wazyProgram{runtime: r, wasm: wasm, results: results}, nil
}

type wazyProgram struct {
	runtime *wazyRuntime
	wasm    []byte
	results map[string]*shape
}

func (r *wazyRuntime) close(ctx context.Context) error {
	err := r.cache.Close(ctx)
	if closed := r.runtime.Close(ctx); err == nil {
		err = closed
	}
	return err
}

func (p *wazyProgram) instantiate(ctx context.Context, world *world) (made guest, err error) {
	r := p.runtime
	memory := &memoryPool{left: r.limits.MemoryBytes}
	defer func() {
		if made == nil {
			memory.free()
		}
	}()
	guard := &guard{memory: memory, results: p.results, bytesMax: givenBytesMax}
	ctx = api.WithMemoryAllocator(withGuard(ctx, guard), memory)
	ctx = api.WithFunctionListenerFactory(ctx, guardFactory{})
	options := append(wasiOptions(world), component.WithCompileCache(r.cache))
	inst, err := wit.Instantiate(ctx, r.runtime, p.wasm, wit.Imports{HTTP: wazyHTTP{world}}, options...)
	if err != nil {
		return nil, fmt.Errorf("it cannot be instantiated: %w", err)
	}
	return &wazyGuest{instance: inst, source: inst.Source(), guard: guard}, nil
}

// wasiOptions is the clock and the random bytes: all that the contract lists of WASI, and no more.
func wasiOptions(world *world) []component.Option {
	now := func(context.Context, []component.Value) ([]component.Value, error) {
		// A clock set before 1970 reads as 1970.
		nanos := max(world.now().UnixNano(), 0)
		return []component.Value{[]component.Value{uint64(nanos / 1e9), uint32(nanos % 1e9)}}, nil
	}
	resolution := func(context.Context, []component.Value) ([]component.Value, error) {
		return []component.Value{[]component.Value{uint64(0), uint32(1)}}, nil
	}
	bytes := func(_ context.Context, args []component.Value) ([]component.Value, error) {
		if len(args) != 1 {
			return nil, fmt.Errorf("%d arguments", len(args))
		}
		count, err := witgo.U64(args[0])
		if err != nil {
			return nil, err
		}
		random, err := world.random(count)
		return []component.Value{random}, err
	}
	number := func(context.Context, []component.Value) ([]component.Value, error) {
		random, err := world.random(8)
		if err != nil {
			return nil, err
		}
		return []component.Value{binary.LittleEndian.Uint64(random)}, nil
	}
	types := component.NewTypeTable()
	datetime := types.Record("seconds", component.Prim("u64"), "nanoseconds", component.Prim("u32"))
	list := types.List(component.Prim("u8"))
	of := func(params []component.TypeRef, result component.TypeRef) component.FuncDesc {
		return types.Func(params, result)
	}
	count := []component.TypeRef{component.Prim("u64")}
	return []component.Option{
		component.WithImportCustom(clock, "now", now, of(nil, datetime), types.Resolver()),
		component.WithImportCustom(clock, "resolution", resolution, of(nil, datetime), types.Resolver()),
		component.WithImportCustom(random, "get-random-bytes", bytes, of(count, list), types.Resolver()),
		component.WithImportCustom(random, "get-random-u64", number, of(nil, component.Prim("u64")), types.Resolver()),
	}
}

// wazyHTTP carries an exchange from the bindings to the world and back.
type wazyHTTP struct{ world *world }

func (h wazyHTTP) Send(ctx context.Context, request wit.Request) (result witgo.Result[wit.Response, wit.HTTPError], err error) {
	headers := make([]source.Header, len(request.Headers))
	for i, header := range request.Headers {
		headers[i] = source.Header(header)
	}
	response, why, err := h.world.send(ctx, source.Request{
		Method: request.Method, URL: request.URL, Headers: headers, Body: request.Body, TimeoutMs: request.TimeoutMs,
	})
	if err != nil {
		return result, err
	}
	if why != nil {
		return witgo.Err[wit.Response](httpErrors[min(why.Case, source.Other)](why.Text)), nil
	}
	given := wit.Response{Status: response.Status, Body: response.Body, Headers: make([]wit.Header, len(response.Headers))}
	for i, header := range response.Headers {
		given.Headers[i] = wit.Header(header)
	}
	return witgo.Ok[wit.Response, wit.HTTPError](given), nil
}

var httpErrors = [...]func(string) wit.HTTPError{
	source.Denied: wit.HTTPErrorDenied, source.DNS: wit.HTTPErrorDNS, source.Connect: wit.HTTPErrorConnect,
	source.TLS: wit.HTTPErrorTLS, source.Timeout: wit.HTTPErrorTimeout, source.TooLarge: wit.HTTPErrorTooLarge,
	source.Other: wit.HTTPErrorOther,
}

// wazyGuest calls the exports.
type wazyGuest struct {
	instance *wit.PollingSource
	source   wit.Source
	guard    *guard
}

func (g *wazyGuest) close(ctx context.Context) error {
	defer g.guard.memory.free()
	return g.instance.Close(ctx)
}

func (g *wazyGuest) memoryBytes() uint64 { return uint64(len(g.guard.memory.bytes())) }

func (g *wazyGuest) describe(ctx context.Context) (source.Metadata, error) {
	metadata, err := g.source.Describe(withGuard(ctx, g.guard))
	return source.Metadata(metadata), err
}

func (g *wazyGuest) validate(ctx context.Context, config string) ([]source.Diagnostic, error) {
	result, err := g.source.Validate(withGuard(ctx, g.guard), config)
	if err != nil || !result.IsErr {
		return nil, err
	}
	faults := make([]source.Diagnostic, len(result.Err))
	for i, fault := range result.Err {
		faults[i] = source.Diagnostic(fault)
	}
	return faults, nil
}

func (g *wazyGuest) check(ctx context.Context, config string) (*source.Report, error) {
	result, err := g.source.Check(withGuard(ctx, g.guard), config)
	if err != nil {
		return nil, err
	}
	if result.IsErr {
		return nil, pollError(result.Err)
	}
	report := result.Ok
	return &source.Report{
		Newest: report.Newest, Quota: (*source.Quota)(report.Quota), ClockOffsetMs: report.ClockOffsetMs,
		Notices: notices(report.Notices), Stats: stats(report.Stats),
	}, nil
}

func (g *wazyGuest) poll(ctx context.Context, config string, cursor *string) (*source.Batch, error) {
	result, err := g.source.Poll(withGuard(ctx, g.guard), config, cursor)
	if err != nil {
		return nil, err
	}
	if result.IsErr {
		return nil, pollError(result.Err)
	}
	batch := result.Ok
	events := make([]source.Event, len(batch.Events))
	for i, event := range batch.Events {
		events[i] = source.Event(event)
	}
	return &source.Batch{
		Events: events, Cursor: batch.Cursor, More: batch.More, NextPollMs: batch.NextPollMs,
		Notices: notices(batch.Notices), Stats: stats(batch.Stats),
		Progress: (*source.Progress)(batch.Progress), Quota: (*source.Quota)(batch.Quota),
	}, nil
}

func (g *wazyGuest) explainCursor(ctx context.Context, cursor string) ([]source.Pair, error) {
	result, err := g.source.ExplainCursor(withGuard(ctx, g.guard), cursor)
	if err != nil {
		return nil, err
	}
	if result.IsErr {
		return nil, pollError(result.Err)
	}
	pairs := make([]source.Pair, len(result.Ok))
	for i, pair := range result.Ok {
		pairs[i] = source.Pair{Name: pair.F0, Value: pair.F1}
	}
	return pairs, nil
}

func pollError(told wit.PollError) *source.PollError {
	return &source.PollError{
		Kind: source.ErrorKind(told.Kind), Code: told.Code, Message: told.Message,
		RetryAfterMs: told.RetryAfterMs, Notices: notices(told.Notices), Stats: stats(told.Stats),
		Quota: (*source.Quota)(told.Quota),
	}
}

func notices(told []wit.Notice) []source.Notice {
	out := make([]source.Notice, len(told))
	for i, notice := range told {
		out[i] = source.Notice{Level: source.Level(notice.Level), Code: notice.Code, Message: notice.Message}
	}
	return out
}

func stats(told wit.Stats) source.Stats {
	counters := make([]source.Counter, len(told.Counters))
	for i, counter := range told.Counters {
		counters[i] = source.Counter(counter)
	}
	return source.Stats{
		Requests: told.Requests, SentBytes: told.SentBytes, ReceivedBytes: told.ReceivedBytes,
		Rows: told.Rows, Duplicates: told.Duplicates, Counters: counters,
	}
}
