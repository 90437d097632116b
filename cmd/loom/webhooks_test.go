package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/loom-lite/loom-lite/pkg/egress"
	"github.com/loom-lite/loom-lite/services/console/webhooks"
)

// transcript is what a command has printed so far.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func TestListeningReceivesWhatHappensAndLeavesNoEndpointBehind(t *testing.T) {
	bothWays(t, 1, func(t *testing.T, db *pgxpool.Pool, environ map[string]string, ids []uuid.UUID) {
		ctx, stop := context.WithCancel(t.Context())
		var out, said transcript
		ended := make(chan int, 1)
		go func() {
			a := &app{environ: environ, stdout: &out, stderr: &said}
			ended <- a.run(ctx, []string{"webhooks", "listen", "--port", "0", "--json"})
		}()
		await := func(what string, there func() bool) {
			t.Helper()
			for deadline := time.Now().Add(2 * time.Minute); !there(); time.Sleep(20 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("no %s: %s%s", what, out.String(), said.String())
				}
			}
		}
		await("address", func() bool { return strings.Contains(said.String(), "listening at http://127.0.0.1:") })
		policy, err := egress.Parse("127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		metrics, err := webhooks.NewMetrics(prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		courier := &webhooks.Courier{DB: db, Policy: policy, Keeper: &webhooks.Keeper{}, Metrics: metrics, Keep: 96 * time.Hour, Timeout: webhooks.Timeout}
		delivering, done := context.WithCancel(t.Context())
		var couriers sync.WaitGroup
		couriers.Go(func() { courier.Run(delivering) })
		if _, err := db.Exec(t.Context(), "update renders set status = 'done' where id = $1", ids[0]); err != nil {
			t.Fatal(err)
		}
		await("message", func() bool { return strings.Contains(out.String(), "\n") })
		var m webhooks.Received
		if err := json.Unmarshal([]byte(out.String()), &m); err != nil || m.Type != webhooks.RenderCompleted || m.ID == "" {
			t.Errorf("%s: %v", out.String(), err)
		}
		done()
		couriers.Wait()
		stop()
		if status := <-ended; status != statusDone {
			t.Errorf("it ends with %d: %s", status, said.String())
		}
		if n := scan[int](t, db, "select count(*)::int from loom.webhook_endpoints"); n != 0 {
			t.Errorf("%d endpoints are left", n)
		}
	})
}
