package schedule

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// hearing knows whether workers could have renewed their leases here. It goes the way of a
// heartbeat as often as workers do: to the NATS server and back, and to the database, whose clock
// leases go by. When that did not work for half a lease, at the start, because a server was away,
// or because this process or its whole machine stood still, leases may have run out unheard: then
// they do not lapse until those who still work have had two heartbeats' time to say so. A replica
// that could hear all the while lets them lapse as ever.
type hearing struct {
	*Conductor
	mu sync.Mutex
	// last is when the way was open last, in the database's time; clear, from when on what is not
	// heard of is lost.
	last, clear time.Time
}

// keep goes the way until ctx is cancelled.
func (h *hearing) keep(ctx context.Context) error {
	ticker := time.NewTicker(h.heartbeatEvery())
	defer ticker.Stop()
	for {
		if err := h.listen(ctx); err != nil && ctx.Err() == nil {
			h.Log.Debug().Err(err).Msg("heartbeats cannot be heard")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (h *hearing) listen(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := h.NATS.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("reach NATS: %w", err)
	}
	var now time.Time
	if err := h.DB.QueryRow(ctx, "select clock_timestamp()").Scan(&now); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if now.Sub(h.last) > h.Lease/2 {
		if !h.last.IsZero() {
			h.Log.Warn().Dur("for", now.Sub(h.last)).Msg("heartbeats could not be heard: leases that ran out meanwhile are given time")
		}
		h.clear = now.Add(2 * h.heartbeatEvery())
	}
	h.last = now
	return nil
}

// heard is until when leases that are not renewed are known to be lost, in the database's time;
// nil: they are not to lapse now.
func (h *hearing) heard() *time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last.Before(h.clear) || h.last.IsZero() {
		return nil
	}
	last := h.last
	return &last
}
