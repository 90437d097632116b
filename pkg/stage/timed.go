package stage

import (
	"context"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/pkg/telemetry"
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
	ctx, end := telemetry.Step(ctx, "fetch "+name)
	err := o.measure(directionIn, func() error { return o.Objects.Get(ctx, name, input, path) })
	end(err)
	return err
}

// Put implements Objects.
func (o timed) Put(ctx context.Context, name string, output msg.Output, path string) error {
	ctx, end := telemetry.Step(ctx, "store "+name)
	err := o.measure(directionOut, func() error { return o.Objects.Put(ctx, name, output, path) })
	end(err)
	return err
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
