package collector

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"polling-source.example/go/source"
	"polling-source.example/go/spell"
)

// sink hands batches to the pipeline and cursors to the storage.
type sink struct {
	// delivering outlives the context of the run, so that a batch can still be taken while that ends.
	delivering context.Context
	next       consumer.Logs
	report     *receiverhelper.ObsReport
	records    records
	drops      bool
	cursors    storage.Client
	meters     *meters
	logger     *zap.Logger
	activity   *activity
	patience   time.Duration
	refused    spell.Topic
	unstored   spell.Topic
	// dropped is the batches that are given up, and lost how many records that is since it was told last.
	dropped spell.Topic
	lost    int
}

// Deliver hands a batch to the pipeline. One that is refused comes again whole, in records made anew: what
// a partial error holds may have been changed on its way, and where one receiver feeds several pipelines it
// says nothing of the others. What an exporter has twice has the same `log.record.uid`.
func (s *sink) Deliver(_ context.Context, batch *source.Batch) error {
	ctx := s.report.StartLogsOp(s.delivering)
	records := zap.Int("records", len(batch.Events))
	err := s.activity.during("the pipeline, which has a batch", s.patience, func() error {
		return s.next.ConsumeLogs(ctx, s.records.logs(batch, time.Now()))
	}, records)
	s.report.EndLogsOp(ctx, "polling_source", len(batch.Events), err)
	if err == nil {
		s.dropped.Over()
		if s.refused.Over() {
			s.logger.Info("The pipeline takes records again")
		}
		return nil
	}
	if s.delivering.Err() != nil {
		return err
	}
	forGood := permanent(err)
	s.meters.refused(forGood)
	switch {
	case !forGood:
		if untold, news := s.refused.Is("for now", time.Now()); news {
			s.logger.Warn("The pipeline refuses a batch for now: it is sent again, and nothing is polled meanwhile",
				append(since(untold), records, short(err))...)
		}
		return err
	case s.drops:
		s.meters.dropped(len(batch.Events))
		s.lost += len(batch.Events)
		if untold, news := s.dropped.Is("", time.Now()); news {
			s.logger.Error("The pipeline refuses a batch for good: it is dropped, as on_permanent_error says",
				append(since(untold), zap.Int("records", s.lost), short(err))...)
			s.lost = 0
		}
		return nil
	default:
		if untold, news := s.refused.Is("for good", time.Now()); news {
			s.logger.Error("The pipeline refuses a batch for good: it is held and sent again until it is taken; "+
				"mend what refuses it, or set on_permanent_error to drop", append(since(untold), records, short(err))...)
		}
		return err
	}
}

// Commit stores a cursor whose events the pipeline has.
func (s *sink) Commit(ctx context.Context, cursor string, _ *string) error {
	err := s.activity.during("the storage, which has a cursor", s.patience, func() error {
		return s.cursors.Set(ctx, cursorKey, []byte(cursor))
	})
	switch {
	case err != nil:
		s.meters.uncommitted()
		if untold, news := s.unstored.Is(err.Error(), time.Now()); news {
			s.logger.Error("The storage does not take the cursor: it is stored again until it is taken, and nothing is "+
				"polled meanwhile; make room, or make it writable", append(since(untold), zap.Error(err))...)
		}
	case s.unstored.Over():
		s.logger.Info("The storage takes cursors again")
	}
	return err
}

// short is an error to be told: a processor's may have a line for each record.
func short(err error) zap.Field {
	text := err.Error()
	if len(text) > errorBytesMax {
		text = strings.ToValidUTF8(text[:errorBytesMax], "") + " ..."
	}
	return zap.String("error", text)
}

const errorBytesMax = 1_000

// permanent says whether all that failed did so for good. consumererror.IsPermanent finds one such error
// among several, though another pipeline would take the batch at its next try.
func permanent(err error) bool {
	if !consumererror.IsPermanent(err) {
		return false
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, each := range several.Unwrap() {
			if !permanent(each) {
				return false
			}
		}
		return true
	}
	if inner := errors.Unwrap(err); consumererror.IsPermanent(inner) {
		return permanent(inner)
	}
	return true
}
