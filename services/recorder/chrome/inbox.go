package chrome

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// inbox is our end of the pipe that Chrome writes to. Go's poller waits for what comes, which costs
// nothing while nothing does. While the page stands still and thousands of messages come in a
// second, a thread waits for them that does nothing else: no other has to be woken for each, and it
// can be where Chrome is.
type inbox struct {
	mu     sync.Mutex
	f      *os.File
	closed bool
	told   bool // to wait as asked
	asked  way

	// What follows belongs to the goroutine that reads.
	way
	yielded time.Time
	reads   int // since then
}

// way is how an inbox waits.
type way struct {
	alone bool  // on a thread of its own
	cpus  []int // that this thread keeps to; none: it may be on any
}

// wait has the goroutine that reads wait otherwise, if that can be had; if it waits alone, after
// the next message.
func (b *inbox) wait(w way) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked, b.told = w, true
	_ = b.f.SetReadDeadline(time.Unix(0, 1)) // ends the poller's wait; a thread's has no deadlines
}

// Read implements io.Reader, for one goroutine. Once it has returned an error, no thread is that
// goroutine's own.
func (b *inbox) Read(p []byte) (int, error) {
	for {
		n := 0
		f, err := b.file()
		if err == nil {
			if b.alone {
				b.yield() // Chrome does meanwhile what it was asked to
			}
			n, err = f.Read(p)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			b.turn(way{})
		}
		return n, err
	}
}

// file is what to read from, in the way that was asked for.
func (b *inbox) file() (*os.File, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return nil, os.ErrClosed
	case !b.told:
		return b.f, nil
	}
	b.told = false
	if b.asked.alone != b.alone {
		f, err := reopen(b.f, !b.asked.alone)
		if err != nil { // as when there are too many files
			b.asked = b.way
		} else {
			b.f = f
		}
	}
	_ = b.f.SetReadDeadline(time.Time{})
	b.turn(b.asked)
	return b.f, nil
}

// turn gives the goroutine a thread of its own, or takes it away.
func (b *inbox) turn(w way) {
	if b.alone {
		if len(b.cpus) > 0 {
			pinThread(threadID(), Cores())
		}
		runtime.UnlockOSThread()
	}
	b.way = w
	if b.alone {
		runtime.LockOSThread()
		if len(b.cpus) > 0 {
			pinThread(threadID(), b.cpus)
		}
		b.yielded, b.reads = time.Now(), 0
	}
}

// reopen returns f anew, known to Go's poller or not, and closes it, which the poller forgets with
// that; or leaves it as it is.
func reopen(f *os.File, polled bool) (*os.File, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	var dup error
	if err := raw.Control(func(old uintptr) { fd, dup = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); err != nil || dup != nil {
		return nil, errors.Join(err, dup)
	}
	if err := unix.SetNonblock(fd, polled); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	_ = f.Close()
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// A goroutine that goes on for 10 ms without giving others a turn has its processor taken away by
// Go's monitor, which then looks for more of that every 20 µs for a while. One that waits alone is
// in the system most of the time, which is no such turn. So it gives one in time, while so many
// messages come that it is worth it: its thread has to be woken again.
const (
	yieldEvery = 8 * time.Millisecond
	worthIt    = 4 // reads in that time
)

func (b *inbox) yield() {
	if b.reads++; time.Since(b.yielded) <= yieldEvery {
		return
	}
	if b.reads > worthIt {
		runtime.Gosched()
	}
	b.yielded, b.reads = time.Now(), 0
}

// Close implements io.Closer. A thread that waits alone is left to it.
func (b *inbox) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.f.Close()
}
