package chrome

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Chrome's memory is read again before its page can have used up what is left of the limit, at
// growth bytes a second, which is more than a thread allocates; but not more often than
// memoryEvery, and at least once in memoryWithin.
const (
	growth       = 8 << 30
	memoryEvery  = 250 * time.Millisecond
	memoryWithin = time.Second
)

// readAgain returns when to read the memory again if left bytes are left of the limit.
func readAgain(left int64) time.Duration {
	// In milliseconds: in nanoseconds the product would overflow.
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
		used := memory.read(p.Group())
		if used <= limit {
			tick.Reset(readAgain(limit - used))
			continue
		}
		p.outgrown.Store(used)
		p.Kill()
		return
	}
}

// heapFull matches what V8 writes when the heap of a page's scripts is full, or when it can
// allocate no more, just before the page's process ends.
var heapFull = regexp.MustCompile(`V8 (javascript|process) OOM`)

// OutOfMemory returns an error if Chrome, or the page's process in it, ended for lack of memory,
// and nil otherwise.
func (p *Process) OutOfMemory() error {
	if used := p.outgrown.Load(); used > 0 {
		return fmt.Errorf("killed when it held %d MB of memory", used>>20)
	}
	if heapFull.MatchString(p.Stderr()) {
		return errors.New("the heap of the page's scripts was full")
	}
	return nil
}
