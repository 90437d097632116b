package ingest_test

import (
	"context"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/stage"
	"github.com/loom-lite/loom-lite/services/ingest"
)

// Forecasts are made of what ingest notes: its bounds, and the slots of workers that are there.
func TestSlotsAndBoundsAreNoted(t *testing.T) {
	r := newRig(t)
	r.ingest(func(c *ingest.Config) { c.MaxRenders, c.MaxRendersPerUser, c.PerHost = 7, 3, 2 })
	noted := func(want string) {
		t.Helper()
		var got string
		for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
			r.scan(&got, "select coalesce(string_agg(name || ' ' || n, ', ' order by name), '') from loom.capacity")
			if got == want {
				return
			}
		}
		t.Fatalf("noted are %s, want %s", got, want)
	}
	noted("pages_per_host 2, record 0, renders 7, renders_per_owner 3, transcode 0, upload 0")
	nc := r.nats.Connect(t)
	worker, err := stage.New(nc, stage.Config{
		Verb: msg.ConsumerRecord, Slots: 3, WorkerID: "recorder", Drain: time.Second, Log: zerolog.Nop(), WorkDir: t.TempDir(),
		Handlers: map[msg.Kind]stage.Handler{msg.Record: stage.HandlerFunc(func(context.Context, *stage.Task) (any, error) { return nil, nil })},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = worker.Run(ctx)
	}()
	noted("pages_per_host 2, record 3, renders 7, renders_per_owner 3, transcode 0, upload 0")
	cancel()
	<-ended
	noted("pages_per_host 2, record 0, renders 7, renders_per_owner 3, transcode 0, upload 0")
}
