package faults

import (
	"context"
	"fmt"
	"time"
)

// patience bounds a wait that would otherwise hang.
const patience = 2 * time.Minute

// until polls until ok holds or fails. Its error says what was waited for in vain.
func until(ctx context.Context, within time.Duration, what string, ok func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("waited in vain until %s", what))
	defer cancel()
	for {
		held, err := ok()
		if held || err != nil {
			return err
		}
		if !pause(ctx, 50*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
}

// pause returns true after d, and false when ctx ends before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
