//go:build !linux

package placement

import (
	"iter"
	"os"
)

// Cores cannot be handed out here.
type Cores struct{}

// New returns nil.
func New(bool) *Cores { return nil }

// Pipe is never made here.
type Pipe struct{ *os.File }

// Pipe is never called: there are no Cores.
func (*Cores) Pipe(f *os.File, _ func() iter.Seq[int]) *Pipe { return &Pipe{f} }

// Still does nothing.
func (*Pipe) Still(bool) {}
