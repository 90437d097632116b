package renders

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Retry queues a new job for a render that has failed or was cancelled and has no other job, as the
// app may do. It returns the job, and nil if there is none, and the render's status.
func Retry(ctx context.Context, db *pgxpool.Pool, id uuid.UUID) (job *uuid.UUID, status string, err error) {
	err = unlessHeld(ctx, db, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
		with queued as (
		  insert into public.render_jobs (id, render_id, state)
		  select $2::uuid, r.id, 'queued' from public.renders r
		   where r.id = $1::uuid and r.status::text in ('failed', 'cancelled')
		     and not exists (select from public.render_jobs j where j.render_id = r.id and j.state::text in ('queued', 'running'))
		  returning id)
		select (select id from queued), r.status::text from public.renders r where r.id = $1::uuid`, id, uuid.New()).Scan(&job, &status)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, "", fmt.Errorf("retry render: %w", ErrNotFound)
	}
	return job, status, explain("retry render", err)
}
