package postgrestest

import (
	"os"
	"syscall"

	"github.com/loom-lite/loom-lite/pkg/servers/postgresd"
)

const (
	memory = "/dev/shm"
	// spacious is how many bytes must be free in memory: for the databases of tests that run at
	// once, of 8 MB each, and for what they log until Postgres cleans up, 1 GB by default.
	spacious = 2 << 30
	tmpfs    = 0x01021994
)

// folder makes a temporary folder that the account can enter, in memory if there is enough. A
// database is 300 files, most of them empty: a disk's file system takes longer to create them than
// Postgres takes for all else.
func folder(pattern string) (string, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(memory, &fs); err != nil || fs.Type != tmpfs || fs.Bavail*uint64(fs.Bsize) < spacious {
		return postgresd.Folder(pattern)
	}
	dir, err := os.MkdirTemp(memory, pattern)
	if err != nil {
		return postgresd.Folder(pattern)
	}
	return dir, os.Chmod(dir, 0o711)
}
