package chrome

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// A Chrome's memory is looked at again before its page can have taken what is left, which is given
// growth bytes a second, more than a thread takes: but never more often than memoryEvery, and at
// least once in memoryWithin.
const (
	growth       = 8 << 30
	memoryEvery  = 250 * time.Millisecond
	memoryWithin = time.Second
)

// lookAgain is how soon to look again when so many bytes are left.
func lookAgain(left int64) time.Duration {
	// In milliseconds: so many bytes and nanoseconds are no number.
	return min(max(time.Duration(left/(growth/1000))*time.Millisecond, memoryEvery), memoryWithin)
}

// watch kills Chrome when its processes hold more than limit bytes together.
func (p *Process) watch(limit int64) {
	var memory groupMemory
	tick := time.NewTimer(memoryEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.child.Done():
			return
		case <-tick.C:
		}
		used := memory.look(p.Group())
		if used <= limit {
			tick.Reset(lookAgain(limit - used))
			continue
		}
		p.outgrown.Store(used)
		p.Kill()
		return
	}
}

// heapFull is what V8 writes when the heap of a page's scripts is full, or nothing more is to be
// had, just before the page's process dies of it.
var heapFull = regexp.MustCompile(`V8 (javascript|process) OOM`)

// OutOfMemory returns why Chrome, or the page's process in it, ended for want of memory, and nil
// when it did not.
func (p *Process) OutOfMemory() error {
	if used := p.outgrown.Load(); used > 0 {
		return fmt.Errorf("killed when it held %d MB of memory", used>>20)
	}
	if heapFull.MatchString(p.Stderr()) {
		return errors.New("the heap of the page's scripts was full")
	}
	return nil
}
