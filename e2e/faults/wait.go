package faults

import (
	"context"
	"fmt"
	"time"
)

const (
	// patience bounds a wait that would otherwise hang.
	patience = 2 * time.Minute
	// answerWithin bounds a question of the suite to a server that nothing harms.
	answerWithin = 30 * time.Second
)

// within calls do, which takes no context, and returns its error. When do does not return in time,
// the error says what was waited for.
func within(limit time.Duration, what string, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return fmt.Errorf("waited in vain until %s", what)
	}
}

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
