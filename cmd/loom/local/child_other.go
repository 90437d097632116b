//go:build !linux

package local

import "syscall"

// childAttributes puts a child into a process group of its own. If this process is killed, the
// child is left over, and stopped at the next start.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
