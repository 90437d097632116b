package capture

import (
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-rod/rod/lib/proto"

	"github.com/loom-lite/loom-lite/services/recorder/cdp"
	"github.com/loom-lite/loom-lite/services/recorder/internal/script"
)

//go:embed decode.js
var decodeScript string

// bitmapPause is how long in real time pictures that are being decoded are left alone between two
// looks.
const bitmapPause = time.Millisecond

// bitmaps knows how many pictures the page's scripts wait for that are being decoded. That takes
// real time, in which no page time is to pass: a frame of a still page takes a millisecond, a large
// picture as long as a hundred of them.
type bitmaps struct {
	mu sync.Mutex
	// under counts them by document.
	under map[proto.RuntimeExecutionContextID]int
	// patience is for how long those may be waited for that do not come to an end.
	patience time.Duration
}

// watchBitmaps begins, for the documents that come.
func (s *scene) watchBitmaps() error {
	b := &bitmaps{under: map[proto.RuntimeExecutionContextID]int{}, patience: s.Bounds.Requests}
	s.bitmaps = b
	name := "loom" + rand.Text()
	session := s.page.SessionID
	cdp.On(s.client, session, func(e *proto.RuntimeBindingCalled) {
		if e.Name == name {
			b.count(e.ExecutionContextID, map[string]int{"+": 1, "-": -1}[e.Payload])
		}
	})
	cdp.On(s.client, session, func(e *proto.RuntimeExecutionContextDestroyed) { b.forget(e.ExecutionContextID) })
	cdp.On(s.client, session, func(*proto.RuntimeExecutionContextsCleared) { b.forget(0) })
	if err := (proto.RuntimeAddBinding{Name: name}).Call(s.page); err != nil {
		return fmt.Errorf("watch pictures: %w", err)
	}
	if err := script.OnNewDocument(s.page, "decode.js", fmt.Sprintf("(%s)(%q)", strings.TrimSpace(decodeScript), name)); err != nil {
		return fmt.Errorf("watch pictures: %w", err)
	}
	return nil
}

func (b *bitmaps) count(document proto.RuntimeExecutionContextID, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.under[document] += n; b.under[document] <= 0 {
		delete(b.under, document)
	}
}

// forget takes those of a document that has gone for ended; 0 stands for all.
func (b *bitmaps) forget(document proto.RuntimeExecutionContextID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if document == 0 {
		clear(b.under)
	}
	delete(b.under, document)
}

// any reports whether there are any that may be waited for.
func (b *bitmaps) any() bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.under) > 0 && b.patience > 0
}

// tire notes that they were waited for in vain.
func (b *bitmaps) tire(waited time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.patience -= waited
}

// awaitBitmaps waits until they are there, but not for ever. No page time passes.
func (s *scene) awaitBitmaps(ctx context.Context) error {
	for begin := time.Now(); s.bitmaps.any(); {
		if waited := time.Since(begin); waited > s.Bounds.Request {
			s.bitmaps.tire(waited)
			return nil
		}
		if err := pause(ctx, bitmapPause); err != nil {
			return err
		}
		// One that is decoded reaches the script by a task of the page's.
		if err := s.clock.run(ctx); err != nil {
			return err
		}
	}
	return nil
}
