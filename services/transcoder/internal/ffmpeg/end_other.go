//go:build !linux

package ffmpeg

import "syscall"

// endWithUs can be done on Linux only.
func endWithUs(*syscall.SysProcAttr) {}
