package direct

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-rod/rod"

	"github.com/loom-lite/loom-lite/services/recorder/capture"
)

const (
	// stopTime is for how much page time the page stands at each stop on its way down: long enough for what is seen there
	// to be asked for. The page's time waits for the answers.
	stopTime = 100 * time.Millisecond
	// endTime is how long it stands at what looks like its end, and back where it was.
	endTime = 300 * time.Millisecond
	// stops bounds the way down a page that never ends, wayTime what it may take in real time.
	stops   = 80
	wayTime = 30 * time.Second
)

// place is where the page is scrolled to, in CSS pixels.
type place struct{ Top, View, End float64 }

// prescroll scrolls through the page and back, so that what loads when it is seen is there.
func (d *Director) prescroll(ctx context.Context, page *rod.Page, pass capture.Pass) error {
	if !d.params.Options.Prescroll {
		return nil
	}
	stage := d.onStage(page)
	err := walk(ctx, stage, pass)
	if err == nil {
		err = stage.ask(ctx, nil, "jumpBack")
	}
	if errors.Is(err, errLost) {
		err = nil // the page went elsewhere, and is at its beginning
	}
	if err != nil {
		return fmt.Errorf("scroll through the page: %w", err)
	}
	return pass(ctx, endTime)
}

// walk scrolls down to the page's end, three quarters of a view at a time: some of what loads when it is seen waits until
// half of it is.
func walk(ctx context.Context, stage *stage, pass capture.Pass) error {
	deadline, top := time.Now().Add(wayTime), 0.0
	for n := 0; n < stops && time.Now().Before(deadline); n++ {
		var now place
		if err := stage.ask(ctx, &now, "place"); err != nil {
			return err
		}
		if n == 0 {
			top = now.Top
		}
		stand := stopTime
		if top >= now.End {
			if now.Top >= now.End-1 { // been there, and it has not grown since
				return nil
			}
			top, stand = now.End, endTime
		}
		if err := stage.ask(ctx, nil, "jump", top); err != nil {
			return err
		}
		if err := pass(ctx, stand); err != nil {
			return err
		}
		top += now.View * 3 / 4
	}
	return nil
}
