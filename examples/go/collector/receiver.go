package collector

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"polling-source.example/go/collect"
	"polling-source.example/go/loop"
	"polling-source.example/go/source"
)

// grace is how long a batch that is being handed over may take once the receiver is to end. The Collector
// itself sets no limit, and ends what takes the batch only after what gives it.
const grace = 5 * time.Second

// lastGrace is how long what does not heed that it is to end may take beyond it: then it is left.
const lastGrace = 5 * time.Second

const (
	// sinkPatience is how long the pipeline may take for a batch, and a storage for a cursor, until it is told.
	sinkPatience = time.Minute
	// pollPatience likewise, and more than a poll may take in all.
	pollPatience = 3 * time.Minute
)

// pollingSource is the receiver.
type pollingSource struct {
	settings receiver.Settings
	config   *Config
	next     consumer.Logs
	// Those above.
	lastGrace, patience time.Duration

	// All are nil until it starts.
	stop, abort context.CancelFunc
	done        chan struct{}
	activity    *activity
}

// Start begins to collect, from the stored cursor on.
func (p *pollingSource) Start(ctx context.Context, host component.Host) error {
	from, err := p.config.open(ctx)
	if err != nil {
		return err
	}
	cursors, err := openCursors(ctx, host, p.settings.ID, p.config.Storage)
	if err != nil {
		from.close()
		return err
	}
	started, err := p.start(ctx, host, from, cursors)
	if err != nil {
		from.close()
		_ = cursors.Close(ctx)
		return err
	}
	go started()
	return nil
}

// start gives what runs until the receiver is shut down. The context of a start ends with it: what runs has
// one of its own.
func (p *pollingSource) start(ctx context.Context, host component.Host, from *opened, cursors storage.Client) (func(), error) {
	cursor, err := readCursor(ctx, cursors)
	if err != nil {
		return nil, fmt.Errorf("storage: %v does not give the cursor: %w; mend the storage, or name another", p.config.Storage, err)
	}
	report, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: p.settings.ID, Transport: "http", ReceiverCreateSettings: p.settings,
	})
	if err != nil {
		return nil, err
	}
	meters, err := newMeters(p.settings)
	if err != nil {
		return nil, err
	}
	origin := from.Metadata()
	logger := newLogger(p.settings.Logger, p.settings.ID).With(zap.String("source", origin.Name))
	p.tellStart(ctx, logger, from, cursor)

	running, stop := context.WithCancel(context.Background())
	delivering, abort := context.WithCancel(context.Background())
	p.stop, p.abort, p.done = stop, abort, make(chan struct{})
	told := &watch{meters: meters, logger: logger, status: &status{host: host}, cursor: cursor}
	p.activity = &activity{logger: logger, status: told.status}
	out := &sink{
		delivering: delivering,
		next:       p.next,
		report:     report,
		records:    records{origin: origin, resource: p.config.Resource, asMap: p.config.Body == bodyMap},
		drops:      p.config.OnPermanentError == drop,
		cursors:    cursors,
		meters:     meters,
		logger:     logger,
		activity:   p.activity,
		patience:   p.patience,
	}
	machine := loop.New(loop.Options{Cursor: cursor, PollInterval: p.config.PollInterval, Chance: rand.Float64})
	return func() {
		defer close(p.done)
		_ = collect.Run(running, &polled{from, p.activity}, machine, out, told.observe) // It ends as it is told to, and not before.
		from.close()
		meters.close()
		if err := cursors.Close(context.Background()); err != nil {
			logger.Warn("The storage was not closed", zap.Error(err))
		}
	}, nil
}

// tellStart says where collection begins: one that begins anew sends again what went out before.
func (p *pollingSource) tellStart(ctx context.Context, logger *zap.Logger, from *opened, cursor *string) {
	fields := []zap.Field{zap.String("version", from.Metadata().Version)}
	if cursor == nil {
		switch start := p.config.Settings.values["start"].(type) {
		case string, time.Time: // Where most sources have it.
			fields = append(fields, zap.Any("start", start))
		}
		if p.config.Storage == nil {
			logger.Warn("No storage is named: collection begins anew, now and at each restart", fields...)
		} else {
			fields = append(fields, zap.Stringer("storage", p.config.Storage))
			logger.Warn("No cursor is stored: collection begins anew", fields...)
		}
		return
	}
	pairs, err := from.ExplainCursor(ctx, *cursor)
	if err != nil {
		return // The first poll tells it.
	}
	for _, pair := range pairs {
		fields = append(fields, zap.String("cursor."+pair.Name, pair.Value))
	}
	logger.Info("Collection goes on from the stored cursor", fields...)
}

// polled is a source whose polls are told if they do not end.
type polled struct {
	from     *opened
	activity *activity
}

// Poll asks for one page.
func (p *polled) Poll(ctx context.Context, cursor *string) (batch *source.Batch, err error) {
	err = p.activity.during("the component, which polls", pollPatience, func() (err error) {
		batch, err = p.from.Poll(ctx, cursor)
		return err
	})
	return batch, err
}

// Shutdown ends a poll or a wait at once. A batch that is being handed over has a short while to be taken:
// one that is not will come again. What does not heed its end is left, with the error that says so.
func (p *pollingSource) Shutdown(ctx context.Context) error {
	if p.stop == nil {
		return nil
	}
	p.stop()
	patience := time.AfterFunc(grace, p.abort)
	defer patience.Stop()
	// The Collector itself sets no limit.
	ctx, cancel := context.WithTimeout(ctx, grace+p.lastGrace)
	defer cancel()
	select {
	case <-p.done:
		p.abort()
		return nil
	case <-ctx.Done():
		p.abort()
		return fmt.Errorf("%s, though it is to end: it is left as it is, and what was not stored comes again: %w",
			p.activity.left(), ctx.Err())
	}
}
