package schedule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/pkg/fault"
	"github.com/loom-lite/loom-lite/pkg/retry"
)

const (
	// pageSize is how much is listed at once.
	pageSize = 100
	// concurrency is how much of a page is swept at once.
	concurrency = 4
	// sweepAtMost and sweepAtLeast bound the pause between sweeps; pagePause is that between pages.
	sweepAtMost  = 10 * time.Minute
	sweepAtLeast = time.Second
	pagePause    = 100 * time.Millisecond
	// failuresInRow is after how many chunks in a row that fail as a whole a sweep ends: the store
	// is away.
	failuresInRow = 3
)

// sweeper deletes the work objects of renders whose retention is over, and copies of finished files
// that belong to no render. It sweeps until nothing is due, so its rate follows the backlog.
// Several replicas may sweep at once: deleting what is gone is no error.
type sweeper struct {
	*Scheduler
	// copyTime is how long the store may go on with a copy after the uploader that asked for it is
	// gone.
	copyTime time.Duration
}

func newSweeper(s *Scheduler) *sweeper { return &sweeper{s, 15 * time.Minute} }

func (s *sweeper) sweep(ctx context.Context) error {
	for {
		if err := s.once(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn().Err(err).Msg("some objects could not be swept: they are tried again")
		}
		if !retry.Sleep(ctx, min(max(s.Retention/4, sweepAtLeast), sweepAtMost)) {
			return nil
		}
	}
}

// once sweeps everything that is due. It skips what cannot be swept.
func (s *sweeper) once(ctx context.Context) error {
	return errors.Join(s.plans(ctx), s.leftovers(ctx), s.copies(ctx))
}

// sweepPages sweeps what list returns, page by page, until a page is not full. list is given the
// last item of the page before, and the zero T at first.
func sweepPages[T any](ctx context.Context, list func(ctx context.Context, after T) ([]T, error), sweep func(context.Context, T) error) error {
	var last T
	var errs []error
	failures := 0
	for {
		page, err := list(ctx, last)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		for chunk := range slices.Chunk(page, concurrency) {
			failed := sweepAll(ctx, chunk, sweep)
			errs = append(errs, failed...)
			if failures++; len(failed) < len(chunk) {
				failures = 0
			}
			if failures >= failuresInRow || ctx.Err() != nil {
				return errors.Join(errs...)
			}
		}
		if len(page) < pageSize || !retry.Sleep(ctx, pagePause) {
			return errors.Join(errs...)
		}
		last = page[len(page)-1]
	}
}

// sweepAll sweeps all items at once, and returns the errors.
func sweepAll[T any](ctx context.Context, items []T, sweep func(context.Context, T) error) []error {
	errs := make([]error, len(items))
	var all sync.WaitGroup
	for i, item := range items {
		all.Go(func() { errs[i] = sweep(ctx, item) })
	}
	all.Wait()
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// endedPlan is a plan whose work objects can be deleted.
type endedPlan struct {
	id, render uuid.UUID
	ended      time.Time
	tasks      []uuid.UUID
}

// owns reports whether a key belongs to one of the plan's tasks. The render may get another plan at
// any time, whose objects must stay.
func (p endedPlan) owns(key string) bool {
	task, _, _ := strings.Cut(strings.TrimPrefix(key, renderPrefix(p.render)), "/")
	id, err := uuid.Parse(task)
	return err == nil && slices.Contains(p.tasks, id)
}

// plans sweeps by plan, not by render: a render that was made again has another plan, whose objects
// have the same prefix.
func (s *sweeper) plans(ctx context.Context) error {
	list := func(ctx context.Context, after endedPlan) ([]endedPlan, error) {
		rows, err := s.DB.Query(ctx, `
			select p.id, p.render_id, p.ended_at, array (select t.id from loom.tasks t where t.plan_id = p.id)
			  from loom.plans p
			 where p.swept_at is null and p.ended_at < clock_timestamp() - make_interval(secs => $1::float8)
			   and (p.ended_at, p.id) > ($2::timestamptz, $3::uuid)
			 order by p.ended_at, p.id limit $4::int`, s.Retention.Seconds(), after.ended, after.id, pageSize)
		if err != nil {
			return nil, fmt.Errorf("list plans to sweep: %w", err)
		}
		batch, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p endedPlan, err error) {
			err = row.Scan(&p.id, &p.render, &p.ended, &p.tasks)
			return p, err
		})
		if err != nil {
			return nil, fmt.Errorf("list plans to sweep: %w", err)
		}
		return batch, nil
	}
	return sweepPages(ctx, list, s.plan)
}

func (s *sweeper) plan(ctx context.Context, p endedPlan) error {
	err := s.Store.DeleteMatching(ctx, s.WorkBucket, renderPrefix(p.render), p.owns)
	if err != nil {
		return fmt.Errorf("sweep a render: %w", err)
	}
	fault.Here(fault.ObjectsSwept)
	// A row that is locked (the app deletes the render, for instance) is left to the next sweep.
	_, err = s.DB.Exec(ctx, `update loom.plans set swept_at = clock_timestamp()
		where id in (select id from loom.plans where id = $1::uuid for update skip locked)`, p.id)
	if err != nil {
		return fmt.Errorf("sweep a render: %w", err)
	}
	s.Log.Debug().Stringer("render_id", p.render).Msg("work objects swept")
	return nil
}

// leftovers sweeps renders whose rows were deleted.
func (s *sweeper) leftovers(ctx context.Context) error {
	type leftover struct {
		render  uuid.UUID
		deleted time.Time
	}
	list := func(ctx context.Context, after leftover) ([]leftover, error) {
		rows, err := s.DB.Query(ctx, `
			select render_id, deleted_at from loom.leftovers
			 where deleted_at < clock_timestamp() - make_interval(secs => $1::float8)
			   and (deleted_at, render_id) > ($2::timestamptz, $3::uuid)
			 order by deleted_at, render_id limit $4::int`, s.Retention.Seconds(), after.deleted, after.render, pageSize)
		if err != nil {
			return nil, fmt.Errorf("list deleted renders: %w", err)
		}
		batch, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l leftover, err error) {
			err = row.Scan(&l.render, &l.deleted)
			return l, err
		})
		if err != nil {
			return nil, fmt.Errorf("list deleted renders: %w", err)
		}
		return batch, nil
	}
	return sweepPages(ctx, list, func(ctx context.Context, l leftover) error {
		err := s.Store.DeleteMatching(ctx, s.WorkBucket, renderPrefix(l.render), func(string) bool { return true })
		if err == nil {
			_, err = s.DB.Exec(ctx, `delete from loom.leftovers
				where render_id in (select render_id from loom.leftovers where render_id = $1::uuid for update skip locked)`, l.render)
		}
		if err != nil {
			return fmt.Errorf("sweep a deleted render: %w", err)
		}
		s.Log.Debug().Stringer("render_id", l.render).Msg("work objects of a deleted render swept")
		return nil
	})
}

// copies deletes the copies of finished files of renders that did not end as done: as soon as the
// render has ended, and again after copyTime, since the store may have finished a copy in between.
func (s *sweeper) copies(ctx context.Context) error {
	type copied struct{ bucket, key string }
	list := func(ctx context.Context, after copied) ([]copied, error) {
		rows, err := s.DB.Query(ctx, `
			select c.bucket, c.key from loom.copies c left join loom.tasks t on t.id = c.task_id
			 where (t.id is null or t.state in ('failed', 'cancelled'))
			   and (c.deleted_at is null or c.deleted_at < clock_timestamp() - make_interval(secs => $1::float8))
			   and (c.bucket, c.key) > ($2::text, $3::text)
			 order by c.bucket, c.key limit $4::int`, s.copyTime.Seconds(), after.bucket, after.key, pageSize)
		if err != nil {
			return nil, fmt.Errorf("list copies to delete: %w", err)
		}
		batch, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c copied, err error) {
			err = row.Scan(&c.bucket, &c.key)
			return c, err
		})
		if err != nil {
			return nil, fmt.Errorf("list copies to delete: %w", err)
		}
		return batch, nil
	}
	return sweepPages(ctx, list, func(ctx context.Context, c copied) error {
		if err := s.Store.Delete(ctx, c.bucket, c.key); err != nil {
			return fmt.Errorf("delete a copy of no render: %w", err)
		}
		_, err := s.DB.Exec(ctx, `
			with again as (delete from loom.copies where bucket = $1::text and key = $2::text and deleted_at is not null returning 1)
			update loom.copies set deleted_at = clock_timestamp()
			 where bucket = $1::text and key = $2::text and deleted_at is null and not exists (select from again)`, c.bucket, c.key)
		if err != nil {
			return fmt.Errorf("delete a copy of no render: %w", err)
		}
		s.Log.Info().Str("bucket", c.bucket).Str("key", c.key).Msg("copy of a render that was not done deleted")
		return nil
	})
}
