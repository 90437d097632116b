package placement

import (
	"errors"
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// blocking reads from a file that Go's poller does not know. Unlike [os.File.Read], it can tell Go
// that the read blocks.
//
// Go takes every system call for a short one and keeps a processor (one of GOMAXPROCS) for the
// goroutine that makes it, until its monitor takes that away: within 20 µs when no processor is
// idle. Two still pages on two cores would have the monitor run all the time, for a quarter of the
// speed. A read that is known to block gives its processor back at once; but to take one again
// after each message costs a tenth of the speed, so readers keep theirs while there are enough.
type blocking struct {
	conn syscall.RawConn
	once func(fd uintptr) bool // made once

	keep    *atomic.Bool // the goroutine keeps its processor while it waits
	yielded time.Time

	into []byte
	n    int
	err  error
}

func newBlocking(f *os.File, keep *atomic.Bool) (*blocking, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	r := &blocking{conn: conn, keep: keep}
	r.once = func(fd uintptr) bool {
		read := readReleasing
		if r.keep.Load() {
			read = readKeeping
		}
		r.n, r.err = readOnce(fd, r.into, read)
		return true
	}
	return r, nil
}

// Read implements io.Reader, for one goroutine. The file stays open while it waits.
func (r *blocking) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if r.keep.Load() {
		r.yield()
	}
	r.into = b
	if err := r.conn.Read(r.once); err != nil {
		return 0, err
	}
	return r.n, r.err
}

// yieldEvery is how often a goroutine that keeps its processor gives others a turn. Go's monitor
// takes the processor from one that has not for 10 ms, and then looks for more of them every 20 µs.
const yieldEvery = 8 * time.Millisecond

func (r *blocking) yield() {
	if now := time.Now(); now.Sub(r.yielded) > yieldEvery {
		runtime.Gosched()
		r.yielded = now
	}
}

// readKeeping keeps the goroutine's processor.
func readKeeping(fd uintptr, b unsafe.Pointer, size uintptr) (n uintptr, err syscall.Errno) {
	n, _, err = syscall.Syscall(syscall.SYS_READ, fd, uintptr(b), size)
	return n, err
}

// systemRead is read(2).
type systemRead func(fd uintptr, b unsafe.Pointer, size uintptr) (n uintptr, err syscall.Errno)

func readOnce(fd uintptr, b []byte, read systemRead) (int, error) {
	for {
		n, err := read(fd, unsafe.Pointer(&b[0]), uintptr(len(b))) //nolint:gosec // as in the syscall package
		switch {
		case errors.Is(err, unix.EINTR):
		case err != 0:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, io.EOF
		default:
			return int(n), nil
		}
	}
}

// readReleasing gives the processor back: it is readKeeping with entersyscallblock in place of
// entersyscall.
//
//go:nosplit
func readReleasing(fd uintptr, b unsafe.Pointer, size uintptr) (n uintptr, err syscall.Errno) {
	entersyscallblock()
	n, _, err = syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(b), size)
	exitsyscall()
	return n, err
}

// The runtime keeps these two for packages that link to them (go.dev/issue/67401).

//go:linkname entersyscallblock runtime.entersyscallblock
func entersyscallblock()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()
