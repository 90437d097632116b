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

	"github.com/loom-lite/loom-lite/pkg/retry"
)

const (
	// sweepMost is how much is taken on at once, and sweepTogether how many renders are swept side
	// by side.
	sweepMost     = 100
	sweepTogether = 4
	// sweepSeldom and sweepOften bound the pause between sweeps. While there is more to sweep it is
	// sweepNext.
	sweepSeldom = 10 * time.Minute
	sweepOften  = time.Second
	sweepNext   = 100 * time.Millisecond
	// patienceOfStore is how often in a row all that is swept side by side may fail before a sweep
	// ends: the store is away.
	patienceOfStore = 3
)

// sweeper deletes the work objects of renders that ended a while ago, and the copies of finished
// files that are nobody's. It sweeps until nothing is left that is due, so its rate follows the
// backlog. Several replicas may do so at once: to delete what is gone is no error.
type sweeper struct {
	*Conductor
	// copyTime is how long the store may still be at work on a copy whose maker is gone.
	copyTime time.Duration
}

func newSweeper(c *Conductor) *sweeper { return &sweeper{c, 15 * time.Minute} }

func (s *sweeper) sweep(ctx context.Context) error {
	for {
		if err := s.once(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn().Err(err).Msg("not all objects could be swept: the rest is tried again")
		}
		if !retry.Sleep(ctx, min(max(s.Retention/4, sweepOften), sweepSeldom)) {
			return nil
		}
	}
}

// once sweeps all that is due. What cannot be swept is passed over, and keeps nothing else from it.
func (s *sweeper) once(ctx context.Context) error {
	return errors.Join(s.plans(ctx), s.leftovers(ctx), s.copies(ctx))
}

// page sweeps what list lists, a batch at a time, until there is no more. list is given the last of
// the batch before, and the zero T at first.
func page[T any](ctx context.Context, list func(ctx context.Context, after T) ([]T, error), sweep func(context.Context, T) error) error {
	var last T
	var errs []error
	inVain := 0
	for {
		batch, err := list(ctx, last)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		for some := range slices.Chunk(batch, sweepTogether) {
			failed := sweepAll(ctx, some, sweep)
			errs = append(errs, failed...)
			if inVain++; len(failed) < len(some) {
				inVain = 0
			}
			if inVain >= patienceOfStore || ctx.Err() != nil {
				return errors.Join(errs...)
			}
		}
		if len(batch) < sweepMost || !retry.Sleep(ctx, sweepNext) {
			return errors.Join(errs...)
		}
		last = batch[len(batch)-1]
	}
}

// sweepAll sweeps some side by side, and returns the errors of those that could not be swept.
func sweepAll[T any](ctx context.Context, some []T, sweep func(context.Context, T) error) []error {
	errs := make([]error, len(some))
	var all sync.WaitGroup
	for i, one := range some {
		all.Go(func() { errs[i] = sweep(ctx, one) })
	}
	all.Wait()
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// endedPlan is a plan whose work objects are due to be deleted.
type endedPlan struct {
	id, render uuid.UUID
	ended      time.Time
	tasks      []uuid.UUID
}

// owns reports whether a key is of one of the plan's tasks. Its render may get another plan at any
// time: whatever is not the plan's own stays.
func (p endedPlan) owns(key string) bool {
	task, _, _ := strings.Cut(strings.TrimPrefix(key, renderPrefix(p.render)), "/")
	id, err := uuid.Parse(task)
	return err == nil && slices.Contains(p.tasks, id)
}

// plans sweeps plan by plan: a render that was made again has another plan, whose objects lie
// beside these.
func (s *sweeper) plans(ctx context.Context) error {
	list := func(ctx context.Context, after endedPlan) ([]endedPlan, error) {
		rows, err := s.DB.Query(ctx, `
			select p.id, p.render_id, p.ended_at, array (select t.id from loom.tasks t where t.plan_id = p.id)
			  from loom.plans p
			 where p.swept_at is null and p.ended_at < clock_timestamp() - make_interval(secs => $1::float8)
			   and (p.ended_at, p.id) > ($2::timestamptz, $3::uuid)
			 order by p.ended_at, p.id limit $4::int`, s.Retention.Seconds(), after.ended, after.id, sweepMost)
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
	return page(ctx, list, s.plan)
}

func (s *sweeper) plan(ctx context.Context, p endedPlan) error {
	err := s.Store.DeleteMatching(ctx, s.WorkBucket, renderPrefix(p.render), p.owns)
	if err != nil {
		return fmt.Errorf("sweep a render: %w", err)
	}
	// A row that somebody holds, deleting the render say, is left for the next time.
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
			 order by deleted_at, render_id limit $4::int`, s.Retention.Seconds(), after.deleted, after.render, sweepMost)
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
	return page(ctx, list, func(ctx context.Context, l leftover) error {
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

// copies deletes copies of finished files whose render ended otherwise than done, as soon as it
// has, and once more when no copy that was under way then can come after.
func (s *sweeper) copies(ctx context.Context) error {
	type copied struct{ bucket, key string }
	list := func(ctx context.Context, after copied) ([]copied, error) {
		rows, err := s.DB.Query(ctx, `
			select c.bucket, c.key from loom.copies c left join loom.tasks t on t.id = c.task_id
			 where (t.id is null or t.state in ('failed', 'cancelled'))
			   and (c.deleted_at is null or c.deleted_at < clock_timestamp() - make_interval(secs => $1::float8))
			   and (c.bucket, c.key) > ($2::text, $3::text)
			 order by c.bucket, c.key limit $4::int`, s.copyTime.Seconds(), after.bucket, after.key, sweepMost)
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
	return page(ctx, list, func(ctx context.Context, c copied) error {
		if err := s.Store.Delete(ctx, c.bucket, c.key); err != nil {
			return fmt.Errorf("delete a copy that is nobody's: %w", err)
		}
		_, err := s.DB.Exec(ctx, `
			with again as (delete from loom.copies where bucket = $1::text and key = $2::text and deleted_at is not null returning 1)
			update loom.copies set deleted_at = clock_timestamp()
			 where bucket = $1::text and key = $2::text and deleted_at is null and not exists (select from again)`, c.bucket, c.key)
		if err != nil {
			return fmt.Errorf("delete a copy that is nobody's: %w", err)
		}
		s.Log.Info().Str("bucket", c.bucket).Str("key", c.key).Msg("copy of a render that ended otherwise deleted")
		return nil
	})
}
