package world

import (
	"fmt"
	"sync"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

// World is the isolated world of the document that is shown. It is made when it is first needed.
type World struct {
	page *rod.Page

	mu       sync.Mutex
	document int                             // counts the documents that were shown
	id       proto.RuntimeExecutionContextID // 0: the current document has none yet
}

// New returns the world of a page, whichever document it shows.
func New(c *cdp.Client, page *rod.Page) *World {
	w := &World{page: page}
	cdp.On(c, page.SessionID, func(e *proto.PageFrameNavigated) {
		if e.Frame.ID == page.FrameID {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.document, w.id = w.document+1, 0
		}
	})
	return w
}

// Evaluate sets to, a pointer, to the JSON value of an expression in the current document. Its
// error is one of cdp.Gone when that document goes away meanwhile, and a *script.Error when the
// expression throws.
func (w *World) Evaluate(expression string, to any) error {
	id, err := w.enter()
	if err != nil {
		return err
	}
	reply, err := proto.RuntimeEvaluate{Expression: script.Named("world.js", expression), ContextID: id, ReturnByValue: true}.Call(w.page)
	if err != nil {
		return err
	}
	if reply.ExceptionDetails != nil {
		return script.Failed("examine the page", reply.ExceptionDetails)
	}
	return reply.Result.Value.Unmarshal(to)
}

// Ask is Evaluate for a question that needs no answer: between two documents, to stays as it is.
// doing begins the error.
func (w *World) Ask(doing, expression string, to any) error {
	if err := w.Evaluate(expression, to); err != nil && !cdp.Gone(err) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

func (w *World) enter() (proto.RuntimeExecutionContextID, error) {
	w.mu.Lock()
	id, document := w.id, w.document
	w.mu.Unlock()
	if id != 0 {
		return id, nil
	}
	// Unlocked, since the goroutine that reads the reply also runs the handler above.
	reply, err := proto.PageCreateIsolatedWorld{FrameID: w.page.FrameID}.Call(w.page)
	if err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.document == document {
		w.id = reply.ExecutionContextID
	}
	return reply.ExecutionContextID, nil
}
