package capture

import (
	"sync"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

// world is where scripts of ours run beside the page's document: they see it, and nothing that its
// own scripts have made of the browser's functions.
type world struct {
	page *rod.Page

	mu       sync.Mutex
	document int                             // counts the documents that were shown
	id       proto.RuntimeExecutionContextID // 0: there is no world beside this one yet
}

func watchWorld(c *cdp.Client, page *rod.Page) *world {
	w := &world{page: page}
	cdp.On(c, page.SessionID, func(e *proto.PageFrameNavigated) {
		if e.Frame.ID == page.FrameID {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.document, w.id = w.document+1, 0
		}
	})
	return w
}

// evaluate sets to the value of an expression in the document that is shown.
func (w *world) evaluate(expression string, to any) error {
	id, err := w.enter()
	if err != nil {
		return err
	}
	reply, err := proto.RuntimeEvaluate{Expression: script.Named("look.js", expression), ContextID: id, ReturnByValue: true}.Call(w.page)
	if err != nil {
		return err
	}
	if reply.ExceptionDetails != nil {
		return script.Failed("look at the page", reply.ExceptionDetails)
	}
	return reply.Result.Value.Unmarshal(to)
}

func (w *world) enter() (proto.RuntimeExecutionContextID, error) {
	w.mu.Lock()
	id, document := w.id, w.document
	w.mu.Unlock()
	if id != 0 {
		return id, nil
	}
	// Unlocked: what would be heard of the document meanwhile is heard on the goroutine that reads
	// the reply.
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
