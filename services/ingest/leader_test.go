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
			r.lease = brief
			tell := r.child("WORKER_ID=first")
			r.leads("first")
			second := r.ingest(func(c *ingest.Config) { c.WorkerID, c.Retention = "second", time.Second })
			r.saysWhoLeads(second)
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
	r.lease = brief
	var replicas []*replica
	for range 3 {
		replicas = append(replicas, r.ingest(func(c *ingest.Config) { c.DatabaseURL += "&pgbouncer=true" }))
	}
	r.until("one leads", "select ("+leader+") <> ''")
	r.saysWhoLeads(replicas...)
}

// saysWhoLeads waits until one leads, and each of the replicas says whether it is the one. On a
// busy machine another may lead than did a moment before.
func (r *rig) saysWhoLeads(replicas ...*replica) {
	r.t.Helper()
	r.eventually("loom_maintenance_leader says who leads", func() (bool, string) {
		var before, after string
		r.scan(&before, leader)
		wrong := ""
		for _, p := range replicas {
			if got := p.metric(r.t, "loom_maintenance_leader"); (got == 1) != (p.cfg.WorkerID == before) {
				wrong += fmt.Sprintf("%s has %v, ", p.cfg.WorkerID, got)
			}
		}
		r.scan(&after, leader)
		return wrong == "" && before != "" && before == after, fmt.Sprintf("%sand %q leads, then %q", wrong, before, after)
	})
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
