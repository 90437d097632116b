package capture

import (
	"context"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/clock"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/images"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/load"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/overrides"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/process"
	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/workers"
)

const (
	// workerStep is how much page time passes at most before workers are waited for: a timer of a
	// worker comes due when it is, and fires once however often it was due. It is half a frame at
	// 60 a second.
	workerStep = 84 * clock.Grain
	// passStep is how much page time passes between two frames that are not delivered: 60 a second,
	// as on most screens.
	passStep = 167 * clock.Grain
)

// virtualTime lets page time pass in steps, and waits in each for what runs in real time.
type virtualTime struct {
	clock   *clock.Clock
	loader  *load.Loader
	swapper *process.Swapper
	workers *workers.Tracker
	images  *images.Decodes // nil: not waited for

	lastTicks float64 // of the last frame that was drawn
}

// startVirtualTime stops the page's clock. intercepting is the session of its swapper, began
// whether frames were delivered.
func startVirtualTime(ctx context.Context, t *tab, intercepting proto.TargetSessionID, o *Options, began func() bool) (*virtualTime, error) {
	interceptor, err := process.Intercept(ctx, t.client, intercepting, t.page)
	if err != nil {
		return nil, err
	}
	date := time.Now()
	if o.Repeatable {
		date = overrides.RepeatableDate
	}
	k, err := clock.Start(t.client, t.page, t.requests, o.Bounds.Request, o.Bounds.Requests, date)
	if err != nil {
		return nil, err
	}
	swapper := &process.Swapper{
		Interceptor: interceptor, Page: t.page, Clock: k, Document: t.document, Requests: t.requests, World: t.world,
		Load: o.Bounds.Load, Call: o.Bounds.Call, Began: began,
	}
	k.Navigates = swapper.Navigates
	t.setLoader(o, k)
	t.loader.Swapper = swapper
	// Now, since time that passes while a document is requested is 10 ms at once.
	if err := k.Mark(ctx); err != nil {
		return nil, err
	}
	return &virtualTime{clock: k, loader: t.loader, swapper: swapper, workers: t.workers}, nil
}

// advance lets time pass until to. What the page requests meanwhile may make Chrome's clock go
// further.
func (v *virtualTime) advance(ctx context.Context, to clock.Micros) error {
	if v.images != nil {
		if err := v.images.Await(ctx); err != nil {
			return err
		}
	}
	if err := v.loader.CatchUp(ctx); err != nil {
		return err
	}
	if err := v.advanceBesideWorkers(ctx, to); err != nil {
		return err
	}
	return v.loader.CatchUp(ctx)
}

// advanceBesideWorkers lets time pass until to. Where there are workers, it passes in steps, none
// of which begins before they have run what was queued.
func (v *virtualTime) advanceBesideWorkers(ctx context.Context, to clock.Micros) error {
	if !v.workers.Any() {
		return v.clock.Advance(ctx, to)
	}
	for left := to - v.clock.Elapsed(); left > 0; {
		v.workers.Await(ctx)
		step := min(left, workerStep)
		if err := v.clock.Advance(ctx, v.clock.Elapsed()+step); err != nil {
			return err
		}
		before := v.clock.Elapsed()
		if err := v.loader.CatchUp(ctx); err != nil {
			return err
		}
		left -= step + max(0, v.clock.Elapsed()-before)
	}
	return nil
}

// pass lets d of page time pass. draw draws the frames, since pages act on them. The time that it
// ends at is left to the next frame: Chrome stalls when a time at which nothing changed is drawn
// again.
func (v *virtualTime) pass(ctx context.Context, d time.Duration, draw func(context.Context) error) error {
	for left := clock.Micros(d.Microseconds()); left > 0; left -= passStep {
		if !v.isAhead() {
			if err := draw(ctx); err != nil {
				return err
			}
		}
		if err := v.advance(ctx, v.clock.Elapsed()+min(left, passStep)); err != nil {
			return err
		}
	}
	return nil
}

// isAhead reports whether no time has passed since a frame was drawn: responses have taken Chrome's
// clock further than the frame's time.
func (v *virtualTime) isAhead() bool { return v.clock.Ticks(v.clock.Elapsed()) <= v.lastTicks }

// ticks returns the ticks of a frame of a time that is drawn now; they never go back.
func (v *virtualTime) ticks(at clock.Micros) float64 {
	v.lastTicks = max(v.clock.Ticks(at), v.lastTicks)
	return v.lastTicks
}

// skip lets time pass for a last picture.
func (v *virtualTime) skip(ctx context.Context) error {
	err := v.clock.Skip(ctx, lastTime, lastWithin)
	v.lastTicks = v.ticks(v.clock.Elapsed()) + float64(lastTime)/1000
	return err
}
