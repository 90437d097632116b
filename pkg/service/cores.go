package service

import "runtime"

// Cores is how many cores this process may use, as its container and GOMAXPROCS have it.
func Cores() int { return runtime.GOMAXPROCS(0) }
