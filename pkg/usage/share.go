package usage

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Share is a part of this process's own CPU time, from Begin to End.
type Share struct {
	of  *divider
	cpu time.Duration
}

// Begin opens a share of the CPU time that this process uses from now on.
func Begin() *Share { return process.begin() }

// End closes the share and returns what it came to. It is called once.
func (s *Share) End() time.Duration { return s.of.end(s) }

// process is this process's CPU time. There is one of it, so it is divided in one place.
var process = &divider{spent: own}

// own returns the CPU time that this process has used so far, without its children.
func own() time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return 0 // it cannot fail
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// divider divides what grows among those that are there while it does.
type divider struct {
	// spent returns how much there is so far. It never becomes less.
	spent func() time.Duration

	mu     sync.Mutex
	seen   time.Duration
	shares map[*Share]struct{}
}

func (d *divider) begin() *Share {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.divide()
	s := &Share{of: d}
	if d.shares == nil {
		d.shares = map[*Share]struct{}{}
	}
	d.shares[s] = struct{}{}
	return s
}

func (d *divider) end(s *Share) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.divide()
	delete(d.shares, s)
	return s.cpu
}

// divide adds what is new to the shares. The caller holds mu.
func (d *divider) divide() {
	now := d.spent()
	for s := range d.shares {
		s.cpu += (now - d.seen) / time.Duration(len(d.shares))
	}
	d.seen = now
}
