package faults

import (
	"context"
	"time"

	"github.com/google/uuid"
)

const (
	// goneWithin is how soon nobody begins with a render that somebody has ended.
	goneWithin = 2 * time.Second
	// stoppedWithin is how soon nobody works on it.
	stoppedWithin = 5 * time.Second
)

// checkStopped: when somebody has ended a render, its queued work is soon gone, its running work
// stopped, and nothing about it changes after that.
func (r *Run) checkStopped(ctx context.Context) error {
	type change struct {
		Render uuid.UUID
		Last   time.Time
		Ended  bool
	}
	list, err := query[change](ctx, r, `
		select s.render_id, max(s.at), coalesce(bool_and(r.status in ('cancelled')), true) from (
		  select render_id, at, status, progress, lag(status) over w as status_before, lag(progress) over w as progress_before
		    from faults.renders_seen window w as (partition by render_id order by seq)) s left join renders r on r.id = s.render_id
		 where (s.status, s.progress) is distinct from (s.status_before, s.progress_before)
		 group by s.render_id
		union all
		select s.render_id, max(s.at), coalesce(bool_and(r.status in ('cancelled')), true) from faults.tasks_seen s left join renders r on r.id = s.render_id
		 group by s.render_id`)
	if err != nil {
		return err
	}
	changes := map[uuid.UUID]time.Time{}
	for _, c := range list {
		if c.Ended && c.Last.After(changes[c.Render]) {
			changes[c.Render] = c.Last
		}
	}
	ended := map[uuid.UUID]time.Time{}
	for _, w := range r.renders {
		last, there := changes[w.id]
		if !there || w.ended.IsZero() {
			continue // nobody has ended it, or it was done before
		}
		ended[w.id] = w.ended
		r.judge("rows changed for", w.ended, last, goneWithin, "render %s was ended, and its rows changed", w.id)
	}
	for a, s := range r.spans {
		at, there := ended[a.render]
		if !there || !s.ended.IsZero() && s.ended.Before(at) {
			continue
		}
		if s.begun.After(at) {
			r.judge("work began for", at, s.begun, goneWithin, "render %s was ended, and attempt %d at %s %s began", a.render, a.number, a.kind, a.task)
		}
		if s.ended.IsZero() {
			r.found(Late, "render %s was ended, and attempt %d at %s %s never did", a.render, a.number, a.kind, a.task)
			continue
		}
		r.count("attempts stopped", 1)
		r.judge("work went on for", at, s.ended, stoppedWithin, "render %s was ended, and attempt %d at %s %s ended", a.render, a.number, a.kind, a.task)
	}
	return nil
}
