package direct

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-rod/rod"

	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

const (
	// stopTime is for how much page time the page stands at each stop on its way down: long enough
	// for what is seen there to be asked for. The page's time waits for the answers.
	stopTime = 100 * time.Millisecond
	// endTime is how long it stands at what looks like its end, and back where it was.
	endTime = 300 * time.Millisecond
	// lockTime bounds the wait for a page that may not be scrolled yet.
	lockTime = 3 * time.Second
	// stops bounds the way down a page that never ends, wayTime what it may take in real time.
	stops   = 80
	wayTime = 30 * time.Second
)

// place is where the page is scrolled to, in CSS pixels.
type place struct {
	Top, View, End float64
	// Loading: it may change by itself. Locked: nothing can be scrolled, since the page says that
	// it must not.
	Loading, Locked bool
}

// prescroll scrolls through the page and back, so that what loads when it is seen is there.
func (d *Director) prescroll(ctx context.Context, page *rod.Page, pass capture.Pass) error {
	if !d.params.Options.Prescroll {
		return nil
	}
	drv, axis := d.driverOf(page), scene.AxisY
	if s := d.params.Options.Scroll; s != nil && s.Axis != "" {
		axis = s.Axis
	}
	first, deadline := 0.0, time.Now().Add(wayTime)
	err := unlocked(ctx, drv, axis, deadline, pass)
	if err == nil {
		first, err = walk(ctx, drv, axis, deadline, pass)
	}
	if err == nil {
		if _, err = stand(ctx, drv, axis, pass); err == nil {
			err = drv.ask(ctx, nil, "jumpBack", axis, first)
		}
	}
	if err != nil && !errors.Is(err, errLost) {
		return fmt.Errorf("scroll through the page: %w", err)
	}
	return pass(ctx, endTime)
}

// unlocked waits while the page may not be scrolled, as under a preloader, but not for ever: some
// never may.
func unlocked(ctx context.Context, drv *driver, axis string, deadline time.Time, pass capture.Pass) error {
	for waited := time.Duration(0); waited < lockTime && time.Now().Before(deadline); waited += endTime {
		if now, err := stand(ctx, drv, axis, pass); err != nil || !now.Locked {
			return err
		}
		if err := pass(ctx, endTime); err != nil {
			return err
		}
	}
	return nil
}

// walk scrolls down to the page's end, three quarters of a view at a time: some of what loads when
// it is seen waits until half of it is. It returns where the page was at first.
func walk(
	ctx context.Context, drv *driver, axis string, deadline time.Time, pass capture.Pass,
) (first float64, err error) {
	top := -1.0
	for n := 0; n < stops && time.Now().Before(deadline); n++ {
		now, err := stand(ctx, drv, axis, pass)
		if err != nil {
			return first, err
		}
		if top < 0 {
			first, top = now.Top, now.Top
		}
		stay := stopTime
		if top >= now.End {
			if now.Top >= now.End-1 { // been there, and it has not grown since
				return first, nil
			}
			top, stay = now.End, endTime
		}
		if err := drv.ask(ctx, nil, "jump", axis, top, first); err != nil && !errors.Is(err, errLost) {
			return first, err
		}
		if err := pass(ctx, stay); err != nil {
			return first, err
		}
		top += now.View * 3 / 4
	}
	return first, nil
}

// loads is for how many stops a page that goes elsewhere, or loads again, is waited for.
const loads = 10

// stand returns where the page is scrolled to when it has loaded, or has had its time to.
func stand(ctx context.Context, drv *driver, axis string, pass capture.Pass) (now place, err error) {
	for range loads {
		if err = drv.ask(ctx, &now, "place", axis); err == nil && !now.Loading || err != nil && !errors.Is(err, errLost) {
			return now, err
		}
		if err := pass(ctx, stopTime); err != nil {
			return now, err
		}
	}
	return now, err
}
