package placement

import (
	"errors"
	"io"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// blocking reads from a file that Go's poller does not know. Unlike [os.File.Read], it tells Go
// that the read blocks.
//
// Go takes every system call for a short one and keeps a processor (one of GOMAXPROCS) for the
// goroutine that makes it, until its monitor takes that away: within 20 µs when no processor is
// idle. Two still pages on two cores would have the monitor run all the time, for a quarter of the
// speed. A read that is known to block gives its processor back at once.
type blocking struct {
	conn syscall.RawConn
	once func(fd uintptr) bool // made once

	into []byte
	n    int
	err  error
}

func newBlocking(f *os.File) (*blocking, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	r := &blocking{conn: conn}
	r.once = func(fd uintptr) bool {
		r.n, r.err = readBlocking(fd, r.into)
		return true
	}
	return r, nil
}

// Read implements io.Reader, for one goroutine. The file stays open while it waits.
func (r *blocking) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	r.into = b
	if err := r.conn.Read(r.once); err != nil {
		return 0, err
	}
	return r.n, r.err
}

func readBlocking(fd uintptr, b []byte) (int, error) {
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

// read is [syscall.Syscall] for read(2), with entersyscallblock in place of entersyscall.
//
//go:nosplit
func read(fd uintptr, b unsafe.Pointer, size uintptr) (n uintptr, err syscall.Errno) {
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
