package clock

import "context"

// Real is the clock of a page whose time is everybody's: it passes by itself.
type Real struct{}

// Run waits for nothing: the page's tasks run by themselves. It returns the error of a context that
// has ended.
func (Real) Run(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// Follow does nothing: there is no other clock.
func (Real) Follow(float64) {}
