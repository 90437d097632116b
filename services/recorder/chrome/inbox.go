package chrome

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// inbox is our end of the pipe that Chrome writes to. Go's poller waits for what comes, which costs nothing while nothing does. While the
// page stands still and thousands of messages come in a second, a thread waits for them that does nothing else: no other has to be woken
// for each, and it can be where Chrome is.
type inbox struct {
	mu     sync.Mutex
	f      *os.File
	closed bool
	told   bool // to wait as asked
	asked  waiting

	// What follows belongs to the goroutine that reads.
	waiting
	yielded time.Time
	reads   int // since then
}

// waiting is how an inbox waits.
type waiting struct {
	alone bool  // on a thread of its own
	cpus  []int // that this thread keeps to; none: it may be on any
}

// wait has the goroutine that reads wait otherwise; if it waits alone, after the next message.
func (b *inbox) wait(w waiting) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked, b.told = w, true
	_ = b.f.SetReadDeadline(time.Unix(0, 1)) // ends the poller's wait; a thread's has no deadlines
}

// Read implements io.Reader, for one goroutine.
func (b *inbox) Read(p []byte) (int, error) {
	for {
		f, err := b.file()
		if err != nil {
			return 0, err
		}
		n, err := f.Read(p)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			continue
		case b.alone && err != nil:
			b.free()
			b.waiting = waiting{}
		case b.alone:
			b.yield()
		}
		return n, err
	}
}

// file is what to read from, in the way that was asked for.
func (b *inbox) file() (*os.File, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, os.ErrClosed
	}
	if !b.told {
		return b.f, nil
	}
	b.told = false
	if b.alone {
		b.free()
	}
	b.waiting = waiting{}
	f, err := reopen(b.f, !b.asked.alone)
	if err != nil {
		return nil, err
	}
	b.f, b.waiting = f, b.asked
	if b.alone {
		b.keep()
		b.yielded, b.reads = time.Now(), 0
	}
	return b.f, nil
}

// keep makes this thread the goroutine's own, and where it should be.
func (b *inbox) keep() {
	runtime.LockOSThread()
	if len(b.cpus) > 0 {
		pinThread(threadID(), b.cpus)
	}
}

// free makes it one of Go's again, which may be anywhere.
func (b *inbox) free() {
	if len(b.cpus) > 0 {
		pinThread(threadID(), Cores())
	}
	runtime.UnlockOSThread()
}

// reopen returns f anew, known to Go's poller or not, and closes it.
func reopen(f *os.File, polled bool) (*os.File, error) {
	defer f.Close() // with which the poller forgets it
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("reopen Chrome's pipe: %w", err)
	}
	var fd int
	var dup error
	if err := raw.Control(func(old uintptr) { fd, dup = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); err != nil || dup != nil {
		return nil, fmt.Errorf("duplicate Chrome's pipe: %w", errors.Join(err, dup))
	}
	if err := unix.SetNonblock(fd, polled); err != nil {
		return nil, errors.Join(fmt.Errorf("change how Chrome's pipe blocks: %w", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// A goroutine that goes on for 10 ms without giving others a turn has its processor taken away by Go's monitor, which then looks for more
// of that every 20 µs for a while. One that waits alone is in the system most of the time, which is no such turn. So it gives one in time,
// while so many messages come that it is worth it: its thread has to be woken again.
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
