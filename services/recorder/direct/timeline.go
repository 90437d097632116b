package direct

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// timeline is what is done while the scene is captured: the option scroll, and the actions as cues.
type timeline struct {
	driver  *driver
	scroll  *pageScroll // nil: no option scroll
	cues    []*cue
	pointer pointer
	// last is the time of the scene's last frame.
	last time.Duration
	// before is the time of the frame before; less than 0 at the first.
	before time.Duration
	// short are the scrolls that ended short.
	short []short
	// unhovered are the numbers of the hovers that a phone has no pointer for.
	unhovered []int
	// fresh: what is drawn has not been drawn yet, as it will be.
	fresh bool
	// lost is since when the page is between two documents, early since when one is too young for
	// what is to be done in it; -1 when it is not.
	lost, early time.Duration
}

func newTimeline(p msg.RecordParams, driver *driver) *timeline {
	last := time.Duration(int64(p.Frames-1) * int64(time.Second) * int64(p.Rate.Den) / int64(p.Rate.Num)).Truncate(grain)
	t := &timeline{driver: driver, cues: newCues(p.Options.Actions, last), last: last, before: -time.Second, lost: -1, early: -1}
	if p.Options.Scroll != nil {
		t.scroll = newPageScroll(*p.Options.Scroll, last)
	}
	t.pointer.finger = p.Options.Mobile
	t.pointer.drawn = p.Options.Cursor && slices.ContainsFunc(t.cues, func(c *cue) bool {
		return c.Do == "click" || c.Do == "hover" && !t.pointer.finger
	})
	t.fresh = t.pointer.drawn && !t.pointer.finger
	return t
}

// due reports whether something may have to be done in a frame.
func (t *timeline) due(at time.Duration) bool {
	return t.fresh || t.pointer.ripple(at) != nil || t.scroll != nil && len(t.scroll.steps(t.before, at)) > 0 ||
		slices.ContainsFunc(t.cues, func(c *cue) bool { return !c.done && due(at, c.start) })
}

// part is a step and whose it is: a cue's or, without one, the option scroll's.
type part struct {
	step
	cue *cue
}

func (t *timeline) frame(ctx context.Context, at time.Duration) error {
	defer func() { t.before = at }()
	var parts []part
	if t.scroll != nil {
		for _, s := range t.scroll.steps(t.before, at) {
			parts = append(parts, part{step: s})
		}
	}
	ripple, acted := t.pointer.ripple(at), map[*cue]bool{}
	for draw := t.fresh || ripple != nil; ; draw = false {
		var acting []*cue
		for i, c := range t.cues {
			if acted[c] || !ready(t.cues, i, t.before, at) {
				continue
			}
			acted[c] = true
			acting = append(acting, c)
			if s := c.step(t.before, at); s != nil {
				parts = append(parts, part{*s, c})
			}
		}
		if len(acting) == 0 && len(parts) == 0 && !draw {
			return nil
		}
		if err := t.round(ctx, at, acting, parts, draw, ripple); err != nil || t.lost >= 0 {
			return err
		}
		parts = nil // what has ended may have let others begin
	}
}

// round does what is due in a frame, as far as nothing of it waits for the rest.
func (t *timeline) round(ctx context.Context, at time.Duration, acting []*cue, parts []part, draw bool, ripple *[3]float64) error {
	got := result{}
	if len(parts) > 0 || draw {
		var err error
		got, err = t.driver.frame(ctx, t.request(t.steps(at, parts), ripple))
		if errors.Is(err, errLost) {
			return t.missed(at, parts)
		}
		if err != nil {
			return err
		}
		switch {
		case !got.Loading && !slices.ContainsFunc(got.Done, func(o outcome) bool { return o.State == stateEarly }):
			t.early = -1
		case t.early < 0:
			t.early = at
		}
		if err := t.shown(ctx, got, ripple != nil); err != nil {
			return err
		}
	}
	t.lost = -1
	return t.act(ctx, at, acting, parts, got)
}

// request is what the driver is told of a frame.
func (t *timeline) request(steps []step, ripple *[3]float64) request {
	return request{steps, t.pointer.at, ripple, t.pointer.drawn, t.pointer.finger}
}

// steps are those of parts. A document may be too young for them, but not for ever.
func (t *timeline) steps(at time.Duration, parts []part) []step {
	list := make([]step, len(parts))
	for i, p := range parts {
		list[i] = p.step
		list[i].Anyway = t.early >= 0 && at-t.early >= patience || due(at, t.last)
	}
	return list
}

// shown notes where the pointer is and that it was drawn there.
func (t *timeline) shown(ctx context.Context, got result, rippling bool) error {
	t.pointer.at = &got.Pointer
	if !t.pointer.drawn {
		return nil
	}
	if t.driver.rest == "" && !t.pointer.finger {
		if err := t.driver.restAt(ctx, got.Pointer); err != nil {
			return err
		}
	}
	t.fresh = rippling // it is drawn once more, without its ring
	return nil
}

// missed says what it means that nothing could be done at a time: the next frame tries again, for a
// while.
func (t *timeline) missed(at time.Duration, parts []part) error {
	if t.lost < 0 {
		t.lost = at
	}
	if len(parts) == 0 {
		return nil
	}
	p, over := parts[0], at-t.lost >= patience
	switch {
	case p.cue != nil && (over || due(at, t.last)):
		return cannot(p.cue.number, p.cue.Do, ReasonBusy)
	case over:
		return cannot(numberScroll, "scroll", ReasonBusy)
	}
	return nil
}

// act goes on with the cues whose part in the page is done.
func (t *timeline) act(ctx context.Context, at time.Duration, acting []*cue, parts []part, got result) error {
	outcomes := map[*cue]outcome{}
	for i, p := range parts {
		o := got.Done[i]
		if p.cue == nil {
			if err := t.scrolled(ctx, at, p.step, o); err != nil {
				return err
			}
			continue
		}
		why, bad := reasons[o.State]
		if bad && (o.State == stateSelector || due(at, p.cue.limit)) {
			return cannot(p.cue.number, p.cue.Do, why)
		}
		outcomes[p.cue] = o
		t.noteShort(at, fmt.Sprintf("action %d (scroll)", p.cue.number), p.step, o)
	}
	for _, c := range acting {
		o, asked := outcomes[c]
		if asked && o.State != stateOK {
			continue // perhaps in the next frame
		}
		if !c.begun {
			c.begun, c.from = true, o.From
		}
		if err := t.perform(ctx, at, c, o); err != nil {
			return fmt.Errorf("action %d (%s): %w", c.number, c.Do, err)
		}
	}
	return nil
}

// scrolled goes on with the option scroll.
func (t *timeline) scrolled(ctx context.Context, at time.Duration, s step, o outcome) error {
	w := t.scroll
	if o.State == stateEarly {
		return nil // perhaps in the next frame
	}
	if why, bad := reasons[o.State]; bad {
		if o.State == stateSelector || due(at, min(w.start+max(seconds(w.Seconds), patience), t.last)) {
			return cannot(numberScroll, "scroll", why)
		}
		return nil
	}
	if nowhere := o.Again && o.Left < 1 && o.Short; nowhere || !o.Again {
		w.known = w.known && !nowhere // perhaps there is in the next frame
		w.done(s)
		t.noteShort(at, "scroll", s, o)
		return nil
	}
	// Now that it is known how far it is, this frame's part of it can be done.
	w.measured(t.before, o.Left)
	again := w.steps(t.before, at)
	for i := range again {
		again[i].Anyway = s.Anyway
	}
	got, err := t.driver.frame(ctx, t.request(again, t.pointer.ripple(at)))
	if errors.Is(err, errLost) {
		return nil
	}
	for i, o := range got.Done {
		if o.State == stateOK && !o.Again {
			w.done(again[i])
			t.noteShort(at, "scroll", again[i], o)
		}
	}
	return err
}

// perform sends a cue's input, and ends the cue when its time has come.
func (t *timeline) perform(ctx context.Context, at time.Duration, c *cue, o outcome) error {
	over := c.passed(at) == 1
	switch c.Do {
	case "click", "hover":
		if err := t.point(ctx, at, c, o, over); err != nil {
			return err
		}
	case "type", "press":
		for _, key := range c.strikes(at) {
			if err := took(strike(t.driver.page.Context(ctx), key)); err != nil {
				return err
			}
		}
	}
	c.done = over
	return nil
}

// point goes the part of a pointer's way that is due and, when it is over, clicks if the cue does.
// A finger is felt where it taps alone.
func (t *timeline) point(ctx context.Context, at time.Duration, c *cue, o outcome, over bool) error {
	switch {
	case !t.pointer.finger:
		if err := took(moveMouse(ctx, t.driver.page, o.Input)); err != nil {
			return err
		}
		if over && t.pointer.drawn {
			// Before the click, which may lead elsewhere.
			if err := t.driver.restAt(ctx, o.At); err != nil {
				return err
			}
		}
	case over && c.Do == "hover":
		t.unhovered = append(t.unhovered, c.number)
	}
	if !over || c.Do != "click" {
		return nil
	}
	var err error
	if t.pointer.finger {
		err = tap(ctx, t.driver.page, o.Input, t.pointer.nextTap())
	} else {
		err = click(t.driver.page.Context(ctx), o.Input)
	}
	t.pointer.clicked, t.pointer.clickedAt, t.fresh = at, &o.At, t.pointer.drawn
	return took(err)
}

// took returns the error of an input event. If the event led to another document, it was handled,
// and there is no error.
func took(err error) error {
	if cdp.Gone(err) {
		return nil
	}
	return err
}
