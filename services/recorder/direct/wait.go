package direct

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/pkg/scene"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
)

const (
	// pollEvery is how much page time passes between two checks of the page: a frame's at 60 a
	// second.
	pollEvery = time.Second / 60
	// idle is for how much page time the network must rest.
	idle = 500 * time.Millisecond
	// A wait may take slowness times its page time in real time, plus besides.
	slowness = 2
	besides  = 30 * time.Second
)

// condition is one thing that is waited for. Once it was met it stays so.
type condition struct {
	// option names it; missing says what did not happen.
	option, missing string
	// met reports whether it is met, at so much page time after the wait began.
	met func(at time.Duration) (bool, error)
}

// checkWait refuses, on an empty page, what no page could fulfil.
func (s setup) checkWait() error {
	w := s.params.Options.WaitFor
	if w == nil {
		return nil
	}
	if w.Selector != "" {
		if err := checkPath(s.page, "wait_for.selector", w.Selector); err != nil {
			return err
		}
	}
	if w.Promise != "" {
		err := evaluate(s.page, mainWorld, nil, `source => void new Function("return " + source)`, expression(w.Promise))
		var bad *thrownError
		if errors.As(err, &bad) {
			return refuse("wait_for.promise", "this is no JavaScript expression: write one such as window.app.ready")
		}
		if err != nil {
			return failed("check a promise", err)
		}
	}
	return nil
}

// expression returns a text in a form that is read as an expression.
func expression(text string) string {
	return "(" + strings.TrimRight(text, "; \t\r\n") + "\n)"
}

// wait waits for all that wait_for names.
func (d *Director) wait(ctx context.Context, page *rod.Page, pass capture.Pass) error {
	w := d.params.Options.WaitFor
	if w == nil {
		return nil
	}
	timeout, left := w.Timeout(), d.conditions(ctx, page, *w)
	deadline := time.Now().Add(slowness*timeout + besides)
	for at := time.Duration(0); ; at += pollEvery {
		var err error
		if left, err = unmet(left, at); err != nil || len(left) == 0 {
			return err
		}
		if at >= timeout || time.Now().After(deadline) {
			return missed(left[0].option, "%s, although the page had %v of its time. Check the option on this page, or make "+
				"wait_for.timeout_sec longer", left[0].missing, at.Round(100*time.Millisecond))
		}
		if err := pass(ctx, pollEvery); err != nil {
			return err
		}
	}
}

// unmet returns the conditions that are not met.
func unmet(all []condition, at time.Duration) (left []condition, err error) {
	for _, c := range all {
		met, err := c.met(at)
		if errors.Is(err, errLost) || cdp.Gone(err) {
			met, err = false, nil // the page is on its way elsewhere
		}
		if err != nil {
			return nil, err
		}
		if !met {
			left = append(left, c)
		}
	}
	return left, nil
}

func (d *Director) conditions(ctx context.Context, page *rod.Page, w scene.WaitFor) (all []condition) {
	if seconds := time.Duration(w.Seconds * float64(time.Second)); seconds > 0 {
		all = append(all, condition{"wait_for.seconds", "they did not pass", func(at time.Duration) (bool, error) {
			return at >= seconds, nil
		}})
	}
	if w.Selector != "" {
		all = append(all, condition{"wait_for.selector", "no visible element was found", func(time.Duration) (seen bool, err error) {
			return seen, d.driverOf(page).ask(ctx, &seen, "sees", w.Selector)
		}})
	}
	if w.Promise != "" {
		p := &promise{page: page, source: expression(w.Promise)}
		all = append(all, condition{"wait_for.promise", "the promise was not fulfilled", p.kept})
	}
	if w.NetworkIdle {
		var last, since time.Duration
		all = append(all, condition{"wait_for.network_idle", "the page kept asking the network", func(at time.Duration) (bool, error) {
			if d.traffic.passed(at - last) {
				since = at
			}
			last = at
			return at-since >= idle, nil
		}})
	}
	return all
}

// promise is what an expression evaluates to, in the document that is there.
type promise struct {
	page   *rod.Page
	source string
	// state is an object in the page that is told how the promise ends; empty until the expression
	// has a value.
	state proto.RuntimeRemoteObjectID
}

// kept reports whether the promise is fulfilled. While the expression throws, as when it names what
// is not there yet, it is not.
func (p *promise) kept(time.Duration) (bool, error) {
	if p.state == "" {
		value, err := proto.RuntimeEvaluate{Expression: p.source}.Call(p.page)
		if err != nil || value.ExceptionDetails != nil {
			return false, err
		}
		if value.Result.ObjectID == "" {
			return true, nil // no promise: nothing to wait for
		}
		state, err := proto.RuntimeCallFunctionOn{ObjectID: value.Result.ObjectID, FunctionDeclaration: `function() {
			const state = {}
			Promise.resolve(this).then(() => state.end = "kept", () => state.end = "broken")
			return state
		}`}.Call(p.page)
		if err != nil {
			return false, err
		}
		p.state = state.Result.ObjectID
	}
	end, err := proto.RuntimeCallFunctionOn{
		ObjectID: p.state, FunctionDeclaration: `function() { return this.end ?? "" }`, ReturnByValue: true,
	}.Call(p.page)
	if err != nil {
		p.state = "" // of a document that is gone
		return false, err
	}
	switch end.Result.Value.Str() {
	case "kept":
		return true, nil
	case "broken":
		return false, missed("wait_for.promise", "the page rejected the promise")
	}
	return false, nil
}
