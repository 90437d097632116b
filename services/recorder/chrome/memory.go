package chrome

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// memoryEvery is how often a Chrome's memory is looked at. A page can take some hundred megabytes meanwhile.
const memoryEvery = 250 * time.Millisecond

// watch kills Chrome when its processes hold more than limit bytes together.
func (p *Process) watch(limit int64) {
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.exited:
			return
		case <-tick.C:
		}
		used := groupMemory(p.Group())
		if used <= limit {
			continue
		}
		p.outgrown.Store(used)
		p.Kill()
		return
	}
}

// heapFull is what V8 writes when the heap of a page's scripts is full, or nothing more is to be had, just before the page's
// process dies of it.
var heapFull = regexp.MustCompile(`V8 (javascript|process) OOM`)

// OutOfMemory returns why Chrome, or the page's process in it, ended for want of memory, and nil when it did not.
func (p *Process) OutOfMemory() error {
	if used := p.outgrown.Load(); used > 0 {
		return fmt.Errorf("killed when it held %d MB of memory", used>>20)
	}
	if heapFull.MatchString(p.Stderr()) {
		return errors.New("the heap of the page's scripts was full")
	}
	return nil
}
