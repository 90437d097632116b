package capture_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

// watching is diagnostics that get a page's session before the page is requested.
type watching func(*cdp.Client, *rod.Page) error

func (w watching) Opened(c *cdp.Client, p *rod.Page) error { return w(c, p) }
func (watching) Picture([]byte)                            {}

// Chrome does not report the end of a document's requests when another document replaces it, so
// that each would be waited for.
func TestWhatADocumentThatWasLeftAskedForIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{
		"/":      html(`<script>fetch("/x").then(() => location.replace("/next"))</script>`),
		"/x":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) },
		"/next":  html(`<script>fetch("/x").then(() => location.replace("/third"))</script>`),
		"/third": html(counting),
	})
	bounds := generous
	bounds.Request, bounds.Requests, bounds.Load = time.Hour, time.Hour, time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	if _, _, err := (shot{url: url, frames: 3, bounds: bounds}).take(ctx, t); err != nil {
		t.Errorf("capture returned %v", err)
	}
}

// While a page goes from one document to the next, any call may fail, in many ways. cdp.Gone knows
// each of them.
func TestEveryWayInWhichADocumentIsGoneIsKnown(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(counting + `<script>
		const k = sessionStorage.k = +(sessionStorage.k || 0) + 1
		if (k < 12) fetch("/x").then(() => location.reload())</script>`)})
	var asked, gone atomic.Int64
	seen := watching(func(c *cdp.Client, page *rod.Page) error {
		calls := []func() error{
			func() error { _, err := proto.RuntimeEvaluate{Expression: "document.title"}.Call(page); return err },
			func() error {
				made, err := proto.PageCreateIsolatedWorld{FrameID: page.FrameID}.Call(page)
				if err == nil {
					_, err = proto.RuntimeEvaluate{Expression: "document", ContextID: made.ExecutionContextID}.Call(page)
				}
				return err
			},
			func() error {
				o, err := proto.RuntimeEvaluate{Expression: "document"}.Call(page)
				if err == nil {
					_, err = proto.RuntimeCallFunctionOn{ObjectID: o.Result.ObjectID, FunctionDeclaration: "function() { return this.title }"}.Call(page)
				}
				return err
			},
			func() error {
				doc, err := proto.DOMGetDocument{}.Call(page)
				if err == nil {
					_, err = proto.DOMGetBoxModel{NodeID: doc.Root.NodeID}.Call(page)
				}
				return err
			},
			func() error {
				return proto.InputDispatchKeyEvent{Type: proto.InputDispatchKeyEventTypeRawKeyDown, Key: "x"}.Call(page)
			},
		}
		for _, call := range calls {
			go func() {
				for {
					err := call()
					if page.GetContext().Err() != nil || errors.Is(err, cdp.ErrClosed) {
						return // the capture is over
					}
					if asked.Add(1); cdp.Gone(err) {
						gone.Add(1)
					} else if err != nil {
						t.Errorf("not known as gone: %v", err)
						return
					}
				}
			}()
		}
		return nil
	})
	if _, _, err := (shot{url: url, frames: 3, diagnostics: seen}).take(t.Context(), t); err != nil {
		t.Errorf("capture returned %v", err)
	}
	t.Logf("%d calls, %d of them in vain", asked.Load(), gone.Load())
	if gone.Load() == 0 {
		t.Error("no call was made in vain: nothing is shown")
	}
}

func TestExceptionsOfOurScriptsAreToldFromThePages(t *testing.T) {
	t.Parallel()
	url := site(t, map[string]http.HandlerFunc{"/": html(`<script>throw new Error("theirs")</script>` + counting)})
	ours, theirs := make(chan *proto.RuntimeExceptionDetails, 8), make(chan *proto.RuntimeExceptionDetails, 8)
	seen := watching(func(c *cdp.Client, page *rod.Page) error {
		cdp.On(c, page.SessionID, func(e *proto.RuntimeExceptionThrown) {
			if script.IsOwn(e.ExceptionDetails) {
				ours <- e.ExceptionDetails
			} else {
				theirs <- e.ExceptionDetails
			}
		})
		if err := (proto.RuntimeEnable{}).Call(page); err != nil {
			return err
		}
		source := script.Named("fails.js", `addEventListener("load", () => { throw new Error("ours") })`)
		_, err := proto.PageAddScriptToEvaluateOnNewDocument{Source: source}.Call(page)
		return err
	})
	shot{url: url, frames: 2, diagnostics: seen}.mustTake(t)
	if len(ours) == 0 || len(theirs) != 1 {
		t.Errorf("%d exceptions are taken for ours, %d for the page's", len(ours), len(theirs))
	}
}
