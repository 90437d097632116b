package forecast

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Forecast is what is known of when a render will end.
type Forecast struct {
	// Position is how many queued renders will be started before this one.
	Position *int `json:"queue_position" doc:"How many queued renders are to be started before this one: 0 for the next. Null when it is not queued."`
	// ETA is nil for a render that has ended.
	ETA *ETA `json:"eta,omitempty" doc:"When it will end. Left out when it has ended."`
}

// ETA is when a render will end, or why that cannot be said.
type ETA struct {
	EstimatedEnd *time.Time `json:"estimated_end" doc:"When it will have ended as likely as not. Null when that cannot be said."`
	LikelyBy     *time.Time `json:"likely_by" doc:"When it will have ended nine times of ten. Null when that cannot be said."`
	Reason       *Reason    `json:"reason" doc:"Why nothing can be said: no_ingest (no ingest has been heard of for a minute), no_worker (a stage that it needs has none), paused (a kind of its tasks is), set_aside (the database refuses its job), no_history (no render has been made yet), unknown. Else null."`
	// Stage is the one that Reason is about.
	Stage *string `json:"stage" doc:"The stage that reason is about, or the kind of task that is paused. Else null."`
}

// Reason is why nothing can be said.
type Reason string

// Reasons.
const (
	NoIngest  Reason = "no_ingest"
	NoWorker  Reason = "no_worker"
	Paused    Reason = "paused"
	SetAside  Reason = "set_aside"
	NoHistory Reason = "no_history"
	Unknown   Reason = "unknown"
)

// Backlog is when all renders will have ended that have not.
type Backlog struct {
	InProgress int `json:"renders_in_progress"`
	Queued     int `json:"jobs_queued" doc:"At most 100000."`
	// ETA is nil when there is no backlog.
	ETA *ETA `json:"eta,omitempty" doc:"When the last of them will have ended. Left out when there is none."`
}

// holds is how long what was found holds: many who ask at once cost one look.
const holds = time.Second

// Forecaster makes forecasts. It may be used by several goroutines.
type Forecaster struct {
	db *pgxpool.Pool
	// looking has room for one who looks.
	looking chan struct{}
	last    *outlook
	looked  time.Time
}

// New returns a Forecaster.
func New(db *pgxpool.Pool) *Forecaster { return &Forecaster{db: db, looking: make(chan struct{}, 1)} }

// Of returns the forecasts of renders: one for each of them that has not ended.
func (f *Forecaster) Of(ctx context.Context, renders ...uuid.UUID) (map[uuid.UUID]Forecast, error) {
	list := map[uuid.UUID]Forecast{}
	if len(renders) == 0 {
		return list, nil
	}
	o, err := f.outlook(ctx, holds)
	if err != nil {
		return nil, err
	}
	behind := o.add(list, renders)
	if len(behind) == 0 {
		return list, nil
	}
	far, err := places(ctx, f.db, behind)
	if err != nil {
		return nil, fmt.Errorf("look for renders in the queue: %w", err)
	}
	for _, place := range far {
		if place < queuedAtMost { // queued since
			if o, err = f.outlook(ctx, 0); err != nil {
				return nil, err
			}
			behind = o.add(list, behind)
			break
		}
	}
	for _, id := range behind {
		if place, queued := far[id]; queued {
			list[id] = Forecast{Position: &place, ETA: o.behind(place)}
		}
	}
	return list, nil
}

// Backlog returns when all renders will have ended.
func (f *Forecaster) Backlog(ctx context.Context) (Backlog, error) {
	o, err := f.outlook(ctx, holds)
	if err != nil {
		return Backlog{}, err
	}
	return o.backlog(), nil
}

// outlook returns what was found within a time, or looks again.
func (f *Forecaster) outlook(ctx context.Context, within time.Duration) (*outlook, error) {
	select {
	case f.looking <- struct{}{}:
		defer func() { <-f.looking }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if f.last != nil && time.Since(f.looked) < within {
		return f.last, nil
	}
	s, err := read(ctx, f.db)
	if err != nil {
		return nil, fmt.Errorf("read what goes on: %w", err)
	}
	f.last, f.looked = look(s), time.Now()
	return f.last, nil
}

// outlook is when renders will end.
type outlook struct {
	state
	speeds
	jobs map[uuid.UUID]*job
	// ends are those of the queued jobs that were simulated, in order, in seconds.
	ends []float64
	last *job // to end
}

// look simulates what goes on.
func look(s state) *outlook {
	o := &outlook{state: s, speeds: learn(append(going(s.open), s.receipts...)), jobs: map[uuid.UUID]*job{}}
	o.know()
	owners := map[string]*owner{}
	of := func(name string) *owner {
		if owners[name] == nil {
			one := s.shares[name]
			owners[name] = &owner{name: name, weight: cmp.Or(one.weight, 1), most: s.capacity["renders_per_owner"]}
			if one.most != nil {
				owners[name].most = *one.most
			}
		}
		return owners[name]
	}
	open := opened(s.open, o.speeds, of)
	var queue []*job
	for _, q := range s.queue {
		queue = append(queue, waiting(q, o.speeds, of))
	}
	b := bounds{renders: s.capacity["renders"], perHost: s.capacity["pages_per_host"], paused: func(t *task) bool { return s.paused[t.kind] }}
	for i, name := range stageNames {
		b.slots[i] = s.capacity[name]
	}
	simulate(open, queue, b)
	slices.SortStableFunc(queue, func(a, b *job) int {
		return cmp.Or(cmp.Compare(startOf(a), startOf(b)), cmp.Compare(a.place, b.place))
	})
	for i, j := range queue {
		j.place = i
		if j.finished {
			o.ends = append(o.ends, j.end)
		}
	}
	slices.Sort(o.ends)
	for _, j := range append(open, queue...) {
		o.jobs[j.render] = j
		if o.last == nil || !j.finished || o.last.finished && j.end > o.last.end {
			o.last = j
		}
	}
	return o
}

// know notes how long pages take, in proportion to others: as they took before.
func (o *outlook) know() {
	for i, r := range o.open {
		if r.kind == msg.Record {
			o.open[i].page = o.pace(page{r.render, r.scene})
		}
	}
	for i, q := range o.queue {
		for scene := range q.seconds {
			o.queue[i].pages = append(o.queue[i].pages, o.pace(page{q.render, scene + 1}))
		}
	}
}

// startOf is when a job was started; never, if it was not.
func startOf(j *job) float64 {
	if j.left == 0 && !j.finished {
		return math.Inf(1)
	}
	return j.began
}

// add adds the forecasts of renders that were simulated, and returns the others.
func (o *outlook) add(list map[uuid.UUID]Forecast, renders []uuid.UUID) (others []uuid.UUID) {
	for _, id := range renders {
		j := o.jobs[id]
		if j == nil {
			others = append(others, id)
			continue
		}
		one := Forecast{ETA: o.eta(j)}
		if j.place >= 0 {
			place := j.place
			one.Position = &place
		}
		list[id] = one
	}
	return others
}

// eta is when a job ends.
func (o *outlook) eta(j *job) *ETA {
	if e := o.unsaid(j); e != nil {
		return e
	}
	if !j.finished {
		return reason(Unknown, "")
	}
	return o.between(j.began, j.end, j.place+1)
}

// What makes ends late beside what renders take: the machines' load, as a share of all that is
// left, and what is only heard of with the next heartbeat, in seconds.
const weather, grain = 0.2, 2.5

// between is the end of a render that is started and ends so many seconds from now, behind so many
// others. The waits for others vary less, in proportion: some of them take longer, some shorter.
func (o *outlook) between(began, end float64, ahead int) *ETA {
	own, wait := o.spread*(end-began), o.spread*began/math.Sqrt(float64(1+ahead))
	late := math.Sqrt(own*own + wait*wait + weather*weather*end*end + grain*grain)
	return &ETA{EstimatedEnd: o.time(end), LikelyBy: o.time(end + late)}
}

// time is so many seconds from now.
func (o *outlook) time(seconds float64) *time.Time {
	const year = 365 * 24 * 3600
	t := o.at.Add(time.Duration(min(seconds, 10*year) * float64(time.Second))).UTC().Truncate(time.Millisecond)
	return &t
}

// unsaid is why nothing can be said of a job; nil if something can.
func (o *outlook) unsaid(j *job) *ETA {
	switch {
	case !o.heard:
		return reason(NoIngest, "")
	case j.aside:
		return reason(SetAside, "")
	}
	for _, t := range j.tasks {
		if o.paused[t.kind] && !t.ended {
			return reason(Paused, string(t.kind))
		}
	}
	for of, name := range stageNames {
		if o.capacity[name] == 0 && slices.ContainsFunc(j.tasks, func(t *task) bool { return !t.ended && stageOf(t.kind) == stage(of) }) {
			return reason(NoWorker, name)
		}
	}
	if !o.known {
		return reason(NoHistory, "")
	}
	return nil
}

func reason(r Reason, of string) *ETA {
	e := &ETA{Reason: &r}
	if of != "" {
		e.Stage = &of
	}
	return e
}

// behind is when a render ends that is queued behind those that were simulated: these go on to end
// at the rate at which the middle half of them does.
func (o *outlook) behind(place int) *ETA {
	if o.last != nil {
		if e := o.unsaid(o.last); e != nil {
			return e
		}
	}
	n := len(o.ends)
	if n < 8 {
		return reason(Unknown, "")
	}
	from, to := n/4, n*3/4
	each := (o.ends[to] - o.ends[from]) / float64(to-from)
	end := o.ends[to] + float64(place-to)*each
	own := 0.0
	if o.last != nil {
		own = o.last.end - o.last.began
	}
	return o.between(max(0, end-own), end, place)
}

// backlog is when all renders will have ended.
func (o *outlook) backlog() Backlog {
	b := Backlog{InProgress: o.going, Queued: o.waiting}
	switch {
	case o.last == nil && b.InProgress+b.Queued == 0:
	case o.waiting > len(o.queue):
		b.ETA = o.behind(o.waiting - 1)
	case o.last == nil:
		b.ETA = reason(Unknown, "")
	default:
		b.ETA = o.eta(o.last)
	}
	return b
}
