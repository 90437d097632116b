package placement

import (
	"cmp"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Cores are the cores that this process, and so each Chrome that it starts, may use. They are
// handed out to Chromes whose pages stand still.
type Cores struct {
	cpus []int // their numbers; none: there is nothing to hand out

	mu      sync.Mutex
	held    map[int]int // how many Chromes each has
	threads int         // that wait for a Chrome whose page stands still

	keep atomic.Bool // they keep their processors while they wait
}

// New returns the cores of this process. Without pin, or if there is only one, none is handed out.
// Recorders on one machine do not know of one another, so each begins with a core by chance.
func New(pin bool) *Cores {
	cpus := allowed()
	if !pin || len(cpus) < 2 {
		return &Cores{}
	}
	first := rand.IntN(len(cpus))
	return newCores(slices.Concat(cpus[first:], cpus[:first]))
}

func newCores(cpus []int) *Cores { return &Cores{cpus: cpus, held: map[int]int{}} }

// take returns the number of the core that the fewest Chromes have. It returns anyCore if there is
// none, and where this process may use less than all of the cores' time: in a container with a
// limit of CPU time, Go counts fewer of them, but at least 2. Then only the kernel knows which core
// is free.
func (c *Cores) take() (cpu int) {
	if len(c.cpus) == 0 || runtime.GOMAXPROCS(0) < len(c.cpus) {
		return anyCore
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	cpu = slices.MinFunc(c.cpus, func(a, b int) int { return cmp.Compare(c.held[a], c.held[b]) })
	c.held[cpu]++
	return cpu
}

func (c *Cores) give(cpu int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[cpu]--
}

// waiting adds n to the threads that wait. They keep their processors (of GOMAXPROCS) meanwhile as
// long as one is left for everything else, which saves taking one again after each message.
func (c *Cores) waiting(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.threads += n
	c.keep.Store(c.threads < runtime.GOMAXPROCS(0))
}

// allowed are the numbers of the cores that the calling thread may run on.
func allowed() (cpus []int) {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return nil
	}
	for cpu := 0; len(cpus) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

// place lets a thread run on these cores only. If that is one, a thread that is woken there does
// not interrupt the one that runs.
func place(thread int, cpus []int) {
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	_ = unix.SchedSetaffinity(thread, &set)
	attr, err := unix.SchedGetAttr(thread, 0)
	if err != nil || attr.Policy != unix.SCHED_NORMAL && attr.Policy != unix.SCHED_BATCH {
		return
	}
	attr.Policy = unix.SCHED_NORMAL
	if len(cpus) == 1 {
		attr.Policy = unix.SCHED_BATCH
	}
	attr.Runtime = 0 // a slice of its own, if it is given back
	_ = unix.SchedSetAttr(thread, attr, 0)
}
