package fetch

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// window is the time over which MinRate is measured: long enough for a server to wake up, or for a
// connection to stall for a while.
const window = 30 * time.Second

// errDrips means that a server sends less than MinRate.
var errDrips = errors.New("its server sends it too slowly")

// pace ends a download that is too slow.
type pace struct {
	came atomic.Int64 // bytes since the window began
}

// answered notes that the server has answered. The window in which it did counts as fast enough.
func (p *pace) answered(minRate int64) { p.came.Add(enough(minRate)) }

// enough returns how many bytes a window must bring.
func enough(minRate int64) int64 { return minRate * int64(window/time.Second) }

// within returns a context that ends with errDrips after a window in which fewer than minRate bytes
// a second came. stop releases it.
func (p *pace) within(ctx context.Context, minRate int64) (limited context.Context, stop func()) {
	limited, cancel := context.WithCancelCause(ctx)
	if minRate <= 0 {
		return limited, func() { cancel(nil) }
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticks := time.NewTicker(window)
		defer ticks.Stop()
		for {
			select {
			case <-limited.Done():
				return
			case <-ticks.C:
				if p.came.Swap(0) < enough(minRate) {
					cancel(errDrips)
				}
			}
		}
	}()
	return limited, func() {
		cancel(nil)
		<-ended
	}
}
