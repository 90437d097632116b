//go:build !linux

package child

func (*Limits) apply(int) error { return nil }
