package requests

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-rod/rod/lib/proto"
)

// A clock that is set free while a page goes from one document to the next passes without bounds in
// the next.
func TestTheClockIsNotSetFreeWhileDocumentsFollowOneAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &Tracker{changed: make(chan struct{}, 1), under: map[proto.NetworkRequestID]*Request{}}
		begin := time.Now()
		for _, loader := range []proto.NetworkLoaderID{"a", "b", "c", "d", "e"} {
			r.leave(loader)
			time.Sleep(700 * time.Millisecond)
			if r.Overdue(time.Since(begin), time.Second) {
				t.Errorf("no longer waited for after %s, 0.7 s after a document came", time.Since(begin))
			}
		}
		time.Sleep(700 * time.Millisecond)
		if !r.Overdue(time.Since(begin), time.Second) {
			t.Error("waited for 1.4 s after the last document came, and still")
		}
	})
}
