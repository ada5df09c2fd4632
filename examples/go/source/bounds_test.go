package source

import (
	"strings"
	"testing"
)

func of(change func(*Batch)) error {
	b := &Batch{Cursor: "c", Events: []Event{{ID: "1", Kind: "a.b", Body: "{}"}, {ID: "2", Kind: "a.b", Body: "{}"}}}
	change(b)
	return b.Check()
}

func TestBatches(t *testing.T) {
	deep := `{"a":` + strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000) + "}"
	for name, c := range map[string]struct {
		change func(*Batch)
		taken  bool
	}{
		"as it is":        {func(*Batch) {}, true},
		"no events":       {func(b *Batch) { b.Events = nil }, true},
		"no cursor":       {func(b *Batch) { b.Cursor = "" }, false},
		"longest cursor":  {func(b *Batch) { b.Cursor = strings.Repeat("c", CursorBytesMax) }, true},
		"longer cursor":   {func(b *Batch) { b.Cursor = strings.Repeat("c", CursorBytesMax+1) }, false},
		"no id":           {func(b *Batch) { b.Events[1].ID = "" }, false},
		"longest id":      {func(b *Batch) { b.Events[1].ID = strings.Repeat("i", IDBytesMax) }, true},
		"longer id":       {func(b *Batch) { b.Events[1].ID = strings.Repeat("i", IDBytesMax+1) }, false},
		"no kind":         {func(b *Batch) { b.Events[1].Kind = "" }, false},
		"longest kind":    {func(b *Batch) { b.Events[1].Kind = strings.Repeat("k", KindBytesMax) }, true},
		"longer kind":     {func(b *Batch) { b.Events[1].Kind = strings.Repeat("k", KindBytesMax+1) }, false},
		"another kind":    {func(b *Batch) { b.Events[1].Kind = "a/../b" }, false},
		"two lines":       {func(b *Batch) { b.Events[1].Body = "{\n}" }, false},
		"no object":       {func(b *Batch) { b.Events[1].Body = "[]" }, false},
		"two objects":     {func(b *Batch) { b.Events[1].Body = `{},"b":{}` }, false},
		"a blank before":  {func(b *Batch) { b.Events[1].Body = " {}" }, false},
		"odd":             {func(b *Batch) { b.Events[1].Body = `{"a":"\ud800","a":1e999}` }, true},
		"deep":            {func(b *Batch) { b.Events[1].Body = deep }, true},
		"most events":     {func(b *Batch) { b.Events = many(EventsMax) }, true},
		"more events":     {func(b *Batch) { b.Events = many(EventsMax + 1) }, false},
		"notices":         {func(b *Batch) { b.Notices = notices(NoticesMax) }, true},
		"more notices":    {func(b *Batch) { b.Notices = notices(NoticesMax + 1) }, false},
		"counters":        {func(b *Batch) { b.Stats.Counters = counters(CountersMax) }, true},
		"more counters":   {func(b *Batch) { b.Stats.Counters = counters(CountersMax + 1) }, false},
		"another's name":  {func(b *Batch) { b.Stats.Counters = []Counter{{Name: "A-b"}} }, false},
		"a nameless one":  {func(b *Batch) { b.Notices = []Notice{{}} }, false},
		"one large":       {func(b *Batch) { b.Events = b.Events[:1]; b.Events[0].Body = large(BodiesBytesMax + 1) }, true},
		"several large":   {func(b *Batch) { b.Events[0].Body = large(BodiesBytesMax) }, false},
		"as large as can": {func(b *Batch) { b.Events[0].Body = large(BodiesBytesMax - 2) }, true},
	} {
		if err := of(c.change); (err == nil) != c.taken {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func large(bytes int) string { return `{"a":"` + strings.Repeat("x", bytes-8) + `"}` }

func many(count int) []Event {
	events := make([]Event, count)
	for i := range events {
		events[i] = Event{ID: "1", Kind: "a", Body: "{}"}
	}
	return events
}

func notices(count int) []Notice {
	notices := make([]Notice, count)
	for i := range notices {
		notices[i].Code = "a_code"
	}
	return notices
}

func counters(count int) []Counter {
	counters := make([]Counter, count)
	for i := range counters {
		counters[i].Name = "a_name"
	}
	return counters
}

func TestErrorsKeepToTheContractToo(t *testing.T) {
	for code, good := range map[string]bool{"http_503": true, "": false, "A": false, strings.Repeat("n", 129): false} {
		if err := (&PollError{Code: code}).Check(); (err == nil) != good {
			t.Errorf("%q: %v", code, err)
		}
	}
}
