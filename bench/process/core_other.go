//go:build !linux

package process

import "errors"

// Cores fails: only Linux has what this package needs.
func Cores() ([]int, error) { return nil, errors.New("processes can be bound to cores on Linux only") }

// OnCore fails: only Linux has what this package needs.
func OnCore(int, func() error) error {
	return errors.New("processes can be bound to cores on Linux only")
}
