package images

import (
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/capture/internal/clock"
	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

//go:embed decode.js
var decodeScript string

// pollEvery is how long in real time decodes are left alone between two checks.
const pollEvery = time.Millisecond

// Decodes counts the images that scripts of one page are having decoded.
type Decodes struct {
	// run runs the page's tasks, without page time.
	run func(context.Context) error
	// each bounds how long one Await takes.
	each time.Duration

	mu sync.Mutex
	// under counts them by document.
	under map[proto.RuntimeExecutionContextID]int
	// left is for how long those may still be waited for that do not end in time.
	left time.Duration
}

// Watch starts to count, from the page's next document on. run runs the page's tasks without
// letting page time pass; each bounds how long one Await takes, total how long all of them take
// that reach that bound.
func Watch(c *cdp.Client, page *rod.Page, run func(context.Context) error, each, total time.Duration) (*Decodes, error) {
	d := &Decodes{run: run, each: each, under: map[proto.RuntimeExecutionContextID]int{}, left: total}
	name := "loom" + rand.Text()
	session := page.SessionID
	cdp.On(c, session, func(e *proto.RuntimeBindingCalled) {
		if e.Name == name {
			d.count(e.ExecutionContextID, map[string]int{"+": 1, "-": -1}[e.Payload])
		}
	})
	cdp.On(c, session, func(e *proto.RuntimeExecutionContextDestroyed) { d.forget(e.ExecutionContextID) })
	cdp.On(c, session, func(*proto.RuntimeExecutionContextsCleared) { d.forget(0) })
	if err := (proto.RuntimeAddBinding{Name: name}).Call(page); err != nil {
		return nil, fmt.Errorf("watch images: %w", err)
	}
	if err := script.OnNewDocument(page, "decode.js", fmt.Sprintf("(%s)(%q)", strings.TrimSpace(decodeScript), name)); err != nil {
		return nil, fmt.Errorf("watch images: %w", err)
	}
	return d, nil
}

func (d *Decodes) count(document proto.RuntimeExecutionContextID, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.under[document] += n; d.under[document] <= 0 {
		delete(d.under, document)
	}
}

// forget drops those of a document that has gone; 0 stands for all documents.
func (d *Decodes) forget(document proto.RuntimeExecutionContextID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if document == 0 {
		clear(d.under)
	}
	delete(d.under, document)
}

// Any reports whether an image is being decoded that may still be waited for. Nil decodes none.
func (d *Decodes) Any() bool {
	if d == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.under) > 0 && d.left > 0
}

// Await waits until no image is being decoded, within its bounds. No page time passes.
func (d *Decodes) Await(ctx context.Context) error {
	for begin := time.Now(); d.Any(); {
		if waited := time.Since(begin); waited > d.each {
			d.mu.Lock()
			d.left -= waited
			d.mu.Unlock()
			return nil
		}
		if err := clock.Sleep(ctx, pollEvery); err != nil {
			return err
		}
		// A task of the page's hands the decoded image to the script.
		if err := d.run(ctx); err != nil {
			return err
		}
	}
	return nil
}
