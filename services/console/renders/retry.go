package renders

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/services/console/audit"
)

// Retry queues a new job for a render that has failed or was cancelled and has no other job, as the
// app may do. It returns the job, and nil if there is none, and the render's status.
func Retry(ctx context.Context, db Beginner, id uuid.UUID) (job *uuid.UUID, status string, err error) {
	err = changing(ctx, db, id, func(tx pgx.Tx) error {
		// Of two at once, the second finds the first one's job.
		if _, err := tx.Exec(ctx, "select from public.renders where id = $1::uuid for no key update", id); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, `
		with queued as (
		  insert into public.render_jobs (id, render_id, state)
		  select $2::uuid, r.id, 'queued' from public.renders r
		   where r.id = $1::uuid and r.status::text in ('failed', 'cancelled')
		     and not exists (select from public.render_jobs j where j.render_id = r.id and j.state::text in ('queued', 'running'))
		  returning id)
		select (select id from queued), r.status::text from public.renders r where r.id = $1::uuid`, id, uuid.New()).Scan(&job, &status)
		if err != nil || job == nil {
			return err
		}
		if err := noteTrace(ctx, tx, id); err != nil {
			return err
		}
		return audit.Record(ctx, tx, "render.retry", Target(id), audit.Detail{"job_id": *job})
	})
	if err != nil {
		return nil, "", explain("retry render", err)
	}
	return job, status, nil
}
