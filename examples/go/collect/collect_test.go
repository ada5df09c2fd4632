package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"polling-source.example/go/component"
	"polling-source.example/go/internal/components"
	"polling-source.example/go/internal/leaks"
	"polling-source.example/go/loop"
	"polling-source.example/go/send"
	"polling-source.example/go/source"
)

func TestMain(m *testing.M) { leaks.Main(m) }

func scripted(t *testing.T, policy send.Policy, config string, secrets ...string) *Source {
	t.Helper()
	engine := component.NewEngine(component.Limits{})
	t.Cleanup(func() { _ = engine.Close(context.Background()) })
	loaded, err := engine.Load(context.Background(), components.Read(t, components.Scripted))
	if err != nil {
		t.Fatal(err)
	}
	s := Open(loaded, policy, config, secrets...)
	t.Cleanup(s.Close)
	return s
}

// sink keeps what it is given, unless it is told to fail.
type sink struct {
	bodies  []string
	cursors []string
	order   strings.Builder
	deliver func(*source.Batch) error
	commit  func(context.Context) error
}

func (s *sink) Deliver(_ context.Context, batch *source.Batch) error {
	s.order.WriteByte('d')
	if s.deliver != nil {
		if err := s.deliver(batch); err != nil {
			return err
		}
	}
	for _, event := range batch.Events {
		s.bodies = append(s.bodies, event.Body)
	}
	return nil
}

func (s *sink) Commit(ctx context.Context, cursor string, _ *string) error {
	s.order.WriteByte('c')
	if s.commit != nil {
		if err := s.commit(ctx); err != nil {
			return err
		}
	}
	s.cursors = append(s.cursors, cursor)
	return nil
}

const threePages = `{"do":"events","pages":3,"count":2}`

func TestEachEventComesOnceInOrderAndItsCursorBehindIt(t *testing.T) {
	s := scripted(t, send.Policy{}, threePages)
	kept := &sink{}
	machine := loop.New(loop.Options{UntilCaughtUp: true})
	if err := Run(context.Background(), s, machine, kept, nil); err != nil {
		t.Fatal(err)
	}
	if len(kept.bodies) != 6 || !slices.Equal(kept.cursors, []string{"1", "2", "3"}) || kept.order.String() != "dcdcdc" {
		t.Errorf("%v %v %v", kept.bodies, kept.cursors, kept.order.String())
	}
}

func TestADeliveryThatFailsIsMadeAgainAndPollsNothingMeanwhile(t *testing.T) {
	s := scripted(t, send.Policy{}, threePages)
	failures := 0
	kept := &sink{deliver: func(batch *source.Batch) error {
		if failures++; failures == 2 {
			return errors.New("no room")
		}
		return nil
	}}
	var steps []loop.Kind
	machine := loop.New(loop.Options{UntilCaughtUp: true, Chance: func() float64 { return 0 }})
	err := Run(context.Background(), s, machine, kept, func(told Told) { steps = append(steps, told.Step) })
	if err != nil || len(kept.bodies) != 6 || kept.order.String() != "dcddcdc" {
		t.Errorf("%v %v %v", err, kept.bodies, kept.order.String())
	}
	if polls := len(slices.DeleteFunc(steps, func(k loop.Kind) bool { return k != loop.Poll })); polls != 3 {
		t.Errorf("%d polls", polls)
	}
}

func TestAFatalErrorOfASinkEndsTheRunAndTheCursorStands(t *testing.T) {
	s := scripted(t, send.Policy{}, threePages)
	cause := errors.New("the disk is gone")
	kept := &sink{deliver: func(*source.Batch) error { return Fatal(cause) }}
	if err := Run(context.Background(), s, loop.New(loop.Options{}), kept, nil); !errors.Is(err, cause) {
		t.Error(err)
	}
	if len(kept.cursors) != 0 {
		t.Error("a cursor was stored")
	}
}

func TestAnEndDuringADeliveryStoresTheCursorOfWhatIsSafe(t *testing.T) {
	s := scripted(t, send.Policy{}, threePages)
	ctx, stop := context.WithCancel(context.Background())
	kept := &sink{
		deliver: func(*source.Batch) error { stop(); return nil },
		commit:  func(ctx context.Context) error { return ctx.Err() },
	}
	if err := Run(ctx, s, loop.New(loop.Options{}), kept, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if len(kept.bodies) != 2 || len(kept.cursors) != 1 {
		t.Errorf("%v %v", kept.bodies, kept.cursors)
	}
}

func TestAnEndDuringARequestOrAWaitEndsAtOnceAndLosesNothing(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(2 * time.Second):
		}
	}))
	defer silent.Close()
	allowed, err := send.ParseOrigin(silent.URL)
	if err != nil {
		t.Fatal(err)
	}
	fetch := fmt.Sprintf(`{"do":"fetch","method":"GET","url":%q,"headers":{},"timeout_ms":30000}`, silent.URL+"/")
	for _, config := range []string{fetch, `{"do":"error"}`} {
		s := scripted(t, send.Policy{Allow: []send.Origin{allowed}}, config)
		ctx, stop := context.WithTimeout(context.Background(), 200*time.Millisecond)
		begun := time.Now()
		kept := &sink{}
		err := Run(ctx, s, loop.New(loop.Options{}), kept, nil)
		stop()
		if took := time.Since(begun); !errors.Is(err, context.DeadlineExceeded) || took > time.Second {
			t.Errorf("%s: %v after %v", config, err, took)
		}
		if kept.order.Len() != 0 {
			t.Error(kept.order.String())
		}
		s.Close()
		s.Close()
		if _, err := s.Poll(context.Background(), nil); !errors.Is(err, errClosed) {
			t.Error(err)
		}
	}
}

func TestAFreshInstanceTakesThePlaceOfOneThatFailed(t *testing.T) {
	s := scripted(t, send.Policy{}, threePages)
	good := s.config
	s.config = `{"do":"trap"}`
	var told *source.PollError
	if _, err := s.Poll(context.Background(), nil); !errors.As(err, &told) || told.Code != source.ComponentFailed {
		t.Fatal(err)
	}
	s.config = good
	if batch, err := s.Poll(context.Background(), nil); err != nil || batch.Cursor != "1" {
		t.Fatal(err)
	}
	s.Idle()
	if batch, err := s.Poll(context.Background(), nil); err != nil || batch.Cursor != "1" {
		t.Fatal(err)
	}
}

func TestAnInstanceThatHasGrownIsNotKept(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		kept   bool
	}{
		"much too large":             {`{"do":"events","pages":2,"count":12,"padding":1000000}`, false},
		"large, and there is more":   {`{"do":"events","pages":2,"count":1,"padding":1000000}`, true},
		"large, and it is caught up": {`{"do":"events","count":1,"padding":1000000}`, false},
		"small, and it is caught up": {`{"do":"events","count":1}`, true},
	} {
		s := scripted(t, send.Policy{}, c.config)
		if _, err := s.Poll(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
		if kept := s.instance != nil; kept != c.kept {
			t.Errorf("%s: kept is %t", name, kept)
		}
	}
}

func TestSecretsAreNotTold(t *testing.T) {
	for name, c := range map[string]struct {
		member, secret string
		known          []string
	}{
		"by its name":   {"app_key", "s3cret-by-name", nil},
		"by its origin": {"other", "s3cret-by-origin", []string{"s3cret-by-origin"}},
	} {
		config, _ := json.Marshal(map[string]any{
			"do": "error", c.member: c.secret, "message": "refused: " + c.secret, "kind": "auth",
		})
		s := scripted(t, send.Policy{}, string(config), c.known...)
		_, err := s.Poll(context.Background(), nil)
		var told *source.PollError
		if !errors.As(err, &told) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestACursorIsExplainedWithoutSecrets(t *testing.T) {
	s := scripted(t, send.Policy{}, `{"do":"events","app_key":"s3cret"}`)
	pairs, err := s.ExplainCursor(context.Background(), "page-of-s3cret-things")
	if err != nil || len(pairs) != 2 || pairs[0] != (source.Pair{Name: "page", Value: "page-of-[redacted]-things"}) {
		t.Errorf("%v %v", pairs, err)
	}
	var told *source.PollError
	if _, err := s.ExplainCursor(context.Background(), "refused s3cret"); !errors.As(err, &told) || told.Message != "[redacted]" {
		t.Error(err)
	}
}

func TestWhatIsDeliveredHasItsCursorTriedOnceMoreAtTheEnd(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	kept := &sink{}
	fails := true
	kept.commit = func(context.Context) error {
		if fails {
			fails = false
			stop()
			return errors.New("no room")
		}
		return nil
	}
	s := scripted(t, send.Policy{}, threePages)
	if err := Run(ctx, s, loop.New(loop.Options{}), kept, nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if len(kept.cursors) != 1 || kept.cursors[0] != "1" {
		t.Error(kept.cursors)
	}
}
