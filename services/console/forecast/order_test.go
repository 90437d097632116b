package forecast

import (
	"cmp"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/ingest/claim"
	"github.com/loom-lite/loom-lite/services/ingest/plan"
)

// The file is what ingest does, and is written by its own test.
func TestTheNextTaskIsTheOneThatIngestWouldServe(t *testing.T) {
	text, err := os.ReadFile("../../ingest/schedule/testdata/order.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Slots   int
		PerHost int `json:"per_host"`
		Renders []struct {
			Owner    string
			Weight   float64
			Priority int
			Pages    []struct {
				Host    string
				Seconds float64
			}
		}
		Served [][2]int
	}
	if err := json.Unmarshal(text, &list); err != nil || len(list) == 0 {
		t.Fatal(len(list), err)
	}
	for n, one := range list {
		h := house{}
		s := &simulation{bounds: room(0, 0, 0), hosts: map[string]int{}}
		s.perHost = one.PerHost
		places := map[*task][2]int{}
		for r, of := range one.Renders {
			j := &job{owner: h.of(of.Owner), priority: of.Priority}
			j.owner.weight = of.Weight
			for i, p := range of.Pages {
				j.tasks = append(j.tasks, &task{job: j, kind: msg.Record, place: i, host: p.Host, seconds: p.Seconds})
				places[j.tasks[i]] = [2]int{r, i}
			}
			s.start(j)
		}
		var served [][2]int
		ends := map[*task]float64{}
		for {
			for len(ends) < one.Slots {
				next := s.next(recording)
				if next == nil {
					break
				}
				s.free[recording] = 1
				s.give()
				served = append(served, places[next])
				ends[next] = s.now + next.seconds
			}
			if len(ends) == 0 {
				break
			}
			var ended *task
			for t, end := range ends {
				if ended == nil || end < ends[ended] {
					ended = t
				}
			}
			s.now = ends[ended]
			delete(ends, ended)
			s.finish(ended)
			s.free[recording] = 0
		}
		if !slices.Equal(served, one.Served) {
			t.Errorf("%d: forecasts are made with\n%v, and ingest serves\n%v", n, served, one.Served)
		}
	}
}

// What ingest starts, and in which order, is what it really starts: with its own code.
func TestRendersAreStartedInTheOrderInWhichIngestClaimsThem(t *testing.T) {
	s := newSite(t)
	users := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	s.exec("insert into loom.shares (owner, weight, max_renders) values ($1, 2, null), ($2, 1, 1)", users[0].String(), users[1].String())
	for i := range 14 {
		render := s.queue(1, []int{0, 0, 3, 0, -1}[i%5])
		s.exec("update campaigns c set user_id = $2 from renders r where r.id = $1 and c.id = r.campaign_id", render, users[i*i%3])
		// Its turn is its owner's.
		s.exec("delete from render_jobs where render_id = $1", render)
		s.exec("insert into render_jobs (render_id, priority) values ($1, $2)", render, []int{0, 0, 3, 0, -1}[i%5])
	}
	s.history(20, 0.02)
	for _, bounds := range []struct{ renders, each int }{{2, 1}, {3, 2}, {100, 100}} {
		s.exec("select loom.note_capacity('{record,transcode,upload,renders,renders_per_owner,pages_per_host}', array[2, 2, 2, $1, $2, 0]::int[])",
			bounds.renders, bounds.each)
		state, err := read(t.Context(), s.Pool)
		if err != nil {
			t.Fatal(err)
		}
		var began []*job
		for _, j := range look(state).jobs {
			if j.place >= 0 && startOf(j) == 0 {
				began = append(began, j)
			}
		}
		slices.SortFunc(began, func(a, b *job) int { return cmp.Compare(a.place, b.place) })
		claimer := &claim.Claimer{
			DB: s.Pool, Limits: plan.Limits{Scene: time.Hour, Render: time.Hour}, MaxRenders: bounds.renders, MaxPerOwner: bounds.each, Secret: make([]byte, 32),
		}
		var want, got []uuid.UUID
		for {
			claimed, err := claimer.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if claimed.Outcome != claim.Planned {
				if claimed.Outcome != claim.Full && claimed.Outcome != claim.Empty {
					t.Fatalf("%+v", claimed)
				}
				break
			}
			want = append(want, claimed.Render)
		}
		for _, j := range began {
			got = append(got, j.render)
		}
		if !slices.Equal(got, want) || len(want) == 0 {
			t.Errorf("with %+v the next are\n%v, and ingest claims\n%v", bounds, got, want)
		}
	}
}
