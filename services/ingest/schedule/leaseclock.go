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
type leaseClock struct {
	Config
	mu sync.Mutex
	// probed is the database's time of the last probe that succeeded.
	probed time.Time
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
	var now time.Time
	if err := c.DB.QueryRow(ctx, "select clock_timestamp()").Scan(&now); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.probed) > c.Lease/2 {
		if !c.probed.IsZero() {
			c.Log.Warn().Dur("for_ms", now.Sub(c.probed)).Msg("heartbeats could not be received: leases that ended meanwhile are given time")
		}
		c.resume = now.Add(2 * heartbeatEvery(c.Lease))
	}
	c.probed = now
	return nil
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
