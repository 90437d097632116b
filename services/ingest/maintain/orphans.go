package maintain

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/pkg/retry"
	"github.com/loom-lite/loom-lite/pkg/store"
)

// owner is the task that an object belongs to, by its key.
type owner struct{ render, task uuid.UUID }

// ownerOf returns whose an object is: keys begin with <render>/<task>, in the work bucket and in
// those of finished files. It returns false for keys that are not ours.
func ownerOf(key string) (owner, bool) {
	const id = len("00000000-0000-0000-0000-000000000000")
	render, rest, _ := strings.Cut(key, "/")
	if len(render) != id || len(rest) <= id || rest[id] != '/' && rest[id] != '.' {
		return owner{}, false
	}
	r, err := uuid.Parse(render)
	if err != nil {
		return owner{}, false
	}
	t, err := uuid.Parse(rest[:id])
	return owner{r, t}, err == nil
}

// orphans deletes the objects of the work bucket that no task needs. The sweeper deletes those of
// each render, so there are few: what a worker stored after its render was swept, and what rows
// that were lost knew of.
func (m *Maintainer) orphans(ctx context.Context, removed func(string, int)) error {
	if err := m.claimBucket(ctx); err != nil {
		return err
	}
	n, err := m.Store.DeleteChosen(ctx, m.WorkBucket, "", func(ctx context.Context, page []store.Object) ([]string, error) {
		retry.Sleep(ctx, pagePause)
		return m.orphaned(ctx, page)
	})
	removed(objects, n)
	if err != nil {
		return fmt.Errorf("collect orphaned objects: %w", err)
	}
	return nil
}

// orphaned returns the keys of those objects that are old and that no task needs.
func (m *Maintainer) orphaned(ctx context.Context, page []store.Object) (keys []string, err error) {
	before := time.Now().Add(-m.orphanAge)
	old := map[owner][]string{}
	for _, object := range page {
		if of, ours := ownerOf(object.Key); ours && object.Written.Before(before) {
			old[of] = append(old[of], object.Key)
		}
	}
	if len(old) == 0 {
		return nil, nil
	}
	var renders, tasks []string
	for of := range old {
		renders, tasks = append(renders, of.render.String()), append(tasks, of.task.String())
	}
	found, err := m.DB.Query(ctx, `select k.render, k.task from unnest($1::text[]::uuid[], $2::text[]::uuid[]) as k (render, task)
		where not loom.needs_objects(k.render, k.task)`, renders, tasks)
	if err != nil {
		return nil, fmt.Errorf("ask whose objects are needed: %w", err)
	}
	var of owner
	_, err = pgx.ForEachRow(found, []any{&of.render, &of.task}, func() error {
		keys = append(keys, old[of]...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ask whose objects are needed: %w", err)
	}
	if len(keys) > 0 {
		m.Log.Info().Int("objects", len(keys)).Str("first", keys[0]).Msg("orphaned objects are deleted")
	}
	return keys, nil
}
