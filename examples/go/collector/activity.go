package collector

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"polling-source.example/go/spell"
)

// activity is what the receiver is at. One that does not come to its end is told, and where an end of the
// receiver waits for it.
type activity struct {
	logger *zap.Logger
	status *status

	mu    sync.Mutex
	what  string
	since time.Time
	timer *time.Timer
	stall bool
}

// during does what is called so. If that takes longer than it may, it is told then, now and then, and once it is
// over.
func (a *activity) during(what string, patience time.Duration, do func() error, fields ...zap.Field) error {
	a.begin(what, patience, fields)
	defer a.end(fields)
	return do()
}

func (a *activity) begin(what string, patience time.Duration, fields []zap.Field) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.what, a.since, a.stall = what, time.Now(), false
	var timer *time.Timer
	timer = time.AfterFunc(patience, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.timer != timer {
			return // It is over.
		}
		a.stall = true
		a.logger.Warn("The receiver waits, and nothing is polled meanwhile", a.told(fields)...)
		a.status.stalls(errors.New(a.said()))
		timer.Reset(spell.Again)
	})
	a.timer = timer
}

func (a *activity) end(fields []zap.Field) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.timer.Stop()
	if a.stall {
		a.logger.Info("The receiver goes on", a.told(fields)...)
	}
	a.timer, a.what = nil, ""
}

func (a *activity) told(fields []zap.Field) []zap.Field {
	return append([]zap.Field{
		zap.String("for", a.what), zap.Time("since", a.since), zap.Duration("waited", time.Since(a.since).Round(time.Second)),
	}, fields...)
}

func (a *activity) said() string {
	return fmt.Sprintf("the receiver waits for %s since %s", a.what, a.since.UTC().Format(time.RFC3339))
}

// left is what is still going on.
func (a *activity) left() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.what == "" {
		return "the receiver has not let go of all that it had"
	}
	return a.said()
}
