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
	refused    topic
	unstored   topic
}

// Deliver hands a batch to the pipeline. One that is refused comes again whole, in records made anew: what
// a partial error holds may have been changed on its way, and where one receiver feeds several pipelines it
// says nothing of the others. What an exporter has twice has the same `log.record.uid`.
func (s *sink) Deliver(_ context.Context, batch *source.Batch) error {
	ctx := s.report.StartLogsOp(s.delivering)
	err := s.next.ConsumeLogs(ctx, s.records.logs(batch, time.Now()))
	s.report.EndLogsOp(ctx, "polling_source", len(batch.Events), err)
	if err == nil {
		if s.refused.over() {
			s.logger.Info("The pipeline takes records again")
		}
		return nil
	}
	if s.delivering.Err() != nil {
		return err
	}
	forGood := permanent(err)
	s.meters.refused(forGood)
	records := zap.Int("records", len(batch.Events))
	switch {
	case !forGood:
		if s.refused.changed("for now") {
			s.logger.Warn("The pipeline refuses a batch for now: it is sent again, and nothing is polled meanwhile", records, short(err))
		}
		return err
	case s.drops:
		s.meters.dropped(len(batch.Events))
		s.logger.Error("The pipeline refuses a batch for good: it is dropped, as on_permanent_error says", records, short(err))
		return nil
	default:
		if s.refused.changed("for good") {
			s.logger.Error("The pipeline refuses a batch for good: it is held and sent again until it is taken; "+
				"mend what refuses it, or set on_permanent_error to drop", records, short(err))
		}
		return err
	}
}

// Commit stores a cursor whose events the pipeline has.
func (s *sink) Commit(ctx context.Context, cursor string, _ *string) error {
	err := s.cursors.Set(ctx, cursorKey, []byte(cursor))
	switch {
	case err != nil:
		s.meters.uncommitted()
		if s.unstored.changed(err.Error()) {
			s.logger.Error("The storage does not take the cursor: it is stored again until it is taken, and nothing is "+
				"polled meanwhile; make room, or make it writable", zap.Error(err))
		}
	case s.unstored.over():
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
