package faults

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// movesWithin is how long a render's progress may stay as it is while somebody works on it. A
// worker tells it every three seconds at the latest, and it is written at most once a second.
const movesWithin = 5 * time.Second

// watched is no fault: it has tasks that take longer than movesWithin.
var watched = Fault{
	Name: "watched", What: "nothing; tasks take 8 s, and progress moves meanwhile", Recorders: 2, Transcoders: 2, Unharmed: true, Short: 0.1,
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
	type move struct {
		Render uuid.UUID
		At     time.Time
		// Works is by how many tasks more are worked on from then on.
		Works int
	}
	list, err := query[move](ctx, r, `
		select render_id, at, works from (
		  select render_id, at, 0 as works, status, progress, lag(status) over w as status_before, lag(progress) over w as progress_before
		    from faults.renders_seen window w as (partition by render_id order by seq)) r
		 where (status, progress) is distinct from (status_before, progress_before)
		union all
		select render_id, at, case when state = 'running' then 1 else 0 end - case when was = 'running' then 1 else 0 end from faults.tasks_seen
		order by at`)
	if err != nil {
		return err
	}
	type state struct {
		working int
		// since is the last move, or when work began.
		since time.Time
	}
	states := map[uuid.UUID]*state{}
	for _, w := range r.renders {
		states[w.id] = &state{}
	}
	for _, m := range list {
		s := states[m.Render]
		if s == nil {
			continue // another run's
		}
		if s.working > 0 && (m.Works == 0 || s.working+m.Works == 0) {
			r.judge("progress stood still for", s.since, m.At, movesWithin, "render %s was worked on, and its progress moved", m.Render)
		}
		if m.Works == 0 || s.working == 0 {
			s.since = m.At
		}
		s.working += m.Works
	}
	return nil
}
