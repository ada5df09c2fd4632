package collector

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"polling-source.example/go/collect"
	"polling-source.example/go/loop"
	"polling-source.example/go/source"
)

// watch tells what comes of polls: to a log, to meters, and as the receiver's status. A code stands in the text of a
// line, too, for the reason that [newLogger] gives.
type watch struct {
	meters *meters
	logger *zap.Logger
	status status
	failed topic
	// noticed is the last notice of each code.
	noticed map[string]*topic
	// others is that of all codes beyond as many as are told apart.
	others topic
}

func (w *watch) observe(told collect.Told) {
	if errors.Is(told.Err, context.Canceled) {
		return // It was to end.
	}
	switch {
	case told.Step == loop.Poll:
		w.polled(told)
	case told.Step == loop.Deliver && told.Err == nil:
		w.meters.delivered(told.Batch)
	}
	w.status.tell(told.Step, told.Err)
}

func (w *watch) polled(told collect.Told) {
	if told.Err == nil {
		w.meters.batch(told.Batch)
		if len(told.Batch.Events) == 0 {
			w.meters.delivered(told.Batch)
		}
		w.notices(told.Batch.Notices)
		if w.failed.over() {
			w.logger.Info("Polls succeed again")
		}
		return
	}
	failure := asPollError(told.Err)
	w.meters.failure(failure)
	w.notices(failure.Notices)
	if !w.failed.changed(failure.Kind.String() + " " + failure.Code) {
		return
	}
	fields := []zap.Field{
		zap.Stringer("kind", failure.Kind), zap.String("code", failure.Code), zap.String("error", failure.Message),
	}
	switch {
	case !failure.Kind.IsFailure():
		w.logger.Info("The API asks for patience: "+failure.Code, fields...)
	case failure.Kind.NeedsPerson():
		w.logger.Error("A poll failed, and a person has to act: "+failure.Code, fields...)
	default:
		w.logger.Warn("A poll failed, and is tried again: "+failure.Code, fields...)
	}
}

func (w *watch) notices(notices []source.Notice) {
	for _, notice := range notices {
		if !w.news(notice) {
			continue
		}
		fields := []zap.Field{zap.String("code", notice.Code), zap.String("notice", notice.Message)}
		if notice.Level == source.Warn {
			w.logger.Warn("The source gives notice: "+notice.Code, fields...)
		} else {
			w.logger.Info("The source gives notice: "+notice.Code, fields...)
		}
	}
}

// news says whether a notice is to be told: many come with each poll for as long as their cause lasts.
func (w *watch) news(notice source.Notice) bool {
	last := w.noticed[notice.Code]
	if last == nil && len(w.noticed) >= namesMax {
		last = &w.others
	}
	if last == nil {
		if w.noticed == nil {
			w.noticed = make(map[string]*topic)
		}
		last = new(topic)
		w.noticed[notice.Code] = last
	}
	return last.changed(notice.Message)
}

func asPollError(err error) *source.PollError {
	var told *source.PollError
	if !errors.As(err, &told) {
		told = source.Failed(err)
	}
	return told
}

// again is how long what goes on is told once.
const again = 15 * time.Minute

// topic is something that is told when it changes, not each time that it is so.
type topic struct {
	last string
	told time.Time
}

// changed says whether it is to be told.
func (t *topic) changed(to string) bool {
	if !t.told.IsZero() && t.last == to && time.Since(t.told) < again {
		return false
	}
	t.last, t.told = to, time.Now()
	return true
}

// over says whether its end is to be told.
func (t *topic) over() bool {
	was := t.last != ""
	t.last = ""
	return was
}
