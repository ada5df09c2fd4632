package collector

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"polling-source.example/go/collect"
	"polling-source.example/go/loop"
	"polling-source.example/go/source"
	"polling-source.example/go/spell"
)

// watch tells what comes of polls: to a log, to meters, and as the receiver's status. A code stands in the text of a
// line, too, for the reason that [newLogger] gives.
type watch struct {
	meters *meters
	logger *zap.Logger
	status *status
	failed spell.Topic
	// noticed is the notices of each code.
	noticed spell.Topics
	// cursor is the one that was polled from last.
	cursor *string
	// caughtUp is whether all that there was is delivered; behind, since when it is not.
	caughtUp bool
	behind   time.Time
}

// behindMin: a source that is behind for less has had a page more than usual.
const behindMin = time.Minute

func (w *watch) observe(told collect.Told) {
	if errors.Is(told.Err, context.Canceled) {
		return // It was to end.
	}
	switch {
	case told.Step == loop.Poll:
		w.polled(told)
	case told.Step == loop.Deliver && told.Err == nil:
		w.delivered(told.Batch)
	}
	w.status.tell(told.Step, told.Err)
}

func (w *watch) polled(told collect.Told) {
	if told.Err == nil {
		w.meters.batch(told.Batch)
		w.debug(told.Batch)
		w.notices(told.Batch.Notices)
		if w.failed.Over() {
			w.logger.Info("Polls succeed again")
		}
		if len(told.Batch.Events) == 0 {
			w.delivered(told.Batch)
		}
		return
	}
	failure := asPollError(told.Err)
	w.meters.failure(failure)
	w.logger.Debug("Polled, without a batch", zap.Stringer("kind", failure.Kind), zap.String("code", failure.Code),
		zap.Uint32("requests", failure.Stats.Requests), zap.Uint32("rows", failure.Stats.Rows))
	w.notices(failure.Notices)
	untold, news := w.failed.Is(failure.Kind.String()+" "+failure.Code, time.Now())
	if !news {
		return
	}
	fields := append([]zap.Field{
		zap.Stringer("kind", failure.Kind), zap.String("code", failure.Code), zap.String("error", failure.Message),
	}, since(untold)...)
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
		untold, news := w.noticed.Of(notice.Code).Is(notice.Message, time.Now())
		if !news {
			continue // Many come with each poll for as long as their cause lasts.
		}
		fields := append([]zap.Field{zap.String("code", notice.Code), zap.String("notice", notice.Message)}, since(untold)...)
		if notice.Level == source.Warn {
			w.logger.Warn("The source gives notice: "+notice.Code, fields...)
		} else {
			w.logger.Info("The source gives notice: "+notice.Code, fields...)
		}
	}
}

// since says how often something was not told since it was told last.
func since(untold int) []zap.Field {
	if untold == 0 {
		return nil
	}
	return []zap.Field{zap.Int("untold", untold)}
}

// delivered takes a batch that the pipeline has, or that has nothing for it.
func (w *watch) delivered(batch *source.Batch) {
	w.meters.delivered(batch)
	if batch.More {
		if w.caughtUp {
			w.caughtUp, w.behind = false, time.Now()
		}
		return
	}
	if w.caughtUp {
		return
	}
	w.caughtUp = true
	// At first it is not known how long it was behind.
	if w.behind.IsZero() || time.Since(w.behind) >= behindMin {
		w.logger.Info("The source has caught up", progress(batch)...)
	}
}

// debug tells each poll.
func (w *watch) debug(batch *source.Batch) {
	moved := w.cursor == nil || *w.cursor != batch.Cursor
	cursor := batch.Cursor // A pointer into the batch would keep it.
	w.cursor = &cursor
	if line := w.logger.Check(zap.DebugLevel, "Polled"); line != nil {
		line.Write(append([]zap.Field{
			zap.Uint32("requests", batch.Stats.Requests), zap.Uint32("rows", batch.Stats.Rows),
			zap.Uint32("duplicates", batch.Stats.Duplicates), zap.Int("records", len(batch.Events)),
			zap.Bool("more", batch.More), zap.Bool("cursor_moved", moved), zap.Int("cursor_bytes", len(batch.Cursor)),
		}, progress(batch)...)...)
	}
}

// progress is how far collection is, where the source says that.
func progress(batch *source.Batch) (fields []zap.Field) {
	if batch.Progress == nil {
		return nil
	}
	at := func(name string, nanos uint64) {
		fields = append(fields, zap.String(name, time.Unix(0, clamped(nanos)).UTC().Format(time.RFC3339)))
	}
	at("complete_until", batch.Progress.CompleteUntil)
	if batch.Progress.Newest != nil {
		at("newest", *batch.Progress.Newest)
	}
	return fields
}

func asPollError(err error) *source.PollError {
	var told *source.PollError
	if !errors.As(err, &told) {
		told = source.Failed(err)
	}
	return told
}
