package animations

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

//go:embed ticker.js
var tickerScript string

// tickNow calls the function that ticker.js leaves in a document. A document that was there before
// has none.
const tickNow = `globalThis[Symbol.for("loom.tick")]?.()`

// Animations are those of one page.
type Animations struct {
	page     *rod.Page
	contexts *contexts
}

// Stop stops the animations of a page, from its next document on, until Tick.
func Stop(c *cdp.Client, page *rod.Page) (*Animations, error) {
	a := &Animations{page: page, contexts: watchContexts(c, page.SessionID)}
	for _, call := range []interface{ Call(proto.Client) error }{
		proto.RuntimeEnable{}, proto.AnimationEnable{}, proto.AnimationSetPlaybackRate{PlaybackRate: 0},
	} {
		if err := call.Call(page); err != nil {
			return nil, fmt.Errorf("stop animations: %w", err)
		}
	}
	if err := script.OnNewDocument(page, "ticker.js", tickerScript); err != nil {
		return nil, fmt.Errorf("stop animations: %w", err)
	}
	return a, nil
}

// Tick moves the animations of each of the page's documents to the page's time.
func (a *Animations) Tick(ctx context.Context) error {
	for _, id := range a.contexts.all() {
		_, err := proto.RuntimeEvaluate{Expression: tickNow, UniqueContextID: id}.Call(a.page.Context(ctx))
		if errors.Is(err, cdp.ErrStalled) || errors.Is(err, cdp.ErrClosed) || ctx.Err() != nil {
			return fmt.Errorf("move animations: %w", err)
		}
		// Any other error means that the document has gone meanwhile.
	}
	return nil
}
