package benthos

import (
	"errors"
	"fmt"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"polling-source.example/go/source"
	"polling-source.example/go/spell"
)

// codesMax: codes are the component's to choose, and each is kept for good once it was counted.
const codesMax = 100

// teller tells a person and counters what the source says beside its events. The secrets of the
// configuration are taken out before.
type teller struct {
	log    *service.Logger
	source source.Metadata
	codes  map[string]bool

	failed  spell.Topic
	noticed spell.Topics
	// unstored is the order's alone.
	unstored spell.Topic
	// caughtUp is whether all that there was is polled; behind, since when it is not.
	caughtUp bool
	behind   time.Time
	cursor   string

	requests, received, rows, duplicates, errors, notices, notStoredTimes *service.MetricCounter
	lag, quota                                                            *service.MetricGauge
}

func newTeller(resources *service.Resources, from source.Metadata) *teller {
	metrics := resources.Metrics()
	return &teller{
		log: resources.Logger(), source: from, codes: map[string]bool{},
		requests:       metrics.NewCounter(name + "_requests"),
		received:       metrics.NewCounter(name + "_received_bytes"),
		rows:           metrics.NewCounter(name + "_rows"),
		duplicates:     metrics.NewCounter(name + "_duplicates"),
		errors:         metrics.NewCounter(name+"_errors", "kind", "code"),
		notices:        metrics.NewCounter(name+"_notices", "level", "code"),
		notStoredTimes: metrics.NewCounter(name + "_cursor_errors"),
		lag:            metrics.NewGauge(name + "_lag_seconds"),
		quota:          metrics.NewGauge(name + "_quota_remaining"),
	}
}

// begun tells where collection begins: one without a cursor sends everything again.
func (t *teller) begun(store store, cursor *string) {
	if cursor != nil {
		t.cursor = *cursor
	}
	if cursor == nil {
		t.log.Warnf("%s %s: no cursor at %s: it begins at its own start", t.source.Name, t.source.Version, store)
		return
	}
	t.log.Infof("%s %s: it goes on from the cursor at %s", t.source.Name, t.source.Version, store)
}

// stored tells of a cursor that was stored, or was not.
func (t *teller) stored(err error) {
	if err == nil {
		if t.unstored.Over() {
			t.log.Info("cursors are stored again")
		}
		return
	}
	t.notStoredTimes.Incr(1)
	if untold, news := t.unstored.Is(err.Error(), time.Now()); news {
		t.log.Errorf("the cursor cannot be stored, and polling pauses until it is: %v%s", err, since(untold))
	}
}

// since says how often something was not told since it was told last.
func since(untold int) string {
	if untold == 0 {
		return ""
	}
	return fmt.Sprintf(" (so %d times more since this was told)", untold)
}

func (t *teller) polled(batch *source.Batch, err error) {
	if batch != nil {
		t.debug(batch)
		t.aside(batch.Notices, batch.Stats, batch.Quota)
		if t.failed.Over() {
			t.log.Info("polls succeed again")
		}
		if progress := batch.Progress; progress != nil {
			behind := time.Duration(0)
			if progress.Target > progress.CompleteUntil {
				behind = time.Duration(progress.Target - progress.CompleteUntil)
			}
			t.lag.SetFloat64(behind.Seconds())
		}
		t.progress(batch.More)
		return
	}
	var failure *source.PollError
	if !errors.As(err, &failure) {
		failure = source.Failed(err)
	}
	t.log.Debugf("polled, without a batch: %v %s, %d requests", failure.Kind, failure.Code, failure.Stats.Requests)
	t.aside(failure.Notices, failure.Stats, failure.Quota)
	t.errors.Incr(1, failure.Kind.String(), t.code(failure.Code))
	untold, news := t.failed.Is(failure.Kind.String()+" "+failure.Code, time.Now())
	switch {
	case !news:
	case !failure.Kind.IsFailure():
		t.log.Infof("%v%s", failure, since(untold))
	case failure.Kind.NeedsPerson():
		t.log.Errorf("%v%s", failure, since(untold))
	default:
		t.log.Warnf("%v%s", failure, since(untold))
	}
}

// behindMin: a source that is behind for less has had a page more than usual.
const behindMin = time.Minute

// progress tells that a source has caught up.
func (t *teller) progress(more bool) {
	switch {
	case more && t.caughtUp:
		t.caughtUp, t.behind = false, time.Now()
	case !more && !t.caughtUp:
		t.caughtUp = true
		// At first it is not known how long it was behind.
		if t.behind.IsZero() || time.Since(t.behind) >= behindMin {
			t.log.Info("the source has caught up: all that there was is polled")
		}
	}
}

// debug tells each poll, and of the cursor whether it moved.
func (t *teller) debug(batch *source.Batch) {
	moved := batch.Cursor != t.cursor
	t.cursor = batch.Cursor
	t.log.Debugf("polled: %d requests, %d rows, %d duplicates, %d events, more: %t, cursor moved: %t, of %d bytes",
		batch.Stats.Requests, batch.Stats.Rows, batch.Stats.Duplicates, len(batch.Events), batch.More, moved, len(batch.Cursor))
}

func (t *teller) aside(notices []source.Notice, stats source.Stats, quota *source.Quota) {
	for _, notice := range notices {
		t.notices.Incr(1, notice.Level.String(), t.code(notice.Code))
		untold, news := t.noticed.Of(notice.Code).Is(notice.Message, time.Now())
		switch {
		case !news: // Many come with each poll for as long as their cause lasts.
		case notice.Level == source.Warn:
			t.log.Warnf("%s: %s%s", notice.Code, notice.Message, since(untold))
		default:
			t.log.Infof("%s: %s%s", notice.Code, notice.Message, since(untold))
		}
	}
	t.requests.Incr(int64(stats.Requests))
	t.received.Incr(int64(min(stats.ReceivedBytes, 1<<40)))
	t.rows.Incr(int64(stats.Rows))
	t.duplicates.Incr(int64(stats.Duplicates))
	if quota != nil {
		t.quota.Set(int64(min(quota.Remaining, 1<<62)))
	}
}

// code is a code as a label.
func (t *teller) code(code string) string {
	if !t.codes[code] {
		if len(t.codes) >= codesMax {
			return "other"
		}
		t.codes[code] = true
	}
	return code
}
