package collector

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"polling-source.example/go/collector/internal/metadata"
	"polling-source.example/go/internal/components"
)

// What so many receivers of one file take, each with an instance that was polled once.
func BenchmarkReceivers(b *testing.B) {
	config := parsed(b, fmt.Sprintf(`{component: %s, allow: ["http://127.0.0.1:9"], config: {base_url: "http://127.0.0.1:9",
		auth: {type: oauth2, client_id: abcdef, client_secret: s3cretOfTheBenchmark}}}`, file(b, components.Mimecast)))
	require.NoError(b, config.Validate())
	for _, count := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			for range b.N {
				before := held()
				started := make([]receiver.Logs, count)
				begun := time.Now()
				for i := range started {
					settings := receivertest.NewNopSettings(metadata.Type)
					settings.ID = component.MustNewIDWithName("polling_source", fmt.Sprint(i))
					r, err := NewFactory().CreateLogs(context.Background(), settings, config, consumertest.NewNop())
					require.NoError(b, err)
					require.NoError(b, r.Start(context.Background(), newHost()))
					started[i] = r
				}
				b.ReportMetric(float64(time.Since(begun).Microseconds())/float64(count), "µs/start")
				time.Sleep(time.Second)
				b.ReportMetric(float64(held()-before)/float64(count)/1024, "KiB/receiver")
				for _, r := range started {
					require.NoError(b, r.Shutdown(context.Background()))
				}
			}
		})
	}
}

// held is what this process has of the machine's memory, without what Go is yet to collect: an instance's own is none
// of Go's. It is 0 where the system does not tell it.
func held() int64 {
	debug.FreeOSMemory()
	var all, resident int64
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		_, _ = fmt.Sscan(string(text), &all, &resident)
	}
	return resident * int64(os.Getpagesize())
}
