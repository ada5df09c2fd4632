package collector

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"polling-source.example/go/collector/internal/metadata"
)

// NewFactory is what a Collector is built with.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(metadata.Type, createDefaultConfig, receiver.WithLogs(createLogs, metadata.LogsStability))
}

func createDefaultConfig() component.Config {
	return &Config{
		PollInterval:     time.Minute,
		Timeout:          30 * time.Second,
		Body:             bodyText,
		OnPermanentError: hold,
	}
}

func createLogs(_ context.Context, settings receiver.Settings, config component.Config, next consumer.Logs) (receiver.Logs, error) {
	return &pollingSource{
		settings: settings, config: config.(*Config), next: next, lastGrace: lastGrace, patience: sinkPatience,
	}, nil
}
