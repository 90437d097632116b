package local

import "syscall"

// childAttributes puts a child into a process group of its own and has the kernel stop it, as
// pg_ctl's fast mode does, if this process is killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
}
