package service

import "runtime"

// Cores is how many cores this process may use, as its container and GOMAXPROCS have it. Later, Go
// may be told to run more threads at once than that.
func Cores() int { return cores }

var cores = runtime.GOMAXPROCS(0)
