package service

import "runtime"

// Cores returns how many cores this process may use, by its container's limit or GOMAXPROCS.
func Cores() int { return runtime.GOMAXPROCS(0) }
