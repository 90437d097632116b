package recorder

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/loom-lite/loom-lite/services/recorder/capture"
	"github.com/loom-lite/loom-lite/services/recorder/chrome"
)

// restful is how many frames apart the changes of a page are that counts as still: by the cost of one frame that moves, as much
// as some twenty that do not.
const restful = 30

// cores shares a machine's cores out among the Chromes that record at once. Chrome's threads wake one another dozens of times
// for each frame, and Linux likes to wake a thread on another core, which has to be woken too: on one core, a frame costs less.
// So a Chrome has one to itself when there are enough of them for all cores, or when its page stands still, which leaves the other
// threads nothing to do meanwhile. Any other may use all.
type cores struct {
	cpus []int // their numbers; fewer than two: there is nothing to share out

	mu     sync.Mutex
	scenes []*seat
}

// ownCores are the cores that this process may use, if it may use all of their time: where a container's limit allows less, or
// GOMAXPROCS, there are others who use them, and only the kernel knows how much. Two recorders on one machine begin with one of their own
// each, more often than not.
func ownCores() *cores {
	cpus := chrome.Cores()
	if len(cpus) < 2 || runtime.GOMAXPROCS(0) < len(cpus) {
		return &cores{}
	}
	first := rand.IntN(len(cpus))
	return &cores{cpus: slices.Concat(cpus[first:], cpus[:first])}
}

// seat is a Chrome's place among the others.
type seat struct {
	cores *cores
	pin   func(cpus []int)
	still bool
	cpus  []int // where it is
}

// join gives a Chrome a place. pin moves it to some of the cores; it is not called after leave.
func (c *cores) join(pin func(cpus []int)) *seat {
	s := &seat{cores: c, pin: pin, cpus: c.cpus}
	c.change(func() { c.scenes = append(c.scenes, s) })
	return s
}

// rest says whether its page stands still.
func (s *seat) rest(still bool) { s.cores.change(func() { s.still = still }) }

func (s *seat) leave() {
	s.cores.change(func() {
		s.cores.scenes = slices.DeleteFunc(s.cores.scenes, func(other *seat) bool { return other == s })
	})
}

// change moves those whose place is another after f.
func (c *cores) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	if len(c.cpus) < 2 {
		return
	}
	// As many as can be shared out evenly. Those that are over fill the gaps of the others.
	even := len(c.scenes) - len(c.scenes)%len(c.cpus)
	for i, s := range c.scenes {
		cpus := c.cpus
		if i < even || s.still {
			cpus = c.cpus[i%len(c.cpus):][:1]
		}
		if !slices.Equal(cpus, s.cpus) {
			s.pin(cpus)
			s.cpus = cpus
		}
	}
}

// seated is a sink that takes a place when there is a first frame, since a page that loads waits for others, and tells whether the
// page stands still.
type seated struct {
	capture.Sink
	cores *cores
	pin   func(cpus []int)
	seat  *seat
	equal int // frames, since the last that was another
}

// Frame implements capture.Sink.
func (s *seated) Frame(jpeg []byte) (changed bool, err error) {
	changed, err = s.Sink.Frame(jpeg)
	s.note(changed)
	return changed, err
}

// Repeat implements capture.Sink.
func (s *seated) Repeat() error {
	s.note(false)
	return s.Sink.Repeat()
}

func (s *seated) note(changed bool) {
	switch {
	case s.seat == nil:
		s.seat = s.cores.join(s.pin)
	case !changed:
		if s.equal++; s.equal == restful {
			s.seat.rest(true)
		}
	default:
		// A single change leaves it where it is.
		if s.equal < restful && s.seat.still {
			s.seat.rest(false)
		}
		s.equal = 0
	}
}

// leave gives the place back.
func (s *seated) leave() {
	if s.seat != nil {
		s.seat.leave()
	}
}
