package benthos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"polling-source.example/go/internal/components"
)

// pipeline is a stream around one input, with an output that keeps what it is given.
type pipeline struct {
	told   lines
	mu     sync.Mutex
	ids    []string
	refuse func(id string) error
}

func (p *pipeline) take(_ context.Context, batch service.MessageBatch) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, message := range batch {
		id, _ := message.MetaGet("polling_source_id")
		if p.refuse != nil {
			if err := p.refuse(id); err != nil {
				return err
			}
		}
		p.ids = append(p.ids, id)
	}
	return nil
}

func (p *pipeline) taken() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.ids)
}

// run starts the stream, which is stopped by what it returns or with the test.
func (p *pipeline) run(t *testing.T, input string) (stop func()) {
	t.Helper()
	builder := service.NewStreamBuilder()
	builder.SetLogger(p.told.logger())
	if err := errors.Join(
		builder.AddInputYAML(input),
		builder.AddCacheYAML("label: kept\nmemory: {}"),
		builder.AddBatchConsumerFunc(p.take),
	); err != nil {
		t.Fatal(err)
	}
	stream, err := builder.Build()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- stream.Run(context.Background()) }()
	stop = sync.OnceFunc(func() {
		if err := stream.StopWithin(10 * time.Second); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// probe is an input around the component that does what these steps say.
func probe(t *testing.T, cursor, steps string, more ...string) string {
	t.Helper()
	return fmt.Sprintf("polling_source:\n  component: %s\n  allow: []\n  cursor: {%s}\n  config: {\"steps\": %s}\n  %s\n",
		componentFile(t, components.Probe), cursor, steps, strings.Join(more, "\n  "))
}

func TestEachEventComesOnceAlsoOverARestart(t *testing.T) {
	cursor := filepath.Join(t.TempDir(), "cursor")
	steps := `[{"answer":{"batch":{"events":2}}},{"answer":{"batch":{"events":0}}},{"answer":{"batch":{"events":1}}}]`
	p := &pipeline{}
	stop := p.run(t, probe(t, "file: "+cursor, steps))
	eventually(t, "the cursor of the last step", func() bool {
		bytes, _ := os.ReadFile(cursor)
		return string(bytes) == "3"
	})
	stop()
	again := &pipeline{}
	stop = again.run(t, probe(t, "file: "+cursor, strings.TrimSuffix(steps, "]")+`,{"answer":{"batch":{"events":1}}}]`))
	eventually(t, "what is new", func() bool { return len(again.taken()) > 0 })
	stop()
	if got := append(p.taken(), again.taken()...); !slices.Equal(got, []string{"0-0", "0-1", "2-0", "3-0"}) {
		t.Error(got)
	}
	if !p.told.has("no cursor at "+cursor) || again.told.has("no cursor") {
		t.Errorf("%s %s", &p.told, &again.told)
	}
}

func TestWhatTheOutputRefusesComesAgainWithItsIDs(t *testing.T) {
	refusals := 5
	p := &pipeline{refuse: func(id string) error {
		if id == "0-0" && refusals > 0 {
			refusals--
			return errors.New("not now")
		}
		return nil
	}}
	steps := `[{"answer":{"batch":{"events":2}}},{"answer":{"batch":{"events":1}}},{"answer":{"batch":{"events":1}}}]`
	p.run(t, probe(t, "cache: kept, key: a", steps, "max_in_flight: 3"))
	eventually(t, "all of them", func() bool {
		ids := p.taken()
		slices.Sort(ids)
		return slices.Equal(ids, []string{"0-0", "0-1", "1-0", "2-0"})
	})
}

func TestAHostileComponentHarmsNeitherTheProcessNorAnotherInput(t *testing.T) {
	var asked bool
	forbidden := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer forbidden.Close()
	for what, c := range map[string]struct{ step, told string }{
		"traps":                  {`{"answer":{"break":"trap"}}`, "component_failed"},
		"fills its memory":       {`{"answer":{"break":"memory"}}`, "component_failed"},
		"fills its stack":        {`{"answer":{"break":"stack"}}`, "component_failed"},
		"never ends":             {`{"answer":{"break":"loop"}}`, "component_failed"},
		"gives too many":         {`{"answer":{"batch":{"events":10001}}}`, "component_failed"},
		"gives what is no event": {`{"answer":{"batch":{"events":1,"event":{"body":"{\n}"}}}}`, "component_failed"},
		"asks a forbidden host":  {fmt.Sprintf(`{"request":{"url":%q}}`, forbidden.URL), "denied"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && what == "never ends" {
				t.Skip("it takes the 10 s that a call may compute")
			}
			hostile, good := &pipeline{}, &pipeline{}
			hostile.run(t, probe(t, "cache: kept, key: a", "["+c.step+"]"))
			good.run(t, probe(t, "cache: kept, key: a", `[{"answer":{"batch":{"events":2}}}]`))
			eventually(t, "the other input's events", func() bool { return len(good.taken()) == 2 })
			eventually(t, "the failure is told", func() bool { return hostile.told.has(c.told) })
			if len(hostile.taken()) != 0 {
				t.Error(hostile.taken())
			}
		})
	}
	t.Cleanup(func() {
		if asked {
			t.Error("the forbidden host was asked")
		}
	})
}
