//go:build !linux

package cdp

// threadID is of no use: there is nothing that it could be told to.
func threadID() int { return 0 }
