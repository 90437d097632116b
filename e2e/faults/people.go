package faults

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// people cancels and deletes renders at random moments.
var people = Fault{
	Name: "people", What: "the app cancels renders in both ways, and deletes some, at random moments", Ingests: 2, Recorders: 2, Transcoders: 2,
	Uploaders: 2, Uncharged: true, Short: 0.1,
	Do: func(ctx context.Context, r *Run) error {
		stop := r.feed(ctx, 10)
		for range r.times(100) {
			pause(ctx, r.between(0, 500*time.Millisecond))
			var id uuid.UUID
			err := r.db.QueryRow(ctx, `select coalesce((select id from renders where status not in ('done', 'failed', 'cancelled')
				order by random() limit 1), gen_random_uuid())`).Scan(&id)
			if err != nil {
				return err
			}
			if err := r.act(ctx, id); err != nil {
				return err
			}
		}
		return stop()
	},
}

// act does something to a render that has not ended.
func (r *Run) act(ctx context.Context, id uuid.UUID) error {
	acts := []struct {
		name, sql string
		ends      []end
	}{
		{"cancelled", "update renders set status = 'cancelled' where id = $1 and status not in ('done', 'failed', 'cancelled')", []end{endCancelled}},
		{"asked to cancel", "update renders set cancel_requested = true where id = $1 and status not in ('done', 'failed', 'cancelled')",
			[]end{endCancelled, endDone}},
		{"deleted", "delete from renders where id = $1", []end{endGone}},
	}
	a := acts[r.rng.IntN(len(acts))]
	r.mu.Lock()
	defer r.mu.Unlock()
	done, err := r.db.Exec(ctx, a.sql, id)
	if err != nil || done.RowsAffected() == 0 {
		return err
	}
	r.counts[a.name]++
	for _, w := range r.renders {
		if w.id == id {
			w.ends = a.ends
		}
	}
	return nil
}
