package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// people cancels and deletes renders at random moments.
var people = Fault{
	Name: "people", What: "renders are cancelled in both ways and deleted, stages paused and resumed, at random moments", Ingests: 2, Recorders: 2, Transcoders: 2,
	Uploaders: 2, Uncharged: true, Short: 0.1,
	Check: func(ctx context.Context, r *Run) error { return r.checkStopped(ctx) },
	Do: func(ctx context.Context, r *Run) error {
		stop := r.feed(ctx, 10)
		for i := range r.times(100) {
			pause(ctx, r.between(0, 500*time.Millisecond))
			if i%4 == 0 {
				if err := r.endLong(ctx); err != nil {
					return err
				}
				continue
			}
			if r.rng.IntN(8) == 0 {
				if err := r.pauseOrResume(ctx); err != nil {
					return err
				}
			}
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
		return errors.Join(r.resume(ctx), stop())
	},
}

// endLong ends a render while a page is being recorded that takes a minute.
func (r *Run) endLong(ctx context.Context) error {
	c := newCampaign(r.rng, 1)
	c.scenes[0].url, c.scenes[0].seconds = c.scenes[0].url+long, 1
	w, err := r.submit(ctx, c)
	if err != nil {
		return err
	}
	pause(ctx, r.between(time.Second, 2*time.Second))
	err = r.act(ctx, w.id)
	w.ends = slices.DeleteFunc(slices.Clone(w.ends), func(e end) bool { return e == endDone })
	return err
}

// pauseOrResume pauses one kind of task, or resumes all.
func (r *Run) pauseOrResume(ctx context.Context) error {
	kind := msg.Kinds[r.rng.IntN(len(msg.Kinds))]
	r.count("paused or resumed", 1)
	_, err := r.db.Exec(ctx, `select case when exists (select from loom.paused)
		then (select count(*) from loom.resume_kinds(array(select kind from loom.paused)))
		else (select count(*) from loom.pause_kinds(array[$1::text])) end`, string(kind))
	return err
}

// resume resumes all kinds of task.
func (r *Run) resume(ctx context.Context) error {
	if _, err := r.db.Exec(ctx, "select loom.resume_kinds(array(select kind from loom.paused))"); err != nil {
		return fmt.Errorf("resume all stages: %w", err)
	}
	return nil
}

// sharing has renders of one campaign share what they make, and takes away whoever makes it.
var sharing = Fault{
	Name: "sharing", What: "renders of one campaign wait for what one of them makes; that one is cancelled or deleted, or its worker is killed",
	Ingests: 2, Recorders: 2, Transcoders: 2, Uploaders: 2, Retries: endless, Short: 0.1, Env: map[string]string{"FAULTS_WORK": "1s"},
	Do: func(ctx context.Context, r *Run) error {
		for range r.times(30) {
			first, err := r.submit(ctx, r.small())
			if err != nil {
				return err
			}
			for range 2 {
				if _, err := r.submitAgain(ctx, first); err != nil {
					return err
				}
			}
			pause(ctx, r.between(200*time.Millisecond, 2500*time.Millisecond))
			if r.rng.IntN(2) == 0 {
				err = r.act(ctx, first.id)
			} else {
				kinds := []string{"recorder", "transcoder", "ingest"}
				p := r.of(kinds[r.rng.IntN(len(kinds))])[r.rng.IntN(2)]
				if err = p.crash(); err == nil {
					r.count("kill -9", 1)
					err = p.start(ctx, nil)
				}
			}
			if err != nil {
				return err
			}
		}
		return r.whileOpen(ctx, func() error { pause(ctx, 200*time.Millisecond); return nil })
	},
	Check: func(ctx context.Context, r *Run) error {
		type reused struct{ N int }
		list, err := query[reused](ctx, r, `select count(*)::int from loom.tasks t join loom.plans p on p.id = t.plan_id
			where t.source is not null and p.created_at > $1`, r.began)
		if err == nil && list[0].N == 0 {
			r.found(Broken, "no task used what another render made: the run tested nothing")
		}
		if err == nil {
			r.count("tasks that used another's outputs", list[0].N)
		}
		return err
	},
}

// retries queues failed renders again.
var retries = Fault{
	Name: "retries", What: "renders fail at a page that is bad, the page is mended, and the app queues them again; ingests are killed",
	Ingests: 2, Recorders: 2, Transcoders: 2, Uploaders: 2, Uncharged: true,
	Env: map[string]string{"WORK_RETENTION": "20s", "FAULTS_WORK": "100ms"},
	Do: func(ctx context.Context, r *Run) error {
		var failed []*render
		for range r.times(20) {
			c := newCampaign(r.rng, 2+r.rng.IntN(4))
			for i := range c.scenes {
				c.scenes[i].seconds = 1
			}
			c.scenes[len(c.scenes)-1].url += "?bad"
			w, err := r.submit(ctx, c)
			if err != nil {
				return err
			}
			failed = append(failed, w)
		}
		if err := r.whileOpen(ctx, func() error { return r.killIngest(ctx) }); err != nil {
			return err
		}
		for _, p := range r.of("recorder") {
			if err := p.stop(); err != nil {
				return err
			}
			if err := p.start(ctx, map[string]string{"FAULTS_BAD": ""}); err != nil {
				return err
			}
		}
		for _, w := range failed {
			w.jobs++
			if _, err := r.db.Exec(ctx, "insert into render_jobs (render_id, state) values ($1, 'queued')", w.id); err != nil {
				return err
			}
			r.count("queued again", 1)
		}
		// The render's status is the old one until its job is claimed.
		return until(ctx, patience, "all jobs are taken", func() (bool, error) {
			var n int
			err := r.db.QueryRow(ctx, "select count(*) from render_jobs where state in ('queued', 'running')").Scan(&n)
			if err == nil && n > 0 {
				err = r.killIngest(ctx)
			}
			return n == 0, err
		})
	},
	Check: func(ctx context.Context, r *Run) error {
		type again struct {
			Render uuid.UUID
			Kind   string
			Seq    int
		}
		list, err := query[again](ctx, r, `
			select t2.render_id, t2.kind, t2.seq from loom.tasks t1 join loom.plans p1 on p1.id = t1.plan_id
			  join loom.tasks t2 on t2.render_id = t1.render_id and t2.kind = t1.kind and t2.seq = t1.seq
			  join loom.plans p2 on p2.id = t2.plan_id and p2.created_at > p1.created_at
			 where p1.created_at > $1 and t1.state = 'done' and t2.attempt > 0`, r.began)
		for _, a := range list {
			r.found(Doubled, "%s %d of render %s was done, and done again when the render was retried", a.Kind, a.Seq, a.Render)
		}
		return err
	},
}

// killIngest waits for a moment, kills an ingest and starts it again.
func (r *Run) killIngest(ctx context.Context) error {
	pause(ctx, r.between(time.Second, 3*time.Second))
	p := r.of("ingest")[r.rng.IntN(2)]
	if err := p.crash(); err != nil {
		return err
	}
	r.count("kill -9", 1)
	return p.start(ctx, nil)
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
	var at time.Time
	err := r.db.QueryRow(ctx, a.sql+" returning clock_timestamp()", id).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("end a render: %w", err)
	}
	r.counts[a.name]++
	i := slices.IndexFunc(r.renders, func(w *render) bool { return w.id == id })
	if i < 0 {
		return fmt.Errorf("render %s was ended, and nobody had queued it", id)
	}
	w := r.renders[i]
	w.ends = a.ends
	if w.ended.IsZero() {
		w.ended = at
	}
	return nil
}
