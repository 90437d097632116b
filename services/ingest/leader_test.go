package ingest_test

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/loom-lite/loom-lite/services/ingest"
)

// leader is the WORKER_ID of the replica that leads now; "" while none does.
const leader = "select coalesce((select name from loom.leader where lease_until > clock_timestamp()), '')"

func (r *rig) leads(name string) {
	r.t.Helper()
	r.until(name+" leads", "select ("+leader+") = $1", name)
}

func TestAnotherReplicaMaintainsWhenTheLeaderIsGone(t *testing.T) {
	for name, gone := range map[string]func(tell func(syscall.Signal)){
		"killed":      func(tell func(syscall.Signal)) { tell(syscall.SIGKILL) },
		"stopped":     func(tell func(syscall.Signal)) { tell(syscall.SIGTERM) },
		"not running": func(tell func(syscall.Signal)) { tell(syscall.SIGSTOP) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			tell := r.child("WORKER_ID=first")
			r.leads("first")
			second := r.ingest(func(c *ingest.Config) { c.WorkerID, c.Retention = "second", time.Second })
			if got := second.metric(t, "loom_maintenance_leader"); got != 0 {
				t.Errorf("the second replica's loom_maintenance_leader is %v while the first leads", got)
			}
			gone(tell)
			r.leads("second")
			r.eventually("it does what is due", func() (bool, string) {
				return second.metric(t, `loom_maintenance_runs_total{outcome="done",work="renders"}`) > 0, ""
			})
			r.eventually("it says so", func() (bool, string) { return second.metric(t, "loom_maintenance_leader") == 1, "" })
		})
	}
}

func TestOneOfManyReplicasMaintains(t *testing.T) {
	r := newRig(t)
	var replicas []*replica
	for range 3 {
		replicas = append(replicas, r.ingest(func(c *ingest.Config) { c.DatabaseURL += "&pgbouncer=true" }))
	}
	r.until("one leads", "select ("+leader+") <> ''")
	var name string
	r.scan(&name, leader)
	for _, p := range replicas {
		want := 0.0
		if p.cfg.WorkerID == name {
			want = 1
		}
		r.eventually("loom_maintenance_leader says so", func() (bool, string) {
			got := p.metric(t, "loom_maintenance_leader")
			return got == want, fmt.Sprintf("%s has %v, and %s leads", p.cfg.WorkerID, got, name)
		})
	}
}

// metric returns a sample of the replica's metrics, "name" or `name{label="value"}`: 0 without one.
func (p *replica) metric(t *testing.T, sample string) float64 {
	t.Helper()
	lines := bufio.NewScanner(strings.NewReader(p.metrics(t)))
	for lines.Scan() {
		value, found := strings.CutPrefix(lines.Text(), sample+" ")
		if !found {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 0
}
