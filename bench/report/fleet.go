package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/loom-lite/loom-lite/bench/fleet"
)

// Fleet is what was measured of fleets of workers that do no work.
type Fleet struct {
	Runs []FleetRun `json:"runs"`
	// Error says why there is nothing, or why the servers did not stop.
	Error string `json:"error,omitempty"`
}

// FleetRun is one measurement.
type FleetRun struct {
	fleet.Job
	Result *fleet.Result `json:"result,omitempty"`
	Error  string        `json:"error,omitempty"`
}

// keepsUp is the share of the tasks that are due of which a fleet does so many that it is not
// behind.
const keepsUp = 0.95

// String says what it came to.
func (r FleetRun) String() string {
	what := fmt.Sprintf("%s recorders", r.Level)
	if r.Error != "" {
		return what + ": " + oneLine(r.Error)
	}
	w := r.Result.Loaded
	return fmt.Sprintf("%s: %.1f of %.1f tasks/s; cores: ingest %.2f, Postgres %.2f, NATS %.2f, workers %.2f, spare %.2f; hop %s, p99 %s ms; lapsed %d",
		what, w.Tasks, r.Tasks(), w.Ingest, w.Postgres, w.NATS, w.Workers, w.Spare, ms(w.Hop), ms(w.HopP99), r.Result.Lapsed)
}

func (f *Fleet) failed() (list []string) {
	if f.Error != "" {
		list = append(list, "fleet: "+f.Error)
	}
	for _, r := range f.Runs {
		if r.Error != "" {
			list = append(list, "fleet, "+r.String())
		}
	}
	return list
}

func (r Report) writeFleet(b *strings.Builder) {
	f := r.Fleet
	if f == nil {
		return
	}
	fmt.Fprintf(b, "\n## Fleets\n\nWorkers that do no work, and take as long as if they did. Renders of %d scenes of %d s at 60 fps keep each recorder "+
		"busy for %.0f %% of the time; ×2 are tasks that take half as long.\n\n", fleet.Scenes, fleet.SceneSeconds, 100*fleet.Busy)
	var cost, busy, idle [][]string
	two := func(v float64) string { return fmt.Sprintf("%.2f", v) }
	for _, run := range f.Runs {
		if run.Result == nil {
			continue
		}
		x, w, i := run.Result, run.Result.Loaded, run.Result.Idle
		name := strconv.Itoa(run.Recorders)
		if run.Speed != 1 {
			name += fmt.Sprintf(" ×%g", run.Speed)
		}
		done := fmt.Sprintf("%.1f", w.Tasks)
		if w.Tasks < keepsUp*run.Tasks() {
			done = "**" + done + "**"
		}
		each := func(cores float64) string {
			return ms(time.Duration(cores / max(w.Tasks, 1e-9) * float64(time.Second)))
		}
		cost = append(cost, []string{
			name, strconv.Itoa(x.Workers), fmt.Sprintf("%.1f", run.Tasks()), done, two(w.Ingest), two(w.Postgres), two(w.NATS), each(w.Control()),
			two(w.Workers), two(w.Spare), ms(w.Hop), ms(w.HopP99), strconv.Itoa(w.Queued), strconv.Itoa(x.Lapsed),
		})
		busy = append(busy, []string{
			name, fmt.Sprintf("%.0f", w.Commits), fmt.Sprintf("%.2f", w.WAL/1e6), fmt.Sprintf("%.1f", w.WAL/1000/max(w.Tasks, 1e-9)), strconv.Itoa(w.Connections),
			fmt.Sprintf("%.0f", w.Received), fmt.Sprintf("%.0f", w.Sent), strconv.Itoa(w.Clients), strconv.Itoa(w.Subscriptions),
			mib(x.NATSMemory), mib(x.IngestMemory),
		})
		idle = append(idle, []string{name, two(i.Ingest), two(i.Postgres), two(i.NATS), fmt.Sprintf("%.0f", i.Received), fmt.Sprintf("%.0f", i.Sent)})
	}
	table(b, []string{
		"recorders:", "workers:", "tasks/s due:", "done:", "ingest, cores:", "Postgres:", "NATS:", "control, ms/task:",
		"simulator:", "spare:", "hop ms:", "p99:", "queued:", "lapsed:",
	}, cost)
	b.WriteString("\nWhat is behind is bold. Of the servers, for each second unless it says otherwise:\n\n")
	table(b, []string{
		"recorders:", "commits:", "WAL MB:", "WAL kB/task:", "connections:", "NATS received:", "sent:", "clients:", "subscriptions:",
		"NATS MiB:", "ingest MiB:",
	}, busy)
	b.WriteString("\nThe same fleets with nothing to do:\n\n")
	table(b, []string{"recorders:", "ingest, cores:", "Postgres:", "NATS:", "NATS received:", "sent:"}, idle)
}

func mib(bytes int64) string { return fmt.Sprintf("%.0f", float64(bytes)/(1<<20)) }
