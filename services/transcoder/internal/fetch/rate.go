package fetch

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// window is the time over which MinRate must be kept: long enough for a server to wake up, or a
// connection to falter.
const window = 30 * time.Second

// errDrips says that a server sends less than it must.
var errDrips = errors.New("its server sends it too slowly")

// pace ends downloads that come too slowly.
type pace struct {
	came atomic.Int64 // bytes since the window began
}

// answered says that the server has answered: what has come of the file in the window in which it
// did so counts for enough.
func (p *pace) answered(minRate int64) { p.came.Add(enough(minRate)) }

// enough is how many bytes are to come in a window.
func enough(minRate int64) int64 { return minRate * int64(window/time.Second) }

// within returns a context that ends with errDrips when less than so many bytes a second came in a
// window. stop frees it.
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
