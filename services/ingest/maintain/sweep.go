package maintain

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/pkg/fault"
)

// concurrency is how many renders, or copies, are swept at once.
const concurrency = 4

// sweeper deletes the work objects of renders whose retention is over, and copies of finished files
// that belong to no render. It sweeps until nothing is due, so its rate follows the backlog.
// Several replicas may sweep at once: deleting what is gone is no error.
type sweeper struct {
	Config
	// copyTime is how long the store may go on with a copy after the uploader that asked for it is
	// gone.
	copyTime time.Duration
}

func newSweeper(cfg Config) *sweeper { return &sweeper{cfg, 15 * time.Minute} }

// renderPrefix is the prefix of the keys of all tasks of a render.
func renderPrefix(render uuid.UUID) string { return render.String() + "/" }

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
func (s *sweeper) plans(ctx context.Context, removed func(string, int)) error {
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
	return eachPage(ctx, concurrency, list, func(ctx context.Context, p endedPlan) error {
		n, err := s.plan(ctx, p)
		removed(objects, n)
		return err
	})
}

// plan deletes a plan's objects. While another plan refers to some of them, all of them stay.
func (s *sweeper) plan(ctx context.Context, p endedPlan) (deleted int, err error) {
	var unwanted bool
	if err := s.DB.QueryRow(ctx, "select loom.begin_sweep($1::uuid)", p.id).Scan(&unwanted); err != nil {
		return 0, fmt.Errorf("sweep a render: %w", err)
	}
	if !unwanted {
		return 0, nil
	}
	deleted, err = s.Store.DeleteMatching(ctx, s.WorkBucket, renderPrefix(p.render), p.owns)
	if err != nil {
		return deleted, fmt.Errorf("sweep a render: %w", err)
	}
	fault.Here(fault.ObjectsSwept)
	// A row that is locked (the app deletes the render, for instance) is left to the next sweep.
	_, err = s.DB.Exec(ctx, `update loom.plans set swept_at = clock_timestamp()
		where id in (select id from loom.plans where id = $1::uuid for update skip locked)`, p.id)
	if err != nil {
		return deleted, fmt.Errorf("sweep a render: %w", err)
	}
	s.Log.Debug().Stringer("render_id", p.render).Msg("work objects swept")
	return deleted, nil
}

// leftovers sweeps renders whose rows were deleted.
func (s *sweeper) leftovers(ctx context.Context, removed func(string, int)) error {
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
	return eachPage(ctx, concurrency, list, func(ctx context.Context, l leftover) error {
		// Tasks whose objects plans of other renders refer to; null while one is about to.
		var referred *[]uuid.UUID
		if err := s.DB.QueryRow(ctx, "select loom.referred($1::uuid)", l.render).Scan(&referred); err != nil {
			return fmt.Errorf("sweep a deleted render: %w", err)
		}
		if referred == nil {
			return nil
		}
		kept := endedPlan{render: l.render, tasks: *referred}
		n, err := s.Store.DeleteMatching(ctx, s.WorkBucket, renderPrefix(l.render), func(key string) bool { return !kept.owns(key) })
		removed(objects, n)
		if err == nil && len(kept.tasks) == 0 {
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
func (s *sweeper) copies(ctx context.Context, removed func(string, int)) error {
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
	return eachPage(ctx, concurrency, list, func(ctx context.Context, c copied) error {
		if err := s.Store.Delete(ctx, c.bucket, c.key); err != nil {
			return fmt.Errorf("delete a copy of no render: %w", err)
		}
		removed(objects, 1)
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
