package webhooks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loom-lite/loom-lite/pkg/retry"
)

const (
	// recoverEvery is how often to look for ends that were not told, among those of recoverWithin.
	// At the start it is among those of a day.
	recoverEvery  = time.Minute
	recoverWithin = 10 * time.Minute
	// forgetEvery is how often old events are deleted.
	forgetEvery = 10
)

// keep tells what was not told, deletes what is old and measures what waits, until ctx is
// cancelled. Consoles that do so at once do no harm.
func (c *Courier) keep(ctx context.Context) {
	within := 24 * time.Hour
	for round := 0; ; round++ {
		err := errors.Join(c.recover(ctx, within), c.measure(ctx))
		if round%forgetEvery == 0 {
			err = errors.Join(err, c.forget(ctx))
		}
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			within = recoverWithin
		} else {
			c.Log.Warn().Err(err).Msg("webhooks are not looked after: it is tried again")
		}
		if !retry.Sleep(ctx, recoverEvery) {
			return
		}
	}
}

func (c *Courier) recover(ctx context.Context, within time.Duration) error {
	var n int
	err := c.DB.QueryRow(ctx, "select loom.recover_events(make_interval(secs => $1::float8))", within.Seconds()).Scan(&n)
	if err != nil {
		return fmt.Errorf("look for ends that were not told: %w", err)
	}
	if n > 0 {
		c.Log.Warn().Int("events", n).Msg("ends of renders were not told when they happened: they are told now")
	}
	return nil
}

// forget deletes old events, some at a time.
func (c *Courier) forget(ctx context.Context) error {
	for {
		var n int
		err := c.DB.QueryRow(ctx, "select loom.forget_events(make_interval(secs => $1::float8), $2::int)", c.Keep.Seconds(), batch).Scan(&n)
		if err != nil {
			return fmt.Errorf("delete old events: %w", err)
		}
		if n < batch {
			return nil
		}
	}
}

func (c *Courier) measure(ctx context.Context) error {
	var pending, dead int
	var oldest float64
	err := c.DB.QueryRow(ctx, `
		select count(*) filter (where d.state = 'pending'), count(*) filter (where d.state = 'dead'),
		       coalesce(extract(epoch from clock_timestamp() - min(d.next_at) filter (where d.state = 'pending')), 0)::float8
		  from loom.webhook_deliveries d join loom.webhook_endpoints e on e.id = d.endpoint_id
		 where d.state in ('pending', 'dead') and e.disabled_at is null`).Scan(&pending, &dead, &oldest)
	if err != nil {
		return fmt.Errorf("count deliveries: %w", err)
	}
	c.Metrics.waiting(pending, dead, max(0, oldest))
	return nil
}
