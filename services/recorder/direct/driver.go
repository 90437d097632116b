package direct

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

// The parts of driverJS.
var (
	//go:embed driver.js
	actJS string
	//go:embed find.js
	findJS string
	//go:embed scroll.js
	scrollJS string
)

// driverJS is what runs in the page. It evaluates to the object that frames are told to.
var driverJS = fmt.Sprintf("(%s)(%s, %s)", actJS, findJS, scrollJS)

// world is where driverJS runs, beside the page's own scripts.
const world = "loom"

var (
	// errLost says that the page is between two documents: nothing can be done in it now.
	errLost = errors.New("the page is changing its document")
	// errUnread is the errLost of a document of which nothing has been read yet: it has no element.
	errUnread = fmt.Errorf("%w: nothing of the next one has been read", errLost)
)

// driver is how we act in the page's document and look at it: in a world where functions are the
// browser's own, whatever the page has made of them.
type driver struct {
	page *rod.Page
	// object is driverJS in the document that was there last.
	object proto.RuntimeRemoteObjectID
	// rest is the script that draws the pointer in the next document.
	rest proto.PageScriptIdentifier
}

// step is one action's part in a frame.
type step struct {
	// Number tells actions apart.
	Number int `json:"n"`
	// Do is "scroll", "back", "aim" or "focus"; the last without a Selector leaves the focus where
	// it is.
	Do       string `json:"do"`
	Selector string `json:"selector,omitempty"`
	// To is "end", or empty for Y.
	To string  `json:"to,omitempty"`
	Y  float64 `json:"y"`
	// Of is the number of the scroll that "back" takes back.
	Of int `json:"of,omitempty"`
	// Axis is "x" of a scroll sideways, else "y".
	Axis string `json:"axis"`
	// Paced says that the scroll has a speed: its way is measured before it takes its part of it.
	Paced bool `json:"paced,omitempty"`
	// Scrolled is how much of the scroll, Way how much of the mouse's way is done, from 0 to 1.
	// Since is what Scrolled was in the frame before.
	Scrolled float64 `json:"p"`
	Since    float64 `json:"since"`
	Way      float64 `json:"q"`
	// From is where the mouse's way began; nil when it begins.
	From *point `json:"from,omitempty"`
	// Write asks for a place that text can be typed into.
	Write bool `json:"write,omitempty"`
	// Anyway says that it is done in a document however young that is.
	Anyway bool `json:"anyway,omitempty"`
}

// point is a place in the window, in CSS pixels.
type point [2]float64

// request is what the driver is told of a frame: what to do, and what to draw.
type request struct {
	steps   []step
	pointer *point // nil: where it is at first
	ripple  *[3]float64
	drawn   bool
	finger  bool // it has no arrow
}

// result is what became of a frame.
type result struct {
	Done    []outcome `json:"done"`
	Pointer point     `json:"pointer"`
	// Loading says that the document is still being read.
	Loading bool `json:"loading"`
}

// outcome is what became of a step.
type outcome struct {
	State state `json:"state"`
	// Again says that a scroll that is paced was measured, and not done: it has Left CSS pixels
	// before it.
	Again bool    `json:"again"`
	Left  float64 `json:"left"`
	// Short says that a scroll is not where it is to lead, Moved how far it has come. Less says
	// that what it is on the way to is nearer than that.
	Short bool    `json:"short"`
	Moved float64 `json:"moved"`
	Less  bool    `json:"less"`
	// From is where the mouse's way began, At where it has come to, Input the same as input events
	// count.
	From  point `json:"from"`
	At    point `json:"at"`
	Input point `json:"input"`
}

// state says whether a step was done.
type state string

const (
	stateOK       state = "ok"
	stateSelector state = "selector" // it is no CSS selector
	stateAbsent   state = "absent"   // it finds nothing
	stateHidden   state = "hidden"   // nothing that it finds can be seen
	stateOutside  state = "outside"  // what it finds is beyond the edges, and cannot be scrolled to
	stateClosed   state = "closed"   // what it finds takes no text
	// the document is being left, was not drawn, or has not been read to its end and no element is
	// needed.
	stateEarly state = "early"
)

// frame does a frame's steps. Between two documents it returns errLost.
func (d *driver) frame(ctx context.Context, f request) (got result, err error) {
	if f.steps == nil {
		f.steps = []step{}
	}
	if err := d.ask(ctx, &got, "frame", f.steps, f.pointer, f.ripple, f.drawn, f.finger); err != nil {
		return got, err
	}
	if len(got.Done) != len(f.steps) {
		return got, fmt.Errorf("%d of %d steps are done", len(got.Done), len(f.steps))
	}
	return got, nil
}

// ask calls a method of driverJS and reads what it returns into to, which may be nil. Between two
// documents it returns errLost.
func (d *driver) ask(ctx context.Context, to any, method string, arguments ...any) error {
	list, err := json.Marshal(append([]any{}, arguments...))
	if err != nil {
		return fmt.Errorf("write a step: %w", err)
	}
	function := script.Named("driver.js", fmt.Sprintf("function() { return this.there() ? [this.%s(...%s)] : [] }", method, list)) + "\n"
	err = d.call(ctx, to, function)
	// in all likelihood there is another document by now
	if errors.Is(err, errLost) && !errors.Is(err, errUnread) {
		d.object = ""
		err = d.call(ctx, to, function)
	}
	return err
}

func (d *driver) call(ctx context.Context, to any, function string) error {
	page := d.page.Context(ctx)
	if d.object == "" {
		if err := d.enter(page); err != nil {
			return err
		}
	}
	reply, err := proto.RuntimeCallFunctionOn{FunctionDeclaration: function, ObjectID: d.object, ReturnByValue: true}.Call(page)
	if err != nil {
		return lost("act in the page", err)
	}
	if e := reply.ExceptionDetails; e != nil {
		return script.Failed("act in the page", e)
	}
	var answer []json.RawMessage
	if err = reply.Result.Value.Unmarshal(&answer); err == nil && len(answer) == 0 {
		return errUnread
	}
	if err == nil && to != nil {
		err = json.Unmarshal(answer[0], to)
	}
	if err != nil {
		return fmt.Errorf("read what became of a step: %w", err)
	}
	return nil
}

// enter makes the document's driver.
func (d *driver) enter(page *rod.Page) error {
	made, err := proto.PageCreateIsolatedWorld{FrameID: page.FrameID, WorldName: world}.Call(page)
	if err != nil {
		return lost("make a world", err)
	}
	reply, err := proto.RuntimeEvaluate{Expression: script.Named("driver.js", driverJS), ContextID: made.ExecutionContextID}.Call(page)
	if err != nil {
		return lost("enter the page", err)
	}
	if e := reply.ExceptionDetails; e != nil {
		return script.Failed("enter the page", e)
	}
	d.object = reply.Result.ObjectID
	return nil
}

// restAt has the pointer drawn at p in documents that come: a page may go elsewhere when no frame
// is told anything.
func (d *driver) restAt(ctx context.Context, p point) error {
	page := d.page.Context(ctx)
	if d.rest != "" {
		if err := (proto.PageRemoveScriptToEvaluateOnNewDocument{Identifier: d.rest}).Call(page); err != nil {
			return fmt.Errorf("take the pointer back: %w", err)
		}
	}
	reply, err := proto.PageAddScriptToEvaluateOnNewDocument{
		Source: script.Named("driver.js", fmt.Sprintf("(%s).rest(%g, %g)", driverJS, p[0], p[1])), WorldName: world,
	}.Call(page)
	if err != nil {
		return fmt.Errorf("keep the pointer: %w", err)
	}
	d.rest = reply.Identifier
	return nil
}

// lost is errLost where Chrome answers that what was called is not there.
func lost(what string, err error) error {
	if cdp.Gone(err) {
		return fmt.Errorf("%s: %w: %w", what, errLost, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
