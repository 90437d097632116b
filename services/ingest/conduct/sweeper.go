package conduct

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	// sweepMost is how many plans one sweep takes on.
	sweepMost = 100
	// sweepSeldom and sweepOften bound the pause between sweeps.
	sweepSeldom = 10 * time.Minute
	sweepOften  = time.Second
)

// sweeper deletes the work objects of renders that ended a while ago. Several replicas may do so at once: to delete what
// is gone is no error.
type sweeper struct {
	*Conductor
}

func newSweeper(c *Conductor) *sweeper { return &sweeper{c} }

func (s *sweeper) sweep(ctx context.Context) error {
	ticker := time.NewTicker(min(max(s.Retention/4, sweepOften), sweepSeldom))
	defer ticker.Stop()
	for {
		if err := s.once(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn().Err(err).Msg("work objects cannot be swept yet")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (s *sweeper) once(ctx context.Context) error {
	if err := s.plans(ctx); err != nil {
		return err
	}
	return s.leftovers(ctx)
}

// plans sweeps task by task: a render that was made again has another plan, whose objects lie beside these.
func (s *sweeper) plans(ctx context.Context) error {
	rows, err := s.DB.Query(ctx, `
		select p.id, p.render_id, array (select t.id from loom.tasks t where t.plan_id = p.id)
		  from loom.plans p
		 where p.swept_at is null and p.ended_at < clock_timestamp() - make_interval(secs => $1::float8)
		 order by p.ended_at limit $2::int`, s.Retention.Seconds(), sweepMost)
	if err != nil {
		return fmt.Errorf("list plans to sweep: %w", err)
	}
	type ended struct {
		plan, render uuid.UUID
		tasks        []uuid.UUID
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e ended, err error) {
		err = row.Scan(&e.plan, &e.render, &e.tasks)
		return e, err
	})
	if err != nil {
		return fmt.Errorf("list plans to sweep: %w", err)
	}
	for _, e := range list {
		for _, task := range e.tasks {
			if err := s.Store.DeletePrefix(ctx, s.WorkBucket, taskPrefix(e.render, task)); err != nil {
				return fmt.Errorf("sweep a render: %w", err)
			}
		}
		_, err := s.DB.Exec(ctx, "update loom.plans set swept_at = clock_timestamp() where id = $1::uuid", e.plan)
		if err != nil {
			return fmt.Errorf("sweep a render: %w", err)
		}
		s.Log.Debug().Stringer("render_id", e.render).Msg("work objects swept")
	}
	return nil
}

// leftovers sweeps renders whose rows were deleted.
func (s *sweeper) leftovers(ctx context.Context) error {
	rows, err := s.DB.Query(ctx, `
		select render_id from loom.leftovers
		 where deleted_at < clock_timestamp() - make_interval(secs => $1::float8)
		 order by deleted_at limit $2::int`, s.Retention.Seconds(), sweepMost)
	if err != nil {
		return fmt.Errorf("list deleted renders: %w", err)
	}
	renders, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("list deleted renders: %w", err)
	}
	for _, render := range renders {
		if err := s.Store.DeletePrefix(ctx, s.WorkBucket, renderPrefix(render)); err != nil {
			return fmt.Errorf("sweep a deleted render: %w", err)
		}
		if _, err := s.DB.Exec(ctx, "delete from loom.leftovers where render_id = $1::uuid", render); err != nil {
			return fmt.Errorf("sweep a deleted render: %w", err)
		}
		s.Log.Debug().Stringer("render_id", render).Msg("work objects of a deleted render swept")
	}
	return nil
}
