package postgrestest

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/loom-lite/loom-lite/pkg/servers/postgresd"
)

const (
	memory = "/dev/shm"
	// spacious is how many bytes must be free in memory: for the servers of all test processes that
	// run at once, each with the databases of its tests, of 8 MB each, and a write-ahead log of
	// about 64 MB (postgresd.Volatile).
	spacious = 2 << 30
	tmpfs    = 0x01021994
)

// folder makes a temporary folder that the account can enter, in memory if there is enough. A
// database is 300 files, most of them empty: a disk's file system takes longer to create them than
// Postgres takes for all else.
func folder(pattern string) (string, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(memory, &fs); err != nil || fs.Type != tmpfs {
		return postgresd.Folder(pattern)
	}
	if min(fs.Bavail*uint64(fs.Bsize), available()) < spacious {
		return postgresd.Folder(pattern)
	}
	dir, err := os.MkdirTemp(memory, pattern)
	if err != nil {
		return postgresd.Folder(pattern)
	}
	return dir, os.Chmod(dir, 0o711)
}

// available returns how many bytes of memory programs can get without swapping, 0 when Linux does
// not say. Other files in memory, and programs, take what a file system there calls free.
func available() uint64 {
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(info)) {
		var kilobytes uint64
		if n, _ := fmt.Sscanf(line, "MemAvailable: %d kB", &kilobytes); n == 1 {
			return kilobytes << 10
		}
	}
	return 0
}
