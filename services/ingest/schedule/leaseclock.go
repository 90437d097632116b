package schedule

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// leaseClock says which leases may lapse. A lease lapses when its worker has sent no heartbeat, and
// only a replica that could have received one may conclude that.
//
// So the clock probes the path that a heartbeat takes, as often as workers send them: to the NATS
// server and back, and to Postgres, by whose time leases end. If no probe succeeded for half a
// lease (at the start, while a server was away, or while this process or machine stood still),
// leases may have ended although their workers live: none lapses here until the workers have had
// time for two heartbeats. Other replicas, whose probes succeeded, let leases lapse as usual.
//
// The database's clock may be set. When it moves ahead, all leases have ended: that is as if no
// probe had succeeded meanwhile. When it moves back, leases and pauses seem to last for as long as
// it has moved, and the clock has them end sooner.
type leaseClock struct {
	Config
	mu sync.Mutex
	// probed is the database's time of the last probe that succeeded, and answered this process's
	// when its answer came.
	probed, answered time.Time
	// amend is until when what was dated by the database's clock before it moved back is looked
	// for: a row that somebody held was left out.
	amend time.Time
	// resume is the database's time from which on leases lapse again.
	resume time.Time
}

func newLeaseClock(cfg Config) *leaseClock { return &leaseClock{Config: cfg} }

// run probes until ctx is cancelled.
func (c *leaseClock) run(ctx context.Context) error {
	ticker := time.NewTicker(heartbeatEvery(c.Lease))
	defer ticker.Stop()
	for {
		if err := c.probe(ctx); err != nil && ctx.Err() == nil {
			c.Log.Debug().Err(err).Msg("heartbeats cannot be received")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (c *leaseClock) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := c.NATS.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("reach NATS: %w", err)
	}
	asked := time.Now()
	var now time.Time
	if err := c.DB.QueryRow(ctx, "select clock_timestamp()").Scan(&now); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	if !c.note(now, asked, time.Now()) {
		return nil
	}
	var amended int
	if err := c.DB.QueryRow(ctx, "select loom.clock_moved_back(make_interval(secs => $1::float8))", c.Lease.Seconds()).Scan(&amended); err != nil {
		return fmt.Errorf("bring forward what the database's clock has put off: %w", err)
	}
	if amended > 0 {
		c.Log.Info().Int("rows", amended).Msg("what the database's clock had put off was brought forward")
	}
	return nil
}

// note notes that the database's clock said now between two moments, and returns whether to look
// for rows that were put off: at the start, and for a while after that clock has moved back.
func (c *leaseClock) note(now, asked, answered time.Time) (amend bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.probed.IsZero()
	went := now.Sub(c.probed)
	// At least as much time has passed as from the last answer to this question.
	back := asked.Sub(c.answered) - went
	switch {
	case !first && back > c.Lease/2:
		c.Log.Warn().Dur("by_ms", back).Msg("the database's clock has moved back: what it puts off is brought forward")
		c.amend = answered.Add(2 * c.Lease)
		c.resume = now.Add(2 * heartbeatEvery(c.Lease))
	case first || went > c.Lease/2:
		if !first {
			c.Log.Warn().Dur("for_ms", went).Msg("heartbeats could not be received: leases that ended meanwhile are given time")
		}
		c.resume = now.Add(2 * heartbeatEvery(c.Lease))
	}
	c.probed, c.answered = now, answered
	return first || answered.Before(c.amend)
}

// lapsed returns the database's time up to which every heartbeat that was sent has been received: a
// lease that had ended by then has lapsed. Nil means that no lease may lapse now.
func (c *leaseClock) lapsed() *time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.probed.Before(c.resume) || c.probed.IsZero() {
		return nil
	}
	probed := c.probed
	return &probed
}
