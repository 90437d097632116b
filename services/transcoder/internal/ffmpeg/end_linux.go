package ffmpeg

import "syscall"

// endWithUs has a program killed when we are: by SIGKILL, which leaves us no time to do it.
func endWithUs(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
