package benthos

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/redpanda-data/benthos/v4/public/service"

	"polling-source.example/go/source"
)

func TestWhatASourceSaysIsToldOnceAndItsCodesAreBound(t *testing.T) {
	told := &lines{}
	teller := newTeller(told.resources(), source.Metadata{Name: "acme"})
	teller.polled(nil, &source.PollError{Kind: source.Throttled, Code: "rate_limited", Message: "wait"})
	teller.polled(nil, &source.PollError{Kind: source.Auth, Code: "refused", Message: "no"})
	teller.polled(&source.Batch{Notices: []source.Notice{{Level: source.Warn, Code: "odd", Message: "look"}}}, nil)
	for _, line := range []string{
		`level=INFO msg="throttled rate_limited: wait"`, `level=INFO msg="polls succeed again"`, `level=ERROR msg="auth refused: no"`, `level=WARN msg="odd: look"`,
	} {
		if told.count(line) != 1 {
			t.Errorf("%s: %s", line, told)
		}
	}
	for n := range 3 * codesMax {
		teller.code("code_" + strconv.Itoa(n))
	}
	if len(teller.codes) != codesMax || teller.code("one_more") != "other" || teller.code("odd") != "odd" {
		t.Error(len(teller.codes))
	}
}

func TestWhatComesNowAndThenIsToldNoMoreOftenThanWhatLasts(t *testing.T) {
	told := &lines{}
	teller := newTeller(told.resources(), source.Metadata{Name: "acme"})
	for n := range 100 {
		teller.polled(nil, &source.PollError{Kind: source.Transient, Code: "http_503", Message: "later", Notices: []source.Notice{
			{Level: source.Warn, Code: "rows_withheld", Message: fmt.Sprintf("%d rows", n)},
		}})
		teller.polled(&source.Batch{}, nil)
	}
	if told.count(`level=WARN msg="transient http_503: later"`) != 1 || told.count("polls succeed again") != 1 ||
		told.count("rows_withheld") > 17 {
		t.Error(told)
	}
}

func TestASourceThatHasCaughtUpIsToldOnce(t *testing.T) {
	told := &lines{}
	teller := newTeller(told.resources(), source.Metadata{Name: "acme"})
	batch := func(more bool, want int) {
		t.Helper()
		teller.polled(&source.Batch{More: more}, nil)
		if told.count("has caught up") != want {
			t.Error(told)
		}
	}
	batch(true, 0)
	batch(false, 1)
	batch(false, 1)
	batch(true, 1)
	batch(false, 1) // A page more than usual.
	batch(true, 1)
	teller.behind = teller.behind.Add(-behindMin)
	batch(false, 2)
}

func TestEachPollIsALineForWhoLooksCloserAndHasNoCursor(t *testing.T) {
	told := &lines{}
	log := slog.New(slog.NewTextHandler(told, &slog.HandlerOptions{Level: slog.LevelDebug}))
	resources := service.MockResources(service.MockResourcesOptUseLogger(service.NewLoggerFromSlog(log)))
	teller := newTeller(resources, source.Metadata{Name: "acme"})
	batch := &source.Batch{Cursor: "s3cret", Events: make([]source.Event, 3), Stats: source.Stats{Requests: 2, Rows: 4, Duplicates: 1}}
	teller.polled(batch, nil)
	teller.polled(batch, nil)
	teller.polled(nil, &source.PollError{Kind: source.Throttled, Code: "rate_limited", Stats: source.Stats{Requests: 1}})
	for _, line := range []string{
		"polled: 2 requests, 4 rows, 1 duplicates, 3 events, more: false, cursor moved: true, of 6 bytes",
		"polled: 2 requests, 4 rows, 1 duplicates, 3 events, more: false, cursor moved: false, of 6 bytes",
		"polled, without a batch: throttled rate_limited, 1 requests",
	} {
		if told.count("level=DEBUG msg=\""+line) != 1 {
			t.Errorf("%s: %s", line, told)
		}
	}
	if strings.Contains(told.String(), "s3cret") {
		t.Error(told)
	}
}
