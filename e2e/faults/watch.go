package faults

import (
	"context"
	"time"

	"github.com/google/uuid"
)

const (
	// writtenWithin is how long a render's row may stay as it is while somebody works on it. A
	// worker tells its progress every three seconds at the latest (every two, in runs with
	// longLease), and the row is written at most once a second.
	writtenWithin = 5 * time.Second
	// movesWithin is how long its status and its percentage may. The percentage is a whole number,
	// and to join the scenes is 3 % of the work: in watched, one of these takes up to 5 s. That it
	// is over is told with the next heartbeat.
	movesWithin = 10 * time.Second
)

// watched is no fault: it has tasks that take longer than the bounds.
var watched = Fault{
	Name: "watched", What: "nothing; tasks take 5 to 12 s, and progress must move meanwhile", Recorders: 2, Transcoders: 2, Unharmed: true, Short: 0.1,
	Env: map[string]string{"FAULTS_WORK": "16s"},
	Do: func(ctx context.Context, r *Run) error {
		for range r.times(10) {
			if _, err := r.submit(ctx, newCampaign(r.rng, 1+r.rng.IntN(3))); err != nil {
				return err
			}
		}
		return r.whileOpen(ctx, func() error { pause(ctx, 200*time.Millisecond); return nil })
	},
	Check: func(ctx context.Context, r *Run) error { return r.checkMoves(ctx) },
}

// checkMoves: progress moves every few seconds while work goes on (promise 5).
func (r *Run) checkMoves(ctx context.Context) error {
	type event struct {
		Render uuid.UUID
		At     time.Time
		// Works is by how many tasks more are worked on from then on. Written and Moved say that
		// the row was written, and that status or progress are others since.
		Works          int
		Written, Moved bool
	}
	list, err := query[event](ctx, r, `
		select render_id, at, 0, true, (status, progress) is distinct from (lag(status) over w, lag(progress) over w)
		  from faults.renders_seen window w as (partition by render_id order by seq)
		union all
		select render_id, at, case when state = 'running' then 1 else 0 end - case when was = 'running' then 1 else 0 end, false, false
		  from faults.tasks_seen
		order by 2`)
	if err != nil {
		return err
	}
	type state struct {
		working int
		// written and moved are when that was last, or when work began.
		written, moved time.Time
	}
	states := map[uuid.UUID]*state{}
	for _, w := range r.renders {
		states[w.id] = &state{}
	}
	for _, e := range list {
		s := states[e.Render]
		if s == nil {
			continue // another run's
		}
		worked := s.working > 0
		s.working += e.Works
		rests := s.working == 0
		if worked && (e.Written || rests) {
			r.judge("a row was not written for", s.written, e.At, writtenWithin, "render %s was worked on, and its row was written", e.Render)
		}
		if worked && (e.Moved || rests) {
			r.judge("progress stood still for", s.moved, e.At, movesWithin, "render %s was worked on, and its progress moved", e.Render)
		}
		if e.Written || !worked {
			s.written = e.At
		}
		if e.Moved || !worked {
			s.moved = e.At
		}
	}
	return nil
}
