package stage

import (
	"context"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
)

// Directions of transfers, in metrics.
const (
	directionIn  = "in"
	directionOut = "out"
)

// timed are objects whose transfers are measured.
type timed struct {
	Objects
	metrics *metrics
}

// Get implements Objects.
func (o timed) Get(ctx context.Context, name string, input msg.Input, path string) error {
	return o.measure(directionIn, func() error { return o.Objects.Get(ctx, name, input, path) })
}

// Put implements Objects.
func (o timed) Put(ctx context.Context, name string, output msg.Output, path string) error {
	return o.measure(directionOut, func() error { return o.Objects.Put(ctx, name, output, path) })
}

func (o timed) measure(direction string, move func() error) error {
	begun := time.Now()
	err := move()
	if err != nil {
		o.metrics.failed.WithLabelValues(direction).Inc()
		return err
	}
	o.metrics.moves.WithLabelValues(direction).Observe(time.Since(begun).Seconds())
	return nil
}
