//go:build !linux

package faults

import "errors"

// fill needs Linux's tmpfs.
func fill(string) error { return errors.New("mount a small disk: only on Linux") }

func empty(string) error { return nil }
