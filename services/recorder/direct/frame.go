package direct

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-rod/rod"

	"github.com/loom-lite/loom-lite/pkg/msg"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

// Frame does what is due at a time of the scene: nothing, at the cost of nothing, or one call and
// the input events that follow from it.
func (d *Director) Frame(ctx context.Context, page *rod.Page, at time.Duration) error {
	if d.play == nil {
		d.play = newPlay(d.params, d.onStage(page))
	}
	return d.play.frame(ctx, at)
}

// Due reports whether Frame may have something to do at a time, none having been due since it was
// last called.
func (d *Director) Due(at time.Duration) bool { return d.play == nil || d.play.due(at) }

// play is what is done while the scene is captured.
type play struct {
	stage   *stage
	way     *way // nil: no option scroll
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

func newPlay(p msg.RecordParams, stage *stage) *play {
	last := time.Duration(int64(p.Frames-1) * int64(time.Second) * int64(p.Rate.Den) / int64(p.Rate.Num)).Truncate(grain)
	y := &play{stage: stage, cues: newCues(p.Options.Actions, last), last: last, before: -time.Second, lost: -1, early: -1}
	if p.Options.Scroll != nil {
		y.way = newWay(*p.Options.Scroll, last)
	}
	y.pointer.finger = p.Options.Mobile
	y.pointer.drawn = p.Options.Cursor && slices.ContainsFunc(y.cues, func(c *cue) bool {
		return c.Do == "click" || c.Do == "hover" && !y.pointer.finger
	})
	y.fresh = y.pointer.drawn && !y.pointer.finger
	return y
}

// due reports whether something may have to be done in a frame.
func (y *play) due(at time.Duration) bool {
	return y.fresh || y.pointer.ripple(at) != nil || y.way != nil && len(y.way.steps(y.before, at)) > 0 ||
		slices.ContainsFunc(y.cues, func(c *cue) bool { return !c.done && due(at, c.start) })
}

// part is a step and whose it is: a cue's or, without one, the way's.
type part struct {
	step
	cue *cue
}

func (y *play) frame(ctx context.Context, at time.Duration) error {
	defer func() { y.before = at }()
	var parts []part
	if y.way != nil {
		for _, s := range y.way.steps(y.before, at) {
			parts = append(parts, part{step: s})
		}
	}
	ripple, acted := y.pointer.ripple(at), map[*cue]bool{}
	for draw := y.fresh || ripple != nil; ; draw = false {
		var acting []*cue
		for i, c := range y.cues {
			if acted[c] || !ready(y.cues, i, y.before, at) {
				continue
			}
			acted[c] = true
			acting = append(acting, c)
			if s := c.step(y.before, at); s != nil {
				parts = append(parts, part{*s, c})
			}
		}
		if len(acting) == 0 && len(parts) == 0 && !draw {
			return nil
		}
		if err := y.round(ctx, at, acting, parts, draw, ripple); err != nil || y.lost >= 0 {
			return err
		}
		parts = nil // what has ended may have let others begin
	}
}

// round does what is due in a frame, as far as nothing of it waits for the rest.
func (y *play) round(ctx context.Context, at time.Duration, acting []*cue, parts []part, draw bool, ripple *[3]float64) error {
	got := seen{}
	if len(parts) > 0 || draw {
		var err error
		got, err = y.stage.frame(ctx, y.scenery(y.steps(at, parts), ripple))
		if errors.Is(err, errLost) {
			return y.missed(at, parts)
		}
		if err != nil {
			return err
		}
		switch {
		case !got.Loading && !slices.ContainsFunc(got.Done, func(o outcome) bool { return o.State == stateEarly }):
			y.early = -1
		case y.early < 0:
			y.early = at
		}
		if err := y.shown(ctx, got, ripple != nil); err != nil {
			return err
		}
	}
	y.lost = -1
	return y.act(ctx, at, acting, parts, got)
}

// scenery is what is told of a frame.
func (y *play) scenery(steps []step, ripple *[3]float64) scenery {
	return scenery{steps, y.pointer.at, ripple, y.pointer.drawn, y.pointer.finger}
}

// steps are those of parts. A document may be too young for them, but not for ever.
func (y *play) steps(at time.Duration, parts []part) []step {
	list := make([]step, len(parts))
	for i, p := range parts {
		list[i] = p.step
		list[i].Anyway = y.early >= 0 && at-y.early >= patience || due(at, y.last)
	}
	return list
}

// shown notes where the pointer is and that it was drawn there.
func (y *play) shown(ctx context.Context, got seen, rippling bool) error {
	y.pointer.at = &got.Pointer
	if !y.pointer.drawn {
		return nil
	}
	if y.stage.rest == "" && !y.pointer.finger {
		if err := y.stage.restAt(ctx, got.Pointer); err != nil {
			return err
		}
	}
	y.fresh = rippling // it is drawn once more, without its ring
	return nil
}

// missed says what it means that nothing could be done at a time: the next frame tries again, for a
// while.
func (y *play) missed(at time.Duration, parts []part) error {
	if y.lost < 0 {
		y.lost = at
	}
	if len(parts) == 0 {
		return nil
	}
	p, over := parts[0], at-y.lost >= patience
	switch {
	case p.cue != nil && (over || due(at, y.last)):
		return cannot(p.cue.number, p.cue.Do, ReasonBusy)
	case over:
		return cannot(numberScroll, "scroll", ReasonBusy)
	}
	return nil
}

// act goes on with the cues whose part in the page is done.
func (y *play) act(ctx context.Context, at time.Duration, acting []*cue, parts []part, got seen) error {
	outcomes := map[*cue]outcome{}
	for i, p := range parts {
		o := got.Done[i]
		if p.cue == nil {
			if err := y.scrolled(ctx, at, p.step, o); err != nil {
				return err
			}
			continue
		}
		why, bad := reasons[o.State]
		if bad && (o.State == stateSelector || due(at, p.cue.limit)) {
			return cannot(p.cue.number, p.cue.Do, why)
		}
		outcomes[p.cue] = o
		y.noteShort(at, fmt.Sprintf("action %d (scroll)", p.cue.number), p.step, o)
	}
	for _, c := range acting {
		o, asked := outcomes[c]
		if asked && o.State != stateOK {
			continue // perhaps in the next frame
		}
		if !c.begun {
			c.begun, c.from = true, o.From
		}
		if err := y.perform(ctx, at, c, o); err != nil {
			return fmt.Errorf("action %d (%s): %w", c.number, c.Do, err)
		}
	}
	return nil
}

// scrolled goes on with the option scroll.
func (y *play) scrolled(ctx context.Context, at time.Duration, s step, o outcome) error {
	w := y.way
	if o.State == stateEarly {
		return nil // perhaps in the next frame
	}
	if why, bad := reasons[o.State]; bad {
		if o.State == stateSelector || due(at, min(w.start+max(seconds(w.Seconds), patience), y.last)) {
			return cannot(numberScroll, "scroll", why)
		}
		return nil
	}
	if nowhere := o.Again && o.Left < 1 && o.Short; nowhere || !o.Again {
		w.known = w.known && !nowhere // perhaps there is in the next frame
		w.done(s)
		y.noteShort(at, "scroll", s, o)
		return nil
	}
	// Now that it is known how far it is, this frame's part of it can be done.
	w.measured(y.before, o.Left)
	again := w.steps(y.before, at)
	for i := range again {
		again[i].Anyway = s.Anyway
	}
	got, err := y.stage.frame(ctx, y.scenery(again, y.pointer.ripple(at)))
	if errors.Is(err, errLost) {
		return nil
	}
	for i, o := range got.Done {
		if o.State == stateOK && !o.Again {
			w.done(again[i])
			y.noteShort(at, "scroll", again[i], o)
		}
	}
	return err
}

// perform sends a cue's input, and ends the cue when its time has come.
func (y *play) perform(ctx context.Context, at time.Duration, c *cue, o outcome) error {
	over := c.passed(at) == 1
	switch c.Do {
	case "click", "hover":
		if err := y.point(ctx, at, c, o, over); err != nil {
			return err
		}
	case "type", "press":
		for _, key := range c.strikes(at) {
			if err := took(strike(y.stage.page.Context(ctx), key)); err != nil {
				return err
			}
		}
	}
	c.done = over
	return nil
}

// point goes the part of a pointer's way that is due and, when it is over, clicks if the cue does.
// A finger is felt where it taps alone.
func (y *play) point(ctx context.Context, at time.Duration, c *cue, o outcome, over bool) error {
	switch {
	case !y.pointer.finger:
		if err := took(moveMouse(ctx, y.stage.page, o.Input)); err != nil {
			return err
		}
		if over && y.pointer.drawn {
			// Before the click, which may lead elsewhere.
			if err := y.stage.restAt(ctx, o.At); err != nil {
				return err
			}
		}
	case over && c.Do == "hover":
		y.unhovered = append(y.unhovered, c.number)
	}
	if !over || c.Do != "click" {
		return nil
	}
	var err error
	if y.pointer.finger {
		err = tap(ctx, y.stage.page, o.Input, y.pointer.nextTap())
	} else {
		err = click(y.stage.page.Context(ctx), o.Input)
	}
	y.pointer.clicked, y.pointer.clickedAt, y.fresh = at, &o.At, y.pointer.drawn
	return took(err)
}

// took is the error of an input event, unless it is that of a document which the event led away
// from: it has taken it.
func took(err error) error {
	if cdp.Gone(err) {
		return nil
	}
	return err
}
