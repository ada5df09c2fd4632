package benthos

import (
	"errors"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"polling-source.example/go/source"
)

// codesMax: codes are the component's to choose, and each is kept for good once it was counted.
const codesMax = 100

// teller tells a person and counters what the source says beside its events. The secrets of the
// configuration are taken out before.
type teller struct {
	log    *service.Logger
	source source.Metadata
	codes  map[string]bool

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
	if cursor == nil {
		t.log.Warnf("%s %s: no cursor at %s: it begins at its own start", t.source.Name, t.source.Version, store)
		return
	}
	t.log.Infof("%s %s: it goes on from the cursor at %s", t.source.Name, t.source.Version, store)
}

func (t *teller) notStored(err error) {
	t.notStoredTimes.Incr(1)
	t.log.Errorf("the cursor cannot be stored, and polling pauses until it is: %v", err)
}

func (t *teller) polled(batch *source.Batch, err error) {
	if batch != nil {
		t.aside(batch.Notices, batch.Stats, batch.Quota)
		if progress := batch.Progress; progress != nil {
			behind := time.Duration(0)
			if progress.Target > progress.CompleteUntil {
				behind = time.Duration(progress.Target - progress.CompleteUntil)
			}
			t.lag.SetFloat64(behind.Seconds())
		}
		return
	}
	var failure *source.PollError
	if !errors.As(err, &failure) {
		failure = source.Failed(err)
	}
	t.aside(failure.Notices, failure.Stats, failure.Quota)
	t.errors.Incr(1, failure.Kind.String(), t.code(failure.Code))
	if failure.Kind.IsFailure() {
		t.log.Errorf("%v", failure)
	} else {
		t.log.Infof("%v", failure)
	}
}

func (t *teller) aside(notices []source.Notice, stats source.Stats, quota *source.Quota) {
	for _, notice := range notices {
		t.notices.Incr(1, notice.Level.String(), t.code(notice.Code))
		if notice.Level == source.Warn {
			t.log.Warnf("%s: %s", notice.Code, notice.Message)
		} else {
			t.log.Infof("%s: %s", notice.Code, notice.Message)
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
