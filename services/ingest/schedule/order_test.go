package schedule

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

var updateOrder = flag.Bool("update-order", false, "write testdata/order.json")

// order is what package forecast of the console has to foresee: pages that are due at once, how
// long each takes, and in which order slots that become free take them.
type order struct {
	Slots   int           `json:"slots"`
	PerHost int           `json:"per_host"`
	Renders []orderRender `json:"renders"`
	// Served are pages: the number of a render, and of one of its pages.
	Served [][2]int `json:"served"`
}

type orderRender struct {
	Owner    string      `json:"owner"`
	Weight   float64     `json:"weight"`
	Priority int         `json:"priority"`
	Pages    []orderPage `json:"pages"`
}

type orderPage struct {
	Host    string  `json:"host"`
	Seconds float64 `json:"seconds"`
}

// The console's forecasts have these rules a second time (services/console/forecast). Its
// TestTheNextTaskIsTheOneThatIngestWouldServe reads what this test writes: who changes the order
// here and updates the file changes it there, too.
func TestTheOrderIsTheOneThatForecastsAreMadeWith(t *testing.T) {
	t.Parallel()
	const file = "testdata/order.json"
	rng := rand.New(rand.NewPCG(1, 2))
	var list []order
	for i := range 12 {
		o := order{Slots: 1 + i%4, PerHost: i % 3}
		for range 3 + rng.IntN(6) {
			owner := rng.IntN(4)
			r := orderRender{Owner: string(rune('a' + owner)), Weight: []float64{1, 2, 0.5, 1}[owner], Priority: max(0, rng.IntN(4)-2)}
			for range 1 + rng.IntN(6) {
				r.Pages = append(r.Pages, orderPage{Host: []string{"", "x", "y"}[rng.IntN(3)], Seconds: 1 + 30*rng.Float64()})
			}
			o.Renders = append(o.Renders, r)
		}
		o.serve()
		list = append(list, o)
	}
	var lines [][]byte
	for _, o := range list {
		line, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	got := slices.Concat([]byte("[\n"), bytes.Join(lines, []byte(",\n")), []byte("\n]\n"))
	if *updateOrder {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("tasks are served in another order than %s says: go test ./services/ingest/schedule -run %s -update-order, "+
			"and change services/console/forecast, whose test fails then", file, t.Name())
	}
}

// serve has slots serve all pages.
func (o *order) serve() {
	type running struct {
		render, page int
		end          float64
	}
	var renders []open
	pages := map[uuid.UUID]int{}
	for _, r := range o.Renders {
		one := open{plan: uuid.New(), owner: r.Owner, weight: r.Weight, priority: r.Priority}
		for i, p := range r.Pages {
			d := due{host: p.Host, Ref: msg.NewRef(msg.Record, one.plan, uuid.New())}
			pages[d.TaskID] = i
			one.due = append(one.due, d)
		}
		renders = append(renders, one)
	}
	turns, hosts := newTurns(), hosts{o.PerHost, map[string]int{}}
	var busy []running
	for now := 0.0; ; {
		for len(busy) < o.Slots {
			next := turns.order(renders, 1, hosts, none) // which counts the page of its host
			if len(next) == 0 {
				break
			}
			r := slices.IndexFunc(renders, func(r open) bool { return r.plan == next[0].plan })
			turns.serve(next[0].open)
			page := pages[next[0].TaskID]
			o.Served = append(o.Served, [2]int{r, page})
			busy = append(busy, running{r, page, now + o.Renders[r].Pages[page].Seconds})
			renders[r].due = slices.DeleteFunc(renders[r].due, func(d due) bool { return d.TaskID == next[0].TaskID })
			renders[r].running++
			add(renders, renders[r].owner, 1)
		}
		if len(busy) == 0 {
			return
		}
		ended := slices.MinFunc(busy, func(a, b running) int { return cmp.Compare(a.end, b.end) })
		busy = slices.DeleteFunc(busy, func(r running) bool { return r == ended })
		now = ended.end
		hosts.pages[o.Renders[ended.render].Pages[ended.page].Host]--
		renders[ended.render].running--
		add(renders, renders[ended.render].owner, -1)
	}
}

// add notes tasks of an owner's that have workers.
func add(renders []open, owner string, n int) {
	for i := range renders {
		if renders[i].owner == owner {
			renders[i].busy += n
		}
	}
}
