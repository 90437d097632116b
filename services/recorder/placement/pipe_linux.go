package placement

import (
	"errors"
	"io"
	"iter"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Pipe is our end of the pipe that a Chrome writes to. Go's poller waits for what comes, which
// costs nothing while nothing does. While the page stands still and thousands of messages come in a
// second, a thread waits for them that does nothing else: no other has to be woken for each, and it
// can be where Chrome is.
type Pipe struct {
	cores   *Cores
	threads func() iter.Seq[int]

	mu     sync.Mutex
	f      *os.File
	closed bool
	still  bool
	core   int  // its number, or anyCore; while still
	asked  bool // to wait as wanted
	wanted int  // the number of the core to wait on, anyCore, or polled

	// What follows belongs to the goroutine that reads.
	on int // as wanted
	r  io.Reader
}

const (
	anyCore = -1 // a thread of its own waits, on any core
	polled  = -2 // Go's poller waits
)

// Pipe returns a pipe to read from f, which must be known to Go's poller and is closed with it.
// threads yields the ids of all threads of the processes that write to it.
func (c *Cores) Pipe(f *os.File, threads func() iter.Seq[int]) *Pipe {
	return &Pipe{cores: c, threads: threads, f: f, wanted: polled, on: polled, r: f}
}

// Still says whether the page stands still. While it does, a thread of its own waits, and keeps to
// one core with the threads that write if there is one to take. One goroutine at a time may call
// it.
func (p *Pipe) Still(still bool) {
	if cpus := p.set(still); len(cpus) > 0 {
		p.place(cpus)
	}
}

// set returns the cores that the threads that write are to be moved to, if they are to be moved.
func (p *Pipe) set(still bool) (to []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.still == still || p.closed {
		return nil
	}
	if p.still = still; !still {
		p.cores.waiting(-1)
		p.wait(polled)
		return p.leave()
	}
	p.core = p.cores.take()
	p.cores.waiting(1)
	p.wait(p.core)
	if p.core == anyCore {
		return nil
	}
	return []int{p.core}
}

// leave gives the core back, if there is one, and returns all.
func (p *Pipe) leave() (all []int) {
	if p.core == anyCore {
		return nil
	}
	p.cores.give(p.core)
	return p.cores.cpus
}

// place lets all threads that write run on these cores only.
func (p *Pipe) place(cpus []int) {
	// The second time finds what a thread that was not moved yet had started meanwhile.
	for range 2 {
		for thread := range p.threads() {
			place(thread, cpus)
		}
	}
}

// wait asks the goroutine that reads to wait on a core, on anyCore, or polled. It does after the
// next message at the latest.
func (p *Pipe) wait(on int) {
	p.wanted, p.asked = on, true
	_ = p.f.SetReadDeadline(time.Unix(0, 1)) // ends the poller's wait; a thread's has no deadlines
}

// Read implements io.Reader, for one goroutine. When it has returned an error, no thread is that
// goroutine's own any more.
func (p *Pipe) Read(b []byte) (n int, err error) {
	for {
		if err = p.follow(); err == nil {
			n, err = p.r.Read(b)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			p.turn(polled)
		}
		return n, err
	}
}

// follow has the goroutine that reads wait as Still asked for.
func (p *Pipe) follow() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return os.ErrClosed
	case !p.asked:
		return nil
	}
	p.asked = false
	if wants := p.wanted == polled; wants != (p.on == polled) {
		if err := p.reopen(wants); err != nil { // as when there are too many files
			p.wanted = p.on
		}
	}
	_ = p.f.SetReadDeadline(time.Time{})
	p.turn(p.wanted)
	return nil
}

// reopen replaces the file by another one for the same pipe, known to Go's poller or not. If that
// fails, the file stays.
func (p *Pipe) reopen(known bool) error {
	f, err := duplicate(p.f, known)
	if err != nil {
		return err
	}
	var r io.Reader = f
	if !known {
		if r, err = newBlocking(f, &p.cores.keep); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	_ = p.f.Close()
	p.f, p.r = f, r
	return nil
}

// duplicate opens f again, known to Go's poller or not.
func duplicate(f *os.File, known bool) (*os.File, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	var dup error
	if err := raw.Control(func(old uintptr) { fd, dup = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); err != nil || dup != nil {
		return nil, errors.Join(err, dup)
	}
	if err := unix.SetNonblock(fd, known); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// turn gives the goroutine that reads a thread of its own, on a core or anyCore, or with polled
// takes it away.
func (p *Pipe) turn(on int) {
	if p.on == on {
		return
	}
	if p.on >= 0 {
		place(unix.Gettid(), p.cores.cpus)
	}
	if p.on != polled {
		runtime.UnlockOSThread()
	}
	if p.on = on; on != polled {
		runtime.LockOSThread()
	}
	if on >= 0 {
		place(unix.Gettid(), []int{on})
	}
}

// Close implements io.Closer, and gives the core back. A thread that waits in a read is left to it.
func (p *Pipe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.still {
		p.still = false
		p.cores.waiting(-1)
		p.leave()
	}
	p.closed = true
	return p.f.Close()
}
