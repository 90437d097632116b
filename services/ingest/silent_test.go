package ingest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/postgres/postgrestest"
	"github.com/loom-lite/loom-lite/services/ingest"
)

// readiness returns the replica's answer to /readyz.
func (p *replica) readiness(t *testing.T) (status int, why string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}

// asked sends n heartbeats at once, of tasks that do not exist. Each takes a connection to the
// database.
func (r *rig) asked(n int) {
	r.t.Helper()
	nc := r.nats.Connect(r.t)
	for range n {
		ref := msg.NewRef(msg.Record, uuid.New(), uuid.New())
		data, err := msg.Encode(msg.Heartbeat{Ref: ref, Attempt: 1, Worker: "w"})
		if err != nil {
			r.t.Fatal(err)
		}
		if err := nc.PublishRequest(msg.HeartbeatSubject(ref), nc.NewInbox(), data); err != nil {
			r.t.Fatal(err)
		}
	}
}

func TestADatabaseThatSaysNothingIsToldAndLeavesNothingStuck(t *testing.T) {
	r := newRig(t)
	r.lease = brief
	url, proxy := postgrestest.Proxied(t, r.dbURL)
	p := r.ingest(func(c *ingest.Config) { c.DatabaseURL = url })
	r.eventually("ingest is ready", func() (bool, string) {
		status, why := p.readiness(t)
		return status == http.StatusOK, why
	})
	proxy.Freeze()
	r.asked(100)
	for range 3 { // each takes as long as readiness may
		if status, why := p.readiness(t); status != http.StatusServiceUnavailable || !strings.Contains(why, "the database does not answer") {
			t.Errorf("while the database says nothing: %d %s", status, why)
		}
	}
	proxy.Thaw()
	r.eventually("ingest is ready again", func() (bool, string) {
		status, why := p.readiness(t)
		return status == http.StatusOK, why
	})
	r.work("worker", func(context.Context, msg.Grant) msg.Result { return msg.Result{Outcome: msg.Done} })
	one := small
	one.scenes = small.scenes[:1]
	if o := r.ended(r.submit(one)); o.status != "done" {
		t.Errorf("the render ended as %+v", o)
	}
	r.until("no session is left in a transaction", `select not exists (select from pg_stat_activity
		where application_name = 'loom-ingest' and datname = current_database() and state like 'idle in transaction%'
		  and state_change < clock_timestamp() - interval '1 second')`)
}

func TestIngestHoldsNoMoreConnectionsThanItMay(t *testing.T) {
	r := newRig(t)
	p := r.ingest(func(c *ingest.Config) { c.Connections = 3 })
	r.eventually("ingest is ready", func() (bool, string) {
		status, why := p.readiness(t)
		return status == http.StatusOK, why
	})
	most := 0
	busy := func() bool {
		r.asked(50)
		var n int
		r.scan(&n, `select count(*) from pg_stat_activity where application_name = 'loom-ingest' and datname = current_database()`)
		most = max(most, n)
		return n >= 3
	}
	r.eventually("it holds as many as it may", func() (bool, string) { return busy(), "" })
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); {
		busy()
	}
	if most != 3 {
		t.Errorf("it held %d connections, and may hold 3", most)
	}
}
