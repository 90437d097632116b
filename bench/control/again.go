package control

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Again is what renders cost, and renders of the same campaigns after them: those use again what
// was made for the first.
type Again struct {
	// First and Second are CPU time for each render.
	First  CPU `json:"first"`
	Second CPU `json:"second"`
	// Tasks is how many tasks a render has, and Reused how many of a second one's were reused.
	Tasks  float64 `json:"tasks"`
	Reused float64 `json:"reused"`
}

// cacheFor is how long outputs are used again where that is measured.
const cacheFor = time.Hour

// MeasureAgain renders campaigns twice. It is for builds of ours.
func MeasureAgain(ctx context.Context, s *Servers, job Job) (a Again, err error) {
	job.Cache = cacheFor
	r, err := start(ctx, s, job)
	if r != nil {
		defer func() { err = errors.Join(err, r.close()) }()
	}
	if r != nil && r.system != nil {
		defer func() {
			_, stopped := r.stop()
			err = errors.Join(err, stopped)
		}()
	}
	if err != nil {
		return a, err
	}
	warm, err := r.submit(ctx, 4, 3)
	if err == nil {
		err = r.await(ctx, warm)
	}
	if err != nil {
		return a, fmt.Errorf("warm up: %w", err)
	}
	took := func(queue func() ([]string, error)) (ids []string, c CPU, err error) {
		before, err := r.cpu()
		if err != nil {
			return nil, c, err
		}
		if ids, err = queue(); err != nil {
			return nil, c, err
		}
		if err := r.await(ctx, ids); err != nil {
			return nil, c, err
		}
		c, err = r.since(before, len(ids))
		return ids, c, err
	}
	first, cpu, err := took(func() ([]string, error) { return r.submit(ctx, job.Renders, job.Scenes) })
	if err != nil {
		return a, err
	}
	a.First = cpu
	second, cpu, err := took(func() ([]string, error) { return r.queueAgain(ctx, first) })
	if err != nil {
		return a, err
	}
	a.Second = cpu
	var tasks, reused int
	err = r.db.QueryRow(ctx, "select count(*), count(*) filter (where source is not null) from loom.tasks where render_id = any ($1::text[]::uuid[])", second).
		Scan(&tasks, &reused)
	a.Tasks, a.Reused = float64(tasks)/float64(len(second)), float64(reused)/float64(len(second))
	return a, err
}

// queueAgain queues renders of the campaigns of others.
func (r *run) queueAgain(ctx context.Context, of []string) (ids []string, err error) {
	err = r.db.QueryRow(ctx, `
		with r as (insert into renders (campaign_id) select campaign_id from renders where id = any ($1::text[]::uuid[]) returning id)
		select array_agg(id::text) from r`, of).Scan(&ids)
	if err == nil {
		_, err = r.db.Exec(ctx, "insert into render_jobs (render_id) select unnest($1::text[])::uuid", ids)
	}
	if err != nil {
		return nil, fmt.Errorf("queue renders again: %w", err)
	}
	return ids, nil
}
