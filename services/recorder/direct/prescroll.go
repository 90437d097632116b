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

// scroller is a JavaScript expression: what scrolls when the page does.
const scroller = `(() => {
	const root = document.scrollingElement ?? document.documentElement
	if (root.scrollHeight > root.clientHeight + 1) return root
	// Some pages scroll within an element of their own.
	for (let e = document.elementFromPoint(innerWidth / 2, innerHeight / 2); e; e = e.parentElement) {
		if (e.scrollHeight > e.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(e).overflowY)) return e
	}
	return root
})()`

// place is where the page is scrolled to, in CSS pixels.
type place struct{ Top, View, End float64 }

func look(page *rod.Page) (p place, err error) {
	return p, evaluate(page, mainWorld, &p, `() => {
		const s = `+scroller+`
		return {Top: s.scrollTop, View: s.clientHeight, End: s.scrollHeight - s.clientHeight}
	}`)
}

func scrollTo(page *rod.Page, top float64) error {
	return evaluate(page, mainWorld, nil, `top => void `+scroller+`.scrollTo({top, behavior: "instant"})`, top)
}

// prescroll scrolls through the page and back, so that what loads when it is seen is there.
func (d *Director) prescroll(ctx context.Context, page *rod.Page, pass capture.Pass) error {
	if !d.params.Options.Prescroll {
		return nil
	}
	start, err := look(page)
	if err == nil {
		err = walk(ctx, page, pass, start.Top)
	}
	if err == nil {
		err = scrollTo(page, start.Top)
	}
	var thrown *thrownError
	if refused(err) || errors.As(err, &thrown) {
		err = nil // the page went elsewhere, and is at its beginning
	}
	if err != nil {
		return fmt.Errorf("scroll through the page: %w", err)
	}
	return pass(ctx, endTime)
}

// walk scrolls down to the page's end, three quarters of a view at a time: some of what loads when it is seen waits until
// half of it is.
func walk(ctx context.Context, page *rod.Page, pass capture.Pass, top float64) error {
	deadline := time.Now().Add(wayTime)
	for n := 0; n < stops && time.Now().Before(deadline); n++ {
		now, err := look(page)
		if err != nil {
			return err
		}
		stand := stopTime
		if top >= now.End {
			if now.Top >= now.End-1 { // been there, and it has not grown since
				return nil
			}
			top, stand = now.End, endTime
		}
		if err := scrollTo(page, top); err != nil {
			return err
		}
		if err := pass(ctx, stand); err != nil {
			return err
		}
		top += now.View * 3 / 4
	}
	return nil
}
