//go:build !linux

package process

import "errors"

// Adopt fails: only Linux has what this package needs.
func Adopt() error { return errors.New("processes can be measured on Linux only") }
