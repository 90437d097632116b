package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// open is how many renders are under way while there is a load.
const open = 4

// load keeps renders under way until it is ended.
type load struct {
	batch *batch
	quit  context.CancelFunc
	ended chan error
}

// load begins to submit renders: whenever fewer than open are under way, one more. It returns when
// one is being recorded.
func (d *deployment) load(ctx context.Context) (*load, error) {
	first, err := d.submit(ctx, open)
	if err != nil {
		return nil, err
	}
	submitting, quit := context.WithCancel(ctx)
	l := &load{batch: first, quit: quit, ended: make(chan error, 1)}
	if err := first.awaitAny(ctx, "recording"); err != nil {
		quit()
		return nil, err
	}
	go func() { l.ended <- l.keep(submitting) }()
	return l, nil
}

// keep submits renders until ctx is cancelled. The API may be away for a moment.
func (l *load) keep(ctx context.Context) (last error) {
	under := slices.Clone(l.batch.ids)
	for {
		last = nil
		under = slices.DeleteFunc(under, func(id string) bool {
			r, err := l.batch.d.render(ctx, id)
			return err == nil && ended(r.Status)
		})
		if len(under) < open {
			// Not by ctx: what is submitted is waited for.
			more, err := l.batch.d.submit(context.WithoutCancel(ctx), 1)
			if last = err; err == nil {
				under, l.batch.ids = append(under, more.ids...), append(l.batch.ids, more.ids...)
			}
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(time.Second / 2):
		}
	}
}

// check ends the load and waits until all of its renders are done, and right.
func (l *load) check(ctx context.Context) error {
	l.quit()
	if err := <-l.ended; err != nil {
		return fmt.Errorf("submit renders: %w", err)
	}
	return l.batch.check(ctx)
}

// sql asks the database.
func (d *deployment) sql(ctx context.Context, query string) (string, error) {
	return d.compose(ctx, "exec", "-T", "postgres", "psql", "-U", "loom", "-d", "loom", "-Atc", query)
}

// stamp writes a time as Docker and Postgres read it.
func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// worker is what a container calls itself.
func worker(service, id string) string { return service + "-" + id[:12] }

// awaitWork waits until each of these containers of a service has done a task since then.
func (d *deployment) awaitWork(ctx context.Context, service string, ids []string, since time.Time) error {
	var missing []string
	err := await(ctx, d.run.patience, "each "+service+" to do a task", func(ctx context.Context) (bool, error) {
		if missing = nil; service == "ingest" {
			for _, id := range ids {
				// It grants, and has no attempts of its own.
				if said, err := said(ctx, id, since); err != nil || !contains(said, "task granted") {
					missing = append(missing, id[:12])
				}
			}
			return len(missing) == 0, nil
		}
		out, err := d.sql(ctx, fmt.Sprintf("select distinct worker from loom.attempts where outcome = 'done' and ended_at > '%s'", stamp(since)))
		if err != nil {
			return false, err
		}
		did := fields(out)
		for _, id := range ids {
			if !slices.Contains(did, worker(service, id)) {
				missing = append(missing, id[:12])
			}
		}
		return len(missing) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %v has done none", err, missing)
	}
	return nil
}

// busy waits for a container of a service that has a task, and returns its id.
func (d *deployment) busy(ctx context.Context, service string) (busy string, err error) {
	err = await(ctx, d.run.patience, "a "+service+" with a task", func(ctx context.Context) (bool, error) {
		ids, err := d.containers(ctx, service)
		if err != nil {
			return false, err
		}
		out, err := d.sql(ctx, "select worker from loom.worker_load")
		if err != nil {
			return false, err
		}
		for _, id := range ids {
			if slices.Contains(fields(out), worker(service, id)) {
				busy = id
			}
		}
		return busy != "", nil
	})
	return busy, err
}
