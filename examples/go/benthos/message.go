package benthos

import (
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"polling-source.example/go/source"
)

// messages is one message for each event: its body as it is, and the rest as metadata.
func messages(batch *source.Batch, from source.Metadata) service.MessageBatch {
	given := make(service.MessageBatch, len(batch.Events))
	for i := range batch.Events {
		event := &batch.Events[i]
		message := service.NewMessage([]byte(event.Body))
		message.MetaSetMut("log_record_uid", event.ID)
		message.MetaSetMut(name+"_id", event.ID)
		message.MetaSetMut(name+"_kind", event.Kind)
		message.MetaSetMut(name+"_name", from.Name)
		message.MetaSetMut(name+"_version", from.Version)
		if event.Time != nil {
			at := time.Unix(int64(*event.Time/1e9), int64(*event.Time%1e9)).UTC()
			message.MetaSetMut(name+"_time", at.Format(time.RFC3339Nano))
		}
		given[i] = message
	}
	return given
}
