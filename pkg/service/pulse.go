package service

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Pulse notices when a loop stands still: see Serve. The zero value is of a loop that has not
// begun.
type Pulse struct {
	// Of names the loop.
	Of string
	// Within is the longest time between two beats of a loop that goes on.
	Within time.Duration

	beat atomic.Pointer[time.Time]
}

// Beat says that the loop goes on.
func (p *Pulse) Beat() {
	now := time.Now()
	p.beat.Store(&now)
}

// Stop says that the loop has ended as it should.
func (p *Pulse) Stop() { p.beat.Store(nil) }

// Alive returns an error if the loop has begun, has not ended, and stands still.
func (p *Pulse) Alive() error {
	last := p.beat.Load()
	if last == nil {
		return nil
	}
	if still := time.Since(*last); still > p.Within {
		return fmt.Errorf("%s has stood still for %s", p.Of, still.Round(time.Second))
	}
	return nil
}
