package maintain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/pkg/store"
)

// uploads ends the uploads in several parts that were begun long ago and not completed. Their parts
// use space, though no listing shows them. The uploader makes such uploads when it joins a large
// video, and ends those of its own that failed; one that is killed cannot. No grant lasts for
// orphanAge, so nobody will complete these.
func (m *Maintainer) uploads(ctx context.Context, removed func(string, int)) error {
	before := time.Now().Add(-m.orphanAge)
	for _, bucket := range []string{m.WorkBucket, m.VideoBucket} {
		n, err := m.endUploads(ctx, bucket, before)
		removed(uploads, n)
		// A store that does not list uploads may collect them itself. Nothing was uploaded to a
		// bucket that is not there.
		if err != nil && !errors.Is(err, store.ErrNoUploads) && !errors.Is(err, store.ErrNoBucket) {
			return fmt.Errorf("end abandoned uploads: %w", err)
		}
	}
	return nil
}

// endUploads ends the uploads to a bucket that were begun before a time, for tasks of this
// database. The bucket of videos is the app's, whose own keys may have the same form.
func (m *Maintainer) endUploads(ctx context.Context, bucket string, before time.Time) (ended int, err error) {
	var renders, tasks []string
	_, err = m.Store.AbortUploads(ctx, bucket, func(key string, begun time.Time) bool {
		if of, ok := ownerOf(key); ok && begun.Before(before) {
			renders, tasks = append(renders, of.render.String()), append(tasks, of.task.String())
		}
		return false
	})
	if err != nil || len(tasks) == 0 {
		return 0, err
	}
	rows, err := m.DB.Query(ctx, `select k.render, k.task from unnest($1::text[]::uuid[], $2::text[]::uuid[]) as k (render, task)
		where exists (select from loom.tasks t where t.id = k.task and t.render_id = k.render)
		   or exists (select from loom.plans p where p.render_id = k.render and p.history @> jsonb_build_array(jsonb_build_object('id', k.task)))
		   or exists (select from loom.copies c where c.task_id = k.task)
		   or exists (select from loom.leftovers l where l.render_id = k.render)`, renders, tasks)
	if err != nil {
		return 0, fmt.Errorf("ask whose uploads these are: %w", err)
	}
	ours := map[owner]bool{}
	var of owner
	if _, err := pgx.ForEachRow(rows, []any{&of.render, &of.task}, func() error { ours[of] = true; return nil }); err != nil {
		return 0, fmt.Errorf("ask whose uploads these are: %w", err)
	}
	return m.Store.AbortUploads(ctx, bucket, func(key string, begun time.Time) bool {
		of, ok := ownerOf(key)
		return ok && ours[of] && begun.Before(before)
	})
}
