package podcost

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Update gives each pod that the selector matches the number of its running tasks as its deletion
// cost, and returns how many it has changed. A pod that cannot be changed does not keep the others
// from it.
func Update(ctx context.Context, db *pgxpool.Pool, pods *Pods, selector string) (changed int, err error) {
	running, err := load(ctx, db)
	if err != nil {
		return 0, fmt.Errorf("read which workers are busy: %w", err)
	}
	list, err := pods.List(ctx, selector)
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, pod := range list {
		cost := "" // as 0, for Kubernetes
		if n := running[pod.Name]; n > 0 {
			cost = strconv.Itoa(n)
		}
		if cost == pod.Cost {
			continue
		}
		if err := pods.setCost(ctx, pod.Name, cost); err != nil {
			errs = append(errs, err)
			continue
		}
		changed++
	}
	return changed, errors.Join(errs...)
}

// load is how many tasks each busy worker has.
func load(ctx context.Context, db *pgxpool.Pool) (map[string]int, error) {
	rows, err := db.Query(ctx, "select worker, sum(running)::int from loom.worker_load group by worker")
	if err != nil {
		return nil, err
	}
	running := map[string]int{}
	var worker string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&worker, &n}, func() error {
		running[worker] = n
		return nil
	})
	return running, err
}
