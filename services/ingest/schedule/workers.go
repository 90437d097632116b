package schedule

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// resting is a worker that rests because it kept failing what others could do.
type resting struct {
	worker, stage string
	until         time.Time
	code          string
}

// resting lists the workers that rest.
func (t taskStore) resting(ctx context.Context) ([]resting, error) {
	rows, err := t.db.Query(ctx, `
		select worker, stage, rest_until, coalesce(error_code, '') from loom.workers
		 where rest_until > clock_timestamp() order by worker, stage`)
	if err != nil {
		return nil, fmt.Errorf("list workers that rest: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r resting, err error) {
		err = row.Scan(&r.worker, &r.stage, &r.until, &r.code)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("list workers that rest: %w", err)
	}
	return list, nil
}

// watchWorkers measures how many workers rest, and logs each rest once.
func (w *watcher) watchWorkers(ctx context.Context) error {
	list, err := w.tasks.resting(ctx)
	if err != nil {
		return err
	}
	known := w.resting
	w.resting = map[resting]bool{}
	count := map[string]int{msg.ConsumerRecord: 0, msg.ConsumerTranscode: 0, msg.ConsumerUpload: 0}
	for _, r := range list {
		count[r.stage]++
		w.resting[r] = true
		if !known[r] {
			w.Log.Warn().Str("worker", r.worker).Str("stage", r.stage).Time("until", r.until).Str("code", r.code).
				Msg("a worker keeps failing what others can do: it rests")
		}
	}
	w.Metrics.rests.Store(&restsReading{at: time.Now(), byStage: count})
	return nil
}
