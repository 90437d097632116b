package stage

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/loom-lite/loom-lite/pkg/retry"
)

// rest is until when a worker asks for no task, because ingest has told it to rest. Its slots share
// it.
type rest struct{ until atomic.Int64 }

// take begins a rest, or makes it longer.
func (r *rest) take(d time.Duration) {
	until := time.Now().Add(d).UnixNano()
	for before := r.until.Load(); before < until; before = r.until.Load() {
		if r.until.CompareAndSwap(before, until) {
			return
		}
	}
}

// over waits until the rest is over, or ctx is cancelled.
func (r *rest) over(ctx context.Context) {
	for ctx.Err() == nil {
		left := time.Until(time.Unix(0, r.until.Load()))
		if left <= 0 {
			return
		}
		retry.Sleep(ctx, left)
	}
}
