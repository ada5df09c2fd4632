package component

import (
	"context"
	goruntime "runtime"
	"testing"

	"polling-source.example/go/internal/components"
	"polling-source.example/go/source"
)

// canned stands for the API.
type canned struct{ asked int }

func (c *canned) Send(context.Context, source.Request) (*source.Response, *source.HTTPError) {
	c.asked++
	return &source.Response{Status: 200, Body: []byte(`{"meta":{"status":200,"pagination":{"pageSize":500}},` +
		`"data":[{"resultCount":0,"impersonationLogs":[]}],"fail":[]}`)}, nil
}

const signed = `{"base_url":"https://api.example","auth":{"type":"hmac","access_key":"access",` +
	`"secret_key":"c2VjcmV0","app_id":"app","app_key":"key"}}`

func poll(b *testing.B, i *Instance) {
	b.Helper()
	if _, err := i.Poll(context.Background(), signed, nil); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkPoll(b *testing.B) {
	c := loaded(b, engine(b, Limits{}), components.Mimecast)
	api := &canned{}
	i := instance(b, c, Imports{HTTP: api})
	poll(b, i)
	b.ResetTimer()
	for range b.N {
		poll(b, i)
	}
	if api.asked <= b.N {
		b.Fatal("nothing was asked")
	}
}

func BenchmarkInstantiateAndPoll(b *testing.B) {
	c := loaded(b, engine(b, Limits{}), components.Mimecast)
	for b.Loop() {
		i, err := c.Instantiate(context.Background(), Imports{HTTP: &canned{}})
		if err != nil {
			b.Fatal(err)
		}
		poll(b, i)
		i.Close()
	}
}

func BenchmarkLoad(b *testing.B) {
	wasm := components.Read(b, components.Mimecast)
	for b.Loop() {
		e := NewEngine(Limits{})
		if _, err := e.Load(context.Background(), wasm); err != nil {
			b.Fatal(err)
		}
		_ = e.Close(context.Background())
	}
}

// BenchmarkThousandInstances tells what an instance takes that has polled once, and is kept.
func BenchmarkThousandInstances(b *testing.B) {
	c := loaded(b, engine(b, Limits{}), components.Mimecast)
	for b.Loop() {
		var before, after goruntime.MemStats
		goruntime.GC()
		goruntime.ReadMemStats(&before)
		kept := make([]*Instance, 1_000)
		for n := range kept {
			i, err := c.Instantiate(context.Background(), Imports{HTTP: &canned{}})
			if err != nil {
				b.Fatal(err)
			}
			poll(b, i)
			kept[n] = i
		}
		goruntime.GC()
		goruntime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapInuse-before.HeapInuse)/1000/1024, "KiB-heap/instance")
		b.ReportMetric(float64(kept[0].MemoryBytes())/1024, "KiB-linear/instance")
		for _, i := range kept {
			i.Close()
		}
	}
}
