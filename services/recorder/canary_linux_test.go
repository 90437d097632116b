package recorder

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// groupOf lists the folders in /proc of a process group's members.
func groupOf(t *testing.T, group int) (procs []string) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, proc := range all {
		pid, _ := strconv.Atoi(filepath.Base(proc))
		if of, err := syscall.Getpgid(pid); err == nil && of == group {
			procs = append(procs, proc)
		}
	}
	return procs
}

// socket is an internet socket of a process. Of one that is not connected, remote is 0.0.0.0:0.
type socket struct{ protocol, local, remote string }

// socketsOf lists the internet sockets of a process group, listening ones and those of closed
// connections included.
func socketsOf(t *testing.T, group int) (found []socket) {
	t.Helper()
	inodes := map[string]bool{}
	for _, proc := range groupOf(t, group) {
		fds, _ := filepath.Glob(filepath.Join(proc, "fd", "*"))
		for _, fd := range fds {
			if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, "socket:[") {
				inodes[strings.Trim(to, "socket:[]")] = true
			}
		}
	}
	for _, protocol := range []string{"tcp", "tcp6", "udp", "udp6", "udplite", "raw", "raw6"} {
		table, err := os.Open(filepath.Join("/proc/self/net", protocol))
		if err != nil {
			continue // a kernel without it
		}
		lines := bufio.NewScanner(table)
		for lines.Scan() {
			// sl local remote state queues timer retransmits uid timeout inode …
			if fields := strings.Fields(lines.Text()); len(fields) > 9 && inodes[fields[9]] {
				found = append(found, socket{protocol, kernelAddr(fields[1]), kernelAddr(fields[2])})
			}
		}
		_ = table.Close()
	}
	return found
}

// kernelAddr reads an address as /proc/net writes it: 32-bit words in the machine's order, then the
// port.
func kernelAddr(text string) string {
	host, port, _ := strings.Cut(text, ":")
	words, err := hex.DecodeString(host)
	if err != nil {
		return text
	}
	for word := range slices.Chunk(words, 4) {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	addr, _ := netip.AddrFromSlice(words)
	n, _ := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(addr, uint16(n)).String()
}

// watchedFile is a file, and whether somebody opens it.
type watchedFile struct {
	path    string
	inotify int
}

func watchFile(t *testing.T) *watchedFile {
	t.Helper()
	f := &watchedFile{path: filepath.Join(t.TempDir(), "secret.html")}
	if err := os.WriteFile(f.path, []byte("<!doctype html><p>secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	var err error
	if f.inotify, err = unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(f.inotify) })
	if _, err := unix.InotifyAddWatch(f.inotify, f.path, unix.IN_OPEN); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *watchedFile) opened() bool {
	n, err := unix.Read(f.inotify, make([]byte, 4096))
	return n > 0 && err == nil
}

// check fails when the file was opened, or if that would have gone unnoticed.
func (f *watchedFile) check(t *testing.T) {
	t.Helper()
	if f.opened() {
		t.Error("the page opened a file of this machine's")
	}
	if _, err := os.ReadFile(f.path); err != nil || !f.opened() {
		t.Errorf("the watch on the file does not work (%v)", err)
	}
}
