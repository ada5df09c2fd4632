package component

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"polling-source.example/go/internal/components"
	"polling-source.example/go/internal/leaks"
	"polling-source.example/go/source"
)

func TestMain(m *testing.M) { leaks.Main(m) }

func engine(t testing.TB, limits Limits) *Engine {
	e := NewEngine(limits)
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e
}

func loaded(t testing.TB, e *Engine, name string) *Component {
	t.Helper()
	c, err := e.Load(context.Background(), components.Read(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func instance(t testing.TB, c *Component, imports Imports) *Instance {
	t.Helper()
	i, err := c.Instantiate(context.Background(), imports)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Close)
	return i
}

// refused holds an error to be a component's own failure that says so.
func refused(t *testing.T, err error, says string) {
	t.Helper()
	var told *source.PollError
	if !errors.As(err, &told) || told.Kind != source.Protocol || told.Code != source.ComponentFailed {
		t.Fatalf("%v is no protocol error of a component that failed", err)
	}
	if !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%q does not say %q on one line", err, says)
	}
}

func TestItSaysWhoItIs(t *testing.T) {
	c := loaded(t, engine(t, Limits{}), components.Mimecast)
	if m := c.Metadata(); m.Name != "mimecast-ttp-source" || len(m.Kinds) != 1 || m.ConfigSchema == "" {
		t.Errorf("%+v", m)
	}
}

func TestWhatIsNoneOfTheContractIsRefusedByName(t *testing.T) {
	e := engine(t, Limits{})
	probe := components.Read(t, components.Probe)
	other := func(from, to string) []byte { return bytes.ReplaceAll(probe, []byte(from), []byte(to)) }
	for name, c := range map[string]struct {
		wasm []byte
		says string
	}{
		"nothing":            {nil, "it is no component"},
		"rubbish":            {[]byte("\x00asm rubbish"), "it is no component"},
		"a core module":      {[]byte("\x00asm\x01\x00\x00\x00"), "it is no component"},
		"cut":                {probe[:len(probe)/2], "it is no component"},
		"too large":          {make([]byte, componentBytesMax+1), "at most"},
		"a command":          {components.Read(t, components.Command), "it imports wasi:"},
		"another HTTP":       {components.Read(t, components.WasiHTTP), "it imports wasi:"},
		"another version":    {other("contract/source@0.2.0", "contract/source@0.3.0"), "contract/source@0.3.0"},
		"another import":     {other("contract/http@0.2.0", "contract/ftp!@0.2.0"), "it imports polling-source:contract/ftp!@0.2.0"},
		"another interface":  {other("contract/http@0.2.0", "contract/sock@0.2.0"), "it imports polling-source:contract/sock@0.2.0"},
		"another's function": {other("\x04send\x01", "\x04recv\x01"), "#recv"},
	} {
		_, err := e.Load(context.Background(), c.wasm)
		var failed *Failure
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v does not say %q", name, err, c.says)
		}
	}
}

func TestBytesThatAreSpoiledAnywhereHarmNothing(t *testing.T) {
	e := engine(t, Limits{Computing: time.Second})
	wasm := components.Read(t, components.Probe)
	for at := 0; at < len(wasm); at += len(wasm) / 25 {
		spoiled := bytes.Clone(wasm)
		spoiled[at] ^= 0x41
		if c, err := e.Load(context.Background(), spoiled); err == nil {
			i, err := c.Instantiate(context.Background(), Imports{})
			if err == nil {
				_, _ = i.Poll(context.Background(), `{"steps":[{"answer":{"batch":{"events":3}}}]}`, nil)
				i.Close()
			}
		}
	}
	loaded(t, e, components.Probe)
}

func TestHostileCallsEndAndHarmNobody(t *testing.T) {
	e := engine(t, Limits{Computing: 3 * time.Second})
	scripted, probe := loaded(t, e, components.Scripted), loaded(t, e, components.Probe)
	// A good one goes on in the same process all the while.
	ctx, stop := context.WithCancel(context.Background())
	var good sync.WaitGroup
	var polls int
	beside := instance(t, scripted, Imports{})
	good.Go(func() {
		for ; ctx.Err() == nil; polls++ {
			if _, err := beside.Poll(context.Background(), `{"do":"events","count":10}`, nil); err != nil {
				t.Errorf("the good one: %v", err)
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
	for name, c := range map[string]struct {
		component *Component
		config    string
		says      string
	}{
		"loop":          {scripted, `{"do":"loop"}`, "computed for more than 3s"},
		"trap":          {scripted, `{"do":"trap"}`, "unreachable"},
		"memory":        {scripted, `{"do":"balloon"}`, "unreachable"},
		"stack":         {probe, `{"steps":[{"answer":{"break":"stack"}}]}`, "the component failed"},
		"granted":       {probe, `{"steps":[{"answer":{"break":"memory"}}]}`, "unreachable"},
		"events":        {scripted, `{"do":"events","count":10001}`, "10001 events"},
		"cursor":        {scripted, `{"do":"huge cursor","count":1000001}`, "the cursor has 1000001 bytes"},
		"kind":          {scripted, `{"do":"events","event_kind":"No kind"}`, "no kind of the contract"},
		"many of one":   {scripted, `{"do":"many of one","count":9000}`, "gives more than 67108864 bytes"},
		"made up":       {scripted, `{"do":"made-up cursor","count":3000000000}`, "gives more than 67108864 bytes"},
		"made up, half": {scripted, `{"do":"made-up cursor","count":60000000}`, "the component failed"},
		"made up, sent": {scripted, `{"do":"made-up request","count":3000000000}`, "sends more than 67108864 bytes"},
		"random":        {scripted, `{"do":"random","count":65537}`, "random bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after goruntime.MemStats
			goruntime.ReadMemStats(&before)
			i := instance(t, c.component, Imports{HTTP: sender(func() {})})
			begun := time.Now()
			batch, err := i.Poll(context.Background(), c.config, nil)
			goruntime.ReadMemStats(&after)
			refused(t, err, c.says)
			if batch != nil {
				t.Error("it gave a batch, too")
			}
			if took := time.Since(begun); took > 15*time.Second {
				t.Errorf("it took %v", took)
			}
			if taken := after.TotalAlloc - before.TotalAlloc; taken > 400<<20 {
				t.Errorf("%d MiB were allocated", taken>>20)
			}
			// What was merely no batch of the contract leaves an instance that can be called.
			if name := c.says; i.Sound() != (strings.Contains(name, "events") || strings.Contains(name, "the cursor") || strings.Contains(name, "no kind")) {
				t.Errorf("sound: %v", i.Sound())
			}
			if !i.Sound() {
				if _, err := i.Poll(context.Background(), `{"do":"events"}`, nil); !errors.Is(err, errSpent) {
					t.Errorf("it can be called again: %v", err)
				}
			}
		})
	}
	stop()
	good.Wait()
	if polls < 20 {
		t.Errorf("the good one made %d polls", polls)
	}
}

// sender waits in send.
type sender func()

func (s sender) Send(context.Context, source.Request) (*source.Response, *source.HTTPError) {
	s()
	return &source.Response{Status: 200}, nil
}

const fetchOften = `{"do":"fetch often","count":%d,"method":"GET","url":"http://127.0.0.1/","headers":{},"timeout_ms":1000}`

func TestWaitingInSendIsNoComputing(t *testing.T) {
	e := engine(t, Limits{Computing: 300 * time.Millisecond})
	wait := sender(func() { time.Sleep(200 * time.Millisecond) })
	i := instance(t, loaded(t, e, components.Scripted), Imports{HTTP: wait})
	begun := time.Now()
	if _, err := i.Poll(context.Background(), fmt.Sprintf(fetchOften, 8), nil); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < 1600*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}

func TestComputingAfterAWaitIsBound(t *testing.T) {
	e := engine(t, Limits{Computing: 400 * time.Millisecond})
	i := instance(t, loaded(t, e, components.Probe), Imports{HTTP: sender(func() { time.Sleep(50 * time.Millisecond) })})
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	config := `{"steps":[{"request":{"url":"http://127.0.0.1/"},"answer":{"break":"loop"}}]}`
	_, err := i.Poll(ctx, config, nil)
	refused(t, err, "computed for more than 400ms")
}

func TestComputingIsCountedOnAfterAWait(t *testing.T) {
	over := make(chan struct{})
	m := startMeter(time.Second, func() { close(over) })
	time.Sleep(800 * time.Millisecond)
	m.pause()
	time.Sleep(300 * time.Millisecond)
	select {
	case <-over:
		t.Fatal("it ended in a wait")
	default:
	}
	m.resume()
	begun := time.Now()
	<-over
	if took := time.Since(begun); took > 700*time.Millisecond {
		t.Errorf("it began anew: %v", took)
	}
}

func TestACallHasATimeWithItsWaits(t *testing.T) {
	e := engine(t, Limits{Call: 300 * time.Millisecond})
	i := instance(t, loaded(t, e, components.Scripted), Imports{HTTP: sender(func() { time.Sleep(120 * time.Millisecond) })})
	_, err := i.Poll(context.Background(), fmt.Sprintf(fetchOften, 8), nil)
	refused(t, err, "the call took more than 300ms")
}

func TestACallHasEightRequests(t *testing.T) {
	c := loaded(t, engine(t, Limits{}), components.Scripted)
	i := instance(t, c, Imports{HTTP: sender(func() {})})
	for range 2 {
		if _, err := i.Poll(context.Background(), fmt.Sprintf(fetchOften, 8), nil); err != nil {
			t.Fatal(err)
		}
	}
	_, err := i.Poll(context.Background(), fmt.Sprintf(fetchOften, 9), nil)
	refused(t, err, "too many requests")
}

func TestACallThatIsBrokenOffIsNoFaultOfTheComponent(t *testing.T) {
	c := loaded(t, engine(t, Limits{}), components.Scripted)
	for name, config := range map[string]string{"in send": fmt.Sprintf(fetchOften, 8), "in a loop": `{"do":"loop"}`} {
		ctx, stop := context.WithCancelCause(context.Background())
		i := instance(t, c, Imports{HTTP: sender(func() { time.Sleep(50 * time.Millisecond) })})
		stopped := errors.New("asked to stop")
		time.AfterFunc(100*time.Millisecond, func() { stop(stopped) })
		begun := time.Now()
		_, err := i.Poll(ctx, config, nil)
		var told *source.PollError
		if !errors.Is(err, stopped) || errors.As(err, &told) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("%s: it took %v", name, took)
		}
	}
}

func TestBytesOfOneBodyThatManyEventsNameAreWithinTheBoundWhenFew(t *testing.T) {
	c := loaded(t, engine(t, Limits{}), components.Scripted)
	i := instance(t, c, Imports{})
	batch, err := i.Poll(context.Background(), `{"do":"wide ids","count":10000}`, nil)
	if err != nil || len(batch.Events) != 10_000 || len(batch.Events[9_999].ID) != 4<<10 {
		t.Fatalf("%v", err)
	}
}

func TestTheGuardMeasuresWhatThereIs(t *testing.T) {
	c := loaded(t, engine(t, Limits{}), components.Scripted)
	i := instance(t, c, Imports{})
	guest := i.guest.(*wazyGuest)
	ask := func(bound uint64) error {
		guest.guard.bytesMax = bound
		guest.guard.results = c.program.(*wazyProgram).results
		_, err := guest.poll(withGuard(context.Background(), guest.guard), `{"do":"events","count":100,"padding":1000}`, nil)
		return err
	}
	// 100 bodies of a thousand bytes and some, and 5 values an event.
	if err := ask(135_000); err != nil {
		t.Errorf("%v", err)
	}
	if err := ask(110_000); err == nil || !strings.Contains(err.Error(), "more than 110000 bytes") {
		t.Errorf("%v", err)
	}
}

func TestManySourcesShareWhatIsCompiled(t *testing.T) {
	e := engine(t, Limits{})
	begun := time.Now()
	c := loaded(t, e, components.Mimecast)
	first := time.Since(begun)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := e.Load(context.Background(), components.Read(t, components.Scripted)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	begun = time.Now()
	for range 100 {
		all.Go(func() {
			i, err := c.Instantiate(context.Background(), Imports{})
			if err != nil {
				t.Error(err)
				return
			}
			defer i.Close()
			if _, err := i.Describe(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if took := time.Since(begun); took > 20*first {
		t.Errorf("100 instances took %v, and the first %v", took, first)
	}
}
