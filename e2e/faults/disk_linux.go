package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// fill mounts a small disk at a folder, full of a file.
func fill(dir string) error {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k,nr_inodes=64"); err != nil {
		return fmt.Errorf("mount a small disk (which takes root): %w", err)
	}
	// The last write fails: the disk is full.
	_ = os.WriteFile(filepath.Join(dir, "full"), make([]byte, 1<<20), 0o600)
	return nil
}

// empty takes the small disk away.
func empty(dir string) error {
	if err := syscall.Unmount(dir, 0); err != nil {
		return fmt.Errorf("take the small disk away: %w", err)
	}
	return nil
}
