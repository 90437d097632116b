package recorder

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/loom-lite/loom-lite/pkg/service"
	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// restful is how many frames apart the changes of a page are that counts as still.
const restful = 30

// cores hands out a machine's cores to Chromes whose pages stand still. Chrome's threads wake one
// another dozens of times for each frame, and Linux wakes each on a core that is idle, which has to
// be woken too: all on one core, a still frame takes less time.
type cores struct {
	cpus []int // their numbers; fewer than two: there is nothing to hand out

	mu   sync.Mutex
	held []int // how many Chromes each has
}

// ownCores are the cores that this process may use, if they are its own: where Go counts fewer, as
// it does for a container's limit of CPU time, but never below 2, only the kernel knows which of
// them is free. Recorders on one machine begin by chance.
func ownCores() *cores {
	cpus := chrome.Cores()
	if len(cpus) < 2 || service.Cores() < len(cpus) {
		return &cores{}
	}
	first := rand.IntN(len(cpus))
	return &cores{cpus: slices.Concat(cpus[first:], cpus[:first]), held: make([]int, len(cpus))}
}

// several reports whether there are any to hand out.
func (c *cores) several() bool { return len(c.cpus) > 1 }

// take returns the place of the core that has the fewest.
func (c *cores) take() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.held, slices.Min(c.held))
	c.held[i]++
	return i
}

func (c *cores) give(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[i]--
}

var processors sync.Mutex

// addProcessors changes how many goroutines Go runs at once. One that waits for a Chrome whose page
// stands still counts as one that runs, nearly all of the time. Were all of them such, Go would
// take their turns away after 20 µs, over and over.
func addProcessors(n int) {
	processors.Lock()
	defer processors.Unlock()
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
}

// keeper is a sink that keeps a Chrome on one core while its page stands still, if there are
// several, and has Go run a goroutine more.
type keeper struct {
	capture.Sink
	cores *cores
	// chrome is told when its page has come to rest, and which core it should keep to, and when the
	// page moves again.
	chrome interface {
		Settle(cpus []int)
		Stir()
	}

	equal int // frames, since the last that was another
	still bool
	core  int // its place, while still
}

// Frame implements capture.Sink.
func (s *keeper) Frame(jpeg []byte) (changed bool, err error) {
	changed, err = s.Sink.Frame(jpeg)
	s.note(changed)
	return changed, err
}

// Repeat implements capture.Sink.
func (s *keeper) Repeat() error {
	s.note(false)
	return s.Sink.Repeat()
}

func (s *keeper) note(changed bool) {
	switch {
	case !changed:
		if s.equal++; s.equal == restful && !s.still {
			s.settle()
		}
	case s.still && s.equal < restful: // a single change leaves it where it is
		s.leave()
		s.chrome.Stir()
		fallthrough
	default:
		s.equal = 0
	}
}

func (s *keeper) settle() {
	s.still = true
	addProcessors(1)
	var core []int
	if s.cores.several() {
		s.core = s.cores.take()
		core = s.cores.cpus[s.core : s.core+1]
	}
	s.chrome.Settle(core)
}

// leave gives the core back.
func (s *keeper) leave() {
	if !s.still {
		return
	}
	s.still = false
	addProcessors(-1)
	if s.cores.several() {
		s.cores.give(s.core)
	}
}
