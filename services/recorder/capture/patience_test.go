package capture

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-rod/rod/lib/proto"
)

// The clock that is set free while a page goes from one document to the next has no bounds in the
// next.
func TestTheClockIsNotSetFreeWhileDocumentsFollowOneAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &requests{changed: make(chan struct{}, 1), under: map[proto.NetworkRequestID]*request{}}
		c := &clock{requests: r, patience: time.Second, stall: time.Hour}
		begin := time.Now()
		for _, loader := range []proto.NetworkLoaderID{"a", "b", "c", "d", "e"} {
			r.leave(loader)
			time.Sleep(700 * time.Millisecond)
			if c.hopeless(time.Since(begin)) {
				t.Errorf("no longer waited for after %s, 0.7 s after a document came", time.Since(begin))
			}
		}
		time.Sleep(700 * time.Millisecond)
		if !c.hopeless(time.Since(begin)) {
			t.Error("waited for 1.4 s after the last document came, and still")
		}
	})
}
