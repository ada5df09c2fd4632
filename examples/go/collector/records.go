package collector

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"polling-source.example/go/source"
)

// records makes log records of events.
type records struct {
	origin   source.Metadata
	resource map[string]string
	asMap    bool
}

// logs is a batch as records. Whoever consumes them may change them: each try needs its own.
func (r *records) logs(batch *source.Batch, observed time.Time) plog.Logs {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	for name, value := range r.resource {
		resource.Resource().Attributes().PutStr(name, value)
	}
	scope := resource.ScopeLogs().AppendEmpty()
	scope.Scope().SetName(r.origin.Name)
	scope.Scope().SetVersion(r.origin.Version)
	scope.LogRecords().EnsureCapacity(len(batch.Events))
	for i := range batch.Events {
		r.fill(scope.LogRecords().AppendEmpty(), &batch.Events[i], observed)
	}
	return logs
}

func (r *records) fill(record plog.LogRecord, event *source.Event, observed time.Time) {
	if event.Time != nil {
		record.SetTimestamp(pcommon.Timestamp(*event.Time))
	}
	record.SetObservedTimestamp(pcommon.NewTimestampFromTime(observed))
	record.SetEventName(event.Kind)
	attributes := record.Attributes()
	attributes.EnsureCapacity(2)
	attributes.PutStr("log.record.uid", event.ID)
	attributes.PutStr("source.name", r.origin.Name)
	if !r.asMap || !putJSON(record.Body(), event.Body) {
		record.Body().SetStr(event.Body)
	}
}
